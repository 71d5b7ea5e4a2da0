"""Validate a submission: decode its files to upright photos, and parse its attributes.

Photos are JPEG, PNG, GIF, WebP and HEIC, and mp4, the form in which Telegram delivers a GIF. Anything else raises
`InvalidInput`; no file is dropped silently.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Final, Protocol

from PIL import Image

from inference.errors import InvalidInput
from inference.listing.attributes import parse_attributes
from inference.listing.formats import gif, heic, jpeg, mp4, png, webp
from inference.listing.formats.blank import is_blank
from inference.listing.formats.pixels import MAX_RATIO, MAX_SIDE, UnusablePhoto
from inference.listing.job import Job
from inference.listing.types import Listing, Numbers, Photo, Submission, Timings, Upload

__all__ = ["MAX_RATIO", "MAX_SIDE", "build_job", "parse_attributes", "validate"]

MAX_PHOTOS: Final = 10
MAX_MEGABYTES: Final = 25
_MEGABYTE: Final = 1024 * 1024
_WORKERS: Final = 2
_NAME_LENGTH: Final = 60


class Format(Protocol):
    """A module of `formats`. Its functions raise `UnusablePhoto`, or any error for damaged data."""

    def matches(self, data: bytes, /) -> bool:
        """Return True for bytes with the signature of the format."""

    def check(self, data: bytes, /) -> None:
        """Check what the header says, without decoding pixels."""

    def decode(self, data: bytes, /) -> Image.Image:
        """Return an upright sRGB image, at most `MAX_SIDE` px on its longer side, transparent parts white."""


_FORMATS: Final[tuple[Format, ...]] = (jpeg, png, gif, webp, heic, mp4)


@dataclass(frozen=True, slots=True)
class _File:
    """One upload with the name and the number, from 1, that error messages call it by."""

    data: bytes
    name: str
    number: int

    @classmethod
    def from_upload(cls, upload: Upload, number: int) -> _File:
        name = "".join(char for char in upload.name or "" if char.isprintable()).strip()
        return cls(upload.data, name if len(name) <= _NAME_LENGTH else f"…{name[1 - _NAME_LENGTH :]}", number)

    @property
    def details(self) -> dict[str, str | int]:
        return {"name": self.name, "number": self.number}


def build_job(
    submission: Submission,
    numbers: Numbers = "values",
    seed: int = 0,
    item: str = "",
    *,
    only_facts: bool = False,
    accepts_warnings: bool = True,
    is_set: bool | None = None,
) -> Job:
    """Validate a submission and return the job that describes it, with the seconds that validation took.

    The parameters are those of `Job`. Raises `InvalidInput` as `validate` does.
    """
    start = perf_counter()
    listing = validate(submission)
    timings = Timings(validate_s=perf_counter() - start)
    return Job(listing, numbers, seed, item, only_facts, accepts_warnings, is_set, timings)


def validate(submission: Submission) -> Listing:
    """Check and decode a submission and return its listing.

    Photos keep their order; each becomes upright sRGB on white, at most `MAX_SIDE` px on its longer side, with an empty
    name where the sender gave none. All headers are checked before any pixels are decoded.

    Raises `InvalidInput`: `nothing-sent`, `too-many-photos`, one of `photo-…` for the first photo that cannot be
    used (details: `name`, may be empty, and `number` from 1), or one of `attributes-…`.
    """
    if len(submission.uploads) > MAX_PHOTOS:
        raise InvalidInput("too-many-photos", count=len(submission.uploads), limit=MAX_PHOTOS)
    attributes = parse_attributes(submission.attributes)
    if not submission.uploads and not attributes.items:
        raise InvalidInput("nothing-sent", limit=MAX_PHOTOS)
    files = [_File.from_upload(upload, number) for number, upload in enumerate(submission.uploads, start=1)]
    formats = [_check_header(file) for file in files]
    with ThreadPoolExecutor(_WORKERS) as executor:
        return Listing(tuple(executor.map(_decode, files, formats)), attributes)


def _check_header(file: _File) -> Format:
    """Detect the format by content and check what the header says."""
    if not file.data:
        raise InvalidInput("photo-empty", **file.details)
    if len(file.data) > MAX_MEGABYTES * _MEGABYTE:
        megabytes = math.ceil(len(file.data) / _MEGABYTE * 10) / 10
        raise InvalidInput("photo-too-big", megabytes=megabytes, limit=MAX_MEGABYTES, **file.details)
    form = next((form for form in _FORMATS if form.matches(file.data)), None)
    if form is None:
        raise InvalidInput("photo-format", **file.details)
    with _name_errors(file):
        form.check(file.data)
    return form


def _decode(file: _File, form: Format) -> Photo:
    with _name_errors(file):
        picture = form.decode(file.data)
    return Photo(file.name, hashlib.sha256(file.data).hexdigest(), picture, is_blank(picture))


@contextmanager
def _name_errors(file: _File) -> Iterator[None]:
    """Turn any error of a decoder into `InvalidInput` that names the file: hostile bytes raise a dozen kinds."""
    try:
        yield
    except UnusablePhoto as error:
        raise InvalidInput(error.code, **error.details, **file.details) from error
    except Exception as error:
        raise InvalidInput("photo-damaged", **file.details) from error
