"""A PNG is decoded with its transparency, at any depth, and without its metadata; an APNG by its richest frame."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Sequence
from io import BytesIO
from time import perf_counter

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from inference.errors import InvalidInput, Message, catch_invalid
from inference.listing.types import Submission, Upload
from inference.listing.validation import validate

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RED, BLUE = (200, 30, 30), (30, 30, 200)
SIZE = (96, 64)
GREY, RGB, PALETTE = 0, 2, 3


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def decode(data: bytes) -> Image.Image:
    return validate(Submission((Upload(data),))).photos[0].image


def refusal(data: bytes) -> Message:
    with pytest.raises(InvalidInput) as caught:
        validate(Submission((Upload(data),)))
    return caught.value.message


def encode(image: Image.Image, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def halves() -> Image.Image:
    """Return an image that is red on the left and blue on the right."""
    image = Image.new("RGB", SIZE, RED)
    image.paste(BLUE, (SIZE[0] // 2, 0, *SIZE))
    return image


def is_halves(image: Image.Image) -> bool:
    return image.size == SIZE and image.getpixel((20, 30)) == RED and image.getpixel((80, 30)) == BLUE


def insert(data: bytes, extra: bytes, before: bytes = b"IDAT") -> bytes:
    """Return the file with more bytes before the first chunk of a kind."""
    place = data.index(before) - 4
    return data[:place] + extra + data[place:]


def bad_checksum(kind: bytes, body: bytes) -> bytes:
    return chunk(kind, body)[:-4] + b"\0\0\0\0"


def metadata(kind: bytes, text: bytes) -> bytes:
    """Return a text chunk, compressed where the kind is."""
    if kind == b"zTXt":
        return chunk(kind, b"Comment\0\0" + zlib.compress(text))
    if kind == b"iTXt":
        return chunk(kind, b"Comment\0\1\0\0\0" + zlib.compress(text))
    return chunk(kind, b"Comment\0" + text)


ODD_METADATA: dict[str, Callable[[], bytes]] = {
    "a large compressed text": lambda: metadata(b"zTXt", bytes(3_000_000)),
    "a large compressed international text": lambda: metadata(b"iTXt", bytes(3_000_000)),
    "a large plain text": lambda: metadata(b"tEXt", b"x" * 3_000_000),
    "a bomb of text": lambda: chunk(b"zTXt", b"C\0\0" + _compress_zeros(2**27)),
    "thousands of texts": lambda: metadata(b"tEXt", b"x") * 20_000,
    "many texts that are large together": lambda: metadata(b"zTXt", bytes(900_000)) * 100,
    "a text with an unknown compression": lambda: chunk(b"zTXt", b"C\0\7" + zlib.compress(b"text")),
    "a damaged text": lambda: chunk(b"zTXt", b"C\0\0damaged"),
    "a text without a keyword": lambda: chunk(b"tEXt", b""),
    "a text with a wrong checksum": lambda: bad_checksum(b"tEXt", b"Comment\0text"),
    "a large profile": lambda: chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(5_000_000))),
    "a bomb of a profile": lambda: chunk(b"iCCP", b"icc\0\0" + _compress_zeros(2**27)),
    "a damaged profile": lambda: chunk(b"iCCP", b"icc\0\0damaged"),
    "a profile with an unknown compression": lambda: chunk(b"iCCP", b"icc\0\7" + zlib.compress(b"text")),
    "an empty profile": lambda: chunk(b"iCCP", b""),
    "an empty name of a profile": lambda: chunk(b"iCCP", b"icc"),
    "unfinished resolution": lambda: chunk(b"pHYs", b"\0"),
    "unfinished gamma": lambda: chunk(b"gAMA", b"\0"),
    "unfinished chromaticities": lambda: chunk(b"cHRM", b"\0" * 5),
    "an empty sRGB": lambda: chunk(b"sRGB", b""),
    "broken EXIF": lambda: chunk(b"eXIf", b"MM\0*\0\0\0\x08" + b"\x01\x12" * 40),
    "an empty EXIF": lambda: chunk(b"eXIf", b""),
    "an unfinished transparent colour": lambda: chunk(b"tRNS", b"\0\1"),
    "an animation of no frames": lambda: chunk(b"acTL", bytes(8)),
    "an animation of a frame that is not there": lambda: chunk(b"acTL", struct.pack(">II", 5, 0)),
    "an unfinished animation": lambda: chunk(b"acTL", b"\0\1"),
    "a private chunk": lambda: chunk(b"prVt", b"anything"),
    "a private chunk with a wrong checksum": lambda: bad_checksum(b"prVt", b"anything"),
    "a suggested palette": lambda: chunk(b"PLTE", bytes(range(30))),
    "a damaged suggested palette": lambda: bad_checksum(b"PLTE", bytes(30)),
    "a damaged background": lambda: bad_checksum(b"bKGD", bytes(6)),
    "a damaged resolution": lambda: bad_checksum(b"pHYs", bytes(9)),
    "a damaged EXIF": lambda: bad_checksum(b"eXIf", b"MM\0*"),
    "a damaged transparent colour": lambda: bad_checksum(b"tRNS", struct.pack(">3H", *RED)),
    "a profile with a wrong checksum": lambda: bad_checksum(b"iCCP", b"icc\0\0" + zlib.compress(b"text")),
    "an international text of broken UTF-8": lambda: chunk(b"iTXt", b"C\0\0\0\xff\0\xff\0\xff"),
    "a keyword of control characters": lambda: chunk(b"tEXt", bytes(range(1, 32)) + b"\0text"),
    "a time": lambda: chunk(b"tIME", b"\xff" * 7),
}


def _compress_zeros(size: int) -> bytes:
    compressor = zlib.compressobj()
    return b"".join(compressor.compress(bytes(2**20)) for _ in range(size // 2**20)) + compressor.flush()


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # how Pillow speaks of EXIF; the product ignores it as well
@pytest.mark.parametrize("place", [b"IDAT", b"IEND"])
@pytest.mark.parametrize("kind", ODD_METADATA)
def test_odd_metadata_harms_no_pixels(kind: str, place: bytes) -> None:
    start = perf_counter()
    assert is_halves(decode(insert(encode(halves()), ODD_METADATA[kind](), place)))
    assert perf_counter() - start < 20


def test_pixels_may_lie_in_many_chunks_with_others_between() -> None:
    data = encode(halves())
    start = data.index(b"IDAT") - 4
    length = int.from_bytes(data[start : start + 4])
    pixels = data[start + 8 : start + 8 + length]
    pieces = [chunk(b"IDAT", pixels[place : place + 7]) for place in range(0, len(pixels), 7)]
    data = data[:start] + metadata(b"tEXt", b"x").join(pieces) + data[start + 12 + length :]
    assert is_halves(decode(data))


def test_bytes_behind_the_end_are_no_part_of_the_picture() -> None:
    assert is_halves(decode(encode(halves()) + b"PK\3\4" + bytes(1000)))


def test_millions_of_chunks_are_refused_at_once() -> None:
    start = perf_counter()
    assert refusal(insert(encode(halves()), chunk(b"prVt", b"") * 2_000_000)).code == "photo-damaged"
    assert perf_counter() - start < 10


def test_the_end_chunk_may_be_missing() -> None:
    assert is_halves(decode(encode(halves())[:-12]))


def test_a_wrong_checksum_of_the_header_is_damage() -> None:
    data = encode(halves())
    assert refusal(data[:29] + b"\0\0\0\0" + data[33:]).code == "photo-damaged"


def build(samples: NDArray[np.integer], bits: int, colour: int, extra: bytes = b"", interlaced: bool = False) -> bytes:
    """Return a PNG of samples (height, width, channels), with chunks between header and pixels."""
    height, width, _channels = samples.shape

    def pack(part: NDArray[np.integer]) -> bytes:
        if part.size == 0:
            return b""
        flat = part.reshape(part.shape[0], -1)
        if bits == 16:
            return b"".join(b"\0" + row.astype(">u2").tobytes() for row in flat)
        planes = (flat[..., None] >> np.arange(bits - 1, -1, -1)) & 1
        return b"".join(b"\0" + row.tobytes() for row in np.packbits(planes.reshape(len(flat), -1), axis=1))

    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    parts = [samples[y::dy, x::dx] for y, x, dy, dx in passes] if interlaced else [samples]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    pixels = chunk(b"IDAT", zlib.compress(b"".join(map(pack, parts))))
    return SIGNATURE + chunk(b"IHDR", header) + extra + pixels + chunk(b"IEND", b"")


def columns(left: Sequence[int], right: Sequence[int]) -> NDArray[np.uint16]:
    """Return samples with one colour on the left and another one on the right."""
    samples = np.empty((SIZE[1], SIZE[0], len(left)), np.uint16)
    samples[:, : SIZE[0] // 2], samples[:, SIZE[0] // 2 :] = left, right
    return samples


def transparent(*values: int) -> bytes:
    return chunk(b"tRNS", struct.pack(f">{len(values)}H", *values))


WHITE = (255, 255, 255)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(
    ("bits", "hidden", "shown", "seen"),
    [
        (1, 0, 1, 255),
        (1, 1, 0, 0),
        (2, 0, 2, 170),
        (2, 1, 2, 170),
        (2, 3, 1, 85),
        (4, 0, 8, 136),
        (4, 5, 10, 170),
        (4, 15, 1, 17),
        (8, 0, 90, 90),
        (8, 77, 78, 78),
        (16, 0, 0x8080, 128),
        (16, 0x8000, 0x80FF, 128),
        (16, 0x1234, 0x1235, 18),
    ],
)
def test_a_transparent_grey_of_every_depth_is_white(
    bits: int, hidden: int, shown: int, seen: int, interlaced: bool
) -> None:
    image = decode(build(columns([hidden], [shown]), bits, GREY, transparent(hidden), interlaced))
    assert (image.getpixel((20, 30)), image.getpixel((80, 30))) == (WHITE, (seen,) * 3)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(
    ("bits", "hidden", "shown", "seen"),
    [
        (8, (0, 0, 0), (0, 0, 1), (0, 0, 1)),
        (8, (255, 0, 255), (30, 160, 30), (30, 160, 30)),
        (16, (0, 0xFFFF, 0), (0x1E1E, 0xA0A0, 0x1E1E), (30, 160, 30)),
        (16, (0x1234, 0x5678, 0x9ABC), (0x1234, 0x5678, 0x9ABD), (0x12, 0x56, 0x9A)),
        (16, (0, 0, 0), (1, 0, 0), (0, 0, 0)),
    ],
)
def test_a_transparent_colour_of_every_depth_is_white(
    bits: int, hidden: tuple[int, ...], shown: tuple[int, ...], seen: tuple[int, ...], interlaced: bool
) -> None:
    """Also where another colour differs only in the bits that a screen does not show."""
    image = decode(build(columns(hidden, shown), bits, RGB, transparent(*hidden), interlaced))
    assert (image.getpixel((20, 30)), image.getpixel((80, 30))) == (WHITE, seen)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("alpha", [b"\0", b"\0\xff", b"\0\x80", b"\0" + b"\xff" * 255, b"\0\xff" + bytes(500)])
def test_a_transparent_entry_of_a_palette_is_white(bits: int, alpha: bytes) -> None:
    palette = chunk(b"PLTE", bytes((*RED, *BLUE)))
    image = decode(build(columns([0], [1]), bits, PALETTE, palette + chunk(b"tRNS", alpha)))
    half = tuple((value + 255) / 2 for value in BLUE)
    expected = half if alpha == b"\0\x80" else BLUE
    assert image.getpixel((20, 30)) == WHITE
    assert np.abs(np.array(image.getpixel((80, 30))) - expected).max() <= 1


def test_bits_beyond_the_depth_of_a_transparent_colour_do_not_count() -> None:
    image = decode(build(columns([5], [9]), 8, GREY, transparent(0x0105)))
    assert (image.getpixel((20, 30)), image.getpixel((80, 30))) == (WHITE, (9, 9, 9))


@pytest.mark.parametrize("colour", [4, 6])
def test_alpha_of_16_bits_is_mixed_with_white(colour: int) -> None:
    channels = 1 if colour == 4 else 3
    samples = columns([0x4000] * channels + [0], [0x4000] * channels + [0xFFFF])
    image = decode(build(samples, 16, colour))
    assert (image.getpixel((20, 30)), image.getpixel((80, 30))) == (WHITE, (0x40,) * 3)


def textured(size: tuple[int, int] = SIZE, seed: int = 7) -> Image.Image:
    tiles = np.random.default_rng(seed).integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    return Image.fromarray(tiles.repeat(8, 0).repeat(8, 1))


def animate(frames: Sequence[Image.Image], **options: object) -> bytes:
    return encode(frames[0], save_all=True, append_images=list(frames[1:]), duration=100, **options)


def same(image: Image.Image, other: Image.Image) -> bool:
    difference = np.asarray(image, np.int16) - np.asarray(other.convert("RGB"), np.int16)
    return image.size == other.size and int(np.abs(difference).max()) <= 1


BLANK = Image.new("RGB", SIZE, "white")


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_the_richest_frame_of_an_animation_is_selected(mode: str, place: int) -> None:
    rich = textured().convert(mode)
    frames = [Image.new("RGB", SIZE, (9 * index, 0, 0)).convert(mode) for index in range(3)]
    frames.insert(place, rich)
    assert same(decode(animate(frames)), rich)


@pytest.mark.parametrize("disposal", list(PngImagePlugin.Disposal))
@pytest.mark.parametrize("blend", list(PngImagePlugin.Blend))
def test_frames_are_put_together_as_a_browser_does(disposal: int, blend: int) -> None:
    """A small textured part over a plain frame."""
    whole = Image.new("RGBA", SIZE, (*RED, 255))
    over = whole.copy()
    over.paste(textured((48, 32)), (16, 16))
    image = decode(animate([whole, over], disposal=[0, disposal], blend=[0, blend]))
    assert same(image, over)


def control(number: int, box: tuple[int, int, int, int], disposal: int = 0, blend: int = 0) -> bytes:
    """Return the control chunk of a frame; box: width, height, left, top."""
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, *box, 1, 10, disposal, blend))


def assemble(still: Image.Image, frames: Sequence[tuple[Image.Image, tuple[int, int], int, int]]) -> bytes:
    """Return an animation with a still picture that is none of its frames: (picture, place, disposal, blend)."""

    def pixels(image: Image.Image) -> bytes:
        data = encode(image)
        start = data.index(b"IDAT")
        return data[start + 4 : start + 4 + int.from_bytes(data[start - 4 : start])]

    data = encode(still)
    parts, number = [], 0
    for picture, place, disposal, blend in frames:
        parts.append(control(number, (*picture.size, *place), disposal, blend))
        parts.append(chunk(b"fdAT", struct.pack(">I", number + 1) + pixels(picture)))
        number += 2
    data = insert(data, chunk(b"acTL", struct.pack(">II", len(frames), 0)))
    return insert(data, b"".join(parts), b"IEND")


def test_a_still_picture_that_is_no_frame_is_not_selected() -> None:
    """It is for programs that show no animation, and may say just that."""
    assert same(decode(assemble(textured(), [(BLANK, (0, 0), 0, 0), (halves(), (0, 0), 0, 0)])), halves())


def test_a_frame_adds_to_those_before() -> None:
    left, right = textured((48, 64), 1), textured((48, 64), 2)
    frames = [(BLANK, (0, 0), 0, 0), (left, (0, 0), 0, 0), (right, (48, 0), 0, 0)]
    both = BLANK.copy()
    both.paste(left, (0, 0))
    both.paste(right, (48, 0))
    assert same(decode(assemble(BLANK, frames)), both)


@pytest.mark.parametrize("disposal", [PngImagePlugin.Disposal.OP_BACKGROUND, PngImagePlugin.Disposal.OP_PREVIOUS])
def test_a_frame_that_is_disposed_of_leaves_nothing(disposal: int) -> None:
    first, second = textured((48, 64), 1), textured((48, 64), 2)
    frames = [(first, (0, 0), int(disposal), 0), (second, (48, 0), 0, 0)]
    expected = [BLANK.copy(), BLANK.copy()]
    expected[0].paste(first, (0, 0))
    expected[1].paste(second, (48, 0))
    assert any(same(decode(assemble(BLANK, frames)), each) for each in expected)


@pytest.mark.parametrize("box", [(97, 64, 0, 0), (96, 64, 1, 0), (10, 10, 90, 0), (10, 10, 2**31, 0), (0, 0, 0, 0)])
def test_a_frame_beyond_the_canvas_is_damage(box: tuple[int, int, int, int]) -> None:
    data = assemble(BLANK, [(halves(), (0, 0), 0, 0)])
    data = data.replace(control(0, (*SIZE, 0, 0)), control(0, box))
    assert refusal(data).code == "photo-damaged"


def test_an_animation_that_was_cut_is_refused() -> None:
    data = animate([textured(seed=seed) for seed in range(4)])
    for share in (0.1, 0.3, 0.5, 0.7, 0.9, 0.98):
        assert refusal(data[: int(len(data) * share)]).code == "photo-damaged", share


def test_a_long_animation_costs_no_more_than_its_first_frames() -> None:
    blanks = [Image.new("RGB", (32, 32), (index, 0, 0)) for index in range(64)]
    assert decode(animate([*blanks, textured((32, 32))])).getextrema()[1] == (0, 0)


def test_a_large_animation_is_decoded_in_part() -> None:
    start = perf_counter()
    size = (4200, 4200)
    image = decode(animate([Image.new("L", size, value) for value in (3, 90, 200)]))
    assert image.size == (1024, 1024)
    assert perf_counter() - start < 30


def test_an_animation_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = insert(animate([BLANK, textured()]), chunk(b"eXIf", exif.tobytes()[6:]))
    assert same(decode(data), textured().transpose(Image.Transpose.ROTATE_270))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_flipped_bits_of_an_animation_give_a_picture_or_a_refusal() -> None:
    whole = animate([textured(seed=seed).convert("RGBA") for seed in range(3)])
    for seed in range(150):
        generator, data = random.Random(seed), bytearray(whole)
        for _ in range(generator.randint(1, 20)):
            data[generator.randrange(8, len(data) if seed % 2 else 200)] ^= 1 << generator.randrange(8)
        result = catch_invalid(decode, bytes(data))
        assert result.message.code.startswith("photo-") if isinstance(result, InvalidInput) else result.mode == "RGB"
