"""Preloaded cases: what is sent, what must come out, and whether it did.

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
import re
import tomllib
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from cli.files import read_text, read_uploads
from inference.errors import InvalidInput
from inference.listing import Description, Submission
from inference.validation import MAX_MEGABYTES

_TIMEOUT_S = 30


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


@dataclass(frozen=True, slots=True)
class Judgement:
    """One expectation: what was wanted, and what was found."""

    name: str
    wanted: object
    found: object

    @property
    def met(self) -> bool:
        """Whether the case came out as expected here."""
        return self.wanted == self.found


def find_cases(root: Path) -> list[Case]:
    """The cases below `root`, ordered by name."""
    return [read_case(path.parent) for path in sorted(root.glob("*/case.toml"))]


def find_case(root: Path, name: str) -> Case:
    """The case in the folder `name`; raises `InvalidInput` when there is none."""
    cases = find_cases(root)
    for case in cases:
        if case.name == name:
            return case
    raise InvalidInput("case-missing", name=name, known=", ".join(case.name for case in cases) or "—")


def read_case(folder: Path) -> Case:
    """The case in `folder`; raises `InvalidInput` when it cannot be read or expects what nobody can judge."""
    path = folder / "case.toml"
    text = folder / "attributes.txt"
    try:
        table = tomllib.loads(read_text(path))
        remote = tuple(RemotePhoto(**photo) for photo in table.get("remote", ()))
        title, photos, expect = table["title"], tuple(table.get("photos", ())), table["expect"]
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise InvalidInput("case-unreadable", file=str(path), reason=str(error)) from error
    for name in expect:
        if name not in {*_FOUND, *_HAS}:
            raise InvalidInput("case-unreadable", file=str(path), reason=name)
    for photo in remote:
        if not photo.url.startswith("https://") or Path(photo.name).name != photo.name:
            raise InvalidInput("case-unreadable", file=str(path), reason=photo.url)
    return Case(folder, title, photos, read_text(text) if text.exists() else "", remote, expect)


def submission(case: Case, photos_from: Path | None = None) -> Submission:
    """What the case sends: its own photos, or the public ones out of `photos_from`.

    Raises `InvalidInput` when a photo is not there or has another SHA-256, or when the case names no public photos.
    """
    if photos_from is None:
        return Submission(read_uploads(case.folder / name for name in case.photos), case.attributes)
    if not case.remote:
        raise InvalidInput("case-without-public-photos", name=case.name)
    uploads = read_uploads(photos_from / photo.name for photo in case.remote)
    for photo, upload in zip(case.remote, uploads, strict=True):
        _check_hash(photo, upload.data)
    return Submission(uploads, case.attributes)


def pull(photos: Iterable[RemotePhoto], folder: Path) -> int:
    """Download the photos that `folder` does not hold whole and return how many; raises `InvalidInput`."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [photo for photo in dict.fromkeys(photos) if not _is_whole(folder / photo.name, photo)]
    for photo in missing:
        data = _download(photo.url)
        _check_hash(photo, data)
        (folder / photo.name).write_bytes(data)
    return len(missing)


def judge(case: Case, result: Description | InvalidInput) -> list[Judgement]:
    """Compare what came out with every expectation of the case."""
    if isinstance(result, InvalidInput):
        found = {"code": result.message.code}
        wanted = {"code": None, **case.expect}
        return [Judgement(name, wanted[name], found.get(name)) for name in wanted]
    foreign = Judgement("foreign_numbers", [], _foreign_numbers(result, case.attributes))
    return [foreign, *(Judgement(name, wanted, _found(name, wanted, result)) for name, wanted in case.expect.items())]


def _found(name: str, wanted: Any, description: Description) -> object:
    if name in _HAS:
        return [each for each in wanted if _HAS[name](description, each)]
    return _FOUND[name](description)


def _foreign_numbers(description: Description, attributes: str) -> list[str]:
    known = set(re.findall(r"\d+", attributes))
    return [number for number in re.findall(r"\d+", description.text or "") if number not in known]


def _download(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response:  # noqa: S310 - https, see `read_case`
            data: bytes = response.read(MAX_MEGABYTES * 1024 * 1024)
    except (OSError, HTTPException) as error:
        raise InvalidInput("download-failed", url=url) from error
    return data


def _is_whole(path: Path, photo: RemotePhoto) -> bool:
    return path.is_file() and _sha256(path.read_bytes()) == photo.sha256


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _check_hash(photo: RemotePhoto, data: bytes) -> None:
    if _sha256(data) != photo.sha256:
        raise InvalidInput("case-photo-differs", file=photo.name)


# What a description says for itself, and what it is asked to hold.
_FOUND: Mapping[str, Callable[[Description], object]] = {
    "code": lambda description: None,
    "passed": lambda description: description.moderation.passed,
    "mode": lambda description: description.mode,
    "diversity": lambda description: description.diversity and description.diversity.token,
    "failed_checks": lambda description: [check.name for check in description.moderation.checks if not check.passed],
}
_HAS: Mapping[str, Callable[[Description, Any], bool]] = {
    "masked_tokens": lambda description, token: token in (description.masked or ""),
    "numbers_kept": lambda description, number: number in (description.text or ""),
    "text_has_any": lambda description, words: any(word in (description.text or "").lower() for word in words),
}
