"""`opisalka interrogate`: write a table of captions, phrases and texts for a folder of photos.

A second run adds the rows that are missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tqdm import tqdm

from cli.output import DIGITS
from cli.parser import Parser
from cli.tables import get_format, open_table
from inference.checkpoints.registry import get_card
from inference.errors import InvalidInput, Message, catch_invalid, map_valid
from inference.listing.files import catch_os_errors, load_uploads
from inference.listing.types import Listing, Submission
from inference.listing.validation import validate
from locales.translate import Translate

if TYPE_CHECKING:
    from inference.captioners.interrogator.captioner import Interrogation

FAMILY: Final = "interrogator"
MODES: Final = ("classic", "fast", "best")
COLUMNS: Final = ("path", "caption", "phrases", "text", "similarity", "error")
BATCH: Final = 16

Interrogate = Callable[[Sequence[Listing]], Sequence["Interrogation"]]


@dataclass(frozen=True, slots=True)
class Album:
    """The photos of one row, and their name: a path relative to the folder."""

    path: str
    photos: tuple[Path, ...]


def add(parser: Parser) -> None:
    """Add the subcommand and its arguments."""
    command = parser.add_command("interrogate", Message("help-interrogate"), run)
    command.add_positional("folder", Message("help-interrogate-folder"), metavar="FOLDER", type=Path)
    command.add_positional("out", Message("help-interrogate-out"), metavar="OUT", type=Path)
    command.add_option("--albums", Message("help-interrogate-albums"), action="store_true")
    command.add_option("--mode", Message("help-interrogate-mode"), choices=MODES, default="")
    command.add_option("--checkpoint", Message("help-interrogate-checkpoint"), metavar="NAME", default=FAMILY)


def run(arguments: argparse.Namespace, translate: Translate) -> int:
    """Write the rows of photos, or of sub-folders, that OUT does not have yet."""
    table_format = get_format(arguments.out, COLUMNS)
    albums = _find_albums(arguments.folder, arguments.albums, arguments.out)
    card = get_card(arguments.checkpoints, "captioner", arguments.checkpoint)
    if card.family != FAMILY:
        raise InvalidInput("interrogate-family", checkpoint=card.id)
    done = open_table(arguments.out, table_format, "path")
    pending = [album for album in albums if album.path not in done]
    if pending:
        interrogate = load_interrogator(arguments.checkpoints, card.name, arguments.mode)
        with (
            arguments.out.open("a", encoding="utf-8", newline="") as out,
            tqdm(total=len(albums), initial=len(albums) - len(pending), file=sys.stderr) as progress,
        ):
            for start in range(0, len(pending), BATCH):
                batch = pending[start : start + BATCH]
                out.writelines(table_format.encode(row) for row in _describe(batch, interrogate, translate))
                out.flush()
                progress.update(len(batch))
    return 0


def load_interrogator(root: Path, checkpoint: str, mode: str) -> Interrogate:
    """Load an interrogator and return the function that interrogates a batch of albums.

    Raises `InvalidInput` for a checkpoint of another family.
    """
    from inference.captioners.base import Prompt  # torch: not for --help
    from inference.captioners.interrogator.captioner import Interrogator
    from inference.listing.types import Diversity
    from inference.serving.loader import load_describer

    models = load_describer(root, checkpoint).models
    if not isinstance(models.captioner, Interrogator):
        raise InvalidInput("interrogate-family", checkpoint=checkpoint)
    captioner = models.captioner

    def build_prompt(listing: Listing) -> Prompt:
        images = tuple(photo.image for photo in listing.photos)
        features = models.clip.encode_images(images)
        token = Diversity(models.diversity.score(features, None)).token
        return Prompt(images, features, "", token)

    return lambda batch: captioner.interrogate([build_prompt(listing) for listing in batch], mode)


def _find_albums(folder: Path, by_folder: bool, out: Path) -> list[Album]:
    """Return every file below `folder` as an album, or every sub-folder with its files; hidden ones are skipped.

    Raises `InvalidInput` when the folder cannot be read.
    """
    with catch_os_errors(folder):
        entries = sorted(folder.iterdir())
    if by_folder:
        folders = [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
        albums = [Album(_to_name(each, folder), tuple(_filter_files(each.iterdir(), folder, out))) for each in folders]
        return [album for album in albums if album.photos]
    return [Album(_to_name(path, folder), (path,)) for path in _filter_files(folder.rglob("*"), folder, out)]


def _filter_files(paths: Iterator[Path], folder: Path, out: Path) -> list[Path]:
    return sorted(
        path
        for path in paths
        if path.is_file()
        and path.resolve() != out.resolve()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _to_name(path: Path, folder: Path) -> str:
    """Return the path below the folder on one line."""
    name = path.relative_to(folder).as_posix().replace("\n", r"\n")
    # A spreadsheet would run «=…» as a formula.
    return f"./{name}" if name[0] in "=+-@" else name


def _describe(albums: Sequence[Album], interrogate: Interrogate, translate: Translate) -> Iterator[dict[str, object]]:
    listings = [catch_invalid(_load, album) for album in albums]
    for album, result in zip(albums, map_valid(interrogate, listings), strict=True):
        if isinstance(result, InvalidInput):
            yield dict.fromkeys(COLUMNS) | {"path": album.path, "phrases": [], "error": translate(result.message)}
        else:
            yield _to_row(album, result)


def _load(album: Album) -> Listing:
    return validate(Submission(load_uploads(album.photos)))


def _to_row(album: Album, interrogation: Interrogation) -> dict[str, object]:
    phrases = [[phrase, round(similarity, DIGITS)] for phrase, similarity in interrogation.phrases]
    similarity = None if interrogation.similarity is None else round(interrogation.similarity, DIGITS)
    return {
        "path": album.path,
        "caption": interrogation.caption,
        "phrases": phrases,
        "text": interrogation.text,
        "similarity": similarity,
        "error": None,
    }
