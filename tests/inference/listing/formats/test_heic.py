"""HEIC, as iPhones write it, becomes one picture or a refusal, whatever its bytes are."""

from __future__ import annotations

import random
import subprocess
import sys
from functools import cache
from io import BytesIO

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from inference.errors import InvalidInput, catch_invalid
from inference.listing.types import Submission, Upload
from inference.listing.validation import validate
from tests.support.icc import make_rgb_profile

RED, BLUE = (200, 30, 40), (20, 40, 210)
SIZE = (96, 64)


def halves(size: tuple[int, int] = SIZE) -> Image.Image:
    """Return an image that is red on the left and blue on the right."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def encode(*images: Image.Image, **options: object) -> bytes:
    file = BytesIO()
    heif = pillow_heif.from_pillow(images[0])
    for image in images[1:]:
        heif.add_from_pillow(image)
    heif.save(file, **({"quality": 90} | options))
    return file.getvalue()


@cache
def photo() -> bytes:
    return encode(halves())


def decode(data: bytes) -> Image.Image:
    return validate(Submission((Upload(data, "IMG_0001.HEIC"),))).photos[0].image


def refuse(data: bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        decode(data)
    return caught.value.message.code


def is_near(found: object, expected: tuple[int, int, int], tolerance: int = 12) -> bool:
    return int(np.abs(np.array(found) - expected).max()) <= tolerance


def is_halves(image: Image.Image) -> bool:
    middle = image.height // 2
    left, right = image.getpixel((8, middle)), image.getpixel((image.width - 9, middle))
    return image.mode == "RGB" and is_near(left, RED) and is_near(right, BLUE)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("size", [SIZE, (65, 49), (1600, 1200)])
def test_a_photo_is_read(mode: str, size: tuple[int, int]) -> None:
    image = decode(encode(halves(size).convert(mode)))
    assert is_halves(image)
    assert max(image.size) == min(1024, max(size))


def test_grey_transparent_and_lossless_photos_are_read() -> None:
    assert is_near(decode(encode(Image.new("L", SIZE, 90))).getpixel((9, 9)), (90, 90, 90))
    clear = halves().convert("RGBA")
    clear.paste((0, 0, 0, 0), (0, 0, 48, 64))
    assert is_near(decode(encode(clear)).getpixel((9, 9)), (255, 255, 255))
    assert is_halves(decode(encode(halves(), quality=-1)))


def test_a_photo_of_ten_bits_is_read() -> None:
    heif = pillow_heif.from_bytes(mode="RGB;16", size=SIZE, data=(np.asarray(halves(), np.uint16) * 257).tobytes())
    file = BytesIO()
    heif.save(file, quality=90)
    assert is_halves(decode(file.getvalue()))


@pytest.mark.parametrize(("orientation", "red"), [(1, (8, 32)), (3, (88, 32)), (6, (32, 8)), (8, (32, 88))])
def test_a_phone_that_was_turned_gives_an_upright_photo(orientation: int, red: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    heif, file = pillow_heif.from_pillow(halves()), BytesIO()
    heif.info["exif"] = exif.tobytes()
    heif.save(file)
    decoded = decode(file.getvalue())
    assert decoded.size == (SIZE if orientation < 5 else SIZE[::-1])
    assert is_near(decoded.getpixel(red), RED)


def test_the_colours_are_those_of_the_profile() -> None:
    image = halves()
    image.info["icc_profile"] = make_rgb_profile("prophoto")
    assert not is_near(decode(encode(image)).getpixel((8, 32)), RED)
    image.info["icc_profile"] = make_rgb_profile("srgb")
    assert is_near(decode(encode(image)).getpixel((8, 32)), RED)


def test_a_photo_in_tiles_is_put_together() -> None:
    """As iPhones store it."""
    data = encode(halves((1600, 1200)), tile_size=512)
    assert b"grid" in data
    assert is_halves(decode(data))


def test_the_main_picture_of_several_is_read() -> None:
    data = encode(Image.new("RGB", SIZE), halves(), Image.new("RGB", SIZE, "white"), primary_index=1)
    assert is_halves(decode(data))


@pytest.mark.parametrize("brands", [b"mif1\0\0\0\0mif1heic", b"msf1\0\0\0\0heicmif1", b"heix\0\0\0\0mif1heic"])
def test_the_brand_may_be_a_secondary_one(brands: bytes) -> None:
    data = photo()
    length = int.from_bytes(data[:4])
    assert length >= 8 + len(brands)
    padded = brands + b"mif1" * ((length - 8 - len(brands)) // 4)
    assert is_halves(decode(data[:8] + padded + data[8 + len(padded) :]))


@pytest.mark.parametrize("brand", [b"avif", b"mif1", b"crx "])
def test_another_still_format_is_unsupported(brand: bytes) -> None:
    head = (24).to_bytes(4) + b"ftyp" + brand + bytes(4) + b"mif1miaf"
    assert refuse(head + photo()[int.from_bytes(photo()[:4]) :]) == "photo-format"


def test_a_cut_file_is_refused_wherever_it_ends() -> None:
    data = photo()
    for length in {*range(12, 60, 7), *range(60, len(data), 41), len(data) - 1}:
        assert refuse(data[:length]) == "photo-damaged"


def test_a_header_of_a_huge_photo_is_enough() -> None:
    data = photo()
    place = data.index(b"ispe") + 8
    bomb = data[:place] + (30_000).to_bytes(4) * 2 + data[place + 8 :]
    assert refuse(bomb) in {"photo-too-many-pixels", "photo-damaged"}


def test_tiny_photos_are_refused() -> None:
    assert refuse(encode(halves((64, 8)))) == "photo-too-small"


def test_flipped_bits_give_a_picture_or_a_refusal() -> None:
    for seed in range(25):
        generator, data = random.Random(seed), bytearray(photo())
        for _ in range(generator.randint(1, 20)):
            data[generator.randrange(24, len(data) if seed % 2 else 300)] ^= 1 << generator.randrange(8)
        result = catch_invalid(decode, bytes(data))
        assert result.message.code.startswith("photo-") if isinstance(result, InvalidInput) else result.mode == "RGB"


def test_the_service_itself_decodes_no_heic() -> None:
    code = "import sys, inference.listing.validation; sys.exit('pi_heif' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
