"""From the draft that a model wrote to the text that a seller reads: no number that the input did not hold."""

from __future__ import annotations

import re
from collections.abc import Mapping

from inference.listing import Numbers
from inference.masking.erasing import GAP, erase_unknown
from inference.masking.numbers import DIGIT, TOKEN
from inference.masking.tokens import mask_against

_AND = r"(?:а также|и|или|а|но|да|плюс)\b"
_ENDS = re.compile(rf"{DIGIT}$")
_STARTS = re.compile(DIGIT)


def fill(draft: str, values: Mapping[str, str], numbers: Numbers = "values") -> str:
    """Give the tokens of a draft their values back (or `__` with "blanks") and erase every other number.

    An unknown token, and a digit or a Latin size that the input did not hold, goes together with the words
    that hang on it. Every group of digits in the result is a group of digits of some value; with "blanks"
    there is no digit at all.
    """
    text = mask_against(draft.replace(GAP, ""), values)
    text = _tidy(_close_gaps(erase_unknown(text, values)))
    filled = ""
    end = 0
    for token in TOKEN.finditer(text):
        value = "__" if numbers == "blanks" else values.get(token[0], "")
        filled = _join(_join(filled, text[end : token.start()]), value)
        end = token.end()
    return _join(filled, text[end:])


def _join(text: str, piece: str) -> str:
    """Append, but never let the digits of two values run into one number."""
    return f"{text} {piece}" if _ENDS.search(text) and _STARTS.match(piece) else text + piece


def _close_gaps(text: str) -> str:
    """Take the gaps out with the commas, dashes and conjunctions that held the erased words in their sentence."""
    if GAP not in text:
        return text
    text = re.sub(rf"[ \t]*{GAP}[ \t]*", GAP, text)
    text = re.sub(rf"{GAP}(?:(?:[,;/+&—–-]|{_AND})*[ \t]*{GAP})+", f",{GAP}", text)
    text = re.sub(rf"[ \t]*\([\s,;:{GAP}]*\)", GAP, text)
    text = re.sub(rf"\(,?{GAP}[\s,;:—–-]*", "(", text)
    text = re.sub(rf"(^|[.!?…\n]),?{GAP}+[ \t,;:—–-]*(?:[.!?…]+|\n|$)", r"\1", text)
    text = re.sub(rf"(^|[.!?…\n]),?{GAP}+[ \t,;:—–-]*(?:{_AND}[ \t]*)?(.?)", _new_start, text)
    text = re.sub(rf"[,;:]?[ \t]*(?:\b{_AND})?(?:[ \t]*[—–-])?{GAP}+(?=[,.;:!?)…\n]|$)", "", text)
    text = re.sub(rf"([,;—–]){GAP}+(?:[ \t]*[—–-]|{_AND})?", r"\1 ", text)
    return re.sub(rf"{GAP}+", " ", text)


def _new_start(found: re.Match[str]) -> str:
    return f"{found[1]}{' ' * bool(found[1].strip())}{found[2].upper()}"


def _tidy(text: str) -> str:
    text = re.sub(r"[ \t]*\([\s,;:]*\)", "", text)
    text = re.sub(r"[ \t]{2,}", " ", text)
    text = re.sub(r"[ \t]+(?=[,.;!?])", "", text)
    text = re.sub(r"[,;](?=[ \t]*[,;.!?])", "", text)
    text = re.sub(r"(?<=\.)[ \t]+\.(?!\.)", "", text)
    return re.sub(r"\n{2,}", "\n", text).strip() if GAP in text else text.strip()
