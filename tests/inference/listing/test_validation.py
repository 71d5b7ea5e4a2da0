"""A submission becomes a listing, or an error that names the file."""

import hashlib
import random
import struct
import zlib
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from inference.errors import InvalidInput, Message, catch_invalid
from inference.listing.types import Photo, Submission, Upload
from inference.listing.validation import build_job, validate

_REAL = Path(__file__).parents[4] / "shared" / "data" / "clothing" / "photos"
_RED, _BLUE = (200, 30, 40), (20, 40, 210)


def _encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _halves(size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Return an image that is red on the left and blue on the right."""
    image = Image.new("RGB", size, _RED)
    image.paste(_BLUE, (size[0] // 2, 0, *size))
    return image


def _textured(size: tuple[int, int] = (96, 80)) -> Image.Image:
    rng = np.random.default_rng(7)
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def _photo(data: bytes, name: str | None = None) -> Photo:
    return validate(Submission((Upload(data, name),))).photos[0]


def _refusal(*uploads: Upload, attributes: str = "") -> Message:
    with pytest.raises(InvalidInput) as caught:
        validate(Submission(uploads, attributes))
    return caught.value.message


def _near(actual: object, expected: tuple[int, int, int], tolerance: int = 12) -> bool:
    assert isinstance(actual, tuple)
    return all(abs(a - b) <= tolerance for a, b in zip(actual, expected, strict=True))


class TestSubmission:
    def test_an_empty_submission_has_its_own_code(self) -> None:
        assert _refusal() == Message("nothing-sent", {"limit": 10})

    def test_blank_attributes_are_nothing(self) -> None:
        assert _refusal(attributes=" \n\u200b Цвет: -").code == "nothing-sent"

    @pytest.mark.parametrize(
        ("uploads", "attributes", "mode"), [(1, "Цена: 5", "photos+text"), (1, "", "photos"), (0, "Цена: 5", "text")]
    )
    def test_the_mode_depends_on_the_submission(self, uploads: int, attributes: str, mode: str) -> None:
        assert validate(Submission((Upload(_encoded(_halves())),) * uploads, attributes)).mode == mode

    def test_ten_photos_pass_in_order_and_eleven_do_not(self) -> None:
        uploads = [Upload(_encoded(Image.new("L", (20 + number, 20)))) for number in range(11)]
        assert [photo.image.width for photo in validate(Submission(tuple(uploads[:10]))).photos] == list(range(20, 30))
        assert _refusal(*uploads) == Message("too-many-photos", {"count": 11, "limit": 10})

    def test_a_job_has_the_seconds_of_its_validation(self) -> None:
        job = build_job(Submission((Upload(_encoded(_halves())),)))
        assert (job.listing.mode, job.timings.validate_s > 0) == ("photos", True)

    def test_a_batch_gets_the_error_in_the_place_of_the_job(self) -> None:
        error = catch_invalid(build_job, Submission((Upload(b"text"),)))
        assert isinstance(error, InvalidInput)
        assert error.message.code == "photo-format"

    def test_a_refusal_names_the_first_bad_file(self) -> None:
        good = Upload(_encoded(_halves()), "good.png")
        assert _refusal(good, Upload(b"", "bad.png")).details == {"name": "bad.png", "number": 2}
        assert _refusal(good, good, Upload(b"text")).details == {"name": "", "number": 3}

    def test_a_name_is_one_short_printable_line(self) -> None:
        """A file name comes from the sender and is part of error messages."""
        name = _photo(_encoded(_halves()), "фото\u202e\n" + "я" * 300 + ".png").name
        assert len(name) == 60
        assert name.isprintable()
        assert name.endswith("я.png")

    def test_a_photo_keeps_the_hash_of_its_file(self) -> None:
        data = _encoded(_halves())
        assert _photo(data, "a.png").sha256 == hashlib.sha256(data).hexdigest()
        assert _photo(data).name == ""


class TestRefusedFiles:
    def test_25_megabytes_are_the_limit(self) -> None:
        """The boundary itself passes; a byte more is told as more than the limit, not rounded down to it."""
        data = _encoded(_halves(), "JPEG")
        limit = 25 * 1024 * 1024
        assert _photo(data.ljust(limit, b"\0")).image.size == (64, 48)
        refusal = _refusal(Upload(data.ljust(limit + 1, b"\0"), "a.jpg"))
        assert refusal == Message("photo-too-big", {"name": "a.jpg", "number": 1, "megabytes": 25.1, "limit": 25})

    @pytest.mark.parametrize("kind", ["AVIF", "BMP", "TIFF", "PPM", "ICO"])
    def test_other_formats_are_refused_whatever_the_name(self, kind: str) -> None:
        assert _refusal(Upload(_encoded(_halves(), kind), "a.jpg")).code == "photo-format"

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
    def test_the_format_is_detected_by_content(self, kind: str) -> None:
        assert _photo(_encoded(_halves(), kind), "a.tiff").image.size == (64, 48)

    def test_the_header_of_a_bomb_is_enough(self) -> None:
        """There are no pixels behind these headers, so that decoding would say «damaged» instead."""
        assert _refusal(Upload(_png_header(30_000, 30_000) + _chunk(b"IDAT", b""))).code == "photo-too-many-pixels"
        assert _refusal(Upload(_gif_header(65_535, 65_535))).code == "photo-too-many-pixels"
        assert _refusal(Upload(_gif_header(100, 100, frame=(65_535, 65_535)))).code == "photo-too-many-pixels"
        assert _refusal(Upload(_jpeg_header(65_000, 65_000))).code == "photo-too-many-pixels"

    def test_all_headers_are_checked_before_any_decoding(self) -> None:
        damaged = _encoded(_textured(), "JPEG")[:-400]
        assert (
            _refusal(Upload(damaged), Upload(_png_header(30_000, 30_000) + _chunk(b"IDAT", b""), "bomb")).details[
                "name"
            ]
            == "bomb"
        )

    def test_a_later_frame_may_not_outgrow_the_header(self) -> None:
        first = _encoded(_halves(), "GIF")
        second = b"," + struct.pack("<4H", 0, 0, 9_000, 9_000) + b"\0\x08\0;"
        assert _refusal(Upload(first[:-1] + second)).code == "photo-too-many-pixels"

    def test_a_small_jpeg_with_thousands_of_scans_is_refused(self) -> None:
        data = _encoded(Image.new("RGB", (2_000, 2_000), _RED), "JPEG", progressive=True)
        scan = data[data.rindex(b"\xff\xda") : -2]
        assert _refusal(Upload(data[:-2] + scan * 10_000)).code == "photo-damaged"

    def test_a_photo_of_a_few_pixels_is_refused(self) -> None:
        refusal = _refusal(Upload(_encoded(_halves((400, 15)))))
        assert refusal.code == "photo-too-small"
        assert refusal.details == {"name": "", "number": 1, "width": 400, "height": 15, "limit": 16}
        assert _photo(_encoded(_halves((16, 16)))).image.size == (16, 16)

    def test_a_narrow_strip_is_refused(self) -> None:
        """Models would make of it a line of one pixel, or a picture of a hundred thousand."""
        refusal = _refusal(Upload(_encoded(_halves((16, 801)))))
        assert refusal.code == "photo-too-narrow"
        assert refusal.details == {"name": "", "number": 1, "width": 16, "height": 801, "limit": 50}
        assert _refusal(Upload(_encoded(_halves((16_000, 16))))).code == "photo-too-narrow"
        assert _photo(_encoded(_halves((16, 800)))).image.size == (16, 800)

    @pytest.mark.parametrize(
        ("kind", "options"),
        [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("GIF", {}), ("GIF", {"n": 3})],
    )
    def test_a_truncated_file_is_refused_wherever_it_ends(self, kind: str, options: dict[str, object]) -> None:
        frames = [_textured() for _ in range(2)] if options.pop("n", None) else []
        more = {"save_all": True, "append_images": frames, "disposal": 2} if frames else {}
        data = _encoded(_textured(), kind, **options, **more)
        for share in (0.02, 0.1, 0.3, 0.5, 0.8, 0.98):
            assert _refusal(Upload(data[: int(len(data) * share)])).code == "photo-damaged", share


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png_header(width: int, height: int, bits: int = 8) -> bytes:
    """Return an RGB PNG up to its pixels."""
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0))


def _gif_header(width: int, height: int, frame: tuple[int, int] | None = None) -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)
    return screen + b"," + struct.pack("<4H", 0, 0, *(frame or (width, height))) + b"\0\x08"


def _jpeg_header(width: int, height: int) -> bytes:
    start = b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\0"
    return start + b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 0, 63, 0)


class TestPixels:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_every_exif_orientation_becomes_upright(self, orientation: int, kind: str) -> None:
        """The camera's turn is undone: red is on the left again, and the EXIF itself is gone."""
        undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # how an upright picture is stored for this orientation
        stored = _halves()
        if orientation in undo:
            stored = stored.transpose(Image.Transpose(undo[orientation]))
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = _photo(_encoded(stored, kind, exif=exif)).image
        assert image.size == (64, 48)
        assert _near(image.getpixel((8, 24)), _RED)
        assert _near(image.getpixel((56, 24)), _BLUE)
        assert not image.getexif()

    @pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # how Pillow speaks of EXIF; the product ignores it as well
    @pytest.mark.parametrize("exif", [b"", b"MM", b"II*\0\x08\0\0\0\xff\xff", b"MM\0*\0\0\0\x08" + b"\x01\x12" * 40])
    def test_broken_exif_is_ignored(self, exif: bytes) -> None:
        assert _photo(_encoded(_halves(), "JPEG", exif=b"Exif\0\0" + exif)).image.size == (64, 48)

    def test_cmyk_of_a_jpeg_becomes_rgb(self) -> None:
        """Adobe's inverted inks, which is how every CMYK JPEG is stored: red stays red."""
        data = _encoded(_halves().convert("CMYK"), "JPEG", quality=95)
        assert b"Adobe" in data
        assert _near(_photo(data).image.getpixel((8, 24)), _RED)

    @pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "RGB", "RGBA"])
    def test_every_mode_becomes_rgb(self, mode: str) -> None:
        stored = _halves().convert("L").point(lambda value: 255 * (value > 60)).convert(mode)
        image = _photo(_encoded(stored)).image
        assert (image.mode, type(image)) == ("RGB", Image.Image)
        assert image.getpixel((8, 24)) == (255, 255, 255)
        assert image.getpixel((56, 24)) == (0, 0, 0)

    @pytest.mark.parametrize("kind", ["PNG", "GIF"])
    def test_transparency_becomes_white(self, kind: str) -> None:
        stored = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
        stored.paste((*_RED, 255), (0, 0, 32, 48))
        image = _photo(_encoded(stored, kind)).image
        assert _near(image.getpixel((8, 24)), _RED)
        assert image.getpixel((56, 24)) == (255, 255, 255)

    def test_a_transparent_colour_of_a_palette_or_of_rgb_becomes_white(self) -> None:
        palette = _halves().quantize(2)
        for data in (
            _encoded(palette, transparency=palette.getpixel((56, 24))),
            _encoded(_halves(), transparency=_BLUE),
        ):
            image = _photo(data).image
            assert _near(image.getpixel((8, 24)), _RED)
            assert image.getpixel((56, 24)) == (255, 255, 255)

    def test_half_transparent_edges_are_mixed_after_shrinking(self) -> None:
        """Hidden colours behind full transparency must not shine through when a large picture is made small."""
        stored = Image.new("RGBA", (3000, 2000), (0, 0, 0, 0))
        stored.paste((*_RED, 255), (0, 0, 1500, 2000))
        edge = np.asarray(_photo(_encoded(stored)).image)[300, 505:520].astype(int)
        assert (edge[:, 0] >= 190).all()  # never darker than the red: black would have to come from the hidden part

    def test_16_bit_grey_is_scaled_not_clipped(self) -> None:
        ramp = np.linspace(0, 65_535, 256).astype(np.uint16)[None].repeat(32, axis=0)
        grey = np.asarray(_photo(_encoded(Image.fromarray(ramp))).image)[0, :, 0]
        assert np.abs(grey.astype(int) - np.arange(256)).max() <= 1

    def test_16_bit_colour_is_scaled_not_clipped(self) -> None:
        row = b"\0" + struct.pack(">3H", 0x4000, 0x8000, 0xC000) * 20
        data = _png_header(20, 20, bits=16) + _chunk(b"IDAT", zlib.compress(row * 20)) + _chunk(b"IEND", b"")
        assert _photo(data).image.getpixel((5, 5)) == (0x40, 0x80, 0xC0)

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF"])
    @pytest.mark.parametrize(
        ("size", "expected"),
        [((1024, 700), (1024, 700)), ((3000, 2000), (1024, 683)), ((1025, 21), (1024, 21)), ((900, 4000), (230, 1024))],
    )
    def test_the_longer_side_is_at_most_1024(self, kind: str, size: tuple[int, int], expected: tuple[int, int]) -> None:
        assert _photo(_encoded(_halves(size), kind)).image.size == expected


