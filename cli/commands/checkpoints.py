"""`opisalka checkpoints`: list, show, download, verify and import checkpoints."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from cli.parser import ROOT, Parser
from inference.checkpoints.card import CARD, Card
from inference.checkpoints.convert import FORMATS, import_original
from inference.checkpoints.registry import check_installed, find_cards, is_installed, list_cards, verify
from inference.errors import CheckpointError, Message
from locales.translate import Translate

_GIGABYTE = 1e9


def add(parser: Parser) -> None:
    """Add the subcommand and its actions."""
    checkpoints = parser.add_command("checkpoints", Message("help-checkpoints"))
    checkpoints.require_command("ACTION")
    checkpoints.add_command("list", Message("help-checkpoints-list"), run_list)
    show = checkpoints.add_command("show", Message("help-checkpoints-show"), run_show)
    _add_pull(checkpoints)
    verify = checkpoints.add_command("verify", Message("help-checkpoints-verify"), run_verify)
    _add_import(checkpoints)
    for action in (show, verify):
        action.add_positional("name", Message("help-checkpoint-name"), metavar="NAME")


def _add_pull(parser: Parser) -> None:
    pull = parser.add_command("pull", Message("help-checkpoints-pull"), run_pull)
    pull.set_defaults(online=True)
    pull.add_positional("source", Message("help-pull-name"), metavar="NAME")
    formats = Message("help-pull-format", {"formats": ", ".join(FORMATS)})
    pull.add_option("--format", formats, metavar="FORMAT", choices=tuple(FORMATS), default="")
    pull.add_option("--name", Message("help-pull-folder"), metavar="NAME", default="")
    pull.add_option("--keep-original", Message("help-pull-keep"), action="store_true")


def _add_import(parser: Parser) -> None:
    importing = parser.add_command("import", Message("help-checkpoints-import"), run_import)
    formats = Message("help-import-family", {"formats": ", ".join(FORMATS)})
    importing.add_positional("family", formats, metavar="FAMILY", choices=tuple(FORMATS))
    importing.add_positional("source", Message("help-import-source"), metavar="SOURCE", type=Path)
    importing.add_positional("name", Message("help-import-name"), metavar="NAME")


def run_list(arguments: argparse.Namespace, translate: Translate) -> int:
    """Print the checkpoints that are here, then those that can be downloaded, one a line.

    Cards that cannot be read are reported on stderr, and the exit code is 4.
    """
    cards, errors = list_cards(arguments.checkpoints)
    rows = [(card, _format_row(card, arguments.language, translate)) for card in cards]
    widths = [max(map(len, column)) for column in zip(*(row for _, row in rows), strict=True)]
    here = _align([row for card, row in rows if is_installed(card)], widths)
    waiting = _align([row for card, row in rows if not is_installed(card)], widths)
    print("\n".join([*here, *(["", translate(Message("list-waiting"))] if waiting else []), *waiting]))
    for error in errors:
        print(translate(error.message), file=sys.stderr)
    return 4 if errors else 0


def _format_row(card: Card, language: str, translate: Translate) -> tuple[str, str, str, str]:
    """Return id, family, size (empty when unknown) and summary of a card."""
    size = card.size if is_installed(card) else card.published_size
    if not is_installed(card) or size >= _GIGABYTE:
        size_text = translate(Message("gigabytes", {"gigabytes": size / _GIGABYTE})) if size else ""
    else:
        size_text = translate(Message("megabytes", {"megabytes": size / 1e6}))
    return card.id, card.family, size_text, card.summary.get(language, "")


def _align(rows: Sequence[tuple[str, str, str, str]], widths: Sequence[int]) -> list[str]:
    return [
        f"{name:<{widths[0]}}  {family:<{widths[1]}}  {size:>{widths[2]}}  {summary}".rstrip()
        for name, family, size, summary in rows
    ]


def run_show(arguments: argparse.Namespace, translate: Translate) -> int:
    """Print the path and the card; without a card file, print what was detected from the files."""
    for card in _find(arguments.checkpoints, arguments.name):
        path = card.folder / CARD
        if path.is_file():
            print(f"# {path}\n{path.read_text('utf-8')}")
        else:
            print(f'# {card.folder}\nfamily = "{card.family}"\nmax_photos = {card.max_photos}\n')
    return 0


def run_pull(arguments: argparse.Namespace, translate: Translate) -> int:
    """Download a public model and convert it."""
    from inference.checkpoints.download import pull  # the hub's client: not for --help

    def on_progress(message: Message) -> None:
        print(translate(message), file=sys.stderr)

    try:
        card = pull(
            arguments.checkpoints,
            arguments.source,
            on_progress,
            arguments.format,
            arguments.name,
            arguments.keep_original,
        )
    except KeyboardInterrupt:
        on_progress(Message("pull-interrupted", {"command": _format_pull(arguments)}))
        raise
    print(translate(Message("checkpoint-settled", {"checkpoint": card.id, "megabytes": card.size / 1e6})))
    return 0


def _format_pull(arguments: argparse.Namespace) -> str:
    """Return the command line that resumes an interrupted download."""
    options = {"--format": arguments.format, "--name": arguments.name}
    if arguments.checkpoints != ROOT / "checkpoints":
        options["--checkpoints"] = str(arguments.checkpoints)
    words = [word for option, value in options.items() if value for word in (option, value)]
    words += ["--keep-original"] if arguments.keep_original else []
    return shlex.join(["opisalka", "checkpoints", "pull", arguments.source, *words])


def run_verify(arguments: argparse.Namespace, translate: Translate) -> int:
    """Compare the files with the hashes on the card, and run each checkpoint once."""
    for card in _find(arguments.checkpoints, arguments.name):
        if not any((card.folder / name).is_file() for name in card.files):
            check_installed(card)  # nothing is here; otherwise `verify` names the file that is missing
        from inference.serving.smoke_test import run_smoke_test  # torch: not for --help

        started = perf_counter()
        verify(card)
        run_smoke_test(arguments.checkpoints, card)
        seconds = perf_counter() - started
        works = Message("checkpoint-works", {"checkpoint": card.id, "count": len(card.files), "seconds": seconds})
        print(translate(works))
    return 0


def run_import(arguments: argparse.Namespace, translate: Translate) -> int:
    """Convert a checkpoint in its publisher's format into one of this project."""
    card = import_original(arguments.family, arguments.source, arguments.checkpoints, arguments.name)
    print(translate(Message("checkpoint-settled", {"checkpoint": card.id, "megabytes": card.size / 1e6})))
    return 0


def _find(root: Path, name: str) -> list[Card]:
    cards = find_cards(root, name)
    if not cards:
        known = ", ".join(card.id for card in list_cards(root)[0] if is_installed(card)) or "—"
        raise CheckpointError("checkpoint-missing", checkpoint=name, known=known)
    return cards
