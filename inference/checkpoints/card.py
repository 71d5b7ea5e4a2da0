"""The card of a checkpoint: `card.toml`, and the hashes of its files. Loads no weights and knows no network.

A checkpoint is the folder `<root>/<kind>/<name>/` with `card.toml`, safetensors and JSON files. The card names
each of the other files with its SHA-256. The card of a public model is shipped without weights: `lock.toml` beside it
holds the revisions and hashes of what was downloaded, and the card stays as it was shipped.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, NotRequired, TypeVar

import tomli_w
from annotated_types import Ge, MinLen, Predicate

# pydantic refuses `typing.TypedDict` before Python 3.12 (pydantic/_internal/_generate_schema.py).
from typing_extensions import TypedDict

from inference.checkpoints.detect import detect_architecture
from inference.errors import CheckpointError

T = TypeVar("T")

CARD = "card.toml"
LOCK = "lock.toml"
ADAPTER = "adapter_config.json"  # PEFT's name of the file
_SYSTEM_FILES = ("Thumbs.db", "desktop.ini")  # Windows leaves them in every folder; other systems hide theirs


def _is_relative(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _is_folder(name: str) -> bool:
    return bool(PurePosixPath(name).parts)


RelativePath = Annotated[str, Predicate(_is_relative)]  # stays inside the folder of the checkpoint
Files = Mapping[RelativePath, str]  # path inside the folder → SHA-256


class Download(TypedDict):
    """A repository of the hub; `bytes` is the size of its files where it is known."""

    repo: str
    revision: str
    files: list[RelativePath]
    folder: RelativePath
    bytes: NotRequired[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The contents of `card.toml`. `load_card` validates them; a card that code builds is taken as it is."""

    folder: Path
    family: Annotated[str, MinLen(1)]  # the code that loads it
    version: str
    languages: tuple[str, ...] = ()  # that it reads and writes; empty if unknown
    max_photos: Annotated[int, Ge(0)] = 0
    risk: str = ""  # of a toxicity classifier: the rule that turns its labels into one risk
    knows: tuple[str, ...] = ()  # lemmas of the things that it was trained to tell apart
    title: Mapping[str, str] = field(default_factory=dict)  # language → a word or two for people who choose
    summary: Mapping[str, str] = field(default_factory=dict)  # language → one sentence
    settings: Mapping[str, object] = field(default_factory=dict)  # validated by the family
    generation: Mapping[str, object] = field(default_factory=dict)  # validated by `GenerationSettings`
    adapters: tuple[
        Annotated[RelativePath, Predicate(_is_folder)], ...
    ] = ()  # folders of LoRA adapters in PEFT's format
    dtype: Literal["", "float32", "bfloat16", "float16"] = ""  # in memory; empty: the device's default
    licence: str = ""  # of the weights, SPDX identifier
    parameters: int = 0
    verified: str = ""  # how the code was compared with the publisher's: method and difference
    format: str = ""  # key of `FORMATS` that converts the files of `download`
    download: tuple[Download, ...] = ()  # repositories of the published files, see `Download`
    command: str = ""  # that made the checkpoint
    requires: tuple[str, ...] = ()  # "kind/name" of the checkpoints that it depends on
    data: tuple[Mapping[str, object], ...] = ()  # training data: name, licence, rows …
    figures: Mapping[str, object] = field(default_factory=dict)  # metrics on held-out data
    calibration: Mapping[str, int | float] = field(default_factory=dict)  # thresholds that belong to these weights
    files: Files = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """One of `KINDS`: the name of the parent folder."""
        return self.folder.parent.name

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.name

    @property
    def id(self) -> str:
        """`kind/name`, as in `requires` and on the command line."""
        return f"{self.kind}/{self.name}"

    @property
    def repo(self) -> str:
        """The hub repository of a public model; empty without one, or if it is joined from several."""
        return "".join(part["repo"] for part in self.download[:1] if part["folder"] == "")

    @property
    def has_files(self) -> bool:
        """True if its own files are in the folder; those of a public model have to be downloaded first."""
        return not self.download or (bool(self.files) and all((self.folder / name).is_file() for name in self.files))

    @property
    def size(self) -> int:
        """Bytes of the present files on the card; of all files of a folder without a card."""
        paths = [self.folder / name for name in self.files or list_files(self.folder)]
        return sum(path.stat().st_size for path in paths if path.is_file())

    @property
    def published_size(self) -> int:
        """Bytes of a public model on the hub; estimated as float32 if the card does not say."""
        return sum(part.get("bytes", 0) for part in self.download) or 4 * self.parameters

    def field_error(self, field: str) -> CheckpointError:
        """Return the error for a field that is missing, unknown or invalid."""
        return CheckpointError("card-field", card=str(self.folder / CARD), field=field)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lock:
    """The contents of `lock.toml`: hub repository → commit, the hashes, and the downloads that the card requested."""

    revisions: Mapping[str, str]
    files: Files
    asked: tuple[Mapping[str, object], ...] | None = None


