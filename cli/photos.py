"""Save the photos of listings as the models see them, for bug reports."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from inference.errors import InvalidInput
from inference.listing.files import catch_os_errors
from inference.listing.types import Photo

_MAX_NAME_BYTES: Final = 255
_SHOWN_CHARACTERS: Final = 60

# What no file system takes as a name, or takes as another name than it says: separators, the parent folder, the
# devices of Windows, and spaces and dots at the ends.
_FORBIDDEN: Final = re.compile(
    r"""[<>:"/\\|?*]|^\s|[\s.]$|^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|$)""", re.IGNORECASE
)


def create_folder(path: Path) -> None:
    """Create a folder and its parents where they are missing. Raises `InvalidInput`."""
    with catch_os_errors(path):
        path.mkdir(parents=True, exist_ok=True)


def save_photos(root: Path, listing_id: object, photos: Sequence[Photo]) -> None:
    """Write each photo to `root/<id>/<n>.png`, n from 1, in place of what had this name.

    Nothing is written outside `root`: a link in the place of the folder is refused, a link in the place of a photo is
    replaced. Raises `InvalidInput`: `save-id` for an id that is no plain file name, or one of `file-…`, `folder-…`.
    """
    folder = root / _to_file_name(listing_id)
    with catch_os_errors(folder):
        if folder.is_symlink():
            raise NotADirectoryError(folder)
        if photos:
            folder.mkdir(exist_ok=True)
    for number, photo in enumerate(photos, start=1):
        path = folder / f"{number}.png"
        with catch_os_errors(path):
            path.unlink(missing_ok=True)
            with path.open("xb") as file:  # never follows a link that appeared meanwhile
                photo.image.save(file, "PNG")


def _to_file_name(listing_id: object) -> str:
    """Return a string or integer id as the name of a file in a folder. Raises `InvalidInput` for any other id."""
    name = str(listing_id) if isinstance(listing_id, str | int) and not isinstance(listing_id, bool) else ""
    # What cannot be printed includes control characters and halves of surrogate pairs, which no path can hold.
    if not name or not name.isprintable() or _FORBIDDEN.search(name) or len(name.encode()) > _MAX_NAME_BYTES:
        shown = repr(listing_id) if isinstance(listing_id, str) else json.dumps(listing_id)
        raise InvalidInput("save-id", id=shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…")
    return name
