"""Validated bodies of the page's requests. A `ValueError` says in one sentence what is wrong."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import BodyPartReader, web

from sandbox.api.parameters import json_object
from sandbox.state.types import Json
from sandbox.testing.person import Attachment

FILE_LIMIT = 30 * 2**20
FIELD_LIMIT = 2**16
FILES_AT_ONCE = 30
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,8})?")


class Body:
    """A JSON object with typed access by name."""

    def __init__(self, values: Json) -> None:
        self._values = values

    def text(self, name: str, longest: int = 2**16) -> str:
        """Return a string that is not blank."""
        value = self._field(name, str)
        if not 1 <= len(value.strip()) <= longest:
            raise ValueError(f"{name} must hold 1 to {longest} characters")
        return str(value)

    def number(self, name: str) -> int:
        """Return an integer."""
        return int(self._field(name, int))

    def flag(self, name: str) -> bool:
        """Return a boolean."""
        return bool(self._field(name, bool))

    def language(self) -> str:
        """Return a language code such as ru or en."""
        code = self._field("language", str)
        if not LANGUAGE.fullmatch(code):
            raise ValueError("language must be a code such as ru or en")
        return str(code)

    def optional(self, name: str, *kinds: type) -> Any:
        """Return a field of one of some types, or None."""
        value = self._values.get(name)
        if value is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
            raise ValueError(f"{name} must be of type {' or '.join(kind.__name__ for kind in kinds)}")
        return value

    def _field(self, name: str, kind: type) -> Any:
        value = self.optional(name, kind)
        if value is None:
            raise ValueError(f"{name} is missing")
        return value


async def read_body(request: web.Request) -> Body:
    """Read the JSON body of a request."""
    if request.content_type != "application/json":
        raise ValueError("the body must be JSON, sent as application/json")
    try:
        return Body(json_object(await request.read()))
    except web.HTTPRequestEntityTooLarge:
        raise ValueError("the body is too large") from None
    except ValueError:
        raise ValueError("the body must be a JSON object") from None


async def read_files(request: web.Request) -> tuple[list[Attachment], str]:
    """Read the files and the caption of an upload; the field `as` says whether pictures are sent as photos or
    documents.
    """
    if request.content_type != "multipart/form-data":
        raise ValueError("the body must be multipart/form-data")
    fields: dict[str, str] = {}
    files: list[Json] = []
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name not in ("files", "caption", "as"):
            raise ValueError("the fields are files, caption and as")
        if part.name != "files":
            fields[part.name] = (await _read(part, FIELD_LIMIT)).decode("utf-8")
        elif len(files) == FILES_AT_ONCE:
            raise ValueError(f"at most {FILES_AT_ONCE} files can be sent at once")
        else:
            mime = part.headers.get("Content-Type")
            files.append({"data": await _read(part, FILE_LIMIT), "name": part.filename or "file", "mime": mime})
    if not files:
        raise ValueError("there are no files in the request")
    if fields.setdefault("as", "photo") not in ("photo", "document"):
        raise ValueError("as must be photo or document")
    attachments = [Attachment(**file, as_photo=fields["as"] == "photo") for file in files]
    return attachments, fields.get("caption", "")


async def _read(part: BodyPartReader, limit: int) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(2**16):
        data += chunk
        if len(data) > limit:
            raise ValueError(f"{part.name} must not be larger than {limit // 2**20 or limit / 2**20:g} MB each")
    if part.name == "files" and not data:
        raise ValueError(f"the file {part.filename} is empty")
    return bytes(data)
