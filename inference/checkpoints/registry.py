"""Cards of checkpoints: find, check and write them. Loads no weights and knows no network.

A checkpoint is the folder `<root>/<kind>/<name>/` with `card.toml`, safetensors and JSON files. The card names
each of the other files with its SHA-256. The card of a public model is shipped without weights: the revisions and
hashes of what was pulled for it stand beside it in `lock.toml`, and the card stays as it was shipped.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, cast

import tomli_w

from inference.checkpoints.card_fields import FIELDS, are_files, is_table
from inference.checkpoints.detect import architecture
from inference.errors import CheckpointError

KINDS = ("captioner", "clip", "toxicity", "diversity")
CARD = "card.toml"
LOCK = "lock.toml"
ADAPTER = "adapter_config.json"  # as PEFT calls it
_LITTER = ("Thumbs.db", "desktop.ini")  # what Windows leaves in every folder; other systems hide theirs
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What `card.toml` says of the checkpoint in its folder."""

    folder: Path
    family: str  # the code that loads it
    version: str
    languages: tuple[str, ...] = ()  # that it reads and writes; empty where nobody said
    max_photos: int = 0
    risk: str = ""  # of a toxicity classifier: the rule that makes one risk of its labels
    knows: tuple[str, ...] = ()  # lemmas of the things that it was taught to tell apart
    summary: Mapping[str, str] = field(default_factory=dict)  # language → one sentence
    settings: Mapping[str, object] = field(default_factory=dict)  # what its family lets a card choose
    generation: Mapping[str, object] = field(default_factory=dict)  # how it writes: `captioners/generation.py`
    adapters: tuple[str, ...] = ()  # folders inside the folder, each a LoRA adapter as PEFT saves it
    dtype: str = ""  # of its numbers in memory, as torch names it; empty: as the machine likes it best
    licence: str = ""  # of the weights, as SPDX names it
    parameters: int = 0  # how many numbers the weights are
    verified: str = ""  # how the code was held against the publisher's: method and difference
    format: str = ""  # what `originals.FORMATS` makes the checkpoint from the files of `download`
    download: tuple[Mapping[str, object], ...] = ()  # where the original is published: repo, revision, files, folder …
    command: str = ""  # the command that made it
    requires: tuple[str, ...] = ()  # "kind/name" of the checkpoints that it reads
    data: tuple[Mapping[str, object], ...] = ()  # what it was trained on: name, licence, rows …
    figures: Mapping[str, object] = field(default_factory=dict)  # measured on held-out data
    calibration: Mapping[str, float] = field(default_factory=dict)  # thresholds that belong to these weights
    files: Mapping[str, str] = field(default_factory=dict)  # path inside the folder → SHA-256

    @property
    def kind(self) -> str:
        """One of `KINDS`: the name of the folder above."""
        return self.folder.parent.name

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.name

    @property
    def id(self) -> str:
        """`kind/name`, as `requires` and the command line write it."""
        return f"{self.kind}/{self.name}"

    @property
    def repo(self) -> str:
        """The hub's name of the public model; empty where there is none, or where it is joined of several."""
        return "".join(str(part["repo"]) for part in self.download[:1] if part["folder"] == "")

    @property
    def has_files(self) -> bool:
        """Whether its own files are in the folder; those of a public model have to be pulled first."""
        return not self.download or (bool(self.files) and all((self.folder / name).is_file() for name in self.files))

    @property
    def is_here(self) -> bool:
        """Whether its files and those of all that it requires are there."""
        try:
            check_present(self)
        except CheckpointError:
            return False
        return True

    def field_error(self, field: str) -> CheckpointError:
        """The error that a field of the card is missing, unknown or not what it may be."""
        return CheckpointError("card-field", card=str(self.folder / CARD), field=field)

    @property
    def size(self) -> int:
        """Bytes of the files on the card that are there; of all files where there is no card."""
        paths = [self.folder / name for name in self.files or _file_names(self.folder)]
        return sum(path.stat().st_size for path in paths if path.is_file())

    @property
    def published_size(self) -> int:
        """Bytes of a public model on the hub; where its card does not say, as many as its numbers take in float32."""
        return sum(cast(int, part.get("bytes", 0)) for part in self.download) or 4 * self.parameters


def list_cards(root: Path, kind: str | None = None) -> tuple[list[Card], list[CheckpointError]]:
    """Cards below `root`, of one kind or of all, ordered by kind and name, and the errors of those that cannot be read.

    Raises `CheckpointError` when `root` is no folder.
    """
    if not root.is_dir():
        raise CheckpointError("checkpoints-root-missing", folder=str(root))
    cards, errors = [], []
    for each in KINDS if kind is None else (kind,):
        for folder in _folders(root, each).values():
            try:
                cards.append(load_card(folder))
            except CheckpointError as error:
                errors.append(error)
    return cards, errors


