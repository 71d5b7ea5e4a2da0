"""`opisalka checkpoints`: which checkpoints are there, what their cards say, whether they are whole, and new ones."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from cli.parser import ROOT, Commands
from inference.checkpoints.convert import FORMATS, import_original
from inference.checkpoints.registry import CARD, Card, check_present, find_cards, list_cards, verify
from inference.errors import CheckpointError, Message
from locales.translate import Translate

_GIGABYTE = 1e9


def add(commands: Commands, translate: Translate) -> None:
    """Add the subcommand and its actions."""
    parser = commands.add_parser("checkpoints", translate=translate, help=translate(Message("help-checkpoints")))
    actions = parser.add_subparsers(title=translate(Message("help-commands")), metavar="ACTION", required=True)
    listing = actions.add_parser("list", translate=translate, help=translate(Message("help-checkpoints-list")))
    listing.set_defaults(run=list_all)
    showing = actions.add_parser("show", translate=translate, help=translate(Message("help-checkpoints-show")))
    showing.set_defaults(run=show)
    _add_pull(actions, translate)
    verifying = actions.add_parser("verify", translate=translate, help=translate(Message("help-checkpoints-verify")))
    verifying.set_defaults(run=verify_files)
    _add_import(actions, translate)
    for action in (showing, verifying):
        action.arguments.add_argument("name", metavar="NAME", help=translate(Message("help-checkpoint-name")))


def _add_pull(actions: Commands, translate: Translate) -> None:
    pulling = actions.add_parser("pull", translate=translate, help=translate(Message("help-checkpoints-pull")))
    pulling.arguments.add_argument("asked", metavar="NAME", help=translate(Message("help-pull-name")))
    add_option = pulling.options.add_argument
    formats = translate(Message("help-pull-format", {"formats": ", ".join(FORMATS)}))
    add_option("--format", metavar="FORMAT", choices=tuple(FORMATS), default="", help=formats)
    add_option("--name", metavar="NAME", default="", help=translate(Message("help-pull-folder")))
    add_option("--keep-original", action="store_true", help=translate(Message("help-pull-keep")))
    pulling.set_defaults(run=pull_files, online=True)


def _add_import(actions: Commands, translate: Translate) -> None:
    importing = actions.add_parser("import", translate=translate, help=translate(Message("help-checkpoints-import")))
    add_argument = importing.arguments.add_argument
    formats = translate(Message("help-import-family", {"formats": ", ".join(FORMATS)}))
    add_argument("family", metavar="FAMILY", choices=tuple(FORMATS), help=formats)
    add_argument("source", metavar="SOURCE", type=Path, help=translate(Message("help-import-source")))
    add_argument("name", metavar="NAME", help=translate(Message("help-import-name")))
    importing.set_defaults(run=import_files)


def list_all(arguments: argparse.Namespace, translate: Translate) -> int:
    """What is here, and below it what can be pulled, a line each; a card that cannot be read keeps no other back."""
    cards, errors = list_cards(arguments.checkpoints)
    rows = [(card, _row(card, arguments.language, translate)) for card in cards]
    widths = [max(map(len, column)) for column in zip(*(row for _, row in rows), strict=True)]
    here = _lines([row for card, row in rows if card.is_here], widths)
    waiting = _lines([row for card, row in rows if not card.is_here], widths)
    print("\n".join([*here, *(["", translate(Message("list-waiting"))] if waiting else []), *waiting]))
    for error in errors:
        print(translate(error.message), file=sys.stderr)
    return 4 if errors else 0


def _row(card: Card, language: str, translate: Translate) -> tuple[str, str, str, str]:
    """Name, family, size (empty where it is not known) and what the card says of itself."""
    size = card.size if card.is_here else card.published_size
    if not card.is_here or size >= _GIGABYTE:
        written = translate(Message("gigabytes", {"gigabytes": size / _GIGABYTE})) if size else ""
    else:
        written = translate(Message("megabytes", {"megabytes": size / 1e6}))
    return card.id, card.family, written, card.summary.get(language, "")


def _lines(rows: Sequence[tuple[str, str, str, str]], widths: Sequence[int]) -> list[str]:
    return [
        f"{name:<{widths[0]}}  {family:<{widths[1]}}  {size:>{widths[2]}}  {summary}".rstrip()
        for name, family, size, summary in rows
    ]


def show(arguments: argparse.Namespace, translate: Translate) -> int:
    """The card as it stands in the folder, below its path; of a folder without one what its files tell."""
    for card in _named(arguments.checkpoints, arguments.name):
        path = card.folder / CARD
        if path.is_file():
            print(f"# {path}\n{path.read_text('utf-8')}")
        else:
            print(f'# {card.folder}\nfamily = "{card.family}"\nmax_photos = {card.max_photos}\n')
    return 0


def pull_files(arguments: argparse.Namespace, translate: Translate) -> int:
    """Download a public model and take it over."""
    from inference.checkpoints.download import pull  # the hub's client: not for --help

    def on_progress(message: Message) -> None:
        print(translate(message), file=sys.stderr)

    try:
        card = pull(
            arguments.checkpoints,
            arguments.asked,
            on_progress,
            arguments.format,
            arguments.name,
            arguments.keep_original,
        )
    except KeyboardInterrupt:
        on_progress(Message("pull-interrupted", {"command": _pull_again(arguments)}))
        raise
    print(translate(Message("checkpoint-settled", {"checkpoint": card.id, "megabytes": card.size / 1e6})))
    return 0


def _pull_again(arguments: argparse.Namespace) -> str:
    """The command that goes on with a pull."""
    options = {"--format": arguments.format, "--name": arguments.name}
    if arguments.checkpoints != ROOT / "checkpoints":
        options["--checkpoints"] = str(arguments.checkpoints)
    given = [word for option, value in options.items() if value for word in (option, value)]
    given += ["--keep-original"] if arguments.keep_original else []
    return shlex.join(["opisalka", "checkpoints", "pull", arguments.asked, *given])


def verify_files(arguments: argparse.Namespace, translate: Translate) -> int:
    """Compare the files with the hashes on the card, and use each checkpoint once."""
    for card in _named(arguments.checkpoints, arguments.name):
        check_present(card)
        from inference.serving.smoke_test import run_smoke_test  # torch: not for --help

        started = perf_counter()
        verify(card)
        run_smoke_test(arguments.checkpoints, card)
        seconds = perf_counter() - started
        print(
            translate(
                Message("checkpoint-works", {"checkpoint": card.id, "count": len(card.files), "seconds": seconds})
            )
        )
    return 0


def import_files(arguments: argparse.Namespace, translate: Translate) -> int:
    """Write a publisher's checkpoint out as one of ours."""
    card = import_original(arguments.family, arguments.source, arguments.checkpoints, arguments.name)
    print(translate(Message("checkpoint-settled", {"checkpoint": card.id, "megabytes": card.size / 1e6})))
    return 0


def _named(root: Path, name: str) -> list[Card]:
    cards = find_cards(root, name)
    if not cards:
        known = ", ".join(card.id for card in list_cards(root)[0] if card.is_here) or "—"
        raise CheckpointError("checkpoint-missing", checkpoint=name, known=known)
    return cards
