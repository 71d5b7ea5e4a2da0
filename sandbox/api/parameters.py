"""What a method was called with, however it travelled: query, form, multipart or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from sandbox.state.types import BotApiError, Json, Upload, bad_request

ATTACHED = "attach://"


class Parameters:
    """Read by name and type; a missing one is the type's empty value. 400 for JSON that cannot be read."""

    def __init__(self, values: Mapping[str, Any], uploads: Mapping[str, Upload] | None = None) -> None:
        self.values: Json = dict(values)
        self.uploads = dict(uploads or {})

    @property
    def chat_id(self) -> int | None:
        """The chat that the call is about; None when it names none that could be."""
        return self.number("chat_id") or None

    def text(self, name: str) -> str:
        """A string."""
        value = self.values.get(name)
        return "" if value is None else str(value)

    def required(self, name: str) -> str:
        """A string that must not be empty."""
        if not (value := self.text(name)):
            raise bad_request(f'parameter "{name}" is required')
        return value

    def number(self, name: str, default: int = 0) -> int:
        """A whole number; what is none counts as zero, as on Telegram."""
        value = self.values.get(name)
        if value is None or value == "":
            return default
        try:
            return int(value)
        except (ValueError, TypeError, OverflowError):
            return 0

    def flag(self, name: str) -> bool:
        """A boolean."""
        return self.text(name).lower() in ("true", "yes", "1")

    def parsed(self, name: str) -> Any:
        """What JSON holds; None when it is missing."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from None

    def listed(self, name: str) -> list[Any] | None:
        """A JSON list; None when it is missing."""
        value = self.parsed(name)
        if value is not None and not isinstance(value, list):
            raise bad_request(f"expected an Array as {name.replace('_', ' ')}")
        return value

    def names(self, name: str) -> list[str] | None:
        """The strings of a JSON list; None when it is missing."""
        value = self.listed(name)
        return None if value is None else [one for one in value if isinstance(one, str)]

    def mapped(self, name: str) -> Json:
        """A JSON object; empty when it is missing."""
        value = self.parsed(name)
        if value is not None and not isinstance(value, dict):
            raise bad_request(f"object expected as {name.replace('_', ' ')}")
        return value or {}

    def upload(self, reference: object) -> Upload | None:
        """The file that `attach://name` points to."""
        if isinstance(reference, str) and reference.startswith(ATTACHED):
            return self.uploads.get(reference.removeprefix(ATTACHED))
        return None


async def read_parameters(request: web.Request) -> Parameters:
    """The parameters of a call. 400 for a body that cannot be read, 413 for one that is too large."""
    values: Json = dict(request.query)
    uploads: dict[str, Upload] = {}
    try:
        if request.content_type == "application/json":
            values |= json_object(await request.read())
        elif request.can_read_body:
            await _read_form(request, values, uploads)
    except web.HTTPRequestEntityTooLarge:
        raise BotApiError(413, "Request Entity Too Large") from None
    except ValueError:
        raise bad_request("can't parse the request body") from None
    return Parameters(values, uploads)


async def _read_form(request: web.Request, values: Json, uploads: dict[str, Upload]) -> None:
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            uploads[name] = Upload(value.filename, value.content_type, value.file.read())
        else:
            values[name] = value


def json_object(body: bytes) -> Json:
    """The JSON object of a body; an empty body is an empty one. ValueError for anything else."""
    value = json.loads(body or b"{}")
    if not isinstance(value, dict):
        raise ValueError("a JSON object is expected")
    return value
