"""What the fields of a `card.toml` and of its `lock.toml` may hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, cast


def _is(kind: type) -> Callable[[object], bool]:
    return lambda value: type(value) is kind


def _all_are(*kinds: type) -> Callable[[Iterable[object]], bool]:
    return lambda values: all(type(value) in kinds for value in values)


def _is_list(kind: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and _all_are(kind)(value)


def is_table(*kinds: type) -> Callable[[object], bool]:
    """A check for tables whose values are all of one of these kinds."""
    return lambda value: isinstance(value, dict) and _all_are(*kinds)(value.values())


def are_files(value: object) -> bool:
    """Names that stay inside the folder, each with a hash."""
    if not isinstance(value, dict) or not _all_are(str)(value.values()):
        return False
    return all(map(_stays_inside, value))


def _are_folders(value: object) -> bool:
    """Names that stay inside the folder and are not its own."""
    return _is_list(str)(value) and all(
        _stays_inside(name) and PurePosixPath(name).parts for name in cast(list[str], value)
    )


def _are_downloads(value: object) -> bool:
    """Tables of repo, revision, files and folder, and the bytes of the files where they are known."""
    if not _is_list(dict)(value):
        return False
    return all(
        part.keys() - {"bytes"} == {"repo", "revision", "files", "folder"}
        and type(part.get("bytes", 0)) is int
        and _is_list(str)(part["files"])
        and _all_are(str)((part["repo"], part["revision"], part["folder"]))
        and all(map(_stays_inside, (*part["files"], part["folder"])))
        for part in cast(list[dict[str, Any]], value)
    )


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


FIELDS: Mapping[str, Callable[[object], bool]] = {
    "family": lambda value: type(value) is str and value != "",
    "version": _is(str),
    "languages": _is_list(str),
    "knows": _is_list(str),
    "max_photos": lambda value: type(value) is int and value >= 0,
    "risk": _is(str),
    "summary": is_table(str),
    "settings": _is(dict),
    "generation": _is(dict),
    "adapters": _are_folders,
    "dtype": lambda value: value in ("", "float32", "bfloat16", "float16"),
    "licence": _is(str),
    "parameters": _is(int),
    "verified": _is(str),
    "format": _is(str),
    "download": _are_downloads,
    "command": _is(str),
    "requires": _is_list(str),
    "data": _is_list(dict),
    "figures": _is(dict),
    "calibration": is_table(int, float),
    "files": are_files,
}
