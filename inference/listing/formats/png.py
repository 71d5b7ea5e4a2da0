"""PNG: a still picture, or the richest frame of an animated one (APNG).

Only the chunks that make up the picture reach the decoder, so that damaged, odd or huge metadata does no harm. Each
frame of an animation becomes a still PNG of its own; the frames are put together here, with the transparency that
Pillow drops from pictures without an alpha channel.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import Blend, Disposal, PngImageFile

from inference.listing.formats.frames import select_frame
from inference.listing.formats.pixels import check_size, read_exif, to_small_rgb, turn_upright

MAX_MEGAPIXELS: Final = 32

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_FRAME: Final = struct.Struct(">IIIIIHHBB")  # number, width, height, x, y, delay (2), disposal, blend
_MAX_METADATA: Final = 4 * 1024**2  # bytes
_GREY, _COLOUR, _PALETTE = 0, 2, 3
_MAX_COLOURS: Final = 256
_MAX_CHUNKS: Final = 100_000  # empty ones cost time; a large picture has some thousands


class _Chunk(NamedTuple):
    """kind: four letters; body: shorter than announced where the file ends; is_intact: the checksum is right."""

    kind: bytes
    body: bytes
    is_intact: bool


@dataclass(slots=True)
class _Frame:
    """A part of the canvas: its control chunk and its compressed pixels."""

    control: bytes
    pixels: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class _Png:
    """The chunks that make up the pictures of a file.

    header, palette: chunks as they came; transparency: the body of the chunk in the form that Pillow understands.
    """

    header: bytes = b""
    palette: bytes = b""
    transparency: bytes = b""
    profile: bytes | None = None
    exif: bytes = b""
    pixels: list[bytes] = field(default_factory=list)
    announced: int = 0
    frames: list[_Frame] = field(default_factory=list)
    is_complete: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), px."""
        width, height = struct.unpack_from(">II", self.header, 8)
        return width, height

    @property
    def depth(self) -> tuple[int, int]:
        """Bits of a sample, and the type of colour."""
        return self.header[16], self.header[17]


def matches(data: bytes) -> bool:
    """Return True for bytes with the signature of a PNG."""
    return data.startswith(_SIGNATURE)


def check(data: bytes) -> None:
    """Check the size in the header. Raises `UnusablePhoto`, or any error for damaged data."""
    png = _parse(data)
    check_size(_open(png, png.header, png.pixels).size, MAX_MEGAPIXELS)


def decode(data: bytes) -> Image.Image:
    """Return an upright, small RGB image. Raises any error for damaged data."""
    png = _parse(data)
    if png.announced and png.frames:
        picture = select_frame(_iter_frames(png), png.size)
    else:
        picture = to_small_rgb(_load(png, png.header, png.pixels), png.profile)
    return turn_upright(picture, _read_exif(png))


def _read_exif(png: _Png) -> Image.Exif:
    carrier = Image.new("1", (1, 1))  # Pillow would decode the picture anew to look for EXIF behind it
    carrier.info["exif"] = b"Exif\0\0" + png.exif
    return read_exif(carrier)


