"""Mask tokens in vocabularies without < and > (T5), and in texts that were cut in the middle of a token."""

from __future__ import annotations

import re
from collections.abc import Collection

_UNFINISHED = re.compile(r"<[A-Z_0-9]*$")
_LAST_NAME = re.compile(r"(?<!\w)[A-Z_0-9]+$")


def remove_brackets(text: str, tokens: Collection[str]) -> str:
    """Return a text with `<PRICE>` as `PRICE` for each of these mask tokens."""
    for token in sorted(tokens, key=len, reverse=True):
        text = text.replace(token, token.strip("<>"))
    return text


def restore_brackets(text: str, tokens: Collection[str], flags: int = 0) -> str:
    """Return a text with `PRICE` as `<PRICE>` for each of these mask tokens. flags: of `re.sub`."""
    for token in sorted(tokens, key=len, reverse=True):
        text = re.sub(rf"(?<![\w<]){re.escape(token.strip('<>'))}(?![\w>])", token, text, flags=flags)
    return text


def drop_cut_token(text: str, without_brackets: Collection[str] = ()) -> str:
    """Return a text without the part of a mask token at its end, and without trailing whitespace.

    without_brackets: mask tokens that the text spells without < and >; `PRIC` is part of such a one.
    """
    text = _UNFINISHED.sub("", text)
    last = _LAST_NAME.search(text)
    names = [token.strip("<>") for token in without_brackets]
    if last and any(name != last[0] and name.startswith(last[0]) for name in names):
        text = text[: last.start()]
    return text.rstrip()
