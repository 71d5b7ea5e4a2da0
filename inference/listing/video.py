"""Select one frame of an animation, and decode mp4, the form in which Telegram delivers a GIF.

FFmpeg decodes the mp4: a lot of C code for hostile bytes, where a file of 40 KB can request gigabytes. Therefore it
runs in a process of its own, which executes this file, with bounded memory and time. The calling process never imports
PyAV.
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
_MEMORY: Final = 1024**3  # bytes
_CPU_S: Final = 10
_TIMEOUT_S: Final = 60  # wall clock, longer than the CPU time because the machine may be busy
_SIZE: Final = struct.Struct(">II")
# HEIC, AVIF and Canon raw photos start like an mp4.
_STILL_BRANDS: Final = b"heic heix heim heis hevc hevx mif1 msf1 avif avis crx"


def select_frame(frames: Iterable[Image.Image], size: tuple[int, int]) -> Image.Image:
    """Return the frame with the largest entropy of grey levels (the first of equals), so that no blank frame wins.

    size: (width, height) of a frame, px. Only the first `MAX_FRAMES` are compared, fewer when they are large
    (`MAX_FRAMES_MEGAPIXELS` in total). Raises `ValueError` when there is no frame.
    """
    limit = max(1, MAX_FRAMES_MEGAPIXELS * _MEGA // math.prod(size))
    return max(islice(frames, min(MAX_FRAMES, limit)), key=lambda frame: frame.convert("L").entropy())


def is_mp4(data: bytes) -> bool:
    """Return True for bytes with the signature of an mp4 that is no still photo."""
    return data[4:8] == b"ftyp" and data[8:12].strip() not in _STILL_BRANDS.split()


def check_mp4_boxes(data: bytes) -> None:
    """Raise `ValueError` for an mp4 that ends before its last box does; FFmpeg would invent the missing part."""
    position = 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4])
        if size == 1:  # the size follows, in 64 bits
            size = int.from_bytes(data[position + 8 : position + 16])
        if size == 0:  # the last box extends to the end of the file
            return
        if size < 8 or position + size > len(data):
            raise ValueError("an unfinished box")
        position += size


def extract_frame(data: bytes) -> tuple[tuple[int, int], Image.Image | None]:
    """Return (width, height) of an mp4 in px and its selected frame, RGB; no frame above `MAX_MP4_MEGAPIXELS`.

    Raises `ValueError`, `struct.error` or an error of `subprocess` for a file that cannot be decoded.
    """
    command = [sys.executable, "-I", __file__]
    process = subprocess.run(  # noqa: S603 - this file
        command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_TIMEOUT_S, check=True
    )
    width, height = _SIZE.unpack_from(process.stdout)
    pixels = process.stdout[_SIZE.size :]
    return (width, height), Image.frombytes("RGB", (width, height), pixels) if pixels else None


def _write_frame(data: bytes, out: BinaryIO) -> None:
    """Decode an mp4 and write its size and frame in the format that `extract_frame` reads."""
    import av

    with av.open(BytesIO(data), "r", "mp4", {"threads": "1"}, metadata_errors="ignore") as container:
        stream = container.streams.video[0]
        size = (stream.width, stream.height)
        if math.prod(size) > MAX_MP4_MEGAPIXELS * _MEGA:
            out.write(_SIZE.pack(*size))
            return
        picture = select_frame(map(_to_upright_image, _check_frames(container.decode(stream))), size)
    out.write(_SIZE.pack(*picture.size) + picture.tobytes())


def _check_frames(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    for frame in frames:
        if frame.is_corrupt:
            raise ValueError("a damaged frame")
        yield frame


def _to_upright_image(frame: VideoFrame) -> Image.Image:
    picture: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    return picture.rotate(frame.rotation, expand=True)


def _main() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    _write_frame(sys.stdin.buffer.read(), sys.stdout.buffer)


if __name__ == "__main__":
    _main()
