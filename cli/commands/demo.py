"""`opisalka demo`: try the bot in a browser, on the local sandbox.

Bot and sandbox share one process. Nothing leaves the machine, and nothing is kept.
"""

from __future__ import annotations

import argparse
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from cli.parser import Parser, non_negative_int
from inference.errors import InvalidInput, Message
from locales.translate import Translate

if TYPE_CHECKING:
    from bot.settings import Settings

_DRAIN_S: Final = 3  # somebody waits at a terminal for Ctrl-C to work
_LAST_PORT: Final = 65_535


def add(parser: Parser) -> None:
    """Add the subcommand and its argument."""
    command = parser.add_command("demo", Message("help-demo"), run)
    command.add_option("--port", Message("help-port"), metavar="N", type=_parse_port, default=8080)


def run(arguments: argparse.Namespace, translate: Translate) -> int:
    """Run bot and sandbox until Ctrl-C, with a database that is deleted afterwards."""
    from bot.__main__ import run as run_bot  # aiogram: not for --help

    level = "DEBUG" if arguments.debug else "WARNING"
    with TemporaryDirectory(prefix="opisalka-demo-") as folder:
        return run_bot(_serve(arguments.port, Path(folder), arguments.checkpoints, translate), level, [])


def _parse_port(value: str) -> int:
    """Return a port number; 0 stands for any free port. Raises `ValueError`."""
    number = non_negative_int(value)
    if number > _LAST_PORT:
        raise ValueError(value)
    return number


async def _serve(port: int, data: Path, checkpoints: Path, translate: Translate) -> None:
    from bot.app import serve
    from sandbox.server import Sandbox

    async with AsyncExitStack() as stack:
        try:
            sandbox = await stack.enter_async_context(Sandbox(port=port))
        except OSError as error:
            raise InvalidInput("port-taken", port=str(port)) from error
        settings = _load_settings(sandbox.url, sandbox.token, data, checkpoints)
        address = translate(Message("demo-address", {"url": sandbox.url}))
        await serve(settings, lambda: print(address, flush=True))


def _load_settings(url: str, token: str, data: Path, checkpoints: Path) -> Settings:
    """Load settings with an API server and a database of the demo's own, without `.env`."""
    from bot.settings import load_settings

    own = {"bot_token": token, "api_server": url, "data": data, "checkpoints": checkpoints, "drain_s": _DRAIN_S}
    return load_settings(**own, _env_file=None, api_server_is_local=False, webhook_url="", database_url="")
