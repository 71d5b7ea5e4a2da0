"""The ISO base media file format, a row of boxes: mp4 videos and HEIC photos have the same signature."""

from __future__ import annotations

from typing import Final

# HEIC, AVIF and Canon raw photos start like an mp4.
_HEIC_BRANDS: Final = frozenset(b"heic heix heim heis hevc hevx hevm hevs".split())
_STILL_BRANDS: Final = _HEIC_BRANDS | frozenset(b"mif1 mif2 msf1 miaf avif avis crx".split())
_MAX_BRANDS: Final = 64  # bytes of the box that lists them


def is_mp4(data: bytes) -> bool:
    """Return True for bytes with the signature of an mp4 that is no still photo."""
    return data[4:8] == b"ftyp" and data[8:12].strip() not in _STILL_BRANDS


def is_heic(data: bytes) -> bool:
    """Return True for bytes with the signature of a HEIC photo, also where only its secondary brands say so."""
    if data[4:8] != b"ftyp" or data[8:12].strip() not in _STILL_BRANDS:
        return False
    brands = data[8 : min(int.from_bytes(data[:4]), _MAX_BRANDS)]
    return any(brands[start : start + 4] in _HEIC_BRANDS for start in range(0, len(brands), 4))


def check_boxes(data: bytes) -> None:
    """Raise `ValueError` for a file that ends before its last box does; a decoder would invent the missing part."""
    position = 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4])
        if size == 1:  # the size follows, in 64 bits
            size = int.from_bytes(data[position + 8 : position + 16])
        if size == 0:  # the last box extends to the end of the file
            return
        if size < 8 or position + size > len(data):
            raise ValueError("an unfinished box")
        position += size
