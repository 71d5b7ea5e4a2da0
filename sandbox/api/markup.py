"""HTML as Telegram parses it: a few tags, four named entities, and an error for everything else."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sandbox.state.types import BotApiError, Json, bad_request

KINDS = {
    "a": "text_link",
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
    "blockquote": "blockquote",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
}
CHARACTERS = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}

TEXT = re.compile(r"[^<&]+|&")
REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|([A-Za-z]+));?")
NAME = re.compile(r"[^\s>]*")
SPACE = re.compile(r"\s*")
ATTRIBUTE = re.compile(r"""([^\s=>/"']+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9.-]+)))?""")
SCHEME = re.compile(r"(?:https?|tg|ton|mailto|tel):", re.I)
HOST = re.compile(r"[\w-]+(\.[\w-]+)+(?:[/:?#]\S*)?$")


def units(text: str) -> int:
    """Return the length in UTF-16 units, in which Telegram counts offsets."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass
class _Tag:
    name: str
    offset: int
    begin: int
    attributes: dict[str, str]


@dataclass
class Markup:
    """A parser for one source; 400 if it is malformed."""

    source: str
    text: str = ""
    offset: int = 0
    entities: list[Json] = field(default_factory=list)
    _open: list[_Tag] = field(default_factory=list)

    def read(self) -> tuple[str, list[Json]]:
        """Return plain text, and the entities in the order in which their tags close."""
        at = 0
        while at < len(self.source):
            if self.source[at] == "<":
                at = self._close(at) if self.source.startswith("</", at) else self._start(at)
            else:
                at = self._characters(at)
        if self._open:
            raise unreadable(f'Can\'t find end tag corresponding to start tag "{self._open[-1].name}"')
        return self.text, self.entities

    def _characters(self, at: int) -> int:
        reference = REFERENCE.match(self.source, at)
        character = _character(reference) if reference else None
        if reference and character:
            return self._put(character, reference.end())
        plain = TEXT.match(self.source, at)
        assert plain is not None
        return self._put(plain[0], plain.end())

    def _put(self, text: str, end: int) -> int:
        self.text += text
        self.offset += units(text)
        return end

    def _start(self, at: int) -> int:
        end = _end(NAME, self.source, at + 1)
        name = self.source[at + 1 : end].lower()
        if end == len(self.source):
            raise unreadable(f"Unclosed start tag at byte offset {self._bytes(at)}")
        if name not in KINDS:
            raise unreadable(f'Unsupported start tag "{name}" at byte offset {self._bytes(at)}')
        attributes, end = self._attributes(name, at, end)
        if name == "span" and attributes.get("class") != "tg-spoiler":
            raise unreadable(f'Tag "span" must have class "tg-spoiler" at byte offset {self._bytes(at)}')
        self._open.append(_Tag(name, self.offset, len(self.text), attributes))
        return end

    def _attributes(self, name: str, begin: int, at: int) -> tuple[dict[str, str], int]:
        """Return the attributes of a start tag and the position after it."""
        attributes: dict[str, str] = {}
        while (at := _end(SPACE, self.source, at)) < len(self.source) and self.source[at] != ">":
            found = ATTRIBUTE.match(self.source, at)
            if found is None:
                raise unreadable(f'Empty attribute name in the tag "{name}" at byte offset {self._bytes(begin)}')
            double, single, token = found[2], found[3], found[4]
            attributes[found[1]] = _unescape(double or single or "") or (token or "").lower()
            at = found.end()
        if at == len(self.source):
            raise unreadable(f'Unclosed start tag "{name}" at byte offset {self._bytes(begin)}')
        return attributes, at + 1

    def _close(self, at: int) -> int:
        if not self._open:
            raise unreadable(f"Unexpected end tag at byte offset {self._bytes(at)}")
        name_end = _end(NAME, self.source, at + 2)
        end = _end(SPACE, self.source, name_end)
        if not self.source.startswith(">", end):
            raise unreadable(f"Unclosed end tag at byte offset {self._bytes(at)}")
        name, tag = self.source[at + 2 : name_end].lower(), self._open.pop()
        if name and name != tag.name:
            expected = f'expected "</{tag.name}>", found "</{name}>"'
            raise unreadable(f"Unmatched end tag at byte offset {self._bytes(at)}, {expected}")
        if self.offset > tag.offset:
            self._mark(tag)
        return end + 1

    def _mark(self, tag: _Tag) -> None:
        entity: Json = {"type": KINDS[tag.name], "offset": tag.offset, "length": self.offset - tag.offset}
        if tag.name == "a":
            url = check_link(tag.attributes.get("href") or self.text[tag.begin :])
            self.entities += [{**entity, "url": url}] if url else []
        elif tag.name in ("code", "pre"):
            self._mark_code(tag, entity)
        elif tag.name == "blockquote" and "expandable" in tag.attributes:
            self.entities.append({**entity, "type": "expandable_blockquote"})
        else:
            self.entities.append(entity)

    def _mark_code(self, tag: _Tag, entity: Json) -> None:
        """Merge `<pre><code class="language-x">` around the same text into one entity with its language."""
        language = tag.attributes.get("class", "")
        if tag.name == "code" and language.startswith("language-"):
            entity["language"] = language.removeprefix("language-")
        inner = self.entities[-1] if self.entities else {}
        same = all(inner.get(key) == entity[key] for key in ("offset", "length"))
        if same and {inner["type"], entity["type"]} == {"code", "pre"} and "language" in {**inner, **entity}:
            self.entities[-1] = {**inner, **entity, "type": "pre"}
        else:
            self.entities.append(entity)

    def _bytes(self, at: int) -> int:
        return len(self.source[:at].encode())


def unreadable(reason: str) -> BotApiError:
    """Return the 400 for malformed markup."""
    return bad_request(f"can't parse entities: {reason}")


def check_link(url: str) -> str | None:
    """Return a link as Telegram stores it, or None if Telegram rejects it."""
    url = url.strip()
    if SCHEME.match(url):
        return url
    return f"http://{url}" if HOST.match(url) else None


def _end(pattern: re.Pattern[str], source: str, at: int) -> int:
    found = pattern.match(source, at)
    return found.end() if found else at


def _character(reference: re.Match[str]) -> str | None:
    hexadecimal, decimal, name = reference.groups()
    if name:
        return CHARACTERS.get(name)
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    return chr(code) if 0 < code < 0x10FFFF and not 0xD800 <= code <= 0xDFFF else None


def _unescape(value: str) -> str:
    return REFERENCE.sub(lambda reference: _character(reference) or reference[0], value)
