"""The model hub: which files a repository has at a commit, and how they come here whole.

The hub's own client keeps nothing of a file whose download was interrupted, so what has come is kept here, in
`<file>.part`, and the next try goes on behind it. Whatever the network, the hub or the disk may do wrong becomes one
`CheckpointError`. It knows no card. The token, where one is needed, is read by the client (`HF_TOKEN`) and shown to
nobody.
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

_CHUNK = 1 << 20
_PAUSE = 30  # seconds between lines of progress


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file as the hub describes it: its bytes, and its SHA-256 or, for a small one that git keeps, its git id."""

    name: str
    size: int
    digest: str
    is_large: bool

    def is_whole(self, path: Path) -> bool:
        """Whether the file at `path` is this one."""
        found = hashlib.sha256() if self.is_large else hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)
        with path.open("rb") as file:
            while data := file.read(_CHUNK):
                found.update(data)
        return found.hexdigest() == self.digest


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A repository at one commit."""

    repo: str
    revision: str
    files: Mapping[str, HubFile]

    def file(self, name: str) -> HubFile:
        """A file by its name. Raises `CheckpointError` where the repository has none such."""
        if name not in self.files:
            raise CheckpointError("hub-file-missing", repo=self.repo, revision=self.revision[:7], file=name)
        return self.files[name]


def snapshot(repo: str, revision: str = "") -> Snapshot:
    """What the repository holds at a commit, or at the newest one. Raises `CheckpointError`."""
    logging.getLogger("huggingface_hub").setLevel(
        logging.ERROR
    )  # what matters comes as an error, in the user's language
    with explained(repo):
        info = HfApi().model_info(
            repo, revision=revision or None, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT
        )
    files = (_file(each) for each in info.siblings or ())
    return Snapshot(repo, info.sha or revision, {file.name: file for file in files})


def fetch(source: Snapshot, name: str, target: Path) -> None:
    """Bring a file to `target`, going on behind what an earlier try has left, and compare it with what the hub says.

    A bar on stderr shows how far it is, or where that is no terminal a line now and then. Raises `CheckpointError`.
    """
    file = source.file(name)
    if target.is_file() and file.is_whole(target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _part(file, target)
    with explained(source.repo):
        _complete(source, file, part)
    if not file.is_whole(part):
        part.unlink()
        raise CheckpointError("hub-damaged", repo=source.repo, file=name)
    part.replace(target)


def left(source: Snapshot, name: str, target: Path) -> int:
    """Bytes of a file that have not come yet."""
    file = source.file(name)
    if _size(target) == file.size:
        return 0
    return file.size - _size(_part(file, target))


@contextmanager
def silence() -> Iterator[None]:
    """While it lasts, no library asks the hub."""
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _complete(source: Snapshot, file: HubFile, part: Path) -> None:
    come = _size(part)
    if come > file.size:
        part.unlink()
        come = 0
    url = hf_hub_url(source.repo, file.name, revision=source.revision)
    part.touch()
    with part.open("r+b") as out:
        out.seek(come)
        http_get(
            url,
            out,
            resume_size=come,
            headers=build_hf_headers(),
            expected_size=file.size,
            displayed_filename=file.name,
            tqdm_class=None if sys.stderr.isatty() else _Lines,
        )


class _Lines(tqdm):
    """A bar's words as lines of a log."""

    def __init__(self, *args: Any, **more: Any) -> None:
        more |= {"disable": False, "leave": False, "miniters": 1, "mininterval": _PAUSE, "delay": _PAUSE}
        super().__init__(*args, **more)  # type: ignore[no-untyped-call]

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Write where it is; `msg` is empty where the bar would be wiped out."""
        if msg is None:
            sys.stderr.write(f"{self}\n")


def _part(file: HubFile, target: Path) -> Path:
    """Where what has come of a file is kept; another commit's file of the same name goes elsewhere."""
    return target.with_name(f"{target.name}.{file.digest[:8]}.part")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _file(sibling: RepoSibling) -> HubFile:
    """A file of the hub's answer. Raises `CheckpointError` for a name that leads out of the folder."""
    name = sibling.rfilename
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise CheckpointError("hub-file-odd", file=name)
    digest = sibling.lfs.sha256 if sibling.lfs else sibling.blob_id
    return HubFile(name, sibling.size or 0, digest or "", sibling.lfs is not None)


@contextmanager
def explained(repo: str) -> Iterator[None]:
    """Turn what the client raises into one sentence. The order matters: its errors are built upon each other."""
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
        raise _refusal(repo, error.response.status_code) from error
    except (httpx2.HTTPError, OfflineModeIsEnabled) as error:
        raise CheckpointError("hub-unreachable", address=constants.ENDPOINT) from error
    except OSError as error:
        raise _trouble(repo, error) from error


def _refusal(repo: str, status: int) -> CheckpointError:
    if status == 401:
        return CheckpointError("hub-token")
    if status == 403:
        return CheckpointError("hub-gated", repo=repo, page=f"{constants.ENDPOINT}/{repo}")
    return CheckpointError("hub-failed", repo=repo, status=status)


def _trouble(repo: str, error: OSError) -> CheckpointError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CheckpointError("disk-full")
    if error.errno is None:  # the client's own: fewer or more bytes came than were announced
        return CheckpointError("hub-cut", repo=repo)
    return CheckpointError("hub-unwritten", file=str(error.filename or repo))
