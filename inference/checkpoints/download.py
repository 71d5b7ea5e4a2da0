"""Pull a public model from the hub: pin its commit, download, compare hashes, convert, and move into place.

Downloads lie in `.<name>.download` beside the checkpoint's folder until they are complete, and an interrupted pull
resumes. The finished checkpoint appears in one move.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import cast

from filelock import FileLock, Timeout

from inference.checkpoints import hub, registry
from inference.checkpoints.card import Card, Download, load_card, pin_downloads
from inference.checkpoints.convert import (
    FORMATS,
    convert,
    install,
    is_adapter_file,
    is_auxiliary_file,
    link_or_copy,
    resolve_target,
)
from inference.checkpoints.detect import detect_architecture
from inference.checkpoints.hub import Snapshot
from inference.checkpoints.registry import KINDS, is_installed
from inference.errors import CheckpointError, InvalidInput, Message

# Names of weights in a `transformers` repository: only the files of the first matching pattern are downloaded.
_WEIGHTS = (
    "model.safetensors",
    "model-*-of-*.safetensors",
    "*.safetensors",
    "pytorch_model.bin",
    "pytorch_model-*-of-*.bin",
)
_CONFIG_FILES = ("config.json", "preprocessor_config.json", "processor_config.json", "tokenizer_config.json")
_CHAT_FILES = ("chat_template.jinja", "chat_template.json")

OnProgress = Callable[[Message], object]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The folder of the checkpoint, the format of the published files, and the repositories to download."""

    target: Path
    format: str
    download: tuple[Download, ...]

    @property
    def id(self) -> str:
        """`kind/name` of the checkpoint."""
        return f"{self.target.parent.name}/{self.target.name}"

    @property
    def work(self) -> Path:
        """The folder of unfinished downloads."""
        return self.target.with_name(f".{self.target.name}.download")


@dataclass(frozen=True, slots=True)
class _Part:
    """Files of a repository and the folder that they are downloaded to."""

    snapshot: Snapshot
    names: tuple[str, ...]
    folder: Path

    def targets(self) -> Iterator[tuple[str, Path]]:
        """Yield the name of each file in the repository and its local path."""
        return ((name, self.folder / name) for name in self.names)


def pull(
    root: Path, repo_or_name: str, on_progress: OnProgress, family: str = "", name: str = "", keep: bool = False
) -> Card:
    """Download a public model: the one of a shipped card, or any repository `owner/name` of the hub.

    Downloads the dependencies of its card, too. An installed checkpoint is not changed.

    family: a key of `FORMATS`, needed if the format cannot be detected; name: of the new folder; keep: do not delete
    the downloaded files after the conversion.

    Raises `InvalidInput` for a wrong name, format or repository and while another process pulls the same checkpoint,
    `CheckpointError` for everything that fails on the way.
    """
    card = _find_card(root, repo_or_name)
    if card is None:
        return _pull_plan(_plan_repository(root, repo_or_name, family, name), on_progress, keep)
    for required in (*registry.list_dependencies(card), card):
        if not required.has_files:
            _pull_plan(_plan_card(required), on_progress, keep)
    return load_card(card.folder)


def _pull_plan(plan: _Plan, on_progress: OnProgress, keep: bool) -> Card:
    with hub.convert_errors(plan.id), _acquire_lock(plan):
        parts = list(_iterate_parts(plan))
        _download(plan, parts, on_progress)
        on_progress(Message("pull-converting", {"checkpoint": plan.id}))
        with hub.force_offline():
            card = install(plan.target, lambda folder: _convert(plan, parts, folder), _map_revisions(parts))
        if not keep:
            shutil.rmtree(plan.work)
    return card


@contextmanager
def _acquire_lock(plan: _Plan) -> Iterator[None]:
    """Lock the folder of unfinished downloads. Raises `InvalidInput` when another process holds the lock."""
    plan.work.mkdir(parents=True, exist_ok=True)
    (plan.work / ".gitignore").write_text("*\n")
    lock = FileLock(plan.work / "busy")
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise InvalidInput("pull-busy", checkpoint=plan.id) from error
    try:
        yield
    finally:
        lock.release()


def _find_card(root: Path, repo_or_name: str) -> Card | None:
    """Return the card for `name`, `kind/name` or the name of its repository; None for another repository."""
    cards = registry.find_cards(root, repo_or_name)
    if any(card.repo == repo_or_name for card in cards):
        del cards[1:]
    missing = [card for card in cards if not is_installed(card)]
    if len(missing) > 1:
        raise InvalidInput("pull-ambiguous", name=repo_or_name, known=", ".join(card.id for card in missing))
    if not cards and (repo_or_name.count("/") != 1 or repo_or_name.partition("/")[0] in KINDS):
        raise CheckpointError("pull-unknown", name=repo_or_name)
    return next(iter(missing or cards), None)


def _plan_card(card: Card) -> _Plan:
    if card.format and card.format not in FORMATS:
        raise card.field_error("format")
    return _Plan(card.folder, card.format, card.download)


