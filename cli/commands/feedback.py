"""`opisalka feedback export`: write users' feedback as a data set, as pairs of texts, and answers about things."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from cli.parser import Parser
from inference.errors import InvalidInput, Message
from inference.listing.attributes import parse_attributes
from inference.listing.files import catch_os_errors
from locales.translate import Translate

Line: TypeAlias = dict[str, Any]

_PLACEHOLDER: Final = "0:none"  # the database URL is a setting of the bot, whose settings require a token
_SUFFIXES: Final = (".jpg", ".png", ".gif", ".webp")  # what training reads: no videos, no HEIC


def add(parser: Parser) -> None:
    """Add the subcommand and its action."""
    feedback = parser.add_command("feedback", Message("help-feedback"))
    feedback.require_command("ACTION")
    export = feedback.add_command("export", Message("help-feedback-export"), run)
    export.add_positional("out", Message("help-feedback-out"), metavar="OUT", type=Path)
    export.add_option("--database", Message("help-database"), metavar="URL")


def run(arguments: argparse.Namespace, translate: Translate) -> int:
    """Write the data set to OUT, pairs and answers beside it, and copy stored photos into `photos/`."""
    from bot.settings import load_settings  # pydantic: not for --help

    settings = load_settings(bot_token=_PLACEHOLDER)
    listings, pairs, answers = asyncio.run(_fetch(arguments.database or settings.database))
    out: Path = arguments.out
    pairs_out, answers_out = (out.with_suffix(f".{kind}{out.suffix}") for kind in ("pairs", "answers"))
    with catch_os_errors(out):
        _copy_photos([*listings, *pairs, *answers], settings.data / "photos", out.parent)
        _write(out, listings)
        _write(pairs_out, pairs)
        _write(answers_out, answers)
    print(translate(Message("feedback-listings", {"count": len(listings), "file": str(out)})))
    print(translate(Message("feedback-pairs", {"count": len(pairs), "file": str(pairs_out)})))
    print(translate(Message("feedback-answers", {"count": len(answers), "file": str(answers_out)})))
    return 0


async def _fetch(url: str) -> tuple[list[Line], list[Line], list[Line]]:
    from storage import export  # SQLAlchemy: not for --help
    from storage.errors import StorageError
    from storage.store import Store

    try:
        store = await Store.open(url, create=False)
        try:
            async with store.transaction() as tx:
                return (
                    await export.export_listings(tx, _parse_items),
                    await export.export_pairs(tx, _parse_items),
                    await export.export_answers(tx, _parse_items),
                )
        finally:
            await store.close()
    except StorageError as error:
        raise InvalidInput(error.code, **error.details) from error


def _parse_items(text: str) -> tuple[tuple[str, str], ...]:
    return parse_attributes(text).items


def _copy_photos(lines: Iterable[Line], store: Path, folder: Path) -> None:
    """Copy stored photos into `folder/photos` and list them in the lines."""
    files = {path.stem: path for path in sorted(store.glob("*/*")) if path.suffix in _SUFFIXES}
    for line in lines:
        paths = [files[sha256] for sha256 in line["photo_sha256"] if sha256 in files]
        line["photos"] = [f"photos/{path.name}" for path in paths]
        for path in paths:
            target = folder / "photos" / path.name
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def _write(path: Path, lines: Iterable[Mapping[str, object]]) -> None:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
