"""Validated bodies of the page's requests. A `ValueError` says in one sentence what is wrong."""

from __future__ import annotations

import re
from typing import Annotated, TypeVar

from aiohttp import BodyPartReader, web
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from sandbox.api.parameters import json_object
from sandbox.state.types import Json
from sandbox.testing.person import Attachment

FILE_LIMIT = 30 * 2**20
FIELD_LIMIT = 2**16
FILES_AT_ONCE = 30
NAME_LIMIT = 64
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,8})?")
PROBLEMS = {
    "missing": "is missing",
    "string_type": "must be of type str",
    "int_type": "must be of type int",
    "float_type": "must be of type int or float",
    "bool_type": "must be of type bool",
    "literal_error": "must be request or answer",
}
"""Types of pydantic's errors, in the words of the page."""

Model = TypeVar("Model", bound=BaseModel)


def _check_length(most: int) -> AfterValidator:
    def check(value: str) -> str:
        if not 1 <= len(value.strip()) <= most:
            raise ValueError(f"must hold 1 to {most} characters")
        return value

    return AfterValidator(check)


def _check_language(code: str) -> str:
    if not LANGUAGE.fullmatch(code):
        raise ValueError("must be a code such as ru or en")
    return code


Text = Annotated[str, _check_length(2**16)]
Language = Annotated[str, AfterValidator(_check_language)]


class Body(BaseModel):
    """A request's JSON object; null counts as missing, and unknown fields are ignored."""

    model_config = ConfigDict(strict=True)


class NewLanguage(Body):
    """A new language of a user."""

    language: Language


class NewUser(Body):
    """A user to create."""

    name: Annotated[str, _check_length(NAME_LIMIT)]
    language: Language


class Blocking(Body):
    """Whether the user blocks the bot."""

    blocked: bool


class NewMessage(Body):
    """A text to send."""

    text: Text


class NewText(Body):
    """A new text or caption of a message; empty for none."""

    text: str = ""


class Press(Body):
    """A pressed button."""

    data: Text
    message_id: int


async def read_body(request: web.Request, model: type[Model]) -> Model:
    """Read and validate the JSON body of a request."""
    if request.content_type != "application/json":
        raise ValueError("the body must be JSON, sent as application/json")
    try:
        values = json_object(await request.read())
    except web.HTTPRequestEntityTooLarge:
        raise ValueError("the body is too large") from None
    except ValueError:
        raise ValueError("the body must be a JSON object") from None
    try:
        return model.model_validate({name: value for name, value in values.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        problem = PROBLEMS.get(first["type"]) or first["ctx"]["error"]
        raise ValueError(f"{first['loc'][0]} {problem}") from None


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
