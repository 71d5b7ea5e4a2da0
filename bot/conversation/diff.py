"""Compare texts: the changes of a correction, to be stored as training data, and whether two are nearly equal."""

from __future__ import annotations

import json
import re
from difflib import SequenceMatcher
from typing import Final

_ALIKE: Final = 0.9  # of the words, in order


def are_alike(first: str, second: str) -> bool:
    """Return whether a reader would hardly tell two texts apart: nearly all words are the same, in the same order."""
    one, other = (re.findall(r"\w+", text.lower()) for text in (first, second))
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _ALIKE


def diff_texts(before: str, after: str) -> str:
    """Return JSON of `[position, old, new]` for each change of words; `position` counts characters of `before`."""
    old, new = (re.findall(r"\w+|\W", text) for text in (before, after))
    starts = [0]
    for word in old:
        starts.append(starts[-1] + len(word))
    opcodes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    changes = [[starts[i], "".join(old[i:j]), "".join(new[k:m])] for kind, i, j, k, m in opcodes if kind != "equal"]
    return json.dumps(changes, ensure_ascii=False, separators=(",", ":"))
