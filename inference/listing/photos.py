"""Load photo files that the project itself keeps: data sets, reports, public test photos."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps


def load_photo(path: Path) -> Image.Image:
    """Return the photo in `path` as RGB, turned upright by its EXIF orientation.

    Raises `OSError` for a file that is missing or no image. Files of users go through `validation` instead.
    """
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")
