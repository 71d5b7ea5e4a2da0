"""Text with marks: HTML as Telegram reads it, to plain text and entities with offsets in UTF-16 units."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sandbox.shapes import Json, bad_request

KINDS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "code": "code",
    "pre": "pre",
    "a": "text_link",
    "blockquote": "blockquote",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
}
CHARACTERS = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}

PIECE = re.compile(r"<(?P<end>/?)(?P<tag>[^<>\s/]*)(?P<attributes>[^<>]*)>|&(?P<name>#?\w+);|(?P<text>[^<&]+|.)", re.S)
ATTRIBUTE = re.compile(r"""([\w-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
COMMAND = re.compile(r"(?<![\w/@#])/[A-Za-z0-9_]{1,64}(?:@\w{3,32})?(?![\w/])")
LINK = re.compile(r"\bhttps?://[^\s<>\"«»]+[^\s<>\"«».,:;!?)\]}']")


def units(text: str) -> int:
    """Length in UTF-16 units, which is how Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


@dataclass
class _Tag:
    name: str
    offset: int
    attributes: dict[str, str]


@dataclass
class _Reader:
    """Walks through HTML and keeps the tags that are open."""

    source: str
    text: str = ""
    open: list[_Tag] = field(default_factory=list)
    entities: list[Json] = field(default_factory=list)

    def read(self) -> tuple[str, list[Json]]:
        for piece in PIECE.finditer(self.source):
            place = len(self.source[: piece.start()].encode())
            if piece["tag"] is None:
                self.text += self._character(piece)
            elif piece["end"]:
                self._close(piece["tag"].lower(), place)
            else:
                self._start(piece["tag"].lower(), piece["attributes"], place)
        if self.open:
            raise _unreadable(f'Can\'t find end tag corresponding to start tag "{self.open[-1].name}"')
        return self.text, self.entities

    def _character(self, piece: re.Match[str]) -> str:
        if piece["text"] == "<":
            raise _unreadable(f"Unclosed start tag at byte offset {len(self.source[: piece.start()].encode())}")
        return _unescaped(piece["name"]) or piece[0] if piece["name"] else piece[0]

    def _start(self, name: str, written: str, place: int) -> None:
        attributes = {key.lower(): a or b or c for key, a, b, c in ATTRIBUTE.findall(written)}
        spoiler = name != "span" or attributes.get("class") == "tg-spoiler"
        if name not in KINDS:
            raise _unreadable(f'Unsupported start tag "{name}" at byte offset {place}')
        if not spoiler:
            raise _unreadable(f'Tag "span" must have class "tg-spoiler" at byte offset {place}')
        self.open.append(_Tag(name, units(self.text), attributes))

    def _close(self, name: str, place: int) -> None:
        if not self.open:
            raise _unreadable(f"Unexpected end tag at byte offset {place}")
        tag = self.open.pop()
        if name and name != tag.name:
            raise _unreadable(f'Unmatched end tag at byte offset {place}, expected "</{tag.name}>", found "</{name}>"')
        if units(self.text) > tag.offset:
            self.entities.extend(self._entity(tag))

    def _entity(self, tag: _Tag) -> list[Json]:
        entity: Json = {"type": KINDS[tag.name], "offset": tag.offset, "length": units(self.text) - tag.offset}
        if tag.name == "a":
            url = tag.attributes.get("href") or self.text[-1 * entity["length"] :]
            return [{**entity, "url": url}] if re.match(r"(https?|tg|mailto|tel):", url) else []
        if tag.name == "blockquote" and "expandable" in tag.attributes:
            entity["type"] = "expandable_blockquote"
        language = tag.attributes.get("class", "")
        if tag.name == "code" and language.startswith("language-") and self.open and self.open[-1].name == "pre":
            self.open[-1].attributes["language"] = language.removeprefix("language-")
            return []
        if tag.name == "pre" and "language" in tag.attributes:
            entity["language"] = tag.attributes["language"]
        return [entity]


def _unreadable(reason: str) -> Exception:
    return bad_request(f"can't parse entities: {reason}")


def _unescaped(name: str) -> str | None:
    if not name.startswith("#"):
        return CHARACTERS.get(name)
    try:
        return chr(int(name[2:], 16) if name[1:2] in "xX" else int(name[1:]))
    except (ValueError, OverflowError):
        return None


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
    if parse_mode.lower() == "html":
        text, given = _Reader(text.replace("\r", "")).read()
    elif parse_mode:
        raise bad_request(f"the sandbox reads parse_mode HTML only, not {parse_mode}")
    else:
        given = entities or []
    text, given = trimmed(text, given)
    return text, sorted([*given, *_free(text, given)], key=lambda entity: (entity["offset"], -entity["length"]))


def _free(text: str, given: list[Json]) -> list[Json]:
    taken = [(e["offset"], e["offset"] + e["length"]) for e in given if e["type"] in ("code", "pre", "text_link")]
    return [
        entity
        for entity in found(text)
        if not any(start < entity["offset"] + entity["length"] and entity["offset"] < end for start, end in taken)
    ]