class TestAnimations:
    def test_the_most_informative_frame_is_selected(self) -> None:
        blank, busy = Image.new("RGB", (64, 48), "white"), _textured((64, 48))
        data = _encoded(blank, "GIF", save_all=True, append_images=[_halves(), busy, blank], duration=100)
        levels = np.asarray(_photo(data).image.convert("L"))
        assert levels.std() > 30

    def test_the_first_of_equal_frames_is_selected(self) -> None:
        mirrored = _halves().transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        data = _encoded(_halves(), "GIF", save_all=True, append_images=[mirrored], duration=100)
        assert _near(_photo(data).image.getpixel((8, 24)), _RED)

    def test_frames_beyond_the_limit_are_not_decoded(self) -> None:
        """A long animation costs no more than its first 64 frames."""
        blanks = [Image.new("L", (32, 32), value) for value in range(100, 164)]
        data = _encoded(blanks[0], "GIF", save_all=True, append_images=[*blanks[1:], _textured((32, 32))])
        assert np.asarray(_photo(data).image).std() < 1


def _files() -> dict[str, Callable[[], bytes]]:
    frames = {"save_all": True, "append_images": [_textured((40, 30))], "disposal": 2}
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "jpeg": lambda: _encoded(_textured((40, 30)), "JPEG", exif=exif),
        "progressive": lambda: _encoded(_textured((40, 30)), "JPEG", progressive=True),
        "cmyk": lambda: _encoded(_textured((40, 30)).convert("CMYK"), "JPEG"),
        "png": lambda: _encoded(_textured((40, 30)), exif=exif),
        "palette": lambda: _encoded(_textured((40, 30)).quantize(16), transparency=3),
        "gif": lambda: _encoded(_halves((40, 30)), "GIF", **frames),
    }


