"""`opisalka feedback export`: what users said of the texts, as a data set and as pairs of a better and a worse text."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from cli.parser import Commands
from inference.errors import InvalidInput, Message
from inference.listing.attributes import parse_attributes
from inference.listing.files import explained
from locales.translate import Translate

Line: TypeAlias = dict[str, Any]

_NOBODY: Final = "0:none"  # where the database is, is a setting of the bot's; its token is not asked for
_FORMATS: Final = (".jpg", ".png", ".gif")  # what a data set may hold; a kept film is none


def add(commands: Commands, translate: Translate) -> None:
    """Add the subcommand and its action."""
    parser = commands.add_parser("feedback", translate=translate, help=translate(Message("help-feedback")))
    actions = parser.add_subparsers(title=translate(Message("help-commands")), metavar="ACTION", required=True)
    export = actions.add_parser("export", translate=translate, help=translate(Message("help-feedback-export")))
    export.arguments.add_argument("out", metavar="OUT", type=Path, help=translate(Message("help-feedback-out")))
    export.options.add_argument("--database", metavar="URL", help=translate(Message("help-database")))
    export.set_defaults(run=run)


def run(arguments: argparse.Namespace, translate: Translate) -> int:
    """Write the data set to OUT, its pairs beside it, and copy the photos that the owner keeps into `photos/`."""
    from bot.settings import load_settings  # pydantic: not for --help

    settings = load_settings(bot_token=_NOBODY)
    listings, pairs = asyncio.run(_read(arguments.database or settings.database))
    out: Path = arguments.out
    pairs_out = out.with_suffix(f".pairs{out.suffix}")
    with explained(out):
        _bring_photos([*listings, *pairs], settings.data / "photos", out.parent)
        _write(out, listings)
        _write(pairs_out, pairs)
    print(translate(Message("feedback-listings", {"count": len(listings), "file": str(out)})))
    print(translate(Message("feedback-pairs", {"count": len(pairs), "file": str(pairs_out)})))
    return 0


async def _read(url: str) -> tuple[list[Line], list[Line]]:
    from storage import export  # SQLAlchemy: not for --help
    from storage.errors import StorageError
    from storage.store import Store

    try:
        store = await Store.open(url, make=False)
        try:
            async with store.transaction() as tx:
                return await export.listings(tx, _parsed), await export.pairs(tx, _parsed)
        finally:
            await store.close()
    except StorageError as error:
        raise InvalidInput(error.code, **error.details) from error


def _parsed(text: str) -> tuple[tuple[str, str], ...]:
    return parse_attributes(text).items


def _bring_photos(lines: Iterable[Line], kept: Path, folder: Path) -> None:
    """Copy what is kept beside the data set, and name it in the lines."""
    files = {path.stem: path for path in sorted(kept.glob("*/*")) if path.suffix in _FORMATS}
    for line in lines:
        found = [files[sha256] for sha256 in line["photo_sha256"] if sha256 in files]
        line["photos"] = [f"photos/{path.name}" for path in found]
        for path in found:
            target = folder / "photos" / path.name
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def _write(path: Path, lines: Iterable[Mapping[str, object]]) -> None:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
