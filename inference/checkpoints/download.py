"""A public model from the hub into its folder: named, pinned, downloaded, compared with its hashes, taken over.

What comes lies in `.<name>.download` beside the checkpoint's folder until all of it is there; a try that was
interrupted is gone on with. The checkpoint appears in one move when it is finished.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import cast

from inference.checkpoints import hub, registry
from inference.checkpoints.convert import FORMATS, convert, is_adapter_s, is_beside, link, place, settle
from inference.checkpoints.detect import architecture
from inference.checkpoints.hub import Snapshot
from inference.checkpoints.registry import KINDS, Card
from inference.errors import CheckpointError, InvalidInput, Message

# The weights of a folder of `transformers`, of which the first that are there are taken.
_WEIGHTS = (
    "model.safetensors",
    "model-*-of-*.safetensors",
    "*.safetensors",
    "pytorch_model.bin",
    "pytorch_model-*-of-*.bin",
)
_TELLING = ("config.json", "preprocessor_config.json", "processor_config.json", "tokenizer_config.json")
_TELLING_CHAT = ("chat_template.jinja", "chat_template.json")

OnProgress = Callable[[Message], object]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to come: the folder that it becomes, the format of the original, and its parts (`Card.download`)."""

    target: Path
    format: str
    download: tuple[Mapping[str, object], ...]

    @property
    def id(self) -> str:
        """`kind/name` of what is to come."""
        return f"{self.target.parent.name}/{self.target.name}"

    @property
    def work(self) -> Path:
        """Where it lies until all of it is there."""
        return self.target.with_name(f".{self.target.name}.download")


@dataclass(frozen=True, slots=True)
class _Part:
    """Files of a repository and the folder of the source that they belong to."""

    snapshot: Snapshot
    names: tuple[str, ...]
    folder: Path

    def targets(self) -> Iterator[tuple[str, Path]]:
        """Each file's name in the repository and its place here."""
        return ((name, self.folder / name) for name in self.names)


def pull(root: Path, asked: str, on_progress: OnProgress, family: str = "", name: str = "", keep: bool = False) -> Card:
    """Bring a public model: the one whose shipped card is called so, or any repository `owner/name` of the hub.

    What its card requires comes with it. family: the format, one of `FORMATS`, of a repository whose files do not tell
    it; name: of the folder of such a one; keep: leave the downloaded files where they came. A
    checkpoint that is here already is left alone, and so is one that another process is pulling.

    Raises `InvalidInput` for a name, a format or a repository that cannot be meant, `CheckpointError` for everything
    that goes wrong on the way.
    """
    card = _known(root, asked)
    if card is None:
        return _bring(_told(root, asked, family, name), on_progress, keep)
    for each in (*registry.list_dependencies(card), card):
        if not each.has_files:
            _bring(_planned(each), on_progress, keep)
    return registry.load_card(card.folder)


def _bring(plan: _Plan, on_progress: OnProgress, keep: bool) -> Card:
    with hub.explained(plan.id), _alone(plan):
        parts = list(_parts(plan))
        _download(plan, parts, on_progress)
        on_progress(Message("pull-converting", {"checkpoint": plan.id}))
        with hub.silence():
            done = settle(plan.target, lambda folder: _write(plan, parts, folder), _revisions(parts))
        if not keep:
            shutil.rmtree(plan.work)
    return done


@contextmanager
def _alone(plan: _Plan) -> Iterator[None]:
    """Hold the folder where it lies meanwhile. Raises `InvalidInput` when another process does."""
    plan.work.mkdir(parents=True, exist_ok=True)
    (plan.work / ".gitignore").write_text("*\n")
    with (plan.work / "busy").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InvalidInput("pull-busy", checkpoint=plan.id) from error
        yield


def _known(root: Path, asked: str) -> Card | None:
    """The card that is meant by `name`, `kind/name` or the name of its repository; None for another repository."""
    named = registry.find_cards(root, asked)
    if any(card.repo == asked for card in named):
        del named[1:]
    waiting = [card for card in named if not card.is_here]
    if len(waiting) > 1:
        raise InvalidInput("pull-ambiguous", name=asked, known=", ".join(card.id for card in waiting))
    if not named and (asked.count("/") != 1 or asked.partition("/")[0] in KINDS):
        raise CheckpointError("pull-unknown", name=asked)
    return next(iter(waiting or named), None)


def _planned(card: Card) -> _Plan:
    if card.format and card.format not in FORMATS:
        raise card.field_error("format")
    return _Plan(card.folder, card.format, card.download)


