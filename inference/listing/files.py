"""Read files that the user names; any failure raises `InvalidInput` with the path."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from inference.errors import InvalidInput
from inference.listing.types import Upload
from inference.listing.validation import MAX_MEGABYTES

if TYPE_CHECKING:
    from inference.moderation.overrides import Overrides


@contextmanager
def catch_os_errors(path: Path) -> Iterator[None]:
    """Turn a failure of the block to open, read or write `path` into `InvalidInput`."""
    try:
        yield
    except FileNotFoundError as error:
        raise InvalidInput("file-missing", file=str(path)) from error
    except IsADirectoryError as error:
        raise InvalidInput("file-is-folder", file=str(path)) from error
    except (NotADirectoryError, FileExistsError) as error:
        raise InvalidInput("folder-is-file", file=str(path)) from error
    except UnicodeDecodeError as error:
        raise InvalidInput("file-not-text", file=str(path)) from error
    except (OSError, ValueError) as error:
        raise InvalidInput("file-unopened", file=str(path)) from error


def read_text(path: Path) -> str:
    """Return the contents of a UTF-8 text file. Raises `InvalidInput`."""
    with catch_os_errors(path):
        return path.read_text("utf-8-sig")


def load_toml(path: Path) -> dict[str, object]:
    """Return the contents of a TOML file. Raises `InvalidInput`."""
    text = read_text(path)
    with catch_os_errors(path):
        return tomllib.loads(text)


def load_overrides(path: Path | None) -> Overrides | None:
    """Load thresholds of moderation from a TOML file, if there is one. Raises `InvalidInput`."""
    if path is None:
        return None
    table = load_toml(path)
    from inference.moderation.overrides import Overrides  # torch: not for --help

    return Overrides.from_table(table)


def load_uploads(paths: Iterable[Path]) -> tuple[Upload, ...]:
    """Load photo files without decoding them. Raises `InvalidInput` for a file that cannot be read."""
    return tuple(Upload(_read_bytes(path), path.name) for path in paths)


def _read_bytes(path: Path) -> bytes:
    limit = MAX_MEGABYTES * 1024 * 1024
    with catch_os_errors(path), path.open("rb") as file:
        data = file.read(limit + 1)  # does not read the gigabytes of a film
    if len(data) > limit:
        raise InvalidInput("file-too-big", file=str(path), limit=MAX_MEGABYTES)
    return data
