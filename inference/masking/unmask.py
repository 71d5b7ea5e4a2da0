"""Turn a generated draft into the final text, without any number that the input does not hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from inference.listing.types import Numbers
from inference.masking.erase import GAP, erase_unknown_numbers
from inference.masking.fit import UNKNOWN, fit_values
from inference.masking.kinds import TOKEN_KINDS
from inference.masking.mask import mask_against
from inference.masking.numbers.shapes import DIGIT, TOKEN

# A < and the start of a kind that do not make a token: «<SIZа_2>», «<PRI». Ads have no words in angle brackets that
# start so.
_BEGINNINGS = "|".join(sorted({kind[:3] for kind in TOKEN_KINDS}))
_TORN = re.compile(rf"<(?!{TOKEN.pattern[1:]})(?:{_BEGINNINGS})(?:[^\s<>]*>|\w*)")
# Signs of a number behind a label, without a number: «Телефон: +%.»
_EMPTY = re.compile(r"(?<=[:—–] )[+№$€₽]?[ ]?%(?=\s*(?:[.,;!?\n]|$))|\+[ ]?%")

_AND = r"(?:а также|и|или|а|но|да|плюс)\b"
_START = r"(^|[.!?…\n])"
_ERASED = rf",?{GAP}[ \t,;:—–-]*"


def _capitalize(start: re.Match[str]) -> str:
    return f"{start[1]}{' ' * bool(start[1].strip())}{start[2].upper()}"


# The order matters: each pattern relies on the replacements before it.
_CLOSINGS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (rf"[ \t]*{GAP}[ \t]*", GAP),
    (rf"[ \t]*\([\s,;:{GAP}]*\)[ \t]*", GAP),  # brackets with nothing else inside
    (rf"{GAP}+", GAP),
    (rf"{GAP}(?:(?:[ \t,;/+&—–-]|{_AND})+{GAP})+", f",{GAP}"),  # a list of erased items
    (rf"\(,?{GAP}[\s,;:—–-]*", "("),
    (rf"(^|\n)(?:{_ERASED}[.!?…]*(?:\n|$))+", r"\1"),  # whole lines
    (rf"{_START}(?:{_ERASED}(?:[.!?…]+|$))+", r"\1"),  # whole sentences
    (rf"{_START}{_ERASED}(?:{_AND}[ \t]*)?(.?)", _capitalize),
    (rf"[,;:]?[ \t]*(?:\b{_AND})?(?:[ \t]*[—–-])?{GAP}(?=[,.;:!?)»…\n]|$)", ""),  # the end of a clause
    (rf"([,;—–]){GAP}(?:[ \t]*[—–-]|{_AND})?", r"\1 "),  # the start of a clause
    (GAP, " "),
)
_CLEANUPS = (
    (r"[ \t]*\([\s,;:]*\)", ""),
    (r"[ \t]{2,}", " "),
    (r"[ \t]+(?=[,.;!?])", ""),
    (r"[,;](?=[ \t]*[,;.!?])", ""),
    (r"(?<=\.)[ \t]+\.(?!\.)", ""),
)


def unmask(draft: str, values: Mapping[str, str], numbers: Numbers = "values") -> str:
    """Replace the tokens of a draft with their values (or with `__` for "blanks") and erase every other number.

    Unknown and torn tokens, tokens behind a label of another kind, and digits and Latin sizes that the input does not
    hold, are erased together with the words that depend on them. Units that contradict a value go. Every group of
    digits in the result is a group of digits of some value; with "blanks" there are no digits at all.
    """
    draft = _EMPTY.sub(UNKNOWN, _TORN.sub(UNKNOWN, draft.replace(GAP, "")))
    text = fit_values(mask_against(draft, values), values)
    text = _clean_up(_close_gaps(erase_unknown_numbers(text, values)))
    result = ""
    end = 0
    for token in TOKEN.finditer(text):
        value = "__" if numbers == "blanks" else values.get(token[0], "")
        result = _join(_join(result, text[end : token.start()]), value)
        end = token.end() + (value.endswith(".") and text[token.end() : token.end() + 1] == ".")
    return _join(result, text[end:])


def _join(text: str, piece: str) -> str:
    """Append a piece, with a space where two numbers would merge."""
    collides = re.match(DIGIT, text[-1:]) and re.match(DIGIT, piece)
    return f"{text} {piece}" if collides else text + piece


def _close_gaps(text: str) -> str:
    """Remove the gaps with the commas, dashes and conjunctions that belonged to the erased words."""
    if GAP in text:
        for pattern, replacement in _CLOSINGS:
            text = re.sub(pattern, replacement, text)
    return text


def _clean_up(text: str) -> str:
    for pattern, replacement in _CLEANUPS:
        text = re.sub(pattern, replacement, text)
    return text.strip()
