"""`opisalka bot`: the bot on Telegram, as the environment and `.env` say."""

from __future__ import annotations

import argparse

from cli.parser import ROOT, Commands
from inference.errors import Message
from locales.translate import Say


def add(commands: Commands, say: Say) -> None:
    """Add the subcommand."""
    parser = commands.add_parser("bot", say=say, help=say(Message("help-bot")))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, say: Say) -> int:
    """Run until a signal."""
    from bot.__main__ import run as run_bot  # aiogram: not for --help
    from bot.app import serve
    from bot.settings import read

    asked = arguments.checkpoints != ROOT / "checkpoints"
    settings = read(checkpoints=arguments.checkpoints) if asked else read()
    return run_bot(serve(settings), settings.log_level, settings.secrets)