def get_card(root: Path, kind: str, name: str) -> Card:
    """The card of `<root>/<kind>/<name>`; `name` may also be that of the hub's repository, `owner/name`.

    Raises `CheckpointError` when it is missing or cannot be read.
    """
    if not root.is_dir():
        raise CheckpointError("checkpoints-root-missing", folder=str(root))
    found = _folders(root, kind)
    name = name.removeprefix(f"{kind}/")
    if name in found:
        return load_card(found[name])
    if _HUB_NAME.fullmatch(name) and name.partition("/")[0] not in KINDS:
        cards = [card for card in list_cards(root, kind)[0] if card.repo == name]
        if cards:
            return cards[0]
        raise CheckpointError("checkpoint-not-here", checkpoint=name)
    if (root / kind / name / "config.json").is_file() and name in {path.name for path in (root / kind).iterdir()}:
        raise _no_checkpoint(root / kind / name)
    known = ", ".join(card.name for card in list_cards(root, kind)[0] if card.has_files) or "—"
    raise CheckpointError("checkpoint-missing", checkpoint=f"{kind}/{name}", known=known)


def _no_checkpoint(folder: Path) -> CheckpointError:
    """What is wrong with a folder that has a `config.json` and no card, and is no checkpoint."""
    told = architecture(folder)
    if told is None or told.kind != folder.parent.name:
        return CheckpointError("checkpoint-cardless", checkpoint=f"{folder.parent.name}/{folder.name}")
    return CheckpointError("checkpoint-unsafe", folder=str(folder), format=told.format)


def find_cards(root: Path, name: str) -> list[Card]:
    """The checkpoints called `kind/name`, or `name` in whatever kind, or after their repository on the hub.

    Raises `CheckpointError` when one of them cannot be read or `root` is no folder.
    """
    found = (folder for kind in KINDS for folder in _folders(root, kind).values())
    called = [load_card(folder) for folder in found if name in (folder.name, f"{folder.parent.name}/{folder.name}")]
    return called or [card for card in list_cards(root)[0] if card.repo and card.repo == name]


def list_dependencies(card: Card, *above: str) -> list[Card]:
    """All that a card stands on, each once and before what stands on it; above: ids of what stands on the card.

    Raises `CheckpointError` for a checkpoint that is missing, cannot be read or requires itself.
    """
    cards: dict[str, Card] = {}
    for each in card.requires:
        kind, _, name = each.partition("/")
        below = get_card(card.folder.parent.parent, kind, name)
        if below.id in (card.id, *above):
            raise below.field_error("requires")
        cards |= {one.id: one for one in (*list_dependencies(below, card.id, *above), below)}
    return list(cards.values())


def check_present(card: Card) -> None:
    """Raises `CheckpointError` where the card's files, or a checkpoint that it requires, are not there."""
    if not all(each.has_files for each in (*list_dependencies(card), card)):
        raise CheckpointError("checkpoint-not-here", checkpoint=card.id)


def check_hashes(card: Card) -> None:
    """Compare every file on the card with its SHA-256. Raises `CheckpointError` for one that is missing or damaged.

    A file that has not changed since is not read again in the life of the process.
    """
    _compare(card, lambda path: _sha256_once(path, path.stat().st_size, path.stat().st_mtime_ns))


def verify(card: Card) -> None:
    """Compare the folder with the card.

    Raises `CheckpointError` for a file that is missing, damaged or not on the card, and for a required checkpoint
    that is not there. Adapters are put into the folder later: without a hash on the card nothing is known of them, nor
    of a folder without a card.
    """
    _compare(card, _sha256)
    for name in _file_names(card.folder) if (card.folder / CARD).is_file() else ():
        is_adapter_s = any(PurePosixPath(name).is_relative_to(adapter) for adapter in card.adapters)
        if name not in card.files and not is_adapter_s:
            raise CheckpointError("checkpoint-file-unknown", checkpoint=card.id, file=name)
    check_present(card)


def save_card(card: Card) -> Card:
    """Hash the files of the folder and write `card.toml` over what was there; returns the card as it was written."""
    files = {name: _sha256(card.folder / name) for name in _file_names(card.folder)}
    table = asdict(card) | {"files": files}
    del table["folder"]
    (card.folder / CARD).write_text(tomli_w.dumps(table, multiline_strings=True), "utf-8")
    (card.folder / LOCK).unlink(missing_ok=True)  # all of it stands on the card now
    return load_card(card.folder)


