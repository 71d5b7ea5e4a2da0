"""What a seller changed in a text, compactly: stored beside the correction, for who learns from it."""

from __future__ import annotations

import json
import re
from difflib import SequenceMatcher


def diff_texts(before: str, after: str) -> str:
    """JSON of `[place, old, new]` for each change, word by word; `place` counts characters of the old text."""
    old, new = (re.findall(r"\w+|\W", text) for text in (before, after))
    starts = [0]
    for word in old:
        starts.append(starts[-1] + len(word))
    changes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    found = [[starts[i], "".join(old[i:j]), "".join(new[k:m])] for kind, i, j, k, m in changes if kind != "equal"]
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))
