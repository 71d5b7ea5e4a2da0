"""What Telegram makes of pictures: a photo becomes JPEGs of several sizes, a GIF becomes a film without sound."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction

import av
from av.error import FFmpegError
from av.video import VideoStream
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

SIDES = (90, 320, 800, 1280)
"""Longest sides of the sizes that a photo is kept in, pixels."""
QUALITY = 87
FRAME_MS = 100
"""How long a GIF's frame is shown that does not say."""
LONGEST_RATIO = 20
LARGEST_SUM = 10_000
"""Telegram takes photos up to this ratio and this sum of sides."""


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


def fits_photo(data: bytes) -> bool:
    """Whether the sides of a picture are such that Telegram takes it as a photo."""
    with Image.open(io.BytesIO(data)) as image:
        return sum(image.size) <= LARGEST_SUM and max(image.size) <= LONGEST_RATIO * min(image.size)


def photo(data: bytes) -> list[Picture]:
    """The sizes of a photo, smallest first: upright, without metadata, none larger than the original or 1280 px."""
    with Image.open(io.BytesIO(data)) as image:
        upright = on_white(ImageOps.exif_transpose(image))
    sides = sorted({min(side, max(upright.size)) for side in SIDES})
    return [jpeg(upright, side) for side in sides]


def jpeg(image: Image.Image, side: int) -> Picture:
    """A picture that is no larger than `side` pixels."""
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=QUALITY)
    return Picture(out.getvalue(), *small.size)


def on_white(image: Image.Image) -> Image.Image:
    """RGB, with white where it was transparent."""
    layer = image.convert("RGBA")
    opaque = Image.new("RGB", layer.size, "white")
    opaque.paste(layer, mask=layer)
    return opaque


def film(data: bytes) -> Film:
    """A GIF as Telegram sends it on. Sides are cut to even numbers."""
    frames, seconds = _frames(data)
    width, height = frames[0].size
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        rate = Fraction(len(frames) / seconds).limit_denominator(100)
        stream = container.add_stream("libx264", rate=rate)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            raw = av.VideoFrame.from_bytes(frame.convert("RGBA").tobytes(), width, height)
            container.mux(stream.encode(raw))
        container.mux(stream.encode(None))
    return Film(out.getvalue(), width, height, max(1, round(seconds)), jpeg(frames[0], SIDES[1]))


def _frames(data: bytes) -> tuple[list[Image.Image], float]:
    """RGB frames with even sides, and how long they play in seconds."""
    frames, milliseconds = [], 0
    with Image.open(io.BytesIO(data)) as image:
        for frame in ImageSequence.Iterator(image):
            milliseconds += int(frame.info.get("duration") or FRAME_MS)
            frames.append(_even(on_white(frame)))
    return frames, milliseconds / 1000


def _even(frame: Image.Image) -> Image.Image:
    width, height = (max(2, side - side % 2) for side in frame.size)
    return frame.crop((0, 0, width, height))


def ready_film(data: bytes) -> Film | None:
    """A film that is one already, as it is; None for what cannot be played."""
    try:
        with av.open(io.BytesIO(data), "r") as container:
            frame = next(container.decode(video=0))
            seconds = (container.duration or 0) / av.time_base
            still = Image.fromarray(frame.to_ndarray(format="rgb24"))
    except (FFmpegError, IndexError, StopIteration, ValueError):
        return None
    return Film(data, frame.width, frame.height, max(1, round(seconds)), jpeg(still, SIDES[1]))
