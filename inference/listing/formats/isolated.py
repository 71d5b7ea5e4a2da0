"""Decode mp4 and HEIC in a process of its own, which executes this file, with bounded memory and time.

FFmpeg and libheif are a lot of C code for hostile bytes, where a file of 40 KB can request gigabytes. The calling
process never imports their bindings. The picture comes back as a small PNG, and is checked like any other.
"""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from PIL import Image

if TYPE_CHECKING:
    from av import VideoFrame

_MEGA: Final = 1_000_000
_MEMORY: Final = 1024**3  # bytes
_CPU_S: Final = 10
_TIMEOUT_S: Final = 60  # wall clock, longer than the CPU time because the machine may be busy
_SIZE: Final = struct.Struct(">II")
_ROOT: Final = Path(__file__).resolve().parents[3]

Size = tuple[int, int]


def decode_isolated(kind: Literal["mp4", "heic"], data: bytes, megapixels: int) -> tuple[Size, bytes | None]:
    """Return (width, height) of a video or a photo in px, and its picture as a small PNG with its ICC profile.

    There is no picture when there are more than `megapixels`. Raises `struct.error` or an error of `subprocess` for
    data that cannot be decoded.
    """
    command = [sys.executable, "-I", __file__, kind, str(megapixels)]
    process = subprocess.run(  # noqa: S603 - this file
        command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_TIMEOUT_S, check=True
    )
    width, height = _SIZE.unpack_from(process.stdout)
    return (width, height), process.stdout[_SIZE.size :] or None


def _decode_mp4(data: bytes, limit: int) -> tuple[Size, Image.Image | None]:
    """Return the size and the richest frame, upright; no frame of more than `limit` pixels."""
    import av

    from inference.listing.formats.frames import select_frame

    with av.open(BytesIO(data), "r", "mp4", {"threads": "1"}, metadata_errors="ignore") as container:
        stream = container.streams.video[0]
        size = (stream.width, stream.height)
        if math.prod(size) > limit:
            return size, None
        picture = select_frame(map(_to_upright_image, _check_frames(container.decode(stream))), size)
    return picture.size, picture


def _check_frames(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    for frame in frames:
        if frame.is_corrupt:
            raise ValueError("a damaged frame")
        yield frame


def _to_upright_image(frame: VideoFrame) -> Image.Image:
    picture: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    return picture.rotate(frame.rotation, expand=True)


def _decode_heic(data: bytes, limit: int) -> tuple[Size, Image.Image | None]:
    """Return the size and the main picture, upright as the file says; its EXIF does not count. None above `limit`."""
    import pi_heif

    pi_heif.options.DECODE_THREADS = 1
    file = pi_heif.open_heif(data)
    picture = None if math.prod(file.size) > limit else file.to_pillow()
    return file.size, picture


def _main(kind: str, megapixels: str) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    sys.path.append(str(_ROOT))
    from inference.listing.formats.pixels import fit_size

    decode = {"mp4": _decode_mp4, "heic": _decode_heic}[kind]
    size, picture = decode(sys.stdin.buffer.read(), int(megapixels) * _MEGA)
    sys.stdout.buffer.write(_SIZE.pack(*size))
    if picture is not None:
        small = picture.resize(fit_size(size), Image.Resampling.BICUBIC, reducing_gap=2.0)
        small.save(sys.stdout.buffer, "PNG", compress_level=1, icc_profile=picture.info.get("icc_profile"))


if __name__ == "__main__":
    _main(*sys.argv[1:])
