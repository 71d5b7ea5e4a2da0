"""For the owner: the service in numbers, and what users said as a data set. Others are told of an unknown command."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from aiogram import Router
from aiogram.filters import Command

from bot.conversation.chat import Chat
from bot.views import replies
from inference.errors import Message
from inference.listing.attributes import parse_attributes
from storage import export
from storage.records import OutgoingMessage


async def is_owner(_: object, chat: Chat) -> bool:
    """Whether the user is one of the owners."""
    return chat.user.id in chat.uow.rules.admins


async def show_stats(_: object, chat: Chat) -> None:
    """Counts, votes, times."""
    await chat.send(replies.statistics(await chat.tx.feedback.get_stats(), chat.translate))


async def send_export(_: object, chat: Chat) -> None:
    """The data set and the preference pairs, a file each."""
    folder = chat.uow.rules.data / "export"
    files = {
        folder / "listings.jsonl": (await export.export_listings(chat.tx, _parsed), Message("export-listings")),
        folder / "pairs.jsonl": (await export.export_pairs(chat.tx, _parsed), Message("export-pairs")),
    }
    if not any(rows for rows, _ in files.values()):
        await chat.send(Message("export-empty"))
    for path, (rows, label) in files.items():
        if rows:  # Telegram takes no empty file
            await asyncio.to_thread(_write, path, rows)
            await chat.put(OutgoingMessage(chat.user.id, replies.sentence(chat.translate, label), document=str(path)))


def _parsed(text: str) -> tuple[tuple[str, str], ...]:
    return parse_attributes(text).items


def _write(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def build() -> Router:
    """The router of this topic."""
    router = Router()
    router.message.register(show_stats, Command("stats", ignore_mention=True), is_owner)
    router.message.register(send_export, Command("export", ignore_mention=True), is_owner)
    return router