def load_card(folder: Path) -> Card:
    """Load the card of a folder and complete it from `lock.toml`.

    A `transformers` folder without a card gets one from its `config.json`, without hashes. Raises `CheckpointError`
    that names a missing, unknown or invalid field, and for an adapter among the weights: `transformers` would load
    it, and the base model that it names, instead of them.
    """
    if (folder / ADAPTER).is_file():
        raise CheckpointError("adapter-loose", checkpoint=f"{folder.parent.name}/{folder.name}")
    path = folder / CARD
    if not path.exists() and (architecture := detect_architecture(folder)):
        return Card(folder=folder, family=architecture.family, version="", max_photos=architecture.max_photos)
    table = _load_table(path)
    if "download" not in table and "files" not in table:
        raise CheckpointError("card-field", card=str(path), field="files")
    return _apply_lock(_validate(Card, path, table | {"folder": folder}))


def save_card(card: Card) -> Card:
    """Hash the files of the folder, overwrite `card.toml` and return the card as it was written."""
    table = asdict(card) | {"files": _hash_files(card.folder)}
    del table["folder"]
    (card.folder / CARD).write_text(tomli_w.dumps(table, multiline_strings=True), "utf-8")
    (card.folder / LOCK).unlink(missing_ok=True)  # the card itself holds the hashes now
    return load_card(card.folder)


def save_lock(folder: Path, revisions: Mapping[str, str], card: Card) -> None:
    """Hash the files of the folder and write `lock.toml` for the card that requested them.

    revisions: hub repository → commit; empty for files from elsewhere.
    """
    table = {"revisions": revisions, "files": _hash_files(folder), "asked": _list_requested(card)}
    (folder / LOCK).write_text(tomli_w.dumps(table), "utf-8")


def pin_downloads(card: Card, revisions: Mapping[str, str]) -> tuple[Download, ...]:
    """Return the downloads of a card with commits from `revisions` (hub repository → commit) where it has them."""
    downloads = []
    for part in card.download:
        pinned = part.copy()
        pinned["revision"] = revisions.get(part["repo"], part["revision"])
        downloads.append(pinned)
    return tuple(downloads)


def list_locked_files(folder: Path) -> list[str]:
    """List the files in `lock.toml`, whatever card they were downloaded for; empty without a lock.

    Raises `CheckpointError` for a lock that cannot be read.
    """
    lock = _load_lock(folder)
    return list(lock.files) if lock else []


def list_files(folder: Path) -> list[str]:
    """List the files of a checkpoint as relative POSIX paths: all but card, lock, hidden and system files."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    names = {path.as_posix() for path in paths if path.name not in _SYSTEM_FILES and not is_hidden(path)}
    return sorted(names - {CARD, LOCK})


def is_hidden(path: Path) -> bool:
    """Return True for the relative path of a hidden file or of a file in a hidden folder."""
    return any(part.startswith(".") for part in path.parts)


def compute_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_files(folder: Path) -> dict[str, str]:
    return {name: compute_sha256(folder / name) for name in list_files(folder)}


def _apply_lock(card: Card) -> Card:
    lock = _load_lock(card.folder)
    if lock is None:
        return card
    pins = lock.revisions
    is_moved = any(part["revision"] not in ("", pins.get(part["repo"], part["revision"])) for part in card.download)
    if is_moved or (lock.asked is not None and list(lock.asked) != _list_requested(card)):
        return card  # the files were downloaded for an earlier version of the card
    return replace(card, files=lock.files, download=pin_downloads(card, pins))


def _load_lock(folder: Path) -> _Lock | None:
    path = folder / LOCK
    return _validate(_Lock, path, _load_table(path)) if path.is_file() else None


def _list_requested(card: Card) -> list[dict[str, object]]:
    """Return the downloads of a card without commits: a card that pins none is locked to the newest one."""
    return [{name: part[name] for name in ("repo", "files", "folder")} for part in card.download]


def _load_table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CheckpointError("card-unreadable", card=str(path)) from error


def _validate(kind: type[T], path: Path, table: Mapping[str, object]) -> T:
    from inference.checkpoints.schema import FieldError, validate  # pydantic: not for --help

    try:
        return validate(kind, table)
    except FieldError as error:
        raise CheckpointError("card-field", card=str(path), field=error.field) from error
