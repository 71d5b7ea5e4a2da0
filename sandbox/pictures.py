"""What Telegram makes of pictures: a photo becomes JPEGs of several sizes, a GIF becomes a film without sound."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction

import av
from av.video import VideoStream
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

SIDES = (90, 320, 800, 1280)
"""Longest sides of the sizes that a photo is kept in, pixels."""


@dataclass(frozen=True)
class Picture:
    """An encoded JPEG."""

    data: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Film:
    """An encoded MP4 (H.264, yuv420p, even sides) and its first frame. `duration` in whole seconds."""

    data: bytes
    width: int
    height: int
    duration: int
    still: Picture


def kind_of(data: bytes) -> str | None:
    """The format of a picture that can be opened, such as "GIF"; None for anything else."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return image.format
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def photo(data: bytes) -> list[Picture]:
    """The sizes of a photo, smallest first: upright, without metadata, none larger than the original or 1280 px."""
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGBA")
    opaque = Image.new("RGB", upright.size, "white")
    opaque.paste(upright, mask=upright)
    sides = sorted({min(side, max(opaque.size)) for side in SIDES})
    return [_jpeg(opaque, side) for side in sides]


def _jpeg(image: Image.Image, side: int) -> Picture:
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=87)
    return Picture(out.getvalue(), *small.size)


def film(data: bytes) -> Film:
    """A GIF as Telegram sends it on. Sides are cut to even numbers."""
    frames, seconds = _frames(data)
    width, height = frames[0].size
    rate = Fraction(len(frames) / seconds).limit_denominator(100)
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(_raw(frame)))
        container.mux(stream.encode(None))
    return Film(out.getvalue(), width, height, max(1, round(seconds)), _jpeg(frames[0], 320))


def _raw(frame: Image.Image) -> av.VideoFrame:
    return av.VideoFrame.from_bytes(frame.convert("RGBA").tobytes(), *frame.size)


def _frames(data: bytes) -> tuple[list[Image.Image], float]:
    """RGB frames with even sides, and how long they play in seconds."""
    with Image.open(io.BytesIO(data)) as image:
        frames = [_even(frame.convert("RGBA")) for frame in ImageSequence.Iterator(image)]
        milliseconds = sum(int(frame.info.get("duration") or 100) for frame in ImageSequence.Iterator(image))
    return frames, milliseconds / 1000


def _even(frame: Image.Image) -> Image.Image:
    opaque = Image.new("RGB", frame.size, "white")
    opaque.paste(frame, mask=frame)
    width, height = (max(2, side - side % 2) for side in frame.size)
    return opaque.crop((0, 0, width, height))
