"""The whole bot at work on a sandbox, once or several times, with a pretend engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.app import App
from bot.settings import Settings, load_settings
from bot.workers.jobs import TextEngine
from sandbox.server import Sandbox
from tests.support.bot.conversation import PretendEngine

SECRET = "pretend-secret"  # noqa: S105 - a pretend one


def settings_for(sandbox: Sandbox, folder: Path, **given: object) -> Settings:
    """Quick settings; nothing of the machine's own."""
    usual: dict[str, object] = {
        "_env_file": None,
        "bot_token": sandbox.token,
        "api_server": sandbox.url,
        "data": folder / "data",
        "album_quiet_s": 0.2,
        "album_limit_s": 2,
        "rate_total": 1000,
        "rate_chat": 100,
    }
    return load_settings(**usual | given)


@asynccontextmanager
async def service(
    sandbox: Sandbox, folder: Path, engine: TextEngine | None = None, **given: object
) -> AsyncGenerator[App]:
    """A bot that runs."""
    app = await App.build(settings_for(sandbox, folder, **given), engine or PretendEngine(folder, ["mini", "nano"]))
    async with app.running():
        yield app
