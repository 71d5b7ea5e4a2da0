"""Run the whole bot on a sandbox with a fake engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.app import App
from bot.settings import Settings, load_settings
from bot.workers.jobs import TextEngine
from sandbox.server import Sandbox
from tests.support.bot.conversation import FakeEngine

SECRET = "pretend-secret"  # noqa: S105 - a pretend one


def settings_for(sandbox: Sandbox, folder: Path, **given: object) -> Settings:
    """Return settings with short pauses, independent of the machine."""
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
async def run_app(
    sandbox: Sandbox, folder: Path, engine: TextEngine | None = None, **given: object
) -> AsyncGenerator[App]:
    """Run a bot."""
    app = await App.build(settings_for(sandbox, folder, **given), engine or FakeEngine(folder, ["mini", "nano"]))
    async with app.running():
        yield app
