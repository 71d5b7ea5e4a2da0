"""GIF: the richest frame of the animation."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import count
from typing import Final

from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from inference.listing.formats.frames import select_frame
from inference.listing.formats.pixels import UnusablePhoto, check_size, to_small_rgb

MAX_MEGAPIXELS: Final = 32


def matches(data: bytes) -> bool:
    """Return True for bytes with the signature of a GIF."""
    return data.startswith((b"GIF87a", b"GIF89a"))


def check(data: bytes) -> None:
    """Check the size in the header. Raises `UnusablePhoto`, or any error for damaged data."""
    check_size(_open(data).size, MAX_MEGAPIXELS)


def decode(data: bytes) -> Image.Image:
    """Return the richest frame as a small RGB image. Raises `UnusablePhoto`, or any error for damaged data."""
    image = _open(data)
    _check_blocks(data)
    return select_frame(_iter_frames(image), image.size)


def _open(data: bytes) -> GifImageFile:
    try:
        return GifImageFile(BytesIO(data))
    except Image.DecompressionBombError as error:  # of the first frame
        raise UnusablePhoto("photo-too-many-pixels", limit=MAX_MEGAPIXELS) from error


def _iter_frames(image: GifImageFile) -> Iterator[Image.Image]:
    for index in count():
        try:
            image.seek(index)
        except EOFError:
            return
        except Image.DecompressionBombError as error:
            raise UnusablePhoto("photo-too-many-pixels", limit=MAX_MEGAPIXELS) from error
        check_size(image.size, MAX_MEGAPIXELS)  # a frame may be larger than the header says
        image.load()
        yield to_small_rgb(image)


def _check_blocks(data: bytes) -> None:
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
