"""Preloaded cases on the command line: their public photos pulled, and whether they came out as they must."""

from __future__ import annotations

import hashlib
import re
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from inference.errors import InvalidInput
from inference.listing.cases import Case, RemotePhoto, check_hash
from inference.listing.types import Description
from inference.listing.validation import MAX_MEGABYTES

_TIMEOUT_S = 30


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


def pull(photos: Iterable[RemotePhoto], folder: Path) -> int:
    """Download the photos that `folder` does not hold whole and return how many; raises `InvalidInput`."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [photo for photo in dict.fromkeys(photos) if not _is_whole(folder / photo.name, photo)]
    for photo in missing:
        data = _download(photo.url)
        check_hash(photo, data)
        (folder / photo.name).write_bytes(data)
    return len(missing)


def check_expectations(case: Case) -> None:
    """Raise `InvalidInput` when the case expects what nobody can judge."""
    for name in case.expect:
        if name not in {*_FOUND, *_HAS}:
            raise InvalidInput("case-unreadable", file=str(case.folder / "case.toml"), reason=name)


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
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == photo.sha256


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
