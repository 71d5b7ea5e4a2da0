"""Convert checkpoints from their publishers' formats into ours.

Only tensors and plain values are unpickled, and nothing is downloaded. This module has the table of formats and the
code that they share; the converter of a format is beside the model that its weights are for.
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
    compute_sha256,
    is_hidden,
    list_locked_files,
    load_card,
    save_card,
    save_lock,
)
from inference.checkpoints.formats import Format
from inference.errors import CheckpointError, InvalidInput, UnfitWeights, first_line

Convert = Callable[[Path, Path], Card]

_MIN_FREE_BYTES = 1 << 20  # a write that fails on a full disk usually leaves a few bytes free
_WEIGHTS = (".safetensors", ".bin", ".pt", ".ckpt")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAMED_HASH = re.compile(r"-(?=\d*[a-f])([0-9a-f]{8,64})$")  # as `torch.hub` reads it; digits alone may be a date
_VALID_NAME = re.compile(r"\w[\w.-]{0,99}")
_MAX_NAME_BYTES = 200  # file systems allow 255, and a pull appends a suffix

# The files of a `transformers` folder besides weights: configurations, vocabularies, chat templates.
_AUXILIARY_FILES = ("*.json", "*.txt", "*.model", "*.jinja")

FORMATS: Mapping[str, Format] = dict(
    sorted(
        (name, each)
        for formats in (clip.FORMATS, moderation.FORMATS, *(family.formats for family in FAMILIES.values()))
        for name, each in formats.items()
    )
)


def import_original(family: str, source: Path, root: Path, name: str) -> Card:
    """Convert a source to `<root>/<kind>/<name>` and return its card; the card of a public model there is kept.

    Raises `InvalidInput` if that checkpoint or another folder of that name exists or contains the source,
    `CheckpointError` if the source cannot be read.
    """
    if not source.exists():
        raise InvalidInput("file-missing", file=str(source))
    kind = FORMATS[family].kind
    target = resolve_target(root, kind, name)
    if source.resolve().is_relative_to(target.resolve()):
        raise InvalidInput("import-inside", source=str(source), checkpoint=f"{kind}/{name}")
    shipped = load_card(target) if (target / CARD).is_file() else None
    if shipped.has_files if shipped else target.exists() and not _is_empty(target):
        raise InvalidInput("checkpoint-exists", checkpoint=f"{kind}/{name}")
    if shipped and shipped.format != family:
        raise InvalidInput("checkpoint-format", checkpoint=shipped.id, format=shipped.format, given=family)
    return install(target, lambda folder: convert(family, source, folder))


def resolve_target(root: Path, kind: str, name: str) -> Path:
    """Return the folder of a new checkpoint. Raises `InvalidInput` if the name cannot be that of a folder."""
    if not _VALID_NAME.fullmatch(name) or len(name.encode()) > _MAX_NAME_BYTES:
        raise InvalidInput("checkpoint-name", name=name)
    return root / kind / name


def convert(family: str, source: Path, folder: Path) -> Card:
    """Convert a source into an existing empty folder.

    Raises `CheckpointError` if the source cannot be read, or if its weights are not exactly those of the model.
    """
    from inference.captioners.generation.quiet import quiet_transformers
    from inference.checkpoints import weights  # torch: not for --help

    module, _, function = FORMATS[family].convert.partition(":")
    if damaged := next((path for path in _list_weights(source) if not matches_published_hash(path)), None):
        raise CheckpointError("import-file-broken", file=str(damaged))
    try:
        with quiet_transformers():
            card = cast(Convert, getattr(import_module(module), function))(source, folder)
        weights.check_values(folder)
    except CheckpointError:
        raise
    except UnfitWeights as error:
        raise error.name_checkpoint(str(source)) from error
    except FileNotFoundError as error:
        missing = Path(str(error.filename or error))
        file = missing.relative_to(source).as_posix() if missing.is_relative_to(source) else missing.name
        raise CheckpointError("import-file-missing", source=str(source), file=file) from error
    # Each library that parses a published file raises its own exceptions.
    except Exception as error:
        if shutil.disk_usage(folder).free < _MIN_FREE_BYTES:  # libraries do not agree on the exception for this either
            raise CheckpointError("disk-full") from error
        if broken := find_broken_file(source, error):
            raise CheckpointError("import-file-broken", file=str(broken)) from error
        if isinstance(error, UnpicklingError):  # torch's message recommends to execute the pickle
            raise CheckpointError("import-code", source=str(source)) from error
        raise CheckpointError("import-failed", source=str(source), reason=first_line(error)) from error
    return card


def find_single_file(source: Path, *patterns: str) -> Path:
    """Return the source if it is a file, else its only file that matches one of the patterns.

    Hidden files, which macOS adds, do not count. Raises `FileNotFoundError` if none matches, `CheckpointError` if
    several do.
    """
    if source.is_file():
        return source
    folder = source
    found = sorted({path for pattern in patterns for path in folder.glob(pattern) if not path.name.startswith(".")})
    if not found:
        raise FileNotFoundError(folder / patterns[0])
    if len(found) > 1:
        raise CheckpointError("import-several", source=str(folder), files=", ".join(path.name for path in found))
    return found[0]


def matches_published_hash(path: Path) -> bool:
    """Return False for a file whose SHA-256 is not the one that came with it; True where none did.

    PyTorch's convention ends a file's name with the hash's first digits. The hub's client names a file of its cache by
    the hash, and notes it beside the files of a local folder.
    """
    expected = _find_published_hash(path)
    return not expected or compute_sha256(path).startswith(expected)


def _find_published_hash(path: Path) -> str:
    """Return the first digits of the published SHA-256, or all of them; empty if they are not known."""
    if _SHA256.fullmatch(path.resolve().name):
        return path.resolve().name
    note = path.parent / ".cache" / "huggingface" / "download" / f"{path.name}.metadata"
    with suppress(OSError, ValueError):
        _, etag, *_ = note.read_text("utf-8").split()  # commit, hash, time
        if _SHA256.fullmatch(etag):
            return etag
    named = _NAMED_HASH.search(path.stem)
    return named[1] if named else ""


def _list_weights(source: Path) -> list[Path]:
    """List the files of weights below a source, or the source itself; hidden ones do not count."""
    if source.is_file():
        return [source]
    paths = (path for path in sorted(source.rglob("*")) if path.suffix in _WEIGHTS and path.is_file())
    return [path for path in paths if not is_hidden(path.relative_to(source))]


def find_broken_file(source: Path, error: BaseException) -> Path | None:
    """Return the first file of a source that is truncated or has other contents than its suffix says.

    JSON files are checked only after an error of JSON: publishers store logs in other formats under that suffix.
    """
    suffixes = set(_WEIGHTS)
    if any(isinstance(cause, json.JSONDecodeError | UnicodeDecodeError) for cause in _iterate_causes(error)):
        suffixes.add(".json")
    for path in [source] if source.is_file() else sorted(source.rglob("*")):
        if path.suffix in suffixes and not is_hidden(path.relative_to(source)) and not _has_valid_format(path):
            return path
    return None


def _iterate_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, then the errors that caused it."""
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _has_valid_format(path: Path) -> bool:
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
                is_pickle = file.read(1) == b"\x80"  # before PyTorch 1.6; later files are zip archives
            if not is_pickle:
                with zipfile.ZipFile(path) as archive:
                    return archive.testzip() is None
    except (ValueError, SafetensorError, zipfile.BadZipFile):
        return False
    except OSError:  # a file without read permission is not broken
        pass
    return True


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def install(target: Path, write: Callable[[Path], Card | None], revisions: Mapping[str, str] | None = None) -> Card:
    """Let `write` fill a temporary folder, move it to `target` when it is complete, and return the card.

    A card that is at `target` already is kept, and `lock.toml` records the hashes of the files and the commits in
    `revisions` (hub repository → commit); otherwise the card that `write` returns is saved. Git ignores the files.
    """
    staging = target.with_name(f".{target.name}.new")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        card = write(staging)
        (staging / ".gitignore").write_text("*\n")
        if (target / CARD).is_file():
            _replace_files(staging, target, revisions or {})
        elif card is not None:
            save_card(card)
            staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        with suppress(OSError):  # of a kind without checkpoints a failure leaves no folder
            target.parent.rmdir()
    return load_card(target)


