"""Mp4, the form in which Telegram delivers a GIF: the richest of the first frames."""

from __future__ import annotations

from typing import Final

from PIL import Image

from inference.listing.formats import png
from inference.listing.formats.boxes import check_boxes, is_mp4
from inference.listing.formats.isolated import decode_isolated
from inference.listing.formats.pixels import check_size

MAX_MEGAPIXELS: Final = 9  # 4K; the decoder may keep sixteen frames

matches = is_mp4
check = check_boxes


def decode(data: bytes) -> Image.Image:
    """Return an upright, small RGB image. Raises `UnusablePhoto`, or any error for damaged data."""
    size, picture = decode_isolated("mp4", data, MAX_MEGAPIXELS)
    check_size(size, MAX_MEGAPIXELS)
    if picture is None:
        raise ValueError("no frame")
    return png.decode(picture)
