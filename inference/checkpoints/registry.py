"""Find checkpoints below a root folder, resolve their dependencies and verify their files."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path, PurePosixPath

from inference.checkpoints.card import CARD, Card, compute_sha256, list_files, load_card
from inference.checkpoints.detect import detect_architecture
from inference.errors import CheckpointError

KINDS = ("captioner", "clip", "toxicity", "diversity", "facts")
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def list_cards(root: Path, kind: str | None = None) -> tuple[list[Card], list[CheckpointError]]:
    """List the cards below `root`, of one kind or all, ordered by kind and name, and the errors of unreadable ones.

    Raises `CheckpointError` when `root` is no folder.
    """
    _check_root(root)
    cards, errors = [], []
    for each in KINDS if kind is None else (kind,):
        for folder in _find_folders(root, each).values():
            try:
                cards.append(load_card(folder))
            except CheckpointError as error:
                errors.append(error)
    return cards, errors


def get_card(root: Path, kind: str, name: str) -> Card:
    """Load the card of `<root>/<kind>/<name>`; `name` may also be a hub repository, `owner/name`.

    Raises `CheckpointError` when it is missing or cannot be read.
    """
    _check_root(root)
    folders = _find_folders(root, kind)
    name = name.removeprefix(f"{kind}/")
    if name in folders:
        return load_card(folders[name])
    if _HUB_NAME.fullmatch(name) and name.partition("/")[0] not in KINDS:
        cards = [card for card in list_cards(root, kind)[0] if card.repo == name]
        if cards:
            return cards[0]
        raise CheckpointError("checkpoint-not-here", checkpoint=name)
    if (root / kind / name / "config.json").is_file() and name in {path.name for path in (root / kind).iterdir()}:
        raise _cardless_error(root / kind / name)
    known = ", ".join(card.name for card in list_cards(root, kind)[0] if _is_usable(root, card)) or "—"
    raise CheckpointError("checkpoint-missing", checkpoint=f"{kind}/{name}", known=known)


def find_cards(root: Path, name: str) -> list[Card]:
    """Find the checkpoints called `kind/name`, `name` in any kind, or by their hub repository.

    Raises `CheckpointError` when one of them cannot be read or `root` is no folder.
    """
    folders = (folder for kind in KINDS for folder in _find_folders(root, kind).values())
    matches = [load_card(folder) for folder in folders if name in (folder.name, f"{folder.parent.name}/{folder.name}")]
    return matches or [card for card in list_cards(root)[0] if card.repo and card.repo == name]


def list_dependencies(card: Card, *dependents: str) -> list[Card]:
    """List all checkpoints that a card requires, directly or not, each once and before those that require it.

    dependents: ids of the cards that led here. Raises `CheckpointError` for a checkpoint that is missing, cannot be
    read or requires itself.
    """
    cards: dict[str, Card] = {}
    for each in card.requires:
        kind, _, name = each.partition("/")
        required = get_card(card.folder.parent.parent, kind, name)
        if required.id in (card.id, *dependents):
            raise required.field_error("requires")
        cards |= {one.id: one for one in (*list_dependencies(required, card.id, *dependents), required)}
    return list(cards.values())


def is_installed(card: Card) -> bool:
    """Return True if the files of the card and of all its dependencies are there."""
    try:
        check_installed(card)
    except CheckpointError:
        return False
    return True


def check_installed(card: Card) -> None:
    """Raise `CheckpointError` unless the files of the card and of all its dependencies are there."""
    if not all(each.has_files for each in (*list_dependencies(card), card)):
        raise CheckpointError("checkpoint-not-here", checkpoint=card.id)


def check_hashes(card: Card) -> None:
    """Compare every file on the card with its SHA-256. Raises `CheckpointError` for a missing or damaged one.

    A process hashes an unchanged file only once.
    """
    _compare(card, lambda path: _compute_cached_sha256(path, path.stat().st_size, path.stat().st_mtime_ns))


def verify(card: Card) -> None:
    """Compare the folder with the card.

    Raises `CheckpointError` for a file that is missing, damaged or not on the card, and for a missing dependency.
    Adapters may be added later: their files need no hash on the card, nor do those of a folder without a card.
    """
    _compare(card, compute_sha256)
    for name in list_files(card.folder) if (card.folder / CARD).is_file() else ():
        is_adapter_file = any(PurePosixPath(name).is_relative_to(adapter) for adapter in card.adapters)
        if name not in card.files and not is_adapter_file:
            raise CheckpointError("checkpoint-file-unknown", checkpoint=card.id, file=name)
    check_installed(card)


def _is_usable(root: Path, card: Card) -> bool:
    """Return True if the files of the card, and of those that it names, are there."""
    try:
        return card.has_files and all(load_card(root / each).has_files for each in card.requires)
    except CheckpointError:
        return False


def _check_root(root: Path) -> None:
    if not root.is_dir():
        raise CheckpointError("checkpoints-root-missing", folder=str(root))


def _cardless_error(folder: Path) -> CheckpointError:
    """Return the error for a folder that has a `config.json` but no card, and is no checkpoint."""
    architecture = detect_architecture(folder)
    if architecture is None or architecture.kind != folder.parent.name:
        return CheckpointError("checkpoint-cardless", checkpoint=f"{folder.parent.name}/{folder.name}")
    return CheckpointError("checkpoint-unsafe", folder=str(folder), format=architecture.format)


def _find_folders(root: Path, kind: str) -> dict[str, Path]:
    """Return name → folder of the checkpoints of a kind: folders with a card, and recognisable `transformers` folders.

    Names that begin with a dot are unfinished imports and downloads.
    """
    paths = sorted(path for path in (root / kind).glob("*/") if not path.name.startswith("."))
    return {path.name: path for path in paths if (path / CARD).is_file() or _is_cardless_checkpoint(path)}


def _is_cardless_checkpoint(folder: Path) -> bool:
    architecture = detect_architecture(folder)
    if architecture is None or architecture.kind != folder.parent.name:
        return False
    return any(folder.glob("*.safetensors"))


def _compare(card: Card, sha256: Callable[[Path], str]) -> None:
    for name, expected in card.files.items():
        path = card.folder / name
        if not path.is_file():
            raise CheckpointError("checkpoint-file-missing", checkpoint=card.id, file=name)
        if sha256(path) != expected:
            raise CheckpointError("checkpoint-damaged", checkpoint=card.id, file=name)


@cache
def _compute_cached_sha256(path: Path, size: int, mtime_ns: int) -> str:
    return compute_sha256(path)
