"""What all formats have in common: limits of size, the small upright picture that the models see, its colours."""

from __future__ import annotations

import struct
import warnings
from contextlib import suppress
from io import BytesIO
from typing import Final

from PIL import ExifTags, Image, ImageCms

MAX_SIDE: Final = 1024
MIN_SIDE: Final = 16
MAX_RATIO: Final = 50  # of the sides; models that resize by the longer one would make the shorter less than a pixel

_MEGA: Final = 1_000_000
_MAX_PROFILE: Final = 4 * 1024**2  # bytes; profiles of printing presses have two megabytes

_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# The colour space of a profile, from its header, and the mode of a picture that it describes.
_SPACES: Final = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}

# Pillow warns on stderr about broken EXIF and large frames; here a file is either used or raises an error.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class UnusablePhoto(Exception):
    """A photo whose sender can mend it: the code and the details of an `InvalidInput`, but for the name of the file."""

    def __init__(self, code: str, **details: int) -> None:
        super().__init__(code, details)
        self.code = code
        self.details = details


def check_size(size: tuple[int, int], megapixels: int) -> None:
    """Raise `UnusablePhoto` for a picture of more megapixels, of a few pixels, or for a narrow strip.

    size: (width, height), px.
    """
    width, height = size
    if width * height > megapixels * _MEGA:
        raise UnusablePhoto("photo-too-many-pixels", limit=megapixels)
    if min(width, height) < MIN_SIDE:
        raise UnusablePhoto("photo-too-small", width=width, height=height, limit=MIN_SIDE)
    if max(width, height) > MAX_RATIO * min(width, height):
        raise UnusablePhoto("photo-too-narrow", width=width, height=height, limit=MAX_RATIO)


def fit_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return a size of the same proportions, at most `MAX_SIDE` px on the longer side; never enlarge."""
    scale = min(1.0, MAX_SIDE / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def to_small_rgb(image: Image.Image, profile: bytes | None = None) -> Image.Image:
    """Return a new sRGB image, at most `MAX_SIDE` px on the longer side, transparent parts white, without EXIF.

    profile: the ICC profile of the image's colours.
    """
    small = _to_resizable(image).resize(fit_size(image.size), Image.Resampling.BICUBIC, reducing_gap=2.0)
    flat = Image.new("RGB", small.size, "white")
    if small.mode in {"LA", "RGBA"}:
        flat.paste(_to_srgb(small.convert(small.mode[:-1]), profile), mask=small.getchannel("A"))
    else:
        flat.paste(_to_srgb(small, profile))
    return flat


def turn_upright(picture: Image.Image, exif: Image.Exif) -> Image.Image:
    """Return the picture, of any mode, turned by 90 degrees as the camera was held; as is for broken EXIF."""
    orientation = 1
    with suppress(ValueError, TypeError):
        orientation = int(exif.get(ExifTags.Base.Orientation, 1))
    transpose = _UPRIGHT.get(orientation)
    return picture if transpose is None else picture.transpose(transpose)


def read_exif(image: Image.Image) -> Image.Exif:
    """Return the EXIF of an opened image, empty for broken EXIF."""
    with suppress(OSError, SyntaxError, ValueError, LookupError, TypeError, struct.error):
        return image.getexif()
    return Image.Exif()


def _to_resizable(image: Image.Image) -> Image.Image:
    """Return the image in a mode whose values can be averaged: L, LA, RGB, RGBA or CMYK, 8 bits each."""
    if image.has_transparency_data:
        mode = "LA" if image.mode in {"1", "L", "LA"} else "RGBA"
        return image if image.mode == mode else image.convert(mode)
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in {"L", "RGB", "CMYK"} else image.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert an image in mode L, RGB or CMYK. A profile that is broken or of another kind of image is ignored."""
    mode = _SPACES.get(profile[16:20]) if profile and len(profile) <= _MAX_PROFILE else None
    if profile and (mode == image.mode or (mode == "RGB" and image.mode == "L")):
        with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            return _apply_profile(image.convert(mode), profile)
    return image.convert("RGB")


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image:
    # As browsers do: colours that both spaces have stay the same, and black stays black.
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        image.mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    picture: Image.Image | None = ImageCms.applyTransform(image, transform)
    if picture is None:
        raise ValueError("no picture")
    return picture
