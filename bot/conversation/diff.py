"""Compute the changes between a generated text and its correction, to be stored as training data."""

from __future__ import annotations

import json
import re
from difflib import SequenceMatcher


def diff_texts(before: str, after: str) -> str:
    """Return JSON of `[position, old, new]` for each change of words; `position` counts characters of `before`."""
    old, new = (re.findall(r"\w+|\W", text) for text in (before, after))
    starts = [0]
    for word in old:
        starts.append(starts[-1] + len(word))
    opcodes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    changes = [[starts[i], "".join(old[i:j]), "".join(new[k:m])] for kind, i, j, k, m in opcodes if kind != "equal"]
    return json.dumps(changes, ensure_ascii=False, separators=(",", ":"))
