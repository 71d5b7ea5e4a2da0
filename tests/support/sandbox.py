"""A sandbox and the real aiogram client for one test; pictures made on the spot."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramAPIError
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, Update
from PIL import Image

from sandbox.server import Sandbox
from sandbox.testing.person import Person

Story = Callable[[Sandbox, Bot], Awaitable[None]]


def client(sandbox: Sandbox, token: str | None = None) -> Bot:
    """aiogram's client, pointed to a sandbox as its own documentation says."""
    server = TelegramAPIServer.from_base(sandbox.url)
    return Bot(token or sandbox.token, session=AiohttpSession(api=server))


def local(story: Story) -> Callable[[], None]:
    """Makes a plain test of a story that needs a sandbox and a client."""

    async def play() -> None:
        async with Sandbox() as sandbox:
            bot = client(sandbox)
            try:
                await story(sandbox, bot)
            finally:
                await bot.session.close()

    def test() -> None:
        asyncio.run(play())

    test.__name__, test.__doc__ = story.__name__, story.__doc__
    return test


async def greeted(sandbox: Sandbox, user: int = 7, language: str = "ru") -> Person:
    """A user who has pressed «Start», so that the bot may write; the update is dropped."""
    person = sandbox.user(user, "Аня", language)
    await person.text("/start")
    sandbox.telegram.updates.drop()
    return person


async def arrived(bot: Bot, count: int = 1, timeout: int = 5) -> list[Update]:
    """The next updates, confirmed."""
    updates: list[Update] = []
    while len(updates) < count:
        offset = updates[-1].update_id + 1 if updates else None
        new = await bot.get_updates(offset=offset, timeout=timeout)
        assert new, f"only {len(updates)} of {count} updates came"
        updates += new
    await bot.get_updates(offset=updates[-1].update_id + 1)
    return updates


async def refusal(call: Awaitable[object]) -> str:
    """The text of the error that a call ends with."""
    with pytest.raises(TelegramAPIError) as caught:
        await call
    return caught.value.message


def keyboard(**buttons: str) -> InlineKeyboardMarkup:
    """One row of buttons, data by label."""
    row = [InlineKeyboardButton(text=text, callback_data=data) for text, data in buttons.items()]
    return InlineKeyboardMarkup(inline_keyboard=[row])


def picture(width: int = 60, height: int = 40, color: str = "red", kind: str = "PNG") -> bytes:
    """An encoded picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), color).save(out, kind)
    return out.getvalue()


def gif(width: int = 31, height: int = 21, colors: tuple[str, ...] = ("red", "blue")) -> bytes:
    """A GIF of a frame per colour, half a second each."""
    first, *others = (Image.new("RGB", (width, height), color) for color in colors)
    out = io.BytesIO()
    first.save(out, "GIF", save_all=True, append_images=others, duration=500)
    return out.getvalue()


def rises(numbers: list[int]) -> bool:
    """Whether each number is one more than the one before."""
    return all(after == before + 1 for before, after in pairwise(numbers))
