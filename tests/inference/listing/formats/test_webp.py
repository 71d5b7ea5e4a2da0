"""WebP: still photos, animations, and hostile bytes."""

from __future__ import annotations

import random
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from inference.errors import InvalidInput, catch_invalid
from inference.listing.types import Submission, Upload
from inference.listing.validation import validate

RED, BLUE = (200, 30, 40), (20, 40, 210)
SIZE = (64, 48)


def halves(size: tuple[int, int] = SIZE) -> Image.Image:
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def textured() -> Image.Image:
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, (*SIZE[::-1], 3), dtype=np.uint8))


def encode(image: Image.Image, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, "WEBP", **options)
    return file.getvalue()


def decode(data: bytes) -> Image.Image:
    return validate(Submission((Upload(data, "a.jpg"),))).photos[0].image


def refuse(data: bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        decode(data)
    return caught.value.message.code


def is_near(found: object, expected: tuple[int, int, int], tolerance: int = 12) -> bool:
    return int(np.abs(np.array(found) - expected).max()) <= tolerance


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"quality": 10}, {"quality": 100, "method": 6}])
@pytest.mark.parametrize("size", [SIZE, (17, 16), (1500, 900), (16, 800)])
def test_a_photo_is_read(size: tuple[int, int], options: dict[str, object]) -> None:
    image = decode(encode(halves(size), **options))
    assert image.mode == "RGB"
    assert max(image.size) == min(1024, max(size))
    assert is_near(image.getpixel((2, image.height // 2)), RED)
    assert is_near(image.getpixel((image.width - 3, image.height // 2)), BLUE)


@pytest.mark.parametrize("options", [{}, {"lossless": True}])
def test_transparency_becomes_white(options: dict[str, object]) -> None:
    image = halves().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 48))
    assert decode(encode(image, **options)).getpixel((8, 24)) == (255, 255, 255)


@pytest.mark.parametrize(("orientation", "red"), [(1, (8, 24)), (3, (56, 24)), (6, (24, 8)), (8, (24, 56))])
def test_the_camera_is_turned_upright(orientation: int, red: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode(encode(halves(), exif=exif))
    assert image.size == (SIZE if orientation < 5 else SIZE[::-1])
    assert is_near(image.getpixel(red), RED)


@pytest.mark.parametrize("place", range(3))
def test_the_richest_frame_of_an_animation_is_selected(place: int) -> None:
    frames = [Image.new("RGB", SIZE, "white"), Image.new("RGB", SIZE, "black")]
    frames.insert(place, textured())
    data = encode(frames[0], save_all=True, append_images=frames[1:], lossless=True)
    assert np.array_equal(np.asarray(decode(data)), np.asarray(textured()))


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"save_all": True, "append_images": [textured()]}])
def test_a_cut_file_is_refused_wherever_it_ends(options: dict[str, object]) -> None:
    data = encode(textured(), **options)
    for share in (0.02, 0.1, 0.3, 0.5, 0.8, 0.98):
        assert refuse(data[: int(len(data) * share)]) in {"photo-damaged", "photo-format"}, share
    for length in range(12, 40):
        assert refuse(data[:length]) == "photo-damaged"


def riff(kind: bytes, body: bytes) -> bytes:
    chunk = kind + len(body).to_bytes(4, "little") + body
    return b"RIFF" + (len(chunk) + 4).to_bytes(4, "little") + b"WEBP" + chunk


@pytest.mark.parametrize(
    "data",
    [
        riff(b"VP8X", bytes(4) + b"\xff\x3f\0" * 2),
        riff(b"VP8L", b"\x2f" + (16_382 | 16_382 << 14).to_bytes(4, "little")),
        riff(b"VP8 ", b"\0\0\0\x9d\x01\x2a\xff\x3f\xff\x3f"),
    ],
)
def test_the_header_of_a_bomb_is_enough(data: bytes) -> None:
    """There are no pixels behind these headers."""
    assert refuse(data) == "photo-too-many-pixels"


def test_tiny_and_narrow_photos_are_refused() -> None:
    assert refuse(encode(halves((40, 15)))) == "photo-too-small"
    assert refuse(encode(halves((16, 900)))) == "photo-too-narrow"


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_flipped_bits_give_a_picture_or_a_refusal() -> None:
    files = [
        encode(textured()),
        encode(textured(), lossless=True),
        encode(halves(), save_all=True, append_images=[textured()]),
    ]
    for seed in range(200):
        generator = random.Random(seed)
        data = bytearray(files[seed % 3])
        for _ in range(generator.randint(1, 20)):
            data[generator.randrange(12, len(data) if seed % 2 else 60)] ^= 1 << generator.randrange(8)
        result = catch_invalid(decode, bytes(data))
        assert result.message.code.startswith("photo-") if isinstance(result, InvalidInput) else result.mode == "RGB"
