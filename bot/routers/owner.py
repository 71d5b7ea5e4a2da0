"""The commands of the owner: statistics, and feedback exported as a data set. For others they do not exist."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from aiogram import Router

from bot.conversation.chat import Chat
from bot.telegram.commands import TextCommand
from bot.views.text import format_stats, to_html
from inference.errors import Message
from inference.listing.attributes import parse_attributes
from storage import export
from storage.records import OutgoingMessage


async def is_owner(_: object, chat: Chat) -> bool:
    """Return whether the user is an owner."""
    return chat.user.id in chat.uow.rules.admins


async def show_stats(_: object, chat: Chat) -> None:
    """Show counts, votes and times."""
    await chat.send(format_stats(await chat.tx.feedback.get_stats(), chat.translate))


async def send_export(_: object, chat: Chat) -> None:
    """Send the data set, the answers and the preference pairs, one file each."""
    folder = chat.uow.rules.data / "export"
    files = {
        folder / "listings.jsonl": (await export.export_listings(chat.tx, _parse_items), Message("export-listings")),
        folder / "answers.jsonl": (await export.export_answers(chat.tx, _parse_items), Message("export-answers")),
        folder / "pairs.jsonl": (await export.export_pairs(chat.tx, _parse_items), Message("export-pairs")),
    }
    if not any(rows for rows, _ in files.values()):
        await chat.send(Message("export-empty"))
    for path, (rows, label) in files.items():
        if rows:  # Telegram takes no empty file
            await asyncio.to_thread(_write, path, rows)
            await chat.enqueue(OutgoingMessage(chat.user.id, to_html(chat.translate, label), document=str(path)))


def _parse_items(text: str) -> tuple[tuple[str, str], ...]:
    return parse_attributes(text).items


def _write(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def build_router() -> Router:
    """Build the router of this module."""
    router = Router()
    router.message.register(show_stats, TextCommand("stats"), is_owner)
    router.message.register(send_export, TextCommand("export"), is_owner)
    return router