def _replace_files(staging: Path, target: Path, revisions: Mapping[str, str]) -> None:
    """Move new files to the card at `target`, the lock last: without a lock the checkpoint counts as not installed.

    Removes the files that were installed before, and other weights, which would be loaded together with the new ones.
    All other files belong to the user and stay.
    """
    save_lock(staging, revisions, load_card(target))
    old = [target / name for name in list_locked_files(target)]
    for path in (*old, *target.glob("[!.]*.safetensors"), target / LOCK):
        path.unlink(missing_ok=True)
    written = [path for path in staging.rglob("*") if path.is_file()]
    for path in sorted(written, key=lambda path: path == staging / LOCK):
        new = target / path.relative_to(staging)
        new.parent.mkdir(parents=True, exist_ok=True)
        path.replace(new)


def copy_transformers(source: Path, folder: Path) -> None:
    """Copy a published `transformers` folder; weights become safetensors, all other files are copied unchanged.

    Safetensors, one file or shards, are hard-linked where possible and not read. Without them, each
    `pytorch_model*.bin` is converted to `model*.safetensors`, one shard at a time, with the publisher's names, shapes
    and dtypes. Raises `FileNotFoundError` for a folder without weights, or with those of an adapter only, and for a
    shard that its index names and that is not there.
    """
    from inference.checkpoints import weights  # torch: not for --help

    published = weights.list_published(source)
    found = [path for path in published if path.suffix == ".safetensors" and not is_adapter_file(path.name)]
    pickles = [path for path in published if path.suffix == ".bin"]
    if not found and not pickles:
        raise FileNotFoundError(source / "model.safetensors")
    for path in pickles:
        weights.convert_pickle(path, folder / _to_safetensors_name(path.name))
    for path in source.iterdir():
        if path in found or (is_auxiliary_file(path.name) and not path.name.endswith(".bin.index.json")):
            link_or_copy(path, folder / path.name)
    if (index := source / "pytorch_model.bin.index.json").is_file() and pickles:
        table = json.loads(index.read_text("utf-8"))
        table["weight_map"] = {name: _to_safetensors_name(shard) for name, shard in table["weight_map"].items()}
        (folder / "model.safetensors.index.json").write_text(json.dumps(table, indent=2) + "\n", "utf-8")


def is_auxiliary_file(name: str) -> bool:
    """Return True for a file that a `transformers` model needs besides its weights."""
    return (
        not is_adapter_file(name)
        and name[0] != "."
        and any(PurePath(name).match(pattern) for pattern in _AUXILIARY_FILES)
    )


def is_adapter_file(name: str) -> bool:
    """Return True for a file of a LoRA adapter, named as by PEFT, which a model does not need."""
    return name == ADAPTER or name.startswith("adapter_model.")


def link_or_copy(source: Path, target: Path) -> None:
    """Hard-link safetensors, or copy them if the file system has no hard links.

    Other files are always copied: they are small, and people edit them.
    """
    if source.suffix == ".safetensors":
        with suppress(OSError):
            os.link(source.resolve(), target)
            return
    shutil.copyfile(source, target)


def _to_safetensors_name(name: str) -> str:
    """`pytorch_model-00001-of-00002.bin` → `model-00001-of-00002.safetensors`."""
    return name.replace("pytorch_model", "model").removesuffix(".bin") + ".safetensors"
