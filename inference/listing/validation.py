"""From what a seller sent to a checked listing: files to upright photos, text to attributes.

Photos are JPEG, PNG and GIF, and mp4, the form in which Telegram delivers a GIF. Whatever cannot be used is refused
with `InvalidInput`; nothing is dropped in silence.
"""

from __future__ import annotations

import hashlib
import math
import struct
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from time import perf_counter
from typing import Final

import numpy as np
from PIL import ExifTags, Image
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from inference.errors import InvalidInput
from inference.listing.attributes import parse_attributes
from inference.listing.types import Checked, Listing, Photo, Submission, Upload
from inference.listing.video import MAX_MP4_MEGAPIXELS, is_mp4, richest, still, walk_mp4

__all__ = ["parse_attributes", "validate", "validate_timed"]

MAX_PHOTOS: Final = 10
MAX_MEGABYTES: Final = 25
MAX_SIDE: Final = 1024
MIN_SIDE: Final = 16
MAX_RATIO: Final = 50  # of the sides: models resize by the shorter one, or make it less than a pixel

# Phones take up to 64 megapixels, as JPEG, which is decoded at a fraction of its size; the others are decoded whole.
MAX_MEGAPIXELS: Final = {JpegImageFile: 64, PngImageFile: 32, GifImageFile: 32}
# What a JPEG may cost although it is small: passes over its pixels.
MAX_SCANNED_MEGAPIXELS: Final = 10_000

_MEGA: Final = 1_000_000
_MEGABYTE: Final = 1024 * 1024
_WORKERS: Final = 2
_NAME_LENGTH: Final = 60

# The plugins are called directly: `Image.open` would try more formats and would judge the size by a limit of its own.
_READERS: Final[dict[bytes, type[ImageFile]]] = {
    b"\xff\xd8\xff": JpegImageFile,
    b"\x89PNG\r\n\x1a\n": PngImageFile,
    b"GIF87a": GifImageFile,
    b"GIF89a": GifImageFile,
}

_JPEG_SCAN: Final = b"\xff\xda"

_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow warns on stderr about broken EXIF and large frames; here a file is either used or refused with a sentence.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class _File:
    """One upload, and how a sentence calls it: by its name, or by its place where it has none."""

    data: bytes
    name: str
    number: int

    @classmethod
    def of(cls, upload: Upload, number: int) -> _File:
        name = "".join(char for char in upload.name or "" if char.isprintable()).strip()
        return cls(upload.data, name if len(name) <= _NAME_LENGTH else f"…{name[1 - _NAME_LENGTH :]}", number)

    @property
    def where(self) -> dict[str, str | int]:
        return {"name": self.name, "number": self.number}


def validate_timed(submission: Submission) -> Checked | InvalidInput:
    """Validate with a clock; what cannot be used is returned, so that it stands in its place among others."""
    start = perf_counter()
    try:
        listing = validate(submission)
    except InvalidInput as error:
        return error
    return Checked(listing, perf_counter() - start)


def validate(submission: Submission) -> Listing:
    """Check and decode everything that was sent.

    Photos keep their order; each becomes upright RGB on white, at most `MAX_SIDE` px on its longer side, and has
    the empty name where the sender gave none. Every header is checked before the pixels of any photo are decoded.

    Raises `InvalidInput`: `nothing-sent`, `too-many-photos`, one of `photo-…` for the first photo that cannot be
    used (details: `name`, may be empty, and `number` from 1), or one of `attributes-…`.
    """
    if len(submission.uploads) > MAX_PHOTOS:
        raise InvalidInput("too-many-photos", count=len(submission.uploads), limit=MAX_PHOTOS)
    attributes = parse_attributes(submission.attributes)
    if not submission.uploads and not attributes.items:
        raise InvalidInput("nothing-sent", limit=MAX_PHOTOS)
    files = [_File.of(upload, number) for number, upload in enumerate(submission.uploads, start=1)]
    headers = [_read_header(file) for file in files]
    with ThreadPoolExecutor(_WORKERS) as pool:
        return Listing(tuple(pool.map(_decode, files, headers)), attributes)


def _read_header(file: _File) -> ImageFile | None:
    """Tell the format by content and the size by the header; no pixel is decoded. None for an mp4 that looks whole."""
    if not file.data:
        raise InvalidInput("photo-empty", **file.where)
    if len(file.data) > MAX_MEGABYTES * _MEGABYTE:
        megabytes = math.ceil(len(file.data) / _MEGABYTE * 10) / 10
        raise InvalidInput("photo-too-big", megabytes=megabytes, limit=MAX_MEGABYTES, **file.where)
    if is_mp4(file.data):
        with _damage_refused(file):
            walk_mp4(file.data)
        return None
    reader = next((reader for magic, reader in _READERS.items() if file.data.startswith(magic)), None)
    if reader is None:
        raise InvalidInput("photo-format", **file.where)
    with _damage_refused(file):
        image = reader(BytesIO(file.data))
    _check_size(file, image.size, MAX_MEGAPIXELS[reader])
    # Thousands of scans in a small JPEG would keep the decoder busy for hours; a camera writes one, the web ten.
    if reader is JpegImageFile and file.data.count(_JPEG_SCAN) * math.prod(image.size) > MAX_SCANNED_MEGAPIXELS * _MEGA:
        raise InvalidInput("photo-damaged", **file.where)
    return image


