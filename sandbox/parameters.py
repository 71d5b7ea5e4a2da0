"""What a method was called with, however it travelled: query, form, multipart or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from sandbox.shapes import Json, Upload, bad_request

ATTACHED = "attach://"


class Parameters:
    """Read by name and type; a missing one is the type's empty value. 400 for a value of the wrong form."""

    def __init__(self, values: Mapping[str, Any], uploads: Mapping[str, Upload] | None = None) -> None:
        self.values: Json = dict(values)
        self.uploads = dict(uploads or {})

    @property
    def chat_id(self) -> int | None:
        """The chat that the call is about; None when it names none that could be."""
        try:
            return int(self.values["chat_id"])
        except (KeyError, ValueError, TypeError):
            return None

    def text(self, name: str) -> str:
        """A string."""
        value = self.values.get(name)
        return "" if value is None else str(value)

    def number(self, name: str, default: int = 0) -> int:
        """A whole number."""
        try:
            return int(self.values.get(name) or default)
        except (ValueError, TypeError):
            raise bad_request(f'parameter "{name}" must be an Integer') from None

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
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object")
        return value

    def upload(self, reference: object) -> Upload | None:
        """The file that `attach://name` points to."""
        if isinstance(reference, str) and reference.startswith(ATTACHED):
            return self.uploads.get(reference.removeprefix(ATTACHED))
        return None


async def read_parameters(request: web.Request) -> Parameters:
    """The parameters of a call. 400 for a body that cannot be read."""
    values: Json = dict(request.query)
    uploads: dict[str, Upload] = {}
    if request.content_type == "application/json":
        values |= await _json_body(request)
    elif request.can_read_body:
        for name, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                uploads[name] = Upload(value.filename, value.content_type, value.file.read())
            else:
                values[name] = value
    return Parameters(values, uploads)


async def _json_body(request: web.Request) -> Json:
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise bad_request("can't parse the request body: a JSON object is expected")
    return body