def _told(root: Path, repo: str, family: str, name: str) -> _Plan:
    """The plan for a repository without a card of ours: its newest commit, its format as its files tell it.

    Raises `InvalidInput` for a format that is put together from several, and for a repository of another format.
    """
    if family and FORMATS[family].is_joined:
        raise InvalidInput("pull-joined", format=family)
    snapshot = hub.snapshot(repo)
    family = family or _format(snapshot)
    target = place(root, FORMATS[family].kind, name or repo.partition("/")[2].lower())
    if target.exists():
        raise InvalidInput("pull-exists", checkpoint=f"{target.parent.name}/{target.name}", repo=repo)
    patterns = FORMATS[family].one_of
    weights, beside = _choice(snapshot, patterns or _WEIGHTS)
    if not weights:
        raise InvalidInput("pull-weightless", repo=repo, format=family, files=", ".join(patterns or _WEIGHTS))
    if patterns and len(weights) > 1:
        raise CheckpointError("import-several", source=repo, files=", ".join(weights))
    return _Plan(target, family, ({"repo": repo, "revision": "", "files": [*weights, *beside], "folder": ""},))


def _format(snapshot: Snapshot) -> str:
    """The format that the small files of a repository tell. Raises `InvalidInput` where that is not sure."""
    with tempfile.TemporaryDirectory() as folder:
        for name in (*_TELLING, *_TELLING_CHAT):
            if name in snapshot.files:
                hub.fetch(snapshot, name, Path(folder) / name)
        told = architecture(Path(folder))
    if told is None or told.format not in FORMATS:
        raise InvalidInput("pull-format", repo=snapshot.repo, known=", ".join(FORMATS))
    return told.format


def _choice(snapshot: Snapshot, patterns: Sequence[str] = _WEIGHTS) -> tuple[list[str], list[str]]:
    """The weights of a repository, those of the first pattern that means any, and all that belongs to them."""
    top = [name for name in snapshot.files if "/" not in name and name[0] != "." and not is_adapter_s(name)]

    def matching(pattern: str) -> list[str]:
        return [name for name in top if PurePosixPath(name).match(pattern)]

    weights: list[str] = next(filter(None, map(matching, patterns)), [])
    return weights, list(filter(is_beside, top))


def _parts(plan: _Plan) -> Iterator[_Part]:
    """The parts at their commits: what the card pins, what an earlier try has pinned, or the newest one."""
    pins = plan.work / "pins.json"
    pinned = _read_pins(pins)
    for each in plan.download:
        repo, names = str(each["repo"]), tuple(map(str, each["files"]))  # type: ignore[call-overload]
        snapshot = hub.snapshot(repo, str(each["revision"]) or pinned.get(repo, ""))
        pinned[repo] = snapshot.revision
        weights, beside = ([], []) if names else _choice(snapshot)
        yield _Part(snapshot, names or (*weights, *beside), plan.work / "source" / str(each["folder"]))
    fresh = pins.with_suffix(".new")
    fresh.write_text(json.dumps(pinned), "utf-8")
    fresh.replace(pins)


def _read_pins(pins: Path) -> dict[str, str]:
    """Repository → commit; nothing where an earlier try wrote none, or not all of it."""
    try:
        return cast("dict[str, str]", json.loads(pins.read_text("utf-8")))
    except (FileNotFoundError, ValueError):
        return {}


def _download(plan: _Plan, parts: Sequence[_Part], on_progress: OnProgress) -> None:
    wanted = [(part.snapshot, name, target) for part in parts for name, target in part.targets()]
    missing = sum(hub.left(*each) for each in wanted)
    _check_room(plan, missing + _converted_size(parts))
    sources = ", ".join(f"{part.snapshot.repo}@{part.snapshot.revision[:7]}" for part in parts)
    on_progress(Message("pull-begins", {"sources": sources, "count": len(wanted), "megabytes": missing / 1e6}))
    for snapshot, name, target in wanted:
        hub.fetch(snapshot, name, target)
    _remove_others(plan.work / "source", {target for _, _, target in wanted})


def _remove_others(source: Path, wanted: Collection[Path]) -> None:
    """Remove what an earlier try left of other repositories or commits: it would become part of the checkpoint."""
    for path in [path for path in source.rglob("*") if path.is_file() and path not in wanted]:
        path.unlink()


def _converted_size(parts: Sequence[_Part]) -> int:
    """Bytes that the checkpoint will take beside the originals; safetensors are linked."""
    files = (part.snapshot.file(name) for part in parts for name in part.names)
    return sum(file.size for file in files if not file.name.endswith(".safetensors"))


def _check_room(plan: _Plan, needed: int) -> None:
    free = shutil.disk_usage(plan.work).free
    if needed > free:
        raise CheckpointError("pull-disk", checkpoint=plan.id, needed=needed / 1e9, free=free / 1e9)


def _write(plan: _Plan, parts: Sequence[_Part], folder: Path) -> Card | None:
    """Write the checkpoint out of what has come; None where its card is shipped and the files stay as they are."""
    source = plan.work / "source"
    if not plan.format:
        for path in (path for path in source.rglob("*") if path.is_file()):
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            link(path, target)
        return None
    card = convert(plan.format, source, folder)
    revisions = _revisions(parts)
    download = tuple({**each, "revision": revisions[str(each["repo"])]} for each in plan.download)
    return replace(card, folder=folder, format=plan.format, download=download)


def _revisions(parts: Sequence[_Part]) -> dict[str, str]:
    return {part.snapshot.repo: part.snapshot.revision for part in parts}