def _check_size(file: _File, size: tuple[int, int], limit: int) -> None:
    width, height = size
    if width * height > limit * _MEGA:
        raise InvalidInput("photo-too-many-pixels", limit=limit, **file.where)
    if min(width, height) < MIN_SIDE:
        raise InvalidInput("photo-too-small", width=width, height=height, limit=MIN_SIDE, **file.where)
    if max(width, height) > MAX_RATIO * min(width, height):
        raise InvalidInput("photo-too-narrow", width=width, height=height, limit=MAX_RATIO, **file.where)


@contextmanager
def _damage_refused(file: _File) -> Iterator[None]:
    """Refuse the file whatever Pillow raises: on hostile bytes that is a dozen kinds, and the cause is the file."""
    try:
        yield
    except InvalidInput:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # of a GIF's frame
        raise InvalidInput("photo-too-many-pixels", limit=MAX_MEGAPIXELS[GifImageFile], **file.where) from error
    except Exception as error:
        raise InvalidInput("photo-damaged", **file.where) from error


def _decode(file: _File, image: ImageFile | None) -> Photo:
    with _damage_refused(file):
        if image is None:
            picture = _mp4_frame(file)
        elif isinstance(image, GifImageFile):
            picture = richest(_gif_frames(file, image), image.size)
        else:
            picture = _still(image)
    return Photo(file.name, hashlib.sha256(file.data).hexdigest(), picture)


def _mp4_frame(file: _File) -> Image.Image:
    size, frame = still(file.data)
    _check_size(file, size, MAX_MP4_MEGAPIXELS)
    if frame is None:
        raise ValueError("no frame")
    return _small_rgb(frame)


def _still(image: ImageFile) -> Image.Image:
    # A JPEG can be decoded at 1/2, 1/4 or 1/8 of its size in a fraction of the time.
    image.draft(None, _fitting(image.size))
    image.load()
    picture = _small_rgb(image)
    turn = _UPRIGHT.get(_orientation(image))
    return picture if turn is None else picture.transpose(turn)


def _orientation(image: ImageFile) -> int:
    """Return the EXIF orientation, 1 (upright) to 8; what cannot be read counts as upright."""
    with suppress(OSError, SyntaxError, ValueError, LookupError, TypeError, struct.error):
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    return 1


def _gif_frames(file: _File, image: GifImageFile) -> Iterator[Image.Image]:
    _walk_gif(file.data)
    for index in count():
        try:
            image.seek(index)
        except EOFError:
            return
        _check_size(file, image.size, MAX_MEGAPIXELS[GifImageFile])  # it may be larger than the header says
        image.load()
        yield _small_rgb(image)


def _walk_gif(data: bytes) -> None:
    """Raise IndexError for a GIF that ends before its trailer; Pillow would take the frames that arrived for all."""
    position = 13 + _gif_palette(data[10])
    while (block := data[position]) != ord(";"):
        if block not in b",!":
            position += 1  # stray bytes between blocks are passed over, as by Pillow
            continue
        position += 11 + _gif_palette(data[position + 9]) if block == ord(",") else 2
        while data[position]:
            position += data[position] + 1
        position += 1


def _gif_palette(flags: int) -> int:
    """Return the bytes of the colour table that the flags of a screen or a frame announce."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _small_rgb(image: Image.Image) -> Image.Image:
    """Return a new RGB picture of at most `MAX_SIDE` px, transparent parts white, without EXIF."""
    picture = _resizable(image).resize(_fitting(image.size), Image.Resampling.BICUBIC, reducing_gap=2.0)
    if picture.mode == "RGBA":
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture)
        return flat
    flat = picture.convert("RGB")
    flat.info.clear()
    return flat


def _resizable(image: Image.Image) -> Image.Image:
    """Return the same picture in a mode whose values can be averaged: L, RGB, RGBA or CMYK, 8 bits each."""
    if image.mode.startswith("I"):  # 16-bit grey, which `convert` would clip, not scale
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    return image if image.mode in {"L", "RGB", "CMYK"} else image.convert("RGB")


def _fitting(size: tuple[int, int]) -> tuple[int, int]:
    """Return the size with the same proportions that fits into `MAX_SIDE`; a small one stays."""
    scale = min(1.0, MAX_SIDE / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
