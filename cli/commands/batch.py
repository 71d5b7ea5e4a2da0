"""`opisalka batch`: one answer a line of a data set, in its order; a second run goes on where the first ended."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from cli.output import as_json
from cli.parser import Commands, natural, positive
from inference.checkpoints.registry import get_card
from inference.errors import InvalidInput, Message
from inference.listing.files import explained, read_overrides, read_uploads
from inference.listing.types import Checked, Description, Submission
from inference.listing.validation import validate_timed
from locales.translate import Translate

if TYPE_CHECKING:
    from inference.serving.loader import Describer

_ANSWER_START = b'{"id": '


@dataclass(frozen=True, slots=True)
class _Item:
    """A line of the data set: its id, and the decoded listing or what is wrong with it."""

    id: object
    checked: Checked | InvalidInput


def add(commands: Commands, translate: Translate) -> None:
    """Add the subcommand and its arguments."""
    parser = commands.add_parser("batch", translate=translate, help=translate(Message("help-batch")))
    parser.arguments.add_argument("listings", metavar="LISTINGS", type=Path, help=translate(Message("help-listings")))
    parser.arguments.add_argument("out", metavar="OUT", type=Path, help=translate(Message("help-out")))
    parser.options.add_argument(
        "--checkpoint", metavar="NAME", default="mini", help=translate(Message("help-checkpoint"))
    )
    parser.options.add_argument(
        "--batch-size", metavar="N", type=positive, default=16, help=translate(Message("help-batch-size"))
    )
    parser.options.add_argument("--seed", metavar="N", type=natural, default=0, help=translate(Message("help-seed")))
    parser.options.add_argument(
        "--moderation", metavar="FILE", type=Path, help=translate(Message("help-moderation-settings"))
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, translate: Translate) -> int:
    """Answer every line that OUT does not answer yet."""
    with explained(arguments.listings), arguments.listings.open("rb") as listings:
        total = sum(1 for _ in listings)
    with _no_file_without_answers(arguments.out):
        done = _resume(arguments.listings, arguments.out)
        if done < total:
            _answer(arguments, translate, done, total)
    return 0


@contextmanager
def _no_file_without_answers(out: Path) -> Iterator[None]:
    """Where a run ends before its first answer, OUT does not come to be."""
    is_new = not out.exists()
    try:
        yield
    except BaseException:
        if is_new and out.is_file() and not out.stat().st_size:
            out.unlink()
        raise


def _answer(arguments: argparse.Namespace, translate: Translate, done: int, total: int) -> None:
    get_card(
        arguments.checkpoints, "captioner", arguments.checkpoint
    )  # loading takes seconds: a wrong name is told before
    from inference.serving.loader import load_describer  # torch: not for --help

    describer = load_describer(arguments.checkpoints, arguments.checkpoint, read_overrides(arguments.moderation))
    with (
        arguments.listings.open("rb") as listings,
        arguments.out.open("ab") as out,
        tqdm(total=total, initial=done, file=sys.stderr) as progress,
    ):
        items = (_read_item(line, arguments.listings.parent) for line in islice(listings, done, None))
        for batch in _ahead(_batches(items, arguments.batch_size)):
            for answer in _answers(describer, batch, arguments.seed, translate):
                out.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
            out.flush()
            progress.update(len(batch))


def _resume(listings: Path, out: Path) -> int:
    """How many lines OUT answers already; an answer that was cut off is dropped.

    Raises `InvalidInput` when OUT holds anything but answers to these listings, which it never touches.
    """
    with explained(out), out.open("ab"):
        pass
    kept = done = 0
    with listings.open("rb") as source, out.open("rb") as answers:
        for answer in answers:
            if not _answers_line(answer, next(source, None)):
                raise InvalidInput("batch-other-answers", out=str(out), line=done + 1)
            if answer.endswith(b"\n"):
                kept, done = kept + len(answer), done + 1
    with out.open("r+b") as answers:
        answers.truncate(kept)
    return done


def _answers_line(answer: bytes, line: bytes | None) -> bool:
    if line is None:
        return False
    if not answer.endswith(b"\n"):
        return answer.startswith(_ANSWER_START) or _ANSWER_START.startswith(answer)
    row = _read_json(answer)
    return "id" in row and row["id"] == _read_json(line).get("id")


def _read_json(line: bytes) -> dict[str, object]:
    """The object of a line, or an empty one. The digits of a price such as 50.00 stay as they were written."""
    try:
        row = json.loads(line, parse_float=str)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _read_item(line: bytes, folder: Path) -> _Item:
    row = _read_json(line)
    try:
        return _Item(row.get("id"), validate_timed(read_submission(row, folder)))
    except InvalidInput as error:
        return _Item(row.get("id"), error)


def read_submission(row: dict[str, object], folder: Path) -> Submission:
    """What a line of a data set sends; raises `InvalidInput` for a line of another form or an unreadable photo."""
    photos, attributes = row.get("photos", []), row.get("attributes", {})
    if not row or not isinstance(photos, list) or not isinstance(attributes, dict | str):
        raise InvalidInput("listing-malformed")
    if not all(isinstance(photo, str) for photo in photos):
        raise InvalidInput("listing-malformed")
    return Submission(read_uploads(folder / photo for photo in photos), attributes)


def _batches(items: Iterator[_Item], size: int) -> Iterator[list[_Item]]:
    return iter(lambda: list(islice(items, size)), [])


def _ahead(batches: Iterator[list[_Item]]) -> Iterator[list[_Item]]:
    """The same batches; the next one is read and decoded by a thread while the caller works on the last."""
    with ThreadPoolExecutor(1) as reader:
        pending: Future[list[_Item]] = reader.submit(next, batches, [])
        while batch := pending.result():
            pending = reader.submit(next, batches, [])
            yield batch


def _answers(
    describer: Describer, items: Sequence[_Item], seed: int, translate: Translate
) -> Iterable[dict[str, object]]:
    results = describer.describe([item.checked for item in items], seed=seed)
    for item, result in zip(items, results, strict=True):
        yield {"id": item.id, **_render(result, translate)}


def _render(result: Description | InvalidInput, translate: Translate) -> dict[str, object]:
    return {"error": translate(result.message)} if isinstance(result, InvalidInput) else as_json(result, translate)
