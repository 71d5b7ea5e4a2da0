"""`opisalka checkpoints`: which checkpoints are there, what their cards say, whether their files are whole."""

from __future__ import annotations

import argparse
from pathlib import Path

from bot.messages import Say
from cli.parser import Commands
from inference.checkpoints import CARD, Card, find, verify
from inference.errors import CheckpointError, Message
from inference.originals import FORMATS, import_original


def add(commands: Commands, say: Say) -> None:
    """Add the subcommand and its actions."""
    parser = commands.add_parser("checkpoints", say=say, help=say(Message("help-checkpoints")))
    actions = parser.add_subparsers(title=say(Message("help-commands")), metavar="ACTION", required=True)
    listing = actions.add_parser("list", say=say, help=say(Message("help-checkpoints-list")))
    listing.set_defaults(run=list_all)
    showing = actions.add_parser("show", say=say, help=say(Message("help-checkpoints-show")))
    showing.set_defaults(run=show)
    verifying = actions.add_parser("verify", say=say, help=say(Message("help-checkpoints-verify")))
    verifying.set_defaults(run=verify_files)
    importing = actions.add_parser("import", say=say, help=say(Message("help-checkpoints-import")))
    add_argument = importing.arguments.add_argument
    add_argument("family", metavar="FAMILY", choices=tuple(FORMATS), help=say(Message("help-import-family")))
    add_argument("source", metavar="SOURCE", type=Path, help=say(Message("help-import-source")))
    add_argument("name", metavar="NAME", help=say(Message("help-import-name")))
    importing.set_defaults(run=import_files)
    for action in (showing, verifying):
        action.arguments.add_argument("name", metavar="NAME", help=say(Message("help-checkpoint-name")))


def list_all(arguments: argparse.Namespace, say: Say) -> int:
    """One line a checkpoint."""
    for card in find(arguments.checkpoints):
        size = say(Message("megabytes", {"megabytes": card.size / 1e6}))
        print(f"{card.id:<20}  {card.family:<10}  {size:>9}  {card.summary.get(arguments.language, '')}".rstrip())
    return 0


def show(arguments: argparse.Namespace, say: Say) -> int:
    """The card as it stands in the folder, below its path."""
    for card in _named(arguments.checkpoints, arguments.name):
        path = card.folder / CARD
        print(f"# {path}\n{path.read_text('utf-8')}")
    return 0


def verify_files(arguments: argparse.Namespace, say: Say) -> int:
    """Compare the files with the hashes on the card."""
    for card in _named(arguments.checkpoints, arguments.name):
        verify(card)
        print(say(Message("checkpoint-whole", {"checkpoint": card.id, "count": len(card.files)})))
    return 0


def import_files(arguments: argparse.Namespace, say: Say) -> int:
    """Write a publisher's checkpoint out as one of ours."""
    card = import_original(arguments.family, arguments.source, arguments.checkpoints, arguments.name)
    print(say(Message("checkpoint-whole", {"checkpoint": card.id, "count": len(card.files)})))
    return 0


def _named(root: Path, name: str) -> list[Card]:
    """The checkpoints called `kind/name`, or `name` in whatever kind."""
    cards = find(root)
    named = [card for card in cards if name in (card.id, card.name)]
    if not named:
        raise CheckpointError("checkpoint-missing", checkpoint=name, known=", ".join(card.id for card in cards) or "—")
    return named
