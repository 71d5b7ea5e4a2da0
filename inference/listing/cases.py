"""Load preloaded cases: a submission and what its description must contain.

A case is a folder with `case.toml` and, where there is text, `attributes.txt`:

    title = {ru = "…", en = "…"}
    photos = ["front.png", "back.png"]     # files of the folder, in this order
    [[remote]]                             # public photos that can replace them
    name = "jacket.jpg"
    url = "https://…"
    sha256 = "…"
    [expect]                               # any of:
    code = "nothing-sent"                  # the input is invalid, with this code
    passed = true
    failed_checks = ["match"]
    mode = "photos+text"
    diversity = "<SINGLE>"
    masked_tokens = ["<PRICE>"]
    numbers_kept = ["5000"]
    text_has_any = [["футболк", "майк"]]   # at least one of each list, ignoring letter case

Every case also expects that the description holds no number that the attributes do not.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import InvalidInput
from inference.listing.files import load_uploads, read_text
from inference.listing.types import Submission


@dataclass(frozen=True, slots=True)
class RemotePhoto:
    """A public photo: its file name, URL and SHA-256."""

    name: str
    url: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Case:
    """The contents of `case.toml` and `attributes.txt` of a folder."""

    folder: Path
    title: Mapping[str, str]
    photos: tuple[str, ...]
    attributes: str
    remote: tuple[RemotePhoto, ...]
    expect: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name


def list_cases(root: Path) -> list[Case]:
    """Return the cases below `root`, ordered by name."""
    return [load_case(path.parent) for path in sorted(root.glob("*/case.toml"))]


def get_case(root: Path, name: str) -> Case:
    """Return the case in the folder `name`. Raises `InvalidInput` when there is none."""
    cases = {case.name: case for case in list_cases(root)}
    if name not in cases:
        raise InvalidInput("case-missing", name=name, known=", ".join(cases) or "—")
    return cases[name]


def load_case(folder: Path) -> Case:
    """Load the case in `folder`. Raises `InvalidInput` when it cannot be read."""
    path = folder / "case.toml"
    text = folder / "attributes.txt"
    try:
        table = tomllib.loads(read_text(path))
        remote = tuple(RemotePhoto(**photo) for photo in table.get("remote", ()))
        title, photos, expect = table["title"], tuple(table.get("photos", ())), table["expect"]
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise InvalidInput("case-unreadable", file=str(path), reason=str(error)) from error
    for photo in remote:
        if not photo.url.startswith("https://") or Path(photo.name).name != photo.name:
            raise InvalidInput("case-unreadable", file=str(path), reason=photo.url)
    return Case(folder, title, photos, read_text(text) if text.exists() else "", remote, expect)


def load_submission(case: Case, photos_from: Path | None = None) -> Submission:
    """Load the submission of a case with its own photos, or with its public photos from the folder `photos_from`.

    Raises `InvalidInput` when a photo is missing or has another SHA-256, or when the case has no public photos.
    """
    if photos_from is None:
        return Submission(load_uploads(case.folder / name for name in case.photos), case.attributes)
    if not case.remote:
        raise InvalidInput("case-without-public-photos", name=case.name)
    uploads = load_uploads(photos_from / photo.name for photo in case.remote)
    for photo, upload in zip(case.remote, uploads, strict=True):
        check_hash(photo, upload.data)
    return Submission(uploads, case.attributes)


def check_hash(photo: RemotePhoto, data: bytes) -> None:
    """Raise `InvalidInput` when the bytes have another SHA-256 than the photo."""
    if hashlib.sha256(data).hexdigest() != photo.sha256:
        raise InvalidInput("case-photo-differs", file=photo.name)
