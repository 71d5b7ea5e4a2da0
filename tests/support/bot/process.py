"""The bot as a process with a fake engine: `python -m tests.support.bot.process`, settings from the environment."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from bot.app import App
from bot.logs import configure_logging
from bot.settings import load_settings
from tests.support.bot.conversation import FakeEngine


async def main() -> None:
    """Run until SIGTERM, and say when it runs."""
    settings = load_settings()
    configure_logging(settings.log_level, settings.secrets)
    app = await App.build(settings, FakeEngine(Path(settings.data), ["mini"]))
    async with app.running():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, app.stop)
        sys.stdout.write("running\n")
        sys.stdout.flush()
        await app.wait_stopped()


if __name__ == "__main__":
    asyncio.run(main())
