"""HEIC, which iPhones write: the main picture of the file."""

from __future__ import annotations

from typing import Final

from PIL import Image

from inference.listing.formats import png
from inference.listing.formats.boxes import check_boxes, is_heic
from inference.listing.formats.isolated import decode_isolated
from inference.listing.formats.pixels import check_size

MAX_MEGAPIXELS: Final = 64  # of phones

matches = is_heic
check = check_boxes


def decode(data: bytes) -> Image.Image:
    """Return an upright, small RGB image. Raises `UnusablePhoto`, or any error for damaged data."""
    size, picture = decode_isolated("heic", data, MAX_MEGAPIXELS)
    check_size(size, MAX_MEGAPIXELS)
    if picture is None:
        raise ValueError("no picture")
    return png.decode(picture)