def save_lock(folder: Path, revisions: Mapping[str, str], card: Card) -> None:
    """Hash the files of the folder and write `lock.toml` for a card that asked for them.

    revisions: the hub's repository → the commit it came from; empty for what came from elsewhere.
    """
    files = {name: _sha256(folder / name) for name in _file_names(folder)}
    table = {"revisions": revisions, "files": files, "asked": _asked(card)}
    (folder / LOCK).write_text(tomli_w.dumps(table), "utf-8")


def list_locked_files(folder: Path) -> list[str]:
    """The files that `lock.toml` lists, whatever card they were pulled for; none where there is no lock.

    Raises `CheckpointError` for a lock that cannot be read.
    """
    return list(_read_lock(folder).get("files", ()))


def is_hidden(path: Path) -> bool:
    """Whether a path inside a folder is that of a hidden file, or of one in a hidden folder."""
    return any(part.startswith(".") for part in path.parts)


def load_card(folder: Path) -> Card:
    """The card in `folder`, with what `lock.toml` adds to it.

    A folder of `transformers` that somebody put there without a card gets one that says what its `config.json` tells;
    its hashes are unknown. Raises `CheckpointError` naming the field that is missing, unknown or of a wrong type, and
    where an adapter lies among the weights: `transformers` would read it, and the model that it names, in their place.
    """
    if (folder / ADAPTER).is_file():
        raise CheckpointError("adapter-loose", checkpoint=f"{folder.parent.name}/{folder.name}")
    path = folder / CARD
    if not path.exists() and (told := architecture(folder)):
        return Card(folder=folder, family=told.family, version="", max_photos=told.max_photos)
    table = _read_table(path)
    valid = {name for name, is_valid in FIELDS.items() if name not in table or is_valid(table[name])}
    needed = ("family", "version") if "download" in table else ("family", "version", "files")
    for name in (*needed, *table):
        if name not in table or name not in valid:
            raise CheckpointError("card-field", card=str(path), field=name)
    fields: dict[str, Any] = {name: tuple(value) if type(value) is list else value for name, value in table.items()}
    return _locked(Card(folder=folder, **fields))


def _locked(card: Card) -> Card:
    table = _read_lock(card.folder)
    if not table:
        return card
    pinned, asked = table["revisions"], _asked(card)
    moved = any(part["revision"] not in ("", pinned.get(part["repo"], part["revision"])) for part in card.download)
    if moved or table.get("asked", asked) != asked:
        return card  # what lies there was pulled for an earlier one
    download = tuple({**part, "revision": pinned.get(part["repo"], part["revision"])} for part in card.download)
    return replace(card, files=table["files"], download=download)


def _read_lock(folder: Path) -> dict[str, Any]:
    path = folder / LOCK
    if not path.is_file():
        return {}
    table = _read_table(path)
    for name, is_valid in {"files": are_files, "revisions": is_table(str)}.items():
        if not is_valid(table.get(name)):
            raise CheckpointError("card-field", card=str(path), field=name)
    return table


def _asked(card: Card) -> list[dict[str, object]]:
    """What a card downloads, without the commits: a card that names none is locked to the newest one."""
    return [{name: part[name] for name in ("repo", "files", "folder")} for part in card.download]


def _read_table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CheckpointError("card-unreadable", card=str(path)) from error


def _folders(root: Path, kind: str) -> dict[str, Path]:
    """The checkpoints of a kind by name: folders with a card, and captioners that say themselves what they are.

    What begins with a dot is not finished.
    """
    found = sorted(path for path in (root / kind).glob("*/") if not path.name.startswith("."))
    return {path.name: path for path in found if (path / CARD).is_file() or _is_dropped(path)}


def _is_dropped(folder: Path) -> bool:
    told = architecture(folder)
    return told is not None and told.kind == folder.parent.name and any(folder.glob("*.safetensors"))


def _file_names(folder: Path) -> list[str]:
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    names = {path.as_posix() for path in paths if path.name not in _LITTER and not is_hidden(path)}
    return sorted(names - {CARD, LOCK})


def _compare(card: Card, sha256: Callable[[Path], str]) -> None:
    for name, expected in card.files.items():
        path = card.folder / name
        if not path.is_file():
            raise CheckpointError("checkpoint-file-missing", checkpoint=card.id, file=name)
        if sha256(path) != expected:
            raise CheckpointError("checkpoint-damaged", checkpoint=card.id, file=name)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _sha256_once(path: Path, size: int, changed_ns: int) -> str:
    return _sha256(path)
