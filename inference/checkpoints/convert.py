"""Checkpoints in their publishers' formats, read once and written out as ours.

Nothing is unpickled but tensors and plain values, and the network is not asked. What stands here is the table of
formats and what all of them have in common; how a format is read stands beside the code that its weights are for.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path, PurePath
from pickle import UnpicklingError
from typing import cast

from safetensors import SafetensorError, safe_open

from inference import clip, moderation
from inference.captioners.families import FAMILIES
from inference.checkpoints.card import (
    ADAPTER,
    CARD,
    LOCK,
    Card,
    is_hidden,
    list_locked_files,
    load_card,
    save_card,
    save_lock,
)
from inference.checkpoints.formats import Format
from inference.errors import CheckpointError, InvalidInput, first_line

Convert = Callable[[Path, Path], Card]

_NO_SPACE = 1 << 20  # bytes: what fails for want of space seldom leaves none at all
_NAME = re.compile(r"\w[\w.-]{0,99}")
_LONGEST = 200  # bytes of a name: file systems take 255, and a pull adds to it


# What a `transformers` folder holds besides weights: configurations, vocabularies, chat templates.
_BESIDE = ("*.json", "*.txt", "*.model", "*.jinja")

FORMATS: Mapping[str, Format] = dict(
    sorted(
        (name, each)
        for formats in (clip.FORMATS, moderation.FORMATS, *(family.formats for family in FAMILIES.values()))
        for name, each in formats.items()
    )
)


def import_original(family: str, source: Path, root: Path, name: str) -> Card:
    """Write the source out as `<root>/<kind>/<name>`; where a public model's card waits there, it stays as it is.

    Raises `InvalidInput` when that checkpoint or another folder of that name exists or the source lies in it,
    `CheckpointError` when the source cannot be read.
    """
    if not source.exists():
        raise InvalidInput("file-missing", file=str(source))
    kind = FORMATS[family].kind
    target = place(root, kind, name)
    if source.resolve().is_relative_to(target.resolve()):
        raise InvalidInput("import-inside", source=str(source), checkpoint=f"{kind}/{name}")
    waiting = load_card(target) if (target / CARD).is_file() else None
    if waiting.has_files if waiting else target.exists() and not _is_empty(target):
        raise InvalidInput("checkpoint-exists", checkpoint=f"{kind}/{name}")
    if waiting and waiting.format != family:
        raise InvalidInput("checkpoint-format", checkpoint=waiting.id, format=waiting.format, given=family)
    return settle(target, lambda folder: convert(family, source, folder))


def place(root: Path, kind: str, name: str) -> Path:
    """The folder of a checkpoint that is to come. Raises `InvalidInput` for what is no name of a folder."""
    if not _NAME.fullmatch(name) or len(name.encode()) > _LONGEST:
        raise InvalidInput("checkpoint-name", name=name)
    return root / kind / name


def convert(family: str, source: Path, folder: Path) -> Card:
    """Write the source out into a folder that is there and empty. Raises `CheckpointError` for what cannot be read."""
    module, _, function = FORMATS[family].convert.partition(":")
    try:
        return cast(Convert, getattr(import_module(module), function))(source, folder)
    except CheckpointError:
        raise
    except FileNotFoundError as error:
        missing = Path(str(error.filename or error))
        file = missing.relative_to(source).as_posix() if missing.is_relative_to(source) else missing.name
        raise CheckpointError("import-file-missing", source=str(source), file=file) from error
    # Files of strangers fail in as many ways as libraries read them.
    except Exception as error:
        if shutil.disk_usage(folder).free < _NO_SPACE:  # libraries say it in as many ways, too
            raise CheckpointError("disk-full") from error
        if broken := _broken(source, error):
            raise CheckpointError("import-file-broken", file=str(broken)) from error
        if isinstance(error, UnpicklingError):  # torch's own words advise to run what is in it
            raise CheckpointError("import-code", source=str(source)) from error
        raise CheckpointError("import-failed", source=str(source), reason=first_line(error)) from error


def only_file(folder: Path, *patterns: str) -> Path:
    """The one file of a folder that the patterns mean; hidden ones, which macOS leaves beside others, do not count.

    Raises `FileNotFoundError` for none, `CheckpointError` for several.
    """
    found = sorted({path for each in patterns for path in folder.glob(each) if not path.name.startswith(".")})
    if not found:
        raise FileNotFoundError(folder / patterns[0])
    if len(found) > 1:
        raise CheckpointError("import-several", source=str(folder), files=", ".join(path.name for path in found))
    return found[0]


def _broken(source: Path, error: Exception) -> Path | None:
    """The first file of a source that is not what it is called: cut off, or a web page in its place.

    JSON is looked at only where the error is of JSON: publishers keep logs of other formats under that name.
    """
    suffixes = {".safetensors", ".bin", ".pt", ".ckpt"}
    if any(isinstance(each, json.JSONDecodeError | UnicodeDecodeError) for each in _causes(error)):
        suffixes.add(".json")
    for path in [source] if source.is_file() else sorted(source.rglob("*")):
        is_read = path.suffix in suffixes and not is_hidden(path.relative_to(source))
        if is_read and not _is_what_it_is_called(path):
            return path
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those that it was raised from or beside."""
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _is_what_it_is_called(path: Path) -> bool:
    try:
        if not path.is_file():
            return True
        if path.suffix == ".json":
            json.loads(path.read_text("utf-8-sig"))
        elif path.suffix == ".safetensors":
            with safe_open(path, "np"):
                pass
        else:
            with path.open("rb") as file:
                is_pickle = file.read(1) == b"\x80"  # of PyTorch before 1.6; since then an archive
            return is_pickle or zipfile.is_zipfile(path)
    except (ValueError, SafetensorError):
        return False
    except OSError:  # what may not be read need not be broken
        pass
    return True


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def settle(target: Path, write: Callable[[Path], Card | None], revisions: Mapping[str, str] | None = None) -> Card:
    """Let `write` fill a folder, which takes the place of `target` only when it is finished.

    A card that is there already stays, and what belongs to it is locked, with the hub's repositories and commits in
    `revisions`; otherwise the card that `write` returns is sealed. Git does not see what was settled.
    """
    fresh = target.with_name(f".{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        card = write(fresh)
        (fresh / ".gitignore").write_text("*\n")
        if (target / CARD).is_file():
            _move_in(fresh, target, revisions or {})
        elif card is not None:
            save_card(card)
            fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return load_card(target)


def _move_in(fresh: Path, target: Path, revisions: Mapping[str, str]) -> None:
    """Move what was written to the card that waits for it, the lock last: without it nothing counts as there.

    What was settled there before goes, and so do other weights, which would be read beside the new ones. Everything
    else is its owner's and stays.
    """
    save_lock(fresh, revisions, load_card(target))
    old = [target / name for name in list_locked_files(target)]
    for path in (*old, *target.glob("[!.]*.safetensors"), target / LOCK):
        path.unlink(missing_ok=True)
    written = [path for path in fresh.rglob("*") if path.is_file()]
    for path in sorted(written, key=lambda path: path == fresh / LOCK):
        new = target / path.relative_to(fresh)
        new.parent.mkdir(parents=True, exist_ok=True)
        path.replace(new)


def copy_transformers(source: Path, folder: Path) -> None:
    """Write a published `transformers` folder out with safetensors; everything that is no weight stays as it is.

    Safetensors, one file or shards, are linked where the file system can and are never read. Where there are none,
    each `pytorch_model*.bin` becomes a file of the same shard, one at a time: `model*.safetensors`. Names, shapes and
    types of the tensors are the publisher's. Raises `FileNotFoundError` for a folder without weights, or with those of
    an adapter alone.
    """
    found = sorted(path for path in source.glob("[!.]*.safetensors") if not is_adapter_s(path.name))
    pickles = [] if found else sorted(source.glob("pytorch_model*.bin"))
    if not found and not pickles:
        raise FileNotFoundError(source / "model.safetensors")
    for path in pickles:
        from inference.checkpoints import weights  # torch: not for --help

        weights.unpickle(path, folder / _safe(path.name))
    beside = (path for path in source.iterdir() if is_beside(path.name) and not path.name.endswith(".bin.index.json"))
    for path in (*found, *beside):
        link(path, folder / path.name)
    if (index := source / "pytorch_model.bin.index.json").is_file() and pickles:
        table = json.loads(index.read_text("utf-8"))
        table["weight_map"] = {name: _safe(shard) for name, shard in table["weight_map"].items()}
        (folder / "model.safetensors.index.json").write_text(json.dumps(table, indent=2) + "\n", "utf-8")


def is_beside(name: str) -> bool:
    """Whether a file of a `transformers` folder belongs to the model though it is no weight."""
    return not is_adapter_s(name) and name[0] != "." and any(PurePath(name).match(pattern) for pattern in _BESIDE)


def is_adapter_s(name: str) -> bool:
    """Whether a file is of a LoRA adapter, as PEFT calls them: it lies beside a model and is no part of it."""
    return name == ADAPTER or name.startswith("adapter_model.")


def link(source: Path, target: Path) -> None:
    """Safetensors under another name, a copy where the file system has no two names for one file.

    Everything else is copied: it is small, and people edit it.
    """
    if source.suffix == ".safetensors":
        with suppress(OSError):
            os.link(source.resolve(), target)
            return
    shutil.copyfile(source, target)


def _safe(name: str) -> str:
    """`pytorch_model-00001-of-00002.bin` → `model-00001-of-00002.safetensors`."""
    return name.replace("pytorch_model", "model").removesuffix(".bin") + ".safetensors"
