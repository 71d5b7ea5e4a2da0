"""Preloaded cases: what is sent, and what must come out.

A case is a folder with `case.toml` and, where there is text, `attributes.txt`:

    title = {ru = "…", en = "…"}
    photos = ["front.png", "back.png"]     # files of the folder, in this order
    [[remote]]                             # public photos that may stand in for them
    name = "jacket.jpg"
    url = "https://…"
    sha256 = "…"
    [expect]                               # any of:
    code = "nothing-sent"                  # the input is refused with this code
    passed = true
    failed_checks = ["match"]
    mode = "photos+text"
    diversity = "<SINGLE>"
    masked_tokens = ["<PRICE>"]
    numbers_kept = ["5000"]
    text_has_any = [["футболк", "майк"]]   # at least one of each list, letter case aside

A description never holds a number that the attributes did not: every case expects that.
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
    """A public photo: where it is, and the SHA-256 that it must have."""

    name: str
    url: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Case:
    """What `case.toml` and `attributes.txt` of a folder say."""

    folder: Path
    title: Mapping[str, str]
    photos: tuple[str, ...]
    attributes: str
    remote: tuple[RemotePhoto, ...]
    expect: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.name


def list_cases(root: Path) -> list[Case]:
    """The cases below `root`, ordered by name."""
    return [load_case(path.parent) for path in sorted(root.glob("*/case.toml"))]


def get_case(root: Path, name: str) -> Case:
    """The case in the folder `name`; raises `InvalidInput` when there is none."""
    cases = list_cases(root)
    for case in cases:
        if case.name == name:
            return case
    raise InvalidInput("case-missing", name=name, known=", ".join(case.name for case in cases) or "—")


def load_case(folder: Path) -> Case:
    """The case in `folder`; raises `InvalidInput` when it cannot be read."""
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
    """What the case sends: its own photos, or the public ones out of `photos_from`.

    Raises `InvalidInput` when a photo is not there or has another SHA-256, or when the case names no public photos.
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
    """Raise `InvalidInput` when `data` is not the photo that the case names."""
    if hashlib.sha256(data).hexdigest() != photo.sha256:
        raise InvalidInput("case-photo-differs", file=photo.name)
