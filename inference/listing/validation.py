"""Validate a submission: decode its files to upright photos, and parse its attributes.

Photos are JPEG, PNG and GIF, and mp4, the form in which Telegram delivers a GIF. Anything else raises `InvalidInput`;
no file is dropped silently.
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
from inference.listing.job import Job
from inference.listing.types import Listing, Numbers, Photo, Submission, Timings, Upload
from inference.listing.video import MAX_MP4_MEGAPIXELS, check_mp4_boxes, extract_frame, is_mp4, select_frame

__all__ = ["build_job", "parse_attributes", "validate"]

MAX_PHOTOS: Final = 10
MAX_MEGABYTES: Final = 25
MAX_SIDE: Final = 1024
MIN_SIDE: Final = 16
MAX_RATIO: Final = 50  # of the sides; models that resize by the longer one would make the shorter less than a pixel

# Phones take JPEGs of up to 64 megapixels, which are decoded at a fraction of their size; other formats are decoded
# at full size.
MAX_MEGAPIXELS: Final = {JpegImageFile: 64, PngImageFile: 32, GifImageFile: 32}
# Scans times pixels of a JPEG: the cost of decoding, which a small file can drive up.
MAX_SCANNED_MEGAPIXELS: Final = 10_000

_MEGA: Final = 1_000_000
_MEGABYTE: Final = 1024 * 1024
_WORKERS: Final = 2
_NAME_LENGTH: Final = 60

# The plugins are called directly: `Image.open` would try more formats, and has a size limit of its own.
_DECODERS: Final[dict[bytes, type[ImageFile]]] = {
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

# Pillow warns on stderr about broken EXIF and large frames; here a file is either used or raises `InvalidInput`.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


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
) -> Job:
    """Validate a submission and return the job that describes it, with the seconds that validation took.

    The parameters are those of `Job`. Raises `InvalidInput` as `validate` does.
    """
    start = perf_counter()
    listing = validate(submission)
    timings = Timings(validate_s=perf_counter() - start)
    return Job(listing, numbers, seed, item, only_facts, accepts_warnings, timings)


def validate(submission: Submission) -> Listing:
    """Check and decode a submission and return its listing.

    Photos keep their order; each becomes upright RGB on white, at most `MAX_SIDE` px on its longer side, with an empty
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
    headers = [_open_image(file) for file in files]
    with ThreadPoolExecutor(_WORKERS) as executor:
        return Listing(tuple(executor.map(_decode, files, headers)), attributes)


def _open_image(file: _File) -> ImageFile | None:
    """Detect the format by content, check the size in the header and return the undecoded image; None for an mp4."""
    if not file.data:
        raise InvalidInput("photo-empty", **file.details)
    if len(file.data) > MAX_MEGABYTES * _MEGABYTE:
        megabytes = math.ceil(len(file.data) / _MEGABYTE * 10) / 10
        raise InvalidInput("photo-too-big", megabytes=megabytes, limit=MAX_MEGABYTES, **file.details)
    if is_mp4(file.data):
        with _catch_damage(file):
            check_mp4_boxes(file.data)
        return None
    decoder = next((decoder for magic, decoder in _DECODERS.items() if file.data.startswith(magic)), None)
    if decoder is None:
        raise InvalidInput("photo-format", **file.details)
    with _catch_damage(file):
        image = decoder(BytesIO(file.data))
    _check_size(file, image.size, MAX_MEGAPIXELS[decoder])
    # Thousands of scans in a small JPEG keep the decoder busy for hours; cameras write one, web sites about ten.
    if (
        decoder is JpegImageFile
        and file.data.count(_JPEG_SCAN) * math.prod(image.size) > MAX_SCANNED_MEGAPIXELS * _MEGA
    ):
        raise InvalidInput("photo-damaged", **file.details)
    return image


def _check_size(file: _File, size: tuple[int, int], limit: int) -> None:
    width, height = size
    if width * height > limit * _MEGA:
        raise InvalidInput("photo-too-many-pixels", limit=limit, **file.details)
    if min(width, height) < MIN_SIDE:
        raise InvalidInput("photo-too-small", width=width, height=height, limit=MIN_SIDE, **file.details)
    if max(width, height) > MAX_RATIO * min(width, height):
        raise InvalidInput("photo-too-narrow", width=width, height=height, limit=MAX_RATIO, **file.details)


