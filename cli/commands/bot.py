"""`opisalka bot`: the bot on Telegram, as the environment and `.env` say."""

from __future__ import annotations

import argparse

from cli.parser import ROOT, Commands
from inference.errors import Message
from locales.translate import Translate


def add(commands: Commands, translate: Translate) -> None:
    """Add the subcommand."""
    parser = commands.add_parser("bot", translate=translate, help=translate(Message("help-bot")))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, translate: Translate) -> int:
    """Run until a signal."""
    from bot.__main__ import run as run_bot  # aiogram: not for --help
    from bot.app import serve
    from bot.settings import load_settings

    asked = arguments.checkpoints != ROOT / "checkpoints"
    settings = load_settings(checkpoints=arguments.checkpoints) if asked else load_settings()
    return run_bot(serve(settings), settings.log_level, settings.secrets)
