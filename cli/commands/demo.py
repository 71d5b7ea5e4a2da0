"""`opisalka demo`: the bot on the local sandbox, to be tried in a browser. One process, nothing leaves the machine."""

from __future__ import annotations

import argparse
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from cli.parser import Commands, natural
from inference.errors import InvalidInput, Message
from locales.translate import Translate

if TYPE_CHECKING:
    from bot.settings import Settings

_DRAIN_S: Final = 3
_LAST_PORT: Final = 65_535


def add(commands: Commands, translate: Translate) -> None:
    """Add the subcommand and its argument."""
    parser = commands.add_parser("demo", translate=translate, help=translate(Message("help-demo")))
    parser.options.add_argument("--port", metavar="N", type=_port, default=8080, help=translate(Message("help-port")))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, translate: Translate) -> int:
    """Run both until Ctrl-C; what was sent is gone afterwards."""
    from bot.__main__ import run as run_bot  # aiogram: not for --help

    level = "DEBUG" if arguments.debug else "WARNING"
    with TemporaryDirectory(prefix="opisalka-demo-") as folder:
        return run_bot(_demo(arguments.port, Path(folder), arguments.checkpoints, translate), level, [])


def _port(value: str) -> int:
    """A number that a port can have; 0 takes a free one."""
    number = natural(value)
    if number > _LAST_PORT:
        raise ValueError(value)
    return number


async def _demo(port: int, data: Path, checkpoints: Path, translate: Translate) -> None:
    from bot.app import serve
    from sandbox.server import Sandbox

    async with AsyncExitStack() as stack:
        try:
            sandbox = await stack.enter_async_context(Sandbox(port=port))
        except OSError as error:
            raise InvalidInput("port-taken", port=str(port)) from error
        settings = _settings(sandbox.url, sandbox.token, data, checkpoints)
        address = translate(Message("demo-address", {"url": sandbox.url}))
        await serve(settings, lambda: print(address, flush=True))


def _settings(url: str, token: str, data: Path, checkpoints: Path) -> Settings:
    """Where the demo differs from the owner's bot: it has a Telegram and a database of its own, and no `.env`."""
    from bot.settings import load_settings

    own = {"bot_token": token, "api_server": url, "data": data, "checkpoints": checkpoints, "drain_s": _DRAIN_S}
    return load_settings(**own, _env_file=None, api_server_is_local=False, webhook_url="", database_url="")
