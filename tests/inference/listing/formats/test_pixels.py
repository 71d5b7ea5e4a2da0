"""The colours of a photo are those that its profile means; a profile that cannot be used is ignored."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from inference.listing.types import Submission, Upload
from inference.listing.validation import validate
from tests.support.icc import SPACES, make_cmyk_profile, make_grey_profile, make_rgb_profile

COLOURS = [(200, 30, 30), (30, 30, 200), (40, 160, 60), (250, 240, 90), (128, 128, 128), (90, 60, 40), (250, 250, 250)]
INKS = ((55.0, -37.0, -50.0), (48.0, 74.0, -3.0), (89.0, -5.0, 93.0), (16.0, 0.0, 0.0))


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decode(data: bytes) -> Image.Image:
    return validate(Submission((Upload(data),))).photos[0].image


def stripes(colours: list[tuple[int, int, int]] = COLOURS) -> Image.Image:
    """Return an image of one vertical stripe of 32 px a colour."""
    return Image.fromarray(np.repeat(np.array([colours] * 64, np.uint8), 32, axis=1))


def read_stripes(image: Image.Image, count: int = len(COLOURS)) -> list[tuple[int, ...]]:
    return [image.getpixel((32 * index + 16, 32)) for index in range(count)]  # type: ignore[misc]


def is_near(found: list[tuple[int, ...]], expected: list[tuple[int, int, int]], tolerance: int) -> bool:
    return int(np.abs(np.array(found) - np.array(expected)).max()) <= tolerance


def to_space(image: Image.Image, profile: bytes) -> Image.Image:
    """Return the same colours in the numbers of another space."""
    source, target = ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(BytesIO(profile))
    converted = ImageCms.profileToProfile(image, source, target, renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC)
    assert converted is not None
    converted.info.clear()
    return converted


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("space", SPACES)
def test_colours_of_every_space_become_srgb(space: str, kind: str) -> None:
    profile = make_rgb_profile(space)
    stored = to_space(stripes(), profile)
    options: dict[str, object] = {} if kind == "PNG" else {"quality": 98}
    image = decode(encode(stored, kind, icc_profile=profile, **options))
    assert is_near(read_stripes(image), COLOURS, 12)
    assert "icc_profile" not in image.info


def test_the_profile_matters() -> None:
    """Without its profile a picture in ProPhoto has other colours."""
    stored = to_space(stripes(), make_rgb_profile("prophoto"))
    assert not is_near(read_stripes(decode(encode(stored, "PNG"))), COLOURS, 20)


def test_a_profile_of_srgb_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain, profiled = (decode(encode(stripes(), "PNG", icc_profile=each)) for each in (b"", profile))
    assert is_near(read_stripes(profiled), COLOURS, 1)
    assert is_near(read_stripes(plain), COLOURS, 0)


def test_transparency_stays_beside_a_profile() -> None:
    profile = make_rgb_profile("prophoto")
    stored = to_space(stripes(), profile).convert("RGBA")
    stored.paste((0, 0, 0, 0), (0, 0, 32, 64))
    image = decode(encode(stored, "PNG", icc_profile=profile))
    assert image.getpixel((16, 32)) == (255, 255, 255)
    assert is_near(read_stripes(image)[1:], COLOURS[1:], 4)


def test_a_palette_has_the_colours_of_the_profile() -> None:
    profile = make_rgb_profile("adobe")
    stored = to_space(stripes(), profile).quantize(16)
    assert is_near(read_stripes(decode(encode(stored, "PNG", icc_profile=profile))), COLOURS, 6)


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "L"), ("PNG", "L"), ("PNG", "LA")])
def test_a_grey_profile_changes_the_brightness(kind: str, mode: str) -> None:
    stored = Image.new("L", (64, 64), 128).convert(mode)
    dark = decode(encode(stored, kind, icc_profile=make_grey_profile(3.0)))
    light = decode(encode(stored, kind, icc_profile=make_grey_profile(1.0)))
    levels = [dark.getpixel((5, 5)), light.getpixel((5, 5))]
    assert is_near(levels, [(100, 100, 100), (188, 188, 188)], 3)  # type: ignore[arg-type]


def test_a_grey_picture_may_have_a_profile_of_colours() -> None:
    stored = Image.new("L", (64, 64), 128)
    image = decode(encode(stored, "PNG", icc_profile=make_rgb_profile("linear")))
    assert is_near([image.getpixel((5, 5))], [(188, 188, 188)], 3)  # type: ignore[list-item]


def test_inks_have_the_colours_of_their_profile() -> None:
    """Pure cyan of a printing press is a dull blue, not the (0, 255, 255) of a naive conversion."""
    stored = Image.new("CMYK", (160, 64))
    for index in range(4):
        ink = tuple(255 * (place == index) for place in range(4))
        stored.paste(ink, (32 * (index + 1), 0, 32 * (index + 2), 64))
    image = decode(encode(stored, "JPEG", quality=98, icc_profile=make_cmyk_profile(INKS)))
    paper, cyan, magenta, yellow, black = read_stripes(image, 5)
    assert is_near([paper, black], [(255, 255, 255), (40, 40, 40)], 6)
    assert is_near([cyan, magenta, yellow], [(40, 143, 180), (168, 88, 117), (248, 224, 35)], 12)
    naive = decode(encode(stored, "JPEG", quality=98))
    assert naive.getpixel((48, 32)) != cyan


BROKEN = {
    "empty": b"",
    "text": b"not a profile",
    "zeros": bytes(500),
    "header alone": make_rgb_profile("prophoto")[:128],
    "cut": make_rgb_profile("prophoto")[:300],
    "no tags": make_rgb_profile("prophoto")[:128] + bytes(4),
    "another space": make_rgb_profile("prophoto")[:16] + b"7CLR" + make_rgb_profile("prophoto")[20:],
    "lab": make_rgb_profile("prophoto")[:16] + b"Lab " + make_rgb_profile("prophoto")[20:],
    "of inks": make_cmyk_profile(INKS),
    "of grey": make_grey_profile(1.0),
    "no signature": make_rgb_profile("prophoto").replace(b"acsp", b"xxxx"),
    "offsets beyond the end": make_rgb_profile("prophoto")[:132] + b"rXYZ\xff\xff\xff\xff\xff\xff\xff\xff" * 20,
    "too large": make_rgb_profile("prophoto") + bytes(5 * 1024**2),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("profile", BROKEN.values(), ids=BROKEN)
def test_a_broken_or_foreign_profile_is_ignored(kind: str, profile: bytes) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    image = decode(encode(stripes(), kind, icc_profile=profile, **options))
    assert is_near(read_stripes(image), COLOURS, 8)


def test_inks_with_a_profile_of_colours_are_converted_without_it() -> None:
    stored = stripes().convert("CMYK")
    image = decode(encode(stored, "JPEG", quality=98, icc_profile=make_rgb_profile("prophoto")))
    assert is_near(read_stripes(image), COLOURS, 8)
