"""One picture of a moving one: which frame, and the reading of mp4, the form in which Telegram delivers a GIF.

An mp4 is read by FFmpeg: much C code before hostile bytes, and a file of 40 KB may ask it for gigabytes. So it runs in
a process of its own, this very file, with bounded memory and time: whatever happens there, the caller lives on. The
caller never imports PyAV.
"""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Final

from PIL import Image

if TYPE_CHECKING:
    from av import VideoFrame

MAX_FRAMES: Final = 64
MAX_FRAMES_MEGAPIXELS: Final = 32
MAX_MP4_MEGAPIXELS: Final = 9  # 4K; the decoder may keep sixteen frames

_MEGA: Final = 1_000_000
_MEMORY: Final = 1024**3
_SECONDS: Final = 10
_PATIENCE: Final = 60  # on a machine that is busy with other things
_SIZE: Final = struct.Struct(">II")
# HEIC, AVIF and Canon's raw photos begin like an mp4.
_STILL_BRANDS: Final = b"heic heix heim heis hevc hevx mif1 msf1 avif avis crx"


def richest(frames: Iterable[Image.Image], size: tuple[int, int]) -> Image.Image:
    """The frame whose grey levels have the largest entropy (the first of equals), so that no blank one wins.

    Only the first `MAX_FRAMES` of this size are looked at, fewer where they are large (`MAX_FRAMES_MEGAPIXELS` in all).
    Raises `ValueError` where there is none.
    """
    allowed = max(1, MAX_FRAMES_MEGAPIXELS * _MEGA // math.prod(size))
    return max(islice(frames, min(MAX_FRAMES, allowed)), key=lambda frame: frame.convert("L").entropy())


def is_mp4(data: bytes) -> bool:
    """Whether the file says that it is an mp4, by content."""
    return data[4:8] == b"ftyp" and data[8:12].strip() not in _STILL_BRANDS.split()


def walk_mp4(data: bytes) -> None:
    """Raise `ValueError` for an mp4 that ends before its last part does; FFmpeg would make up what is missing."""
    position = 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4])
        if size == 1:  # the size follows, in 64 bits
            size = int.from_bytes(data[position + 8 : position + 16])
        if size == 0:  # the last one, to the end of the file
            return
        if size < 8 or position + size > len(data):
            raise ValueError("an unfinished box")
        position += size


def still(data: bytes) -> tuple[tuple[int, int], Image.Image | None]:
    """Width and height of an mp4, and its richest frame, RGB; None above `MAX_MP4_MEGAPIXELS`.

    Raises `ValueError`, `struct.error` or an error of `subprocess` for a file that cannot be read.
    """
    command = [sys.executable, "-I", __file__]
    done = subprocess.run(  # noqa: S603 - this file
        command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_PATIENCE, check=True
    )
    width, height = _SIZE.unpack_from(done.stdout)
    pixels = done.stdout[_SIZE.size :]
    return (width, height), Image.frombytes("RGB", (width, height), pixels) if pixels else None


def _answer(data: bytes, out: BinaryIO) -> None:
    """Read the mp4 and write what `still` expects."""
    import av

    with av.open(BytesIO(data), "r", "mp4", {"threads": "1"}, metadata_errors="ignore") as container:
        stream = container.streams.video[0]
        size = (stream.width, stream.height)
        if math.prod(size) > MAX_MP4_MEGAPIXELS * _MEGA:
            out.write(_SIZE.pack(*size))
            return
        picture = richest(map(_upright, _sound(container.decode(stream))), size)
    out.write(_SIZE.pack(*picture.size) + picture.tobytes())


def _sound(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    for frame in frames:
        if frame.is_corrupt:
            raise ValueError("a damaged frame")
        yield frame


def _upright(frame: VideoFrame) -> Image.Image:
    picture: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    return picture.rotate(frame.rotation, expand=True)


def _main() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    _answer(sys.stdin.buffer.read(), sys.stdout.buffer)


if __name__ == "__main__":
    _main()
