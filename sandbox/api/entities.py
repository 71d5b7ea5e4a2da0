"""Text and its entities: what the sender marked, and what Telegram finds by itself. Offsets are UTF-16 units."""

from __future__ import annotations

import re

from sandbox.api.markup import Markup, units
from sandbox.state.types import Json, bad_request

COMMAND = re.compile(r"(?<![\w/@#<])/[A-Za-z0-9_]{1,64}(?:@\w{3,32})?(?![\w/])")
LINK = re.compile(r"\bhttps?://[^\s<>\"«»]+[^\s<>\"«».,:;!?)\]}']", re.I)
SOLID = frozenset({"code", "pre", "text_link"})
"""Kinds inside which nothing else is found."""


def found(text: str) -> list[Json]:
    """What Telegram finds in plain text by itself: commands and links."""
    return [
        {"type": kind, "offset": units(text[: match.start()]), "length": units(match[0])}
        for kind, pattern in (("bot_command", COMMAND), ("url", LINK))
        for match in pattern.finditer(text)
    ]


def trimmed(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """Without blank space at both ends; entities move along and lose what was cut off."""
    cut = units(text) - units(text.lstrip())
    text = text.strip()
    moved = []
    for entity in entities:
        start = max(0, entity["offset"] - cut)
        end = min(units(text), entity["offset"] + entity["length"] - cut)
        if end > start:
            moved.append({**entity, "offset": start, "length": end - start})
    return text, moved


def parsed(text: str, parse_mode: str, entities: list[Json] | None = None) -> tuple[str, list[Json]]:
    """Plain text and its entities, sorted by place. 400 for HTML that cannot be read and for other modes."""
    mode = parse_mode.lower()
    if text and mode.startswith("markdown"):
        raise bad_request(f"the sandbox reads parse_mode HTML only, not {parse_mode}")
    if text and mode not in ("", "none", "html"):
        raise bad_request("unsupported parse_mode")
    text, given = Markup(text.replace("\r", "")).read() if mode == "html" else (text, checked(entities or []))
    text, given = trimmed(text, without_inner(given))
    return text, in_order([*given, *(entity for entity in found(text) if not touches(entity, given))])


def checked(entities: list[Json]) -> list[Json]:
    """Entities that the bot made itself. 400 when one has no place in a text."""
    kinds = {"type": str, "offset": int, "length": int}
    for entity in entities:
        if not isinstance(entity, dict) or not all(isinstance(entity.get(key), kinds[key]) for key in kinds):
            raise bad_request("can't parse MessageEntity: expected an Object with type, offset and length")
    return entities


def in_order(entities: list[Json]) -> list[Json]:
    """By place; of two that begin together the longer first."""
    return sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))


def without_inner(entities: list[Json]) -> list[Json]:
    """Code holds no other entity."""
    solid = [entity for entity in entities if entity["type"] in ("code", "pre")]
    return [entity for entity in entities if not any(holds(outer, entity) for outer in solid if outer is not entity)]


def holds(outer: Json, inner: Json) -> bool:
    """Whether one entity lies within another."""
    end, inner_end = (entity["offset"] + entity["length"] for entity in (outer, inner))
    return bool(outer["offset"] <= inner["offset"] and inner_end <= end)


def touches(entity: Json, given: list[Json]) -> bool:
    """Whether an entity overlaps one of the solid ones."""
    end = entity["offset"] + entity["length"]
    return any(
        other["offset"] < end and entity["offset"] < other["offset"] + other["length"]
        for other in given
        if other["type"] in SOLID
    )