@cache
def _file(kind: str) -> bytes:
    return _files()[kind]()


def _is_listing_or_refusal(data: bytes) -> None:
    try:
        photo = _photo(data)
    except InvalidInput:
        return
    assert photo.image.mode == "RGB"
    assert max(photo.image.size) <= 1024


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
class TestHostileBytes:
    """Any bytes give a listing or `InvalidInput`."""

    @settings(max_examples=200, deadline=None)
    @given(magic=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"]), tail=st.binary())
    @example(magic=b"GIF89a", tail=b"")
    def test_random_bytes_behind_a_magic(self, magic: bytes, tail: bytes) -> None:
        _is_listing_or_refusal(magic + tail)

    @settings(max_examples=300, deadline=None)
    @given(kind=st.sampled_from(sorted(_files())), seed=st.integers(0, 2**32), flips=st.integers(1, 30))
    def test_flipped_and_cut_files(self, kind: str, seed: int, flips: int) -> None:
        random_of = random.Random(seed)
        data = bytearray(_file(kind))
        for _ in range(flips):
            # half of the flips hit the headers, where the decoders branch
            place = random_of.randrange(len(data) if random_of.random() < 0.5 else min(200, len(data)))
            data[place] ^= 1 << random_of.randrange(8)
        _is_listing_or_refusal(bytes(data[: random_of.randint(len(data) // 2, len(data))]))

    @pytest.mark.parametrize("kind", sorted(_files()))
    def test_a_file_cut_at_each_byte_of_its_header(self, kind: str) -> None:
        data = _file(kind)
        for length in range(1, min(len(data), 700)):
            assert _refusal(Upload(data[:length])).code in {"photo-damaged", "photo-format"}


@pytest.fixture
def real_photos() -> list[Path]:
    if not _REAL.is_dir():
        pytest.skip(f"no photos in {_REAL}")
    return sorted(_REAL.iterdir())[:20]


def test_real_photos_are_decoded(real_photos: list[Path]) -> None:
    for chunk in (real_photos[:10], real_photos[10:]):
        listing = validate(Submission(tuple(Upload(path.read_bytes(), path.name) for path in chunk)))
        assert [photo.name for photo in listing.photos] == [path.name for path in chunk]
        for path, photo in zip(chunk, listing.photos, strict=True):
            with Image.open(path) as original:
                assert sorted(photo.image.size) == sorted(original.size)
