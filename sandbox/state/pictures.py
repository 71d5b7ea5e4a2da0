"""Convert pictures as Telegram does: photos to JPEGs of several sizes, GIFs to videos without sound."""

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
UNREADABLE = (UnidentifiedImageError, OSError, SyntaxError, EOFError, Image.DecompressionBombError)
"""What Pillow raises for data that is no picture, or a broken one."""


@dataclass(frozen=True)
class Picture:
    """An encoded JPEG."""

    data: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Film:
    """An encoded MP4 (H.264, yuv420p, even sides) and its first frame; `duration` in whole seconds."""

    data: bytes
    width: int
    height: int
    duration: int
    still: Picture


def kind_of(data: bytes) -> str | None:
    """Return the format of a picture by its first bytes, such as "GIF"; None for anything else."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.format
    except UNREADABLE:
        return None


def photo(data: bytes) -> list[Picture]:
    """Return the sizes of a photo, smallest first: upright, without metadata, none larger than the source or 1280
    pixels.

    Raises `ValueError` for other content, or sides that Telegram rejects.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            if sum(image.size) > LARGEST_SUM or max(image.size) > LONGEST_RATIO * min(image.size):
                raise ValueError("a picture of such sides cannot be sent as a photo")
            image.draft("RGB", (SIDES[-1], SIDES[-1]))
            original = max(image.size)
            largest = shrunk(on_white(ImageOps.exif_transpose(image)), SIDES[-1])
    except UNREADABLE as error:
        raise ValueError(f"not a picture: {error}") from error
    sides = sorted({min(side, original) for side in SIDES})
    return [jpeg(shrunk(largest, side)) for side in sides]


def shrunk(image: Image.Image, side: int) -> Image.Image:
    """Return the picture, scaled down if its longest side exceeds `side` pixels."""
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small


def jpeg(image: Image.Image) -> Picture:
    """Encode the picture as JPEG."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY)
    return Picture(out.getvalue(), *image.size)


def on_white(image: Image.Image) -> Image.Image:
    """Convert to RGB, with white in place of transparency."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    opaque = Image.new("RGB", layer.size, "white")
    opaque.paste(layer, mask=layer)
    return opaque


def film(data: bytes) -> Film:
    """Convert a GIF as Telegram does; sides are cut to even numbers. Raises `ValueError` if it is unreadable."""
    try:
        frames, seconds = _frames(data)
    except UNREADABLE as error:
        raise ValueError(f"not a GIF: {error}") from error
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
    return Film(out.getvalue(), width, height, max(1, round(seconds)), jpeg(shrunk(frames[0], SIDES[1])))


def _frames(data: bytes) -> tuple[list[Image.Image], float]:
    """Return RGB frames with even sides, and their total duration in seconds."""
    frames, milliseconds = [], 0
    with Image.open(io.BytesIO(data)) as image:
        for frame in ImageSequence.Iterator(image):
            milliseconds += int(frame.info.get("duration") or FRAME_MS)
            frames.append(_even(on_white(frame)))
    return frames, milliseconds / 1000


def _even(frame: Image.Image) -> Image.Image:
    width, height = (max(2, side - side % 2) for side in frame.size)
    return frame.crop((0, 0, width, height))


def ready_film(data: bytes) -> Film:
    """Return an existing video unchanged. Raises `ValueError` if it cannot be played."""
    try:
        with av.open(io.BytesIO(data), "r") as container:
            frame = next(container.decode(video=0))
            seconds = (container.duration or 0) / av.time_base
            still = Image.fromarray(frame.to_ndarray(format="rgb24"))
    except (FFmpegError, IndexError, StopIteration) as error:
        raise ValueError("not a film") from error
    return Film(data, frame.width, frame.height, max(1, round(seconds)), jpeg(shrunk(still, SIDES[1])))
