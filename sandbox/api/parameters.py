"""Parameters of a call, whichever way they were sent: query, form, multipart or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from sandbox.state.types import BotApiError, Json, Upload, bad_request

ATTACHED = "attach://"


class Parameters:
    """Typed access by name; a missing parameter is the empty value of its type. 400 for malformed JSON."""

    def __init__(self, values: Mapping[str, Any], uploads: Mapping[str, Upload] | None = None) -> None:
        self.values: Json = dict(values)
        self.uploads = dict(uploads or {})

    @property
    def chat_id(self) -> int | None:
        """Return the chat that the call addresses, or None."""
        return self.number("chat_id") or None

    def text(self, name: str) -> str:
        """Return a string."""
        value = self.values.get(name)
        return "" if value is None else str(value)

    def get_required(self, name: str) -> str:
        """Return a string; 400 if it is empty."""
        if not (value := self.text(name)):
            raise bad_request(f'parameter "{name}" is required')
        return value

    def number(self, name: str, default: int = 0) -> int:
        """Return an integer; anything else counts as zero, as on Telegram."""
        value = self.values.get(name)
        if value is None or value == "":
            return default
        try:
            return int(value)
        except (ValueError, TypeError, OverflowError):
            return 0

    def flag(self, name: str) -> bool:
        """Return a boolean."""
        return self.text(name).lower() in ("true", "yes", "1")

    def get_json(self, name: str) -> Any:
        """Return the value of a JSON parameter, or None if it is missing."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from None

    def get_list(self, name: str) -> list[Any] | None:
        """Return a JSON list, or None if it is missing."""
        value = self.get_json(name)
        if value is not None and not isinstance(value, list):
            raise bad_request(f"expected an Array as {name.replace('_', ' ')}")
        return value

    def names(self, name: str) -> list[str] | None:
        """Return the strings of a JSON list, or None if it is missing."""
        value = self.get_list(name)
        return None if value is None else [one for one in value if isinstance(one, str)]

    def get_object(self, name: str) -> Json:
        """Return a JSON object; empty if it is missing."""
        value = self.get_json(name)
        if value is not None and not isinstance(value, dict):
            raise bad_request(f"object expected as {name.replace('_', ' ')}")
        return value or {}

    def upload(self, reference: object) -> Upload | None:
        """Return the file that `attach://name` refers to."""
        if isinstance(reference, str) and reference.startswith(ATTACHED):
            return self.uploads.get(reference.removeprefix(ATTACHED))
        return None


async def read_parameters(request: web.Request) -> Parameters:
    """Read the parameters of a call; 400 for an unreadable body, 413 for one that is too large."""
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
    """Return the JSON object of a body; empty for an empty body. Raises `ValueError` for anything else."""
    value = json.loads(body or b"{}")
    if not isinstance(value, dict):
        raise ValueError("a JSON object is expected")
    return value