def _plan_repository(root: Path, repo: str, family: str, name: str) -> _Plan:
    """Plan the download of a repository without a shipped card: its newest commit, in `family` or the detected format.

    Raises `InvalidInput` for a format that joins several repositories, and for a repository of another format.
    """
    if family and FORMATS[family].is_joined:
        raise InvalidInput("pull-joined", format=family)
    snapshot = hub.get_snapshot(repo)
    family = family or _detect_format(snapshot)
    target = resolve_target(root, FORMATS[family].kind, name or repo.partition("/")[2].lower())
    if target.exists():
        raise InvalidInput("pull-exists", checkpoint=f"{target.parent.name}/{target.name}", repo=repo)
    patterns = FORMATS[family].weights
    weights, auxiliary = _choose_files(snapshot, patterns or _WEIGHTS)
    if not weights:
        raise InvalidInput("pull-weightless", repo=repo, format=family, files=", ".join(patterns or _WEIGHTS))
    if patterns and len(weights) > 1:
        raise CheckpointError("import-several", source=repo, files=", ".join(weights))
    return _Plan(target, family, ({"repo": repo, "revision": "", "files": [*weights, *auxiliary], "folder": ""},))


def _detect_format(snapshot: Snapshot) -> str:
    """Detect the format from the configuration files of a repository. Raises `InvalidInput` if they are ambiguous."""
    with tempfile.TemporaryDirectory() as folder:
        for name in (*_CONFIG_FILES, *_CHAT_FILES):
            if name in snapshot.files:
                hub.fetch(snapshot, name, Path(folder) / name)
        architecture = detect_architecture(Path(folder))
    if architecture is None or architecture.format not in FORMATS:
        raise InvalidInput("pull-format", repo=snapshot.repo, known=", ".join(FORMATS))
    return architecture.format


def _choose_files(snapshot: Snapshot, patterns: Sequence[str] = _WEIGHTS) -> tuple[list[str], list[str]]:
    """Return the weights of a repository, those of the first pattern that matches, and the other files they need."""
    names = [name for name in snapshot.files if "/" not in name and name[0] != "." and not is_adapter_file(name)]
    matches = ([name for name in names if PurePosixPath(name).match(pattern)] for pattern in patterns)
    return next(filter(None, matches), []), list(filter(is_auxiliary_file, names))


def _iterate_parts(plan: _Plan) -> Iterator[_Part]:
    """Yield the parts with commits: the card's pins, the pins of an interrupted pull, or the newest commits."""
    pins = plan.work / "pins.json"
    pinned = _read_pins(pins)
    for download in plan.download:
        repo, names = download["repo"], tuple(download["files"])
        snapshot = hub.get_snapshot(repo, download["revision"] or pinned.get(repo, ""))
        pinned[repo] = snapshot.revision
        weights, auxiliary = ([], []) if names else _choose_files(snapshot)
        yield _Part(snapshot, names or (*weights, *auxiliary), plan.work / "source" / download["folder"])
    new_pins = pins.with_suffix(".new")
    new_pins.write_text(json.dumps(pinned), "utf-8")
    new_pins.replace(pins)


def _read_pins(pins: Path) -> dict[str, str]:
    """Return repository → commit of an interrupted pull; empty if it wrote none, or an incomplete file."""
    try:
        return cast("dict[str, str]", json.loads(pins.read_text("utf-8")))
    except (FileNotFoundError, ValueError):
        return {}


def _download(plan: _Plan, parts: Sequence[_Part], on_progress: OnProgress) -> None:
    wanted = [(part.snapshot, name, target) for part in parts for name, target in part.targets()]
    missing = sum(hub.count_missing_bytes(*each) for each in wanted)
    _check_disk_space(plan, missing + _estimate_converted_bytes(parts))
    sources = ", ".join(f"{part.snapshot.repo}@{part.snapshot.revision[:7]}" for part in parts)
    on_progress(Message("pull-begins", {"sources": sources, "count": len(wanted), "megabytes": missing / 1e6}))
    for snapshot, name, target in wanted:
        hub.fetch(snapshot, name, target)
    _remove_stale_files(plan.work / "source", {target for _, _, target in wanted})


def _remove_stale_files(source: Path, wanted: Collection[Path]) -> None:
    """Remove files of other repositories or commits from an interrupted pull: they would be part of the checkpoint."""
    for path in [path for path in source.rglob("*") if path.is_file() and path not in wanted]:
        path.unlink()


def _estimate_converted_bytes(parts: Sequence[_Part]) -> int:
    """Return the bytes that the checkpoint needs besides the downloads; safetensors are hard-linked."""
    files = (part.snapshot.get_file(name) for part in parts for name in part.names)
    return sum(file.size for file in files if not file.name.endswith(".safetensors"))


def _check_disk_space(plan: _Plan, needed: int) -> None:
    free = shutil.disk_usage(plan.work).free
    if needed > free:
        raise CheckpointError("pull-disk", checkpoint=plan.id, needed=needed / 1e9, free=free / 1e9)


def _convert(plan: _Plan, parts: Sequence[_Part], folder: Path) -> Card | None:
    """Convert the downloads into a folder; return None if the card is shipped and the files are used as they are."""
    source = plan.work / "source"
    if not plan.format:
        for path in (path for path in source.rglob("*") if path.is_file()):
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(path, target)
        return None
    card = convert(plan.format, source, folder)
    planned = replace(card, folder=folder, format=plan.format, download=plan.download)
    return replace(planned, download=pin_downloads(planned, _map_revisions(parts)))


def _map_revisions(parts: Sequence[_Part]) -> dict[str, str]:
    return {part.snapshot.repo: part.snapshot.revision for part in parts}
