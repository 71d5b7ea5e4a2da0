"""An mp4, as Telegram sends a GIF, becomes one picture or a refusal, whatever its bytes are."""

from __future__ import annotations

import hashlib
import random
import resource
import struct
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from io import BytesIO

import av
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from inference.errors import InvalidInput, Message, catch_invalid
from inference.listing.types import Listing, Photo, Submission, Upload
from inference.listing.validation import validate

SIZE = (96, 64)
RED, BLUE = (200, 30, 40), (20, 40, 210)


def mp4(frames: Sequence[Image.Image]) -> bytes:
    """Return a silent H.264 video, as Telegram makes of a GIF."""
    file = BytesIO()
    with av.open(file, "w", "mp4") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "10"})
        stream.width, stream.height = frames[0].size
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(frame), "rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def plain(color: str | tuple[int, int, int], size: tuple[int, int] = SIZE) -> Image.Image:
    return Image.new("RGB", size, color)


def halves(size: tuple[int, int] = SIZE) -> Image.Image:
    """Return an image that is red on the left and blue on the right."""
    image = plain(RED, size)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def busy() -> Image.Image:
    tiles = np.random.default_rng(7).integers(0, 256, (SIZE[1] // 8, SIZE[0] // 8, 3), dtype=np.uint8)
    return Image.fromarray(tiles.repeat(8, 0).repeat(8, 1))


@cache
def film() -> bytes:
    return mp4([plain("white"), halves(), busy(), plain("black")])


def photo(data: bytes, name: str | None = None) -> Photo:
    return validate(Submission((Upload(data, name),))).photos[0]


def refusal(data: bytes) -> Message:
    with pytest.raises(InvalidInput) as caught:
        validate(Submission((Upload(data, "котик.mp4"),)))
    return caught.value.message


def near(image: Image.Image, other: Image.Image, tolerance: int = 20) -> bool:
    """Return True for images that differ only by compression."""
    difference = np.asarray(image, np.int16) - np.asarray(other, np.int16)
    return image.size == other.size and float(np.abs(difference).mean()) < tolerance


def patched(data: bytes, box: bytes, offset: int, value: bytes) -> bytes:
    """Return the file with other bytes after the name of a box."""
    start = data.index(box) + 4 + offset
    return data[:start] + value + data[start + len(value) :]


def test_the_most_informative_frame_is_selected() -> None:
    """Neither a blank frame nor one with two plain halves."""
    assert near(photo(film()).image, busy())


def test_the_hash_is_of_the_file() -> None:
    taken = photo(film(), "котик.mp4")
    assert (taken.name, taken.sha256) == ("котик.mp4", hashlib.sha256(film()).hexdigest())


def test_the_format_is_detected_by_content() -> None:
    assert photo(film(), "photo.jpg").image.mode == "RGB"


def test_only_the_first_frames_of_a_long_video_are_decoded() -> None:
    assert near(photo(mp4([plain("white")] * 63 + [halves()] * 3 + [busy()])).image, halves())


def test_a_large_video_is_scaled_and_fewer_of_its_frames_are_decoded() -> None:
    size = (3840, 2160)
    assert photo(mp4([plain("white", size)] * 3 + [halves(size)])).image.getpixel((8, 8)) == (255, 255, 255)
    assert photo(mp4([halves(size)])).image.size == (1024, 576)


def test_a_video_larger_than_4k_is_refused() -> None:
    assert refusal(mp4([plain("white", (4096, 2304))])).code == "photo-too-many-pixels"


def test_a_tiny_video_is_refused() -> None:
    message = refusal(mp4([plain("white", (64, 8))]))
    assert (message.code, message.details["width"], message.details["height"]) == ("photo-too-small", 64, 8)


def test_a_video_becomes_upright() -> None:
    """A phone held upright writes a matrix of a quarter turn."""
    turned = patched(mp4([halves()]), b"tkhd", 40, struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30))
    assert near(photo(turned).image, halves().transpose(Image.Transpose.ROTATE_270))


@pytest.mark.parametrize("brand", [b"avif", b"mif1", b"crx "])
def test_still_photos_with_the_same_signature_are_another_format(brand: bytes) -> None:
    """Their sender gets instructions for the format, not an error about a damaged file."""
    assert refusal(film()[:8] + brand + film()[12:]).code == "photo-format"


def test_audio_without_video_is_refused() -> None:
    file = BytesIO()
    with av.open(file, "w", "mp4") as container:
        stream = container.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        sound.rate = 44100
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    assert refusal(file.getvalue()).code == "photo-damaged"


def test_a_small_file_that_requests_gigabytes_is_refused() -> None:
    """A table of one row with fifty million samples, which FFmpeg would expand to 1.8 GB."""
    many = 50_000_000
    bomb = film()
    for box in (b"ctts", b"stss", b"edts"):
        if box in bomb:
            bomb = bomb.replace(box, b"free")
    bomb = patched(bomb, b"stsz", 4, struct.pack(">II", 1000, many))
    bomb = patched(bomb, b"stsc", 8, struct.pack(">III", 1, many, 1))
    bomb = patched(bomb, b"stts", 8, struct.pack(">II", many, 1))
    assert refusal(bomb).code == "photo-damaged"
    largest_child_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    own_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # a child starts out as large as its parent was
    assert largest_child_kb < max(1.2 * 1024**2, 1.1 * own_kb)


def test_every_truncation_is_refused() -> None:
    """FFmpeg would invent the rest of the last frame."""
    for length in {*range(12, 80), *range(80, len(film()), 37), len(film()) - 1}:
        assert refusal(film()[:length]).code == "photo-damaged"


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), flips=st.integers(1, 30))
def test_flipped_bits_give_a_picture_or_a_refusal(seed: int, flips: int) -> None:
    random_of, data = random.Random(seed), bytearray(film())
    header = data.index(b"moov")
    for _ in range(flips):
        data[random_of.randrange(header if random_of.random() < 0.3 else 32, len(data))] ^= 1 << random_of.randrange(8)
    result = catch_invalid(validate, Submission((Upload(bytes(data)),)))
    assert isinstance(result, Listing) or result.message.code.startswith("photo-")


@settings(max_examples=15)
@given(tail=st.binary(max_size=64))
@example(tail=b"")
def test_random_bytes_behind_the_magic_are_refused(tail: bytes) -> None:
    assert refusal(b"\0\0\0\x08ftypisom" + tail).code == "photo-damaged"


def test_the_service_itself_decodes_no_video() -> None:
    """FFmpeg runs in a process of its own, so that its crashes do not end the service."""
    code = "import sys, inference.listing.validation; sys.exit('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
