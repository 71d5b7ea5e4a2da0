"""List and download the files of a repository on the model hub.

The hub's own client discards a file whose download is interrupted; this module keeps it as `<file>.part` and resumes.
Errors of the network, the hub or the disk become one `CheckpointError`. Knows no cards. The client reads the token, if
one is needed, from `HF_TOKEN`; it is never shown.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import httpx2
from huggingface_hub import HfApi, constants, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import build_hf_headers, tqdm  # type: ignore[attr-defined] # loaded when it is first used

from inference.errors import CheckpointError, InvalidInput

_LOG_INTERVAL = 30  # seconds between lines of progress


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file on the hub: its size in bytes, and its SHA-256 or, if it is small and stored in git, its git id."""

    name: str
    size: int
    digest: str
    is_large: bool

    def matches(self, path: Path) -> bool:
        """Return True if the file at `path` has this file's digest."""
        digest = hashlib.sha256() if self.is_large else hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: digest).hexdigest() == self.digest


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A repository at one commit."""

    repo: str
    revision: str
    files: Mapping[str, HubFile]

    def get_file(self, name: str) -> HubFile:
        """Return a file by its name. Raises `CheckpointError` if the repository does not have it."""
        if name not in self.files:
            raise CheckpointError("hub-file-missing", repo=self.repo, revision=self.revision[:7], file=name)
        return self.files[name]


def get_snapshot(repo: str, revision: str = "") -> Snapshot:
    """List the files of a repository at a commit, by default the newest. Raises `CheckpointError`."""
    # Errors are raised in the user's language, warnings would only repeat them in English.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    timeout = constants.HF_HUB_ETAG_TIMEOUT
    with convert_errors(repo):
        info = HfApi().model_info(repo, revision=revision or None, files_metadata=True, timeout=timeout)
    files = map(_parse_file, info.siblings or ())
    return Snapshot(repo, info.sha or revision, {file.name: file for file in files})


def fetch(source: Snapshot, name: str, target: Path) -> None:
    """Download a file to `target`, resume an interrupted download, and compare its digest with the hub's.

    Shows a progress bar on stderr, or logs a line every 30 s if that is no terminal. Raises `CheckpointError`.
    """
    file = source.get_file(name)
    if target.is_file() and file.matches(target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _get_partial_path(file, target)
    with convert_errors(source.repo):
        _resume_download(source, file, part)
    if not file.matches(part):
        part.unlink()
        raise CheckpointError("hub-damaged", repo=source.repo, file=name)
    part.replace(target)


def count_missing_bytes(source: Snapshot, name: str, target: Path) -> int:
    """Return the bytes of a file that are still to be downloaded."""
    file = source.get_file(name)
    if _get_size(target) == file.size:
        return 0
    return file.size - _get_size(_get_partial_path(file, target))


@contextmanager
def force_offline() -> Iterator[None]:
    """Keep all libraries from contacting the hub."""
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _resume_download(source: Snapshot, file: HubFile, part: Path) -> None:
    size = _get_size(part)
    if size > file.size:
        part.unlink()
        size = 0
    part.touch()
    with part.open("r+b") as out:
        out.seek(size)
        http_get(
            hf_hub_url(source.repo, file.name, revision=source.revision),
            out,
            resume_size=size,
            headers=build_hf_headers(),
            expected_size=file.size,
            displayed_filename=file.name,
            tqdm_class=None if sys.stderr.isatty() else _LogProgress,
        )


class _LogProgress(tqdm):
    """A progress bar that logs lines."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= {
            "disable": False,
            "leave": False,
            "miniters": 1,
            "mininterval": _LOG_INTERVAL,
            "delay": _LOG_INTERVAL,
        }
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Write the progress; `msg` is empty when a bar would be cleared."""
        if msg is None:
            sys.stderr.write(f"{self}\n")


def _get_partial_path(file: HubFile, target: Path) -> Path:
    """Return the path of an unfinished download; it differs for another commit's file of the same name."""
    return target.with_name(f"{target.name}.{file.digest[:8]}.part")


def _get_size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _parse_file(sibling: RepoSibling) -> HubFile:
    """Parse a file of the hub's response. Raises `CheckpointError` for a path that leads out of the folder."""
    name = sibling.rfilename
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise CheckpointError("hub-file-odd", file=name)
    digest = sibling.lfs.sha256 if sibling.lfs else sibling.blob_id
    return HubFile(name, sibling.size or 0, digest or "", sibling.lfs is not None)


@contextmanager
def convert_errors(repo: str) -> Iterator[None]:
    """Convert the client's exceptions into ours. The order matters: some are subclasses of others."""
    try:
        yield
    except HFValidationError as error:
        raise InvalidInput("hub-name", repo=repo) from error
    except GatedRepoError as error:
        raise CheckpointError("hub-gated", repo=repo, page=f"{constants.ENDPOINT}/{repo}") from error
    except RepositoryNotFoundError as error:
        raise CheckpointError("hub-repo-missing", repo=repo) from error
    except RevisionNotFoundError as error:
        raise CheckpointError("hub-revision-missing", repo=repo) from error
    except HfHubHTTPError as error:
        raise _build_status_error(repo, error.response.status_code) from error
    except (httpx2.HTTPError, OfflineModeIsEnabled) as error:
        raise CheckpointError("hub-unreachable", address=constants.ENDPOINT) from error
    except OSError as error:
        raise _build_os_error(repo, error) from error


def _build_status_error(repo: str, status: int) -> CheckpointError:
    if status == 401:
        return CheckpointError("hub-token")
    if status == 403:
        return CheckpointError("hub-gated", repo=repo, page=f"{constants.ENDPOINT}/{repo}")
    return CheckpointError("hub-failed", repo=repo, status=status)


def _build_os_error(repo: str, error: OSError) -> CheckpointError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CheckpointError("disk-full")
    if error.errno is None:  # raised by the client: fewer or more bytes arrived than announced
        return CheckpointError("hub-cut", repo=repo)
    return CheckpointError("hub-unwritten", file=str(error.filename or repo))
