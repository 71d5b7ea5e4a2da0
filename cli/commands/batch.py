"""`opisalka batch`: describe every line of a data set, in order.

A run that was interrupted resumes at the first line that has no answer yet.
"""

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

from cli.output import to_json
from cli.parser import Parser, non_negative_int, positive_int
from cli.photos import create_folder, save_photos
from inference.checkpoints.registry import get_card
from inference.errors import InvalidInput, Message, catch_invalid, map_valid
from inference.listing.files import catch_os_errors, load_overrides, load_uploads
from inference.listing.job import Job
from inference.listing.types import Description, Submission
from inference.listing.validation import build_job
from locales.translate import Translate

if TYPE_CHECKING:
    from inference.serving.loader import Describer

_ANSWER_START = b'{"id": '


@dataclass(frozen=True, slots=True)
class _Item:
    """A line of the data set: its id, and its job or the reason why it is invalid."""

    id: object
    job: Job | InvalidInput


def add(parser: Parser) -> None:
    """Add the subcommand and its arguments."""
    command = parser.add_command("batch", Message("help-batch"), run)
    command.add_positional("listings", Message("help-listings"), metavar="LISTINGS", type=Path)
    command.add_positional("out", Message("help-out"), metavar="OUT", type=Path)
    command.add_option("--checkpoint", Message("help-checkpoint"), metavar="NAME", default="mini")
    command.add_option("--batch-size", Message("help-batch-size"), metavar="N", type=positive_int, default=16)
    command.add_option("--seed", Message("help-seed"), metavar="N", type=non_negative_int, default=0)
    command.add_option("--save-photos", Message("help-save-photos"), metavar="DIR", type=Path)
    command.add_option("--moderation", Message("help-moderation-settings"), metavar="FILE", type=Path)


def run(arguments: argparse.Namespace, translate: Translate) -> int:
    """Answer the lines that have no answer in OUT."""
    with catch_os_errors(arguments.listings), arguments.listings.open("rb") as listings:
        total = sum(1 for _ in listings)
    if arguments.save_photos:
        create_folder(arguments.save_photos)
    with _remove_if_empty(arguments.out):
        done = _truncate_to_answers(arguments.listings, arguments.out)
        if done < total:
            _append_answers(arguments, translate, done, total)
    return 0


@contextmanager
def _remove_if_empty(out: Path) -> Iterator[None]:
    """Remove a new OUT when the block fails before the first answer."""
    is_new = not out.exists()
    try:
        yield
    except BaseException:
        if is_new and out.is_file() and not out.stat().st_size:
            out.unlink()
        raise


def _append_answers(arguments: argparse.Namespace, translate: Translate, done: int, total: int) -> None:
    get_card(arguments.checkpoints, "captioner", arguments.checkpoint)  # fail before torch is imported, which is slow
    from inference.serving.loader import load_describer  # torch: not for --help

    describer = load_describer(arguments.checkpoints, arguments.checkpoint, load_overrides(arguments.moderation))
    with (
        arguments.listings.open("rb") as listings,
        arguments.out.open("ab") as out,
        tqdm(total=total, initial=done, file=sys.stderr) as progress,
    ):
        lines = islice(listings, done, None)
        items = (_parse_item(line, arguments) for line in lines)
        for batch in _prefetch(_split(items, arguments.batch_size)):
            for answer in _describe(describer, batch, translate):
                # An id may hold half of a surrogate pair: it is written as the escape that it came as.
                out.write(json.dumps(answer, ensure_ascii=False).encode(errors="backslashreplace") + b"\n")
            out.flush()
            progress.update(len(batch))


def _truncate_to_answers(listings: Path, out: Path) -> int:
    """Drop an incomplete last answer from OUT and return the number of answers that remain.

    Raises `InvalidInput` and leaves OUT as it is when it holds anything but answers to these listings.
    """
    with catch_os_errors(out), out.open("ab"):
        pass
    size = done = 0
    with listings.open("rb") as source, out.open("rb") as answers:
        for answer in answers:
            if not _is_answer(answer, next(source, None)):
                raise InvalidInput("batch-other-answers", out=str(out), line=done + 1)
            if answer.endswith(b"\n"):
                size, done = size + len(answer), done + 1
    with out.open("r+b") as answers:
        answers.truncate(size)
    return done


def _is_answer(answer: bytes, line: bytes | None) -> bool:
    if line is None:
        return False
    if not answer.endswith(b"\n"):
        return answer.startswith(_ANSWER_START) or _ANSWER_START.startswith(answer)
    row = _read_json(answer)
    return "id" in row and row["id"] == _read_json(line).get("id")


def _read_json(line: bytes) -> dict[str, object]:
    """Return the JSON object of a line, empty for an invalid one.

    Decimal numbers become text, so that a price keeps its digits: 50.00, not 50.0.
    """
    try:
        row = json.loads(line, parse_float=str)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _parse_item(line: bytes, arguments: argparse.Namespace) -> _Item:
    row = _read_json(line)
    return _Item(row.get("id"), catch_invalid(_build_job, row, arguments))


def _build_job(row: dict[str, object], arguments: argparse.Namespace) -> Job:
    """Return the job of a line, with its photos saved where that is asked for. Raises `InvalidInput`."""
    job = build_job(read_submission(row, arguments.listings.parent), seed=arguments.seed)
    if arguments.save_photos:
        save_photos(arguments.save_photos, row.get("id"), job.listing.photos)
    return job


def read_submission(row: dict[str, object], folder: Path) -> Submission:
    """Return the submission of a line whose photos are relative to `folder`.

    Raises `InvalidInput` for a malformed line or an unreadable photo.
    """
    photos, attributes = row.get("photos", []), row.get("attributes", {})
    if not row or not isinstance(photos, list) or not isinstance(attributes, dict | str):
        raise InvalidInput("listing-malformed")
    if not all(isinstance(photo, str) for photo in photos):
        raise InvalidInput("listing-malformed")
    return Submission(load_uploads(folder / photo for photo in photos), attributes)


def _split(items: Iterator[_Item], size: int) -> Iterator[list[_Item]]:
    return iter(lambda: list(islice(items, size)), [])


def _prefetch(batches: Iterator[list[_Item]]) -> Iterator[list[_Item]]:
    """Yield the batches, and decode the next one in a thread while the caller works on the current one."""
    with ThreadPoolExecutor(1) as reader:
        pending: Future[list[_Item]] = reader.submit(next, batches, [])
        while batch := pending.result():
            pending = reader.submit(next, batches, [])
            yield batch


def _describe(describer: Describer, items: Sequence[_Item], translate: Translate) -> Iterable[dict[str, object]]:
    results = map_valid(describer.describe, [item.job for item in items])
    for item, result in zip(items, results, strict=True):
        yield {"id": item.id, **_to_answer(result, translate)}


def _to_answer(result: Description | InvalidInput, translate: Translate) -> dict[str, object]:
    return {"error": translate(result.message)} if isinstance(result, InvalidInput) else to_json(result, translate)
