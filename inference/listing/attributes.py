"""Parse attributes as sellers type them: `Name: value` lines, `;` between pairs, JSON, free text, or a mixture.

Numbers are copied digit by digit and never interpreted; `masking` classifies them.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from inference.errors import InvalidInput
from inference.listing.types import Attributes

MAX_CHARACTERS: Final = 4000

# A name is a short phrase without digits, unlike «с 9:00» and «3:4». A comma or the end of a sentence makes it part of
# free text, which keeps every character.
_NAME: Final = re.compile(r"""[^\W\d_](?:[^\W\d]|[()/«»"'%№+&–—-]|\s|\.(?!\s)){0,39}""")
_MAX_NAME_WORDS: Final = 4
_BULLETS: Final = "-–—•*·▪►✔✅ "
_NOT_A_VALUE: Final = ("//", ")", "(")  # after a colon: a URL, a smiley
_EMPTY_VALUE: Final = "-–—_.,… "

_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LOOKS_LIKE_JSON: Final = re.compile(r"""\s*\{(?:\s*["'}]|.*\}\s*$)""", re.DOTALL)


def parse_attributes(value: str | Mapping[str, object]) -> Attributes:
    """Parse attributes in any form that sellers use, at most `MAX_CHARACTERS` long.

    In text, a piece after `;` without a name belongs to the pair before it, and so does the line after a name without a
    value. Text in braces is JSON or an error: as prose, its quotes would end up in the ad. Lists become «a, b», nested
    objects «name value, …», and JSON numbers keep their digits as typed. A repeated name (ignoring letter case, ё and
    spaces) becomes one attribute with its different values joined by commas. Values that are empty or a dash are
    omitted.

    Raises `InvalidInput`: `attributes-too-long`, `attributes-bad-json`, `attributes-too-nested`.
    """
    if isinstance(value, str):
        _check_length(len(value))
    try:
        attributes = Attributes(_merge(_parse_pairs(value)))
    except RecursionError:
        raise InvalidInput("attributes-too-nested") from None
    if not isinstance(value, str):
        _check_length(len(attributes.text))
    return attributes


def _check_length(length: int) -> None:
    if length > MAX_CHARACTERS:
        raise InvalidInput("attributes-too-long", count=length, limit=MAX_CHARACTERS)


def _parse_pairs(value: str | Mapping[str, object]) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [(_clean(str(name)).rstrip(": "), _to_text(item)) for name, item in value.items()]
    value = _INVISIBLE.sub("", value)
    return _parse_pairs(_parse_json(value)) if _LOOKS_LIKE_JSON.match(value) else _parse_text(value)


def _parse_json(text: str) -> Mapping[str, object]:
    try:
        pairs: dict[str, object] = json.loads(
            text, strict=False, object_pairs_hook=_group_values, parse_int=str, parse_float=str, parse_constant=str
        )
    except json.JSONDecodeError as error:
        raise InvalidInput("attributes-bad-json", line=error.lineno, column=error.colno) from error
    return pairs


def _group_values(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return all values of each name of a JSON object, where `dict` would keep only the last."""
    return {name: [value for other, value in pairs if other == name] for name, _ in pairs}


def _to_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "да" if value else "нет"
    if isinstance(value, Mapping):
        parts = [f"{_clean(str(name))} {text}" for name, item in value.items() if (text := _to_text(item))]
    elif isinstance(value, list | tuple):
        parts = [text for item in value if (text := _to_text(item))]
    else:
        return _clean(str(value))
    return ", ".join(dict.fromkeys(parts))


def _parse_text(text: str) -> Iterator[tuple[str, str]]:
    name, value = "", ""
    for line in text.splitlines():
        pieces = [piece for raw in line.split(";") if (piece := _clean(raw))]
        for index, piece in enumerate(pieces):
            new_name, new_value = _split_pair(piece)
            if not new_name and (index or (name and not value)):
                value = f"{value}; {new_value}" if value else new_value
            else:
                yield name, value
                name, value = new_name, new_value
    yield name, value


def _split_pair(text: str) -> tuple[str, str]:
    """Split «name: value»; the name is empty for text without one."""
    head, colon, tail = text.partition(":")
    name = head.lstrip(_BULLETS).rstrip()
    is_name = _NAME.fullmatch(name) and len(name.split()) <= _MAX_NAME_WORDS
    if colon and is_name and not tail.startswith(_NOT_A_VALUE):
        return name, tail.strip()
    return "", text


def _merge(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Join the values of equal names, in order of first appearance; different free texts stay separate."""
    merged: dict[tuple[str, str], tuple[str, dict[str, str]]] = {}
    for name, value in pairs:
        if value.strip(_EMPTY_VALUE):
            key = (_fold(name), "" if name else _fold(value))
            merged.setdefault(key, (name, {}))[1].setdefault(_fold(value), value)
    return tuple((name, ", ".join(values.values())) for name, values in merged.values())


def _fold(text: str) -> str:
    return text.casefold().replace("ё", "е")


def _clean(text: str) -> str:
    """Return one line with composed letters («й» as one character), single spaces and no invisible characters."""
    text = _CONTROL.sub(" ", _INVISIBLE.sub("", text))
    return " ".join(unicodedata.normalize("NFC", text).split())
