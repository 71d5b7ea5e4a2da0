"""JPEG: what cameras write, up to 64 megapixels, also without its end marker."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Final

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from inference.listing.formats.pixels import UnusablePhoto, check_size, fit_size, read_exif, to_small_rgb, turn_upright

MAX_MEGAPIXELS: Final = 64  # of phones; decoded at a fraction of their size

# Scans times pixels: the cost of decoding, which a small file can drive up.
_MAX_SCANNED_MEGAPIXELS: Final = 2_000
_MEGA: Final = 1_000_000
_MAX_UNKNOWN: Final = 0.02  # of the pixels of a file that was cut at its end

_SCAN: Final = b"\xff\xda"
_END: Final = b"\xff\xd9"
# The markers that begin a segment or end the image; in compressed data only restarts (d0 to d7) and stuffing occur.
_MARKER: Final = re.compile(rb"\xff+([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)
_RESTARTS: Final = tuple(bytes((0xFF, 0xD0 + index)) for index in range(8))
_RESTARTED_PIECES: Final = 4096
_COEFFICIENTS: Final = 64


def matches(data: bytes) -> bool:
    """Return True for bytes with the signature of a JPEG."""
    return data.startswith(b"\xff\xd8\xff")


def check(data: bytes) -> None:
    """Check what the headers say. Raises `UnusablePhoto`, or any error for damaged data."""
    size = JpegImageFile(BytesIO(data)).size
    check_size(size, MAX_MEGAPIXELS)
    # Thousands of scans in a small file keep the decoder busy for hours; cameras write one, web sites about ten.
    if data.count(_SCAN) * math.prod(size) > _MAX_SCANNED_MEGAPIXELS * _MEGA:
        raise UnusablePhoto("photo-damaged")


def decode(data: bytes) -> Image.Image:
    """Return an upright, small RGB image. Raises any error for damaged data."""
    try:
        image = _load(data)
    except OSError:
        image = _load_cut(data)
    return turn_upright(to_small_rgb(image, image.info.get("icc_profile")), read_exif(image))


def _load(data: bytes) -> JpegImageFile:
    image = JpegImageFile(BytesIO(data))
    # Decodes at 1/2, 1/4 or 1/8 of the size in a fraction of the time.
    image.draft(None, fit_size(image.size))
    image.load()
    return image


def _load_cut(data: bytes) -> JpegImageFile:
    """Load a file without its end, of which nearly all pixels are there. Raises `ValueError` when more are missing.

    The decoder takes whatever follows for what is missing, and paints grey behind it. So the pixels that are known are
    those that stay the same whatever follows.
    """
    data = data.rstrip(b"\0\xff")
    image, other = _load(data + _END), _load(data + _make_noise(len(data) // 4) + _END)
    unknown = (np.asarray(image) != np.asarray(other)).reshape(*image.size[::-1], -1).any(axis=2).mean()
    if unknown > _MAX_UNKNOWN or not _has_all_scans(data, image):
        raise ValueError("a large part is missing")
    return image


def _make_noise(size: int) -> bytes:
    """Return compressed data that means nothing, in pieces between restart markers, the first of `size` bytes."""
    generator = random.Random(0)
    pieces = [generator.randbytes(max(4096, size)), *(generator.randbytes(64) for _ in range(_RESTARTED_PIECES))]
    return b"".join(
        piece.replace(b"\xff", b"\xfe") + _RESTARTS[index % len(_RESTARTS)] for index, piece in enumerate(pieces)
    )


def _has_all_scans(data: bytes, image: JpegImageFile) -> bool:
    """Return whether the last scans are there: a progressive file tells each coefficient bit by bit."""
    coefficients = _COEFFICIENTS if image.info.get("progressive") else 1
    known = set[tuple[int, int]]()
    for scan in _iter_scans(data):
        count = scan[0]
        first, last, bits = scan[1 + 2 * count : 4 + 2 * count]
        if not bits & 0x0F:  # down to the lowest bit
            known |= {(scan[1 + 2 * index], place) for index in range(count) for place in range(first, last + 1)}
    return len({pair for pair in known if pair[1] < coefficients}) == coefficients * image.layers


def _iter_scans(data: bytes) -> Iterator[bytes]:
    """Yield the header of each scan: a number of components, their ids and tables, a range of coefficients, bits."""
    position = 0
    while match := _MARKER.search(data, position):
        if match[1] == _END[1:]:
            return
        start = match.end() + 2
        position = match.end() + int.from_bytes(data[match.end() : start])
        if match[1] == _SCAN[1:]:
            yield data[start:position]