@contextmanager
def _catch_damage(file: _File) -> Iterator[None]:
    """Turn any error of Pillow into `InvalidInput`: hostile bytes raise a dozen kinds, all caused by the file."""
    try:
        yield
    except InvalidInput:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # of a GIF's frame
        raise InvalidInput("photo-too-many-pixels", limit=MAX_MEGAPIXELS[GifImageFile], **file.details) from error
    except Exception as error:
        raise InvalidInput("photo-damaged", **file.details) from error


def _decode(file: _File, image: ImageFile | None) -> Photo:
    with _catch_damage(file):
        if image is None:
            picture = _decode_mp4(file)
        elif isinstance(image, GifImageFile):
            picture = select_frame(_iter_gif_frames(file, image), image.size)
        else:
            picture = _decode_still(image)
    return Photo(file.name, hashlib.sha256(file.data).hexdigest(), picture)


def _decode_mp4(file: _File) -> Image.Image:
    size, frame = extract_frame(file.data)
    _check_size(file, size, MAX_MP4_MEGAPIXELS)
    if frame is None:
        raise ValueError("no frame")
    return _to_small_rgb(frame)


def _decode_still(image: ImageFile) -> Image.Image:
    # Decodes a JPEG at 1/2, 1/4 or 1/8 of its size in a fraction of the time; no-op for other formats.
    image.draft(None, _fit_size(image.size))
    image.load()
    picture = _to_small_rgb(image)
    transpose = _UPRIGHT.get(_get_orientation(image))
    return picture if transpose is None else picture.transpose(transpose)


def _get_orientation(image: ImageFile) -> int:
    """Return the EXIF orientation, 1 (upright) to 8; 1 for broken EXIF."""
    with suppress(OSError, SyntaxError, ValueError, LookupError, TypeError, struct.error):
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    return 1


def _iter_gif_frames(file: _File, image: GifImageFile) -> Iterator[Image.Image]:
    _check_gif_blocks(file.data)
    for index in count():
        try:
            image.seek(index)
        except EOFError:
            return
        _check_size(file, image.size, MAX_MEGAPIXELS[GifImageFile])  # a frame may be larger than the header says
        image.load()
        yield _to_small_rgb(image)


def _check_gif_blocks(data: bytes) -> None:
    """Raise `IndexError` for a GIF that ends before its trailer; Pillow accepts the frames before the cut."""
    position = 13 + _count_palette_bytes(data[10])
    while (block := data[position]) != ord(";"):
        if block not in b",!":
            position += 1  # skip stray bytes between blocks, as Pillow does
            continue
        position += 11 + _count_palette_bytes(data[position + 9]) if block == ord(",") else 2
        while data[position]:
            position += data[position] + 1
        position += 1


def _count_palette_bytes(flags: int) -> int:
    """Return the size in bytes of the colour table that follows a screen or frame with these flags."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _to_small_rgb(image: Image.Image) -> Image.Image:
    """Return a new RGB image, at most `MAX_SIDE` px on the longer side, transparent parts white, without EXIF."""
    picture = _to_resizable(image).resize(_fit_size(image.size), Image.Resampling.BICUBIC, reducing_gap=2.0)
    if picture.mode == "RGBA":
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture)
        return flat
    flat = picture.convert("RGB")
    flat.info.clear()
    return flat


def _to_resizable(image: Image.Image) -> Image.Image:
    """Return the image in a mode whose values can be averaged: L, RGB, RGBA or CMYK, 8 bits each."""
    if image.mode.startswith("I"):  # 16-bit grey, which `convert` would clip instead of scale
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    return image if image.mode in {"L", "RGB", "CMYK"} else image.convert("RGB")


def _fit_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return a size of the same proportions, at most `MAX_SIDE` px on the longer side; never enlarge."""
    scale = min(1.0, MAX_SIDE / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
