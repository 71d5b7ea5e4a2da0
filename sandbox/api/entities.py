"""Text and its entities, marked by the sender or detected by Telegram. Offsets are UTF-16 units."""

from __future__ import annotations

import re

from sandbox.api.markup import Markup, units
from sandbox.state.types import Json, bad_request

COMMAND = re.compile(r"(?<![\w/@#<])/[A-Za-z0-9_]{1,64}(?:@\w{3,32})?(?![\w/])")
LINK = re.compile(r"\bhttps?://[^\s<>\"«»]+[^\s<>\"«».,:;!?)\]}']", re.I)
SOLID = frozenset({"code", "pre", "text_link"})
"""Kinds inside which nothing else is found."""


def detect_entities(text: str) -> list[Json]:
    """Return the entities that Telegram detects in plain text: commands and links."""
    return [
        {"type": kind, "offset": units(text[: match.start()]), "length": units(match[0])}
        for kind, pattern in (("bot_command", COMMAND), ("url", LINK))
        for match in pattern.finditer(text)
    ]


def trim(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """Strip blank space at both ends; entities are shifted and lose what was cut off."""
    cut = units(text) - units(text.lstrip())
    text = text.strip()
    moved = []
    for entity in entities:
        start = max(0, entity["offset"] - cut)
        end = min(units(text), entity["offset"] + entity["length"] - cut)
        if end > start:
            moved.append({**entity, "offset": start, "length": end - start})
    return text, moved


def parse_text(text: str, parse_mode: str, entities: list[Json] | None = None) -> tuple[str, list[Json]]:
    """Return plain text and its entities, sorted; 400 for malformed HTML and for other parse modes."""
    mode = parse_mode.lower()
    if text and mode.startswith("markdown"):
        raise bad_request(f"the sandbox reads parse_mode HTML only, not {parse_mode}")
    if text and mode not in ("", "none", "html"):
        raise bad_request("unsupported parse_mode")
    text, given = Markup(text.replace("\r", "")).read() if mode == "html" else (text, check_entities(entities or []))
    text, given = trim(text, without_inner(given))
    return text, in_order([*given, *(entity for entity in detect_entities(text) if not overlaps(entity, given))])


def check_entities(entities: list[Json]) -> list[Json]:
    """Return the bot's own entities; 400 if one cannot be placed in a text."""
    kinds = {"type": str, "offset": int, "length": int}
    for entity in entities:
        if not isinstance(entity, dict) or not all(isinstance(entity.get(key), kinds[key]) for key in kinds):
            raise bad_request("can't parse MessageEntity: expected an Object with type, offset and length")
    return entities


def in_order(entities: list[Json]) -> list[Json]:
    """Sort by position; of two with the same start the longer comes first."""
    return sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))


def without_inner(entities: list[Json]) -> list[Json]:
    """Drop entities inside code, which cannot contain others."""
    solid = [entity for entity in entities if entity["type"] in ("code", "pre")]
    return [entity for entity in entities if not any(contains(outer, entity) for outer in solid if outer is not entity)]


def contains(outer: Json, inner: Json) -> bool:
    """Return True if one entity lies within another."""
    end, inner_end = (entity["offset"] + entity["length"] for entity in (outer, inner))
    return bool(outer["offset"] <= inner["offset"] and inner_end <= end)


def overlaps(entity: Json, given: list[Json]) -> bool:
    """Return True if an entity overlaps one of the given ones."""
    end = entity["offset"] + entity["length"]
    return any(
        other["offset"] < end and entity["offset"] < other["offset"] + other["length"]
        for other in given
        if other["type"] in SOLID
    )
