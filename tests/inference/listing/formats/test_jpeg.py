"""A JPEG without its end is decoded as far as it goes, if nearly all of it is there."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from inference.errors import InvalidInput
from inference.listing.types import Submission, Upload
from inference.listing.validation import validate

SIZE = (400, 300)

KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "plain": ("RGB", {}),
    "progressive": ("RGB", {"progressive": True}),
    "optimised": ("RGB", {"optimize": True}),
    "grey": ("L", {}),
    "progressive grey": ("L", {"progressive": True}),
    "inks": ("CMYK", {}),
    "full colour": ("RGB", {"subsampling": 0}),
    "restarts after each row": ("RGB", {"restart_marker_rows": 1}),
    "restarts after a few blocks": ("RGB", {"restart_marker_blocks": 5}),
    "progressive with restarts": ("RGB", {"progressive": True, "restart_marker_rows": 1}),
    "low quality": ("RGB", {"quality": 20}),
    "high quality": ("RGB", {"quality": 98}),
}


def scene() -> Image.Image:
    """Return a picture with soft shades and hard edges everywhere."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    noise = np.random.default_rng(5).normal(0, 12, (*SIZE[::-1], 3))
    shades = np.stack([x / SIZE[0] * 200, y / SIZE[1] * 200, 120 + 60 * np.sin(x / 9) * np.cos(y / 7)], axis=2)
    return Image.fromarray(np.clip(shades + noise, 0, 255).astype(np.uint8))


def encode(kind: str, image: Image.Image | None = None) -> bytes:
    mode, options = KINDS[kind]
    file = BytesIO()
    (image or scene()).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


def decode(data: bytes) -> Image.Image:
    return validate(Submission((Upload(data),))).photos[0].image


def refuse(data: bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        decode(data)
    return caught.value.message.code


@pytest.mark.parametrize(
    "tail", [b"", b"\xff", b"\0\0", bytes(5000), b"\xff\xff\xff"], ids=lambda tail: f"{tail[:4]!r}"
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_lacks_only_its_end_marker_is_whole(kind: str, tail: bytes) -> None:
    data = encode(kind)
    assert data.endswith(b"\xff\xd9")
    assert np.array_equal(np.asarray(decode(data[:-2] + tail)), np.asarray(decode(data)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_missing_bytes_spoil_a_corner_at_most(kind: str) -> None:
    data = encode(kind)
    for missing in (3, 4, 6, 10):
        image, whole = (np.asarray(decode(part), np.int16) for part in (data[:-missing], data))
        assert (np.abs(image - whole).max(axis=2) > 40).mean() < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_without_a_large_part_is_refused(kind: str) -> None:
    data = encode(kind)
    for share in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        assert refuse(data[: int(len(data) * share)]) == "photo-damaged", share


@pytest.mark.parametrize("size", [(5000, 3700), (3000, 4000)])
def test_a_large_photo_without_its_end_is_whole(size: tuple[int, int]) -> None:
    data = encode("plain", scene().resize(size))
    image = decode(data[:-2])
    assert max(image.size) == 1024
    assert np.array_equal(np.asarray(image), np.asarray(decode(data)))
    assert refuse(data[: len(data) // 2]) == "photo-damaged"


def test_a_thumbnail_with_an_end_of_its_own_changes_nothing() -> None:
    """The end marker in the EXIF is not that of the photo."""
    thumbnail = encode("low quality", scene().resize((64, 48)))
    data = encode("plain")
    segment = b"Exif\0\0" + thumbnail
    data = data[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2) + segment + data[2:]
    assert np.array_equal(np.asarray(decode(data[:-2])), np.asarray(decode(data)))
    assert refuse(data[: len(data) // 2]) == "photo-damaged"


def test_the_orientation_counts_without_the_end_as_well() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = BytesIO()
    scene().save(file, "JPEG", exif=exif)
    assert decode(file.getvalue()[:-2]).size == SIZE[::-1]
