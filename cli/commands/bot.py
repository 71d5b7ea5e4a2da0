"""`opisalka bot`: run the bot on Telegram with the settings of the environment and `.env`."""

from __future__ import annotations

import argparse

from cli.parser import ROOT, Parser
from inference.errors import Message
from locales.translate import Translate


def add(parser: Parser) -> None:
    """Add the subcommand."""
    parser.add_command("bot", Message("help-bot"), run)


def run(arguments: argparse.Namespace, translate: Translate) -> int:
    """Run the bot until a signal arrives."""
    from bot.__main__ import run as run_bot  # aiogram: not for --help
    from bot.app import serve
    from bot.settings import load_settings

    is_overridden = arguments.checkpoints != ROOT / "checkpoints"
    settings = load_settings(checkpoints=arguments.checkpoints) if is_overridden else load_settings()
    return run_bot(serve(settings), settings.log_level, settings.secrets)
