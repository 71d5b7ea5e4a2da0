"""Compare texts: the changes of a correction, to be stored as training data, and whether two are nearly equal."""

from __future__ import annotations

import json
import re
from collections import Counter
from difflib import SequenceMatcher
from typing import Final

_ALIKE: Final = 0.85  # of the words
_STEM: Final = 4  # letters that the forms of a Russian word share


def are_alike(first: str, second: str) -> bool:
    """Return whether a reader would hardly tell two texts apart.

    Nearly all words are the same, in any order and form; words of one or two letters do not count, numbers do.
    """
    one, other = (Counter(_list_stems(text)) for text in (first, second))
    return 2 * (one & other).total() >= _ALIKE * (one.total() + other.total())


def _list_stems(text: str) -> list[str]:
    words = re.findall(r"\w+", text.lower())
    return [word[:_STEM] if word.isalpha() else word for word in words if len(word) > 2 or not word.isalpha()]


def diff_texts(before: str, after: str) -> str:
    """Return JSON of `[position, old, new]` for each change of words; `position` counts characters of `before`."""
    old, new = (re.findall(r"\w+|\W", text) for text in (before, after))
    starts = [0]
    for word in old:
        starts.append(starts[-1] + len(word))
    opcodes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    changes = [[starts[i], "".join(old[i:j]), "".join(new[k:m])] for kind, i, j, k, m in opcodes if kind != "equal"]
    return json.dumps(changes, ensure_ascii=False, separators=(",", ":"))
