"""WebP: a still photo, or the richest frame of an animation."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Final

from PIL import Image
from PIL.WebPImagePlugin import WebPImageFile

from inference.listing.formats.frames import select_frame
from inference.listing.formats.pixels import check_size, read_exif, to_small_rgb, turn_upright

MAX_MEGAPIXELS: Final = 32

_BITS_14: Final = 0x3FFF


def matches(data: bytes) -> bool:
    """Return True for bytes with the signature of a WebP."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def check(data: bytes) -> None:
    """Check the size in the header. Raises `UnusablePhoto`, or any error for damaged data."""
    check_size(_read_size(data), MAX_MEGAPIXELS)


def decode(data: bytes) -> Image.Image:
    """Return an upright, small RGB image. Raises any error for damaged data."""
    image = WebPImageFile(BytesIO(data))
    picture = select_frame(_iter_frames(image), image.size)
    return turn_upright(picture, read_exif(image))


def _iter_frames(image: WebPImageFile) -> Iterator[Image.Image]:
    profile = image.info.get("icc_profile")
    for index in range(image.n_frames):
        image.seek(index)
        image.load()
        yield to_small_rgb(image, profile)


def _read_size(data: bytes) -> tuple[int, int]:
    """Read (width, height) in px from the first chunk; Pillow would allocate the canvas before it tells its size.

    Raises `ValueError` for another chunk.
    """
    kind = data[12:16]
    if kind == b"VP8X":
        return _read_int(data, 24, 3) + 1, _read_int(data, 27, 3) + 1
    if kind == b"VP8L":
        sizes = _read_int(data, 21, 4)
        return (sizes & _BITS_14) + 1, (sizes >> 14 & _BITS_14) + 1
    if kind == b"VP8 ":
        return _read_int(data, 26, 2) & _BITS_14, _read_int(data, 28, 2) & _BITS_14
    raise ValueError(f"unknown chunk {kind!r}")


def _read_int(data: bytes, start: int, length: int) -> int:
    piece = data[start : start + length]
    if len(piece) < length:
        raise ValueError("an unfinished header")
    return int.from_bytes(piece, "little")
