"""Preloaded cases on the command line: download their public photos, and compare results with expectations."""

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
class Expectation:
    """One expectation of a case beside the actual value."""

    name: str
    expected: object
    actual: object

    @property
    def is_met(self) -> bool:
        """True when the actual value is the expected one."""
        return self.expected == self.actual


def download_missing(photos: Iterable[RemotePhoto], folder: Path) -> int:
    """Download the photos that `folder` lacks or holds incomplete, and return their number.

    Raises `InvalidInput` for a failed download or a photo with another hash, which is not saved.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [photo for photo in dict.fromkeys(photos) if not _is_complete(folder / photo.name, photo)]
    for photo in missing:
        data = _download(photo.url)
        check_hash(photo, data)
        (folder / photo.name).write_bytes(data)
    return len(missing)


def validate_expectations(case: Case) -> None:
    """Raise `InvalidInput` when the case expects a value with an unknown name."""
    for name in case.expect:
        if name not in {*_VALUES, *_CONTAINS}:
            raise InvalidInput("case-unreadable", file=str(case.folder / "case.toml"), reason=name)


def compare(case: Case, result: Description | InvalidInput) -> list[Expectation]:
    """Compare the result with every expectation of the case.

    Every text is expected to hold no numbers but those of its attributes.
    """
    if isinstance(result, InvalidInput):
        actual = {"code": result.message.code}
        expected = {"code": None, **case.expect}
        return [Expectation(name, expected[name], actual.get(name)) for name in expected]
    foreign = Expectation("foreign_numbers", [], _find_foreign_numbers(result, case.attributes))
    return [foreign, *(Expectation(name, value, _get(name, value, result)) for name, value in case.expect.items())]


def _get(name: str, expected: Any, description: Description) -> object:
    if name in _CONTAINS:
        return [each for each in expected if _CONTAINS[name](description, each)]
    return _VALUES[name](description)


def _find_foreign_numbers(description: Description, attributes: str) -> list[str]:
    known = set(re.findall(r"\d+", attributes))
    return [number for number in re.findall(r"\d+", description.text or "") if number not in known]


def _download(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response:  # noqa: S310 - https, see `load_case`
            data: bytes = response.read(MAX_MEGABYTES * 1024 * 1024)
    except (OSError, HTTPException) as error:
        raise InvalidInput("download-failed", url=url) from error
    return data


def _is_complete(path: Path, photo: RemotePhoto) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == photo.sha256


# Expectations of a single value, and those of a list whose items must all be in the description.
_VALUES: Mapping[str, Callable[[Description], object]] = {
    "code": lambda description: None,
    "passed": lambda description: description.moderation.passed,
    "mode": lambda description: description.mode,
    "diversity": lambda description: description.diversity and description.diversity.token,
    "failed_checks": lambda description: [check.name for check in description.moderation.checks if not check.passed],
}
_CONTAINS: Mapping[str, Callable[[Description, Any], bool]] = {
    "masked_tokens": lambda description, token: token in (description.masked or ""),
    "numbers_kept": lambda description, number: number in (description.text or ""),
    "text_has_any": lambda description, words: any(word in (description.text or "").lower() for word in words),
}