def _iter_chunks(data: bytes) -> Iterator[_Chunk]:
    """Yield the chunks up to the end of the file or to bytes that are no chunk. Raises `ValueError` for too many."""
    position = len(_SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        if position + 8 > len(data):
            return
        length = int.from_bytes(data[position : position + 4])
        kind = data[position + 4 : position + 8]
        if not kind.isalpha():
            return
        end = position + 8 + length
        body = data[position + 8 : end]
        yield _Chunk(kind, body, zlib.crc32(body, zlib.crc32(kind)) == int.from_bytes(data[end : end + 4]))
        position = end + 4
    raise ValueError("too many chunks")


def _parse(data: bytes) -> _Png:
    """Collect the chunks that make up the pictures. Raises `ValueError` for an animation that was cut."""
    png = _Png()
    for kind, body, is_intact in _iter_chunks(data):
        match kind:
            case b"IHDR" | b"IEND":
                png.header = png.header or _make_chunk(kind, body, is_intact)
                png.is_complete = kind == b"IEND"
            case b"PLTE" if png.header and png.depth[1] == _PALETTE:  # elsewhere it is a suggestion
                png.palette = png.palette or _make_chunk(kind, body, is_intact)
            case b"IDAT":
                png.pixels.append(body)
                if png.frames:  # the first frame is the still picture as well
                    png.frames[0].pixels.append(body)
            case b"fcTL":
                png.frames.append(_Frame(body))
            case b"fdAT" if png.frames:
                png.frames[-1].pixels.append(body[4:])
            case _ if is_intact and len(body) <= _MAX_METADATA:
                _read_metadata(png, kind, body)
        if png.is_complete:
            break
    if len(png.frames) < png.announced and not png.is_complete:
        raise ValueError("frames are missing")
    return png


def _read_metadata(png: _Png, kind: bytes, body: bytes) -> None:
    """Keep what changes the look of the pixels; the first of several chunks counts."""
    if kind == b"tRNS" and png.header and not png.transparency:
        png.transparency = _normalise_transparency(body, *png.depth)
    elif kind == b"eXIf" and not png.exif:
        png.exif = body
    elif kind == b"iCCP" and png.profile is None:
        decompressor = zlib.decompressobj()
        try:
            profile = decompressor.decompress(body.partition(b"\0")[2][1:], _MAX_METADATA)
        except zlib.error:
            return
        png.profile = None if decompressor.unconsumed_tail else profile
    elif kind == b"acTL" and not png.pixels:
        png.announced = int.from_bytes(body[:4])


def _normalise_transparency(body: bytes, bits: int, colour: int) -> bytes:
    """Return the body of a tRNS chunk for samples of 8 or 16 bits; empty for one that does not fit the picture."""
    if colour == _PALETTE:
        return body[:_MAX_COLOURS]
    count = {_GREY: 1, _COLOUR: 3}.get(colour, 0)
    if not count or len(body) < 2 * count:
        return b""
    values = struct.unpack_from(f">{count}H", body)
    # As in libpng: only the bits of the sample count; Pillow scales samples of fewer bits to 8.
    scale = 255 // (2**bits - 1) if bits < 8 else 1
    return struct.pack(f">{count}H", *((value & (2**bits - 1)) * scale for value in values))


def _make_chunk(kind: bytes, body: bytes, is_intact: bool = True) -> bytes:
    """Return the bytes of a chunk; a wrong checksum stays wrong, for the decoder to find."""
    checksum = zlib.crc32(body, zlib.crc32(kind)) ^ (not is_intact)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def _open(png: _Png, header: bytes, pixels: list[bytes]) -> PngImageFile:
    """Open a still picture without decoding it. Raises any error for damaged data."""
    transparency = _make_chunk(b"tRNS", png.transparency) if png.transparency else b""
    chunks = (header, png.palette, transparency, _make_chunk(b"IDAT", b"".join(pixels)), _make_chunk(b"IEND", b""))
    return PngImageFile(BytesIO(_SIGNATURE + b"".join(chunks)))


def _load(png: _Png, header: bytes, pixels: list[bytes]) -> Image.Image:
    """Decode a still picture: 8 bits a sample, a transparent colour of 16 bits as an alpha channel."""
    image = _open(png, header, pixels)
    image.load()
    bits, colour = png.depth
    transparency = image.info.get("transparency")
    if bits < 16 or colour not in {_GREY, _COLOUR}:
        return image
    picture: Image.Image = image
    if colour == _GREY:  # which `convert` would clip instead of scale
        samples = np.asarray(image)
        picture = Image.fromarray((samples >> 8).astype(np.uint8))
        opaque = None if transparency is None else samples != transparency
    else:
        opaque = None if transparency is None else _find_opaque(image, _open(png, header, pixels), transparency)
        picture.info.pop("transparency", None)  # of 16 bits, which would be compared with the 8 that are left
    if opaque is not None:
        picture.putalpha(Image.fromarray(opaque.astype(np.uint8) * np.uint8(255)))
    return picture


def _find_opaque(high: Image.Image, again: PngImageFile, transparency: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Return where a picture of 16 bits a sample differs from its transparent colour: (height, width) bool.

    Pillow keeps the high bytes of the samples. So the file is decoded again for the low bytes: those are the high ones
    to a decoder that takes the samples for little-endian.
    """
    again.tile = [again.tile[0]._replace(args="RGB;16L")]
    again.load()
    opaque = np.zeros(high.size[::-1], np.bool_)
    for channel, value in enumerate(transparency):  # one by one, as the picture may be large
        opaque |= np.asarray(high.getchannel(channel)) != value >> 8
        opaque |= np.asarray(again.getchannel(channel)) != value & 0xFF
    return opaque


def _iter_frames(png: _Png) -> Iterator[Image.Image]:
    """Yield the frames of an animation as small RGB images. Raises any error for damaged data."""
    canvas = Image.new("RGBA", png.size)
    for frame in png.frames:
        _, width, height, left, top, _, _, disposal, blend = _FRAME.unpack_from(frame.control)
        if left + width > canvas.width or top + height > canvas.height:
            raise ValueError("a frame beyond the canvas")
        header = _make_chunk(b"IHDR", struct.pack(">II", width, height) + png.header[16:21])
        part = _load(png, header, frame.pixels).convert("RGBA")
        before = canvas.copy() if disposal == Disposal.OP_PREVIOUS else None
        if blend == Blend.OP_OVER:
            canvas.alpha_composite(part, (left, top))
        else:
            canvas.paste(part, (left, top))
        yield to_small_rgb(canvas, png.profile)
        if disposal == Disposal.OP_BACKGROUND:
            canvas.paste((0, 0, 0, 0), (left, top, left + width, top + height))
        elif before is not None:
            canvas = before
