"""From the draft that a model wrote to the text that a seller reads: no number that the input did not hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from inference.listing.types import Numbers
from inference.masking.erasing import GAP, erase_unknown
from inference.masking.kinds import TOKEN_KINDS
from inference.masking.mask import mask_against
from inference.masking.numbers import DIGIT, TOKEN

# A < and how a kind begins, and yet no token: «<SIZа_2>», «<PRI». Words in brackets that begin so are not to be feared.
_BEGINNINGS = "|".join(sorted({kind[:3] for kind in TOKEN_KINDS}))
_TORN = re.compile(rf"<(?!{TOKEN.pattern[1:]})(?:{_BEGINNINGS})(?:[^\s<>]*>|\w*)")
_UNKNOWN = "<TORN>"  # no kind, so that no input has a value for it

_AND = r"(?:а также|и|или|а|но|да|плюс)\b"
_START = r"(^|[.!?…\n])"
_ERASED = rf",?{GAP}[ \t,;:—–-]*"


def _capitalised(start: re.Match[str]) -> str:
    return f"{start[1]}{' ' * bool(start[1].strip())}{start[2].upper()}"


# In this order, each for what the ones before it left.
_CLOSINGS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (rf"[ \t]*{GAP}[ \t]*", GAP),
    (rf"[ \t]*\([\s,;:{GAP}]*\)[ \t]*", GAP),  # brackets that held nothing else
    (rf"{GAP}+", GAP),
    (rf"{GAP}(?:(?:[ \t,;/+&—–-]|{_AND})+{GAP})+", f",{GAP}"),  # a list of erased things
    (rf"\(,?{GAP}[\s,;:—–-]*", "("),
    (rf"(^|\n)(?:{_ERASED}[.!?…]*(?:\n|$))+", r"\1"),  # whole lines
    (rf"{_START}(?:{_ERASED}(?:[.!?…]+|$))+", r"\1"),  # whole sentences
    (rf"{_START}{_ERASED}(?:{_AND}[ \t]*)?(.?)", _capitalised),
    (rf"[,;:]?[ \t]*(?:\b{_AND})?(?:[ \t]*[—–-])?{GAP}(?=[,.;:!?)»…\n]|$)", ""),  # the end of a clause
    (rf"([,;—–]){GAP}(?:[ \t]*[—–-]|{_AND})?", r"\1 "),  # its beginning
    (GAP, " "),
)
_TIDYINGS = (
    (r"[ \t]*\([\s,;:]*\)", ""),
    (r"[ \t]{2,}", " "),
    (r"[ \t]+(?=[,.;!?])", ""),
    (r"[,;](?=[ \t]*[,;.!?])", ""),
    (r"(?<=\.)[ \t]+\.(?!\.)", ""),
)


def unmask(draft: str, values: Mapping[str, str], numbers: Numbers = "values") -> str:
    """Give the tokens of a draft their values back (or `__` with "blanks") and erase every other number.

    An unknown or a torn token, and a digit or a Latin size that the input did not hold, goes together with the words
    that hang on it. Every group of digits in the result is a group of digits of some value; with "blanks"
    there is no digit at all.
    """
    text = mask_against(_TORN.sub(_UNKNOWN, draft.replace(GAP, "")), values)
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
    collide = re.match(DIGIT, text[-1:]) and re.match(DIGIT, piece)
    return f"{text} {piece}" if collide else text + piece


def _close_gaps(text: str) -> str:
    """Take the gaps out with the commas, dashes and conjunctions that held the erased words in their sentence."""
    if GAP in text:
        for pattern, replacement in _CLOSINGS:
            text = re.sub(pattern, replacement, text)
    return text


def _tidy(text: str) -> str:
    for pattern, replacement in _TIDYINGS:
        text = re.sub(pattern, replacement, text)
    return text.strip()
