"""`opisalka interrogate`: a folder of photos in, a table of captions, phrases and texts out; a second run goes on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tqdm import tqdm

from cli.output import DIGITS
from cli.parser import Commands
from cli.tables import form_of, resume
from inference.checkpoints.registry import get_card
from inference.errors import InvalidInput, Message
from inference.listing.files import explained, read_uploads
from inference.listing.types import Checked, Submission
from inference.listing.validation import validate_timed
from locales.translate import Translate

if TYPE_CHECKING:
    from inference.captioners.interrogator.captioner import Interrogation

FAMILY: Final = "interrogator"
MODES: Final = ("classic", "fast", "best")
COLUMNS: Final = ("path", "caption", "phrases", "text", "similarity", "error")
BATCH: Final = 16

Interrogate = Callable[[Sequence[Checked]], Sequence["Interrogation"]]


@dataclass(frozen=True, slots=True)
class Album:
    """One row's photos, and the path that names them, relative to the folder."""

    path: str
    photos: tuple[Path, ...]


def add(commands: Commands, translate: Translate) -> None:
    """Add the subcommand and its arguments."""
    parser = commands.add_parser("interrogate", translate=translate, help=translate(Message("help-interrogate")))
    parser.arguments.add_argument(
        "folder", metavar="FOLDER", type=Path, help=translate(Message("help-interrogate-folder"))
    )
    parser.arguments.add_argument("out", metavar="OUT", type=Path, help=translate(Message("help-interrogate-out")))
    parser.options.add_argument("--albums", action="store_true", help=translate(Message("help-interrogate-albums")))
    parser.options.add_argument("--mode", choices=MODES, default="", help=translate(Message("help-interrogate-mode")))
    parser.options.add_argument(
        "--checkpoint", metavar="NAME", default=FAMILY, help=translate(Message("help-interrogate-checkpoint"))
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, translate: Translate) -> int:
    """Write a row for every photo, or for every sub-folder, that OUT does not have yet."""
    form = form_of(arguments.out, COLUMNS)
    albums = _albums(arguments.folder, arguments.albums, arguments.out)
    card = get_card(arguments.checkpoints, "captioner", arguments.checkpoint)
    if card.family != FAMILY:
        raise InvalidInput("interrogate-family", checkpoint=card.id)
    done = resume(arguments.out, form, "path")
    left = [album for album in albums if album.path not in done]
    if left:
        interrogate = loaded(arguments.checkpoints, card.name, arguments.mode)
        with (
            arguments.out.open("a", encoding="utf-8", newline="") as out,
            tqdm(total=len(albums), initial=len(albums) - len(left), file=sys.stderr) as progress,
        ):
            for start in range(0, len(left), BATCH):
                batch = left[start : start + BATCH]
                out.writelines(form.write(row) for row in _rows(batch, interrogate, translate))
                out.flush()
                progress.update(len(batch))
    return 0


def loaded(root: Path, checkpoint: str, mode: str) -> Interrogate:
    """Load the interrogator; what it answers are the interrogations of checked albums without fields."""
    from inference.captioners.base import Prompt  # torch: not for --help
    from inference.captioners.interrogator.captioner import Interrogator
    from inference.listing.types import Diversity
    from inference.serving.loader import load_describer

    models = load_describer(root, checkpoint).models
    if not isinstance(models.captioner, Interrogator):
        raise InvalidInput("interrogate-family", checkpoint=checkpoint)
    captioner = models.captioner

    def prompt(checked: Checked) -> Prompt:
        images = tuple(photo.image for photo in checked.listing.photos)
        views = models.clip.encode_images(images)
        token = Diversity(models.diversity.score(views, None)).token
        return Prompt(images, views, "", token)

    return lambda several: captioner.interrogate([prompt(each) for each in several], mode)


def _albums(folder: Path, by_folder: bool, out: Path) -> list[Album]:
    """Every file below the folder, or every folder in it with the files of its own; what is hidden is left out."""
    with explained(folder):
        entries = sorted(folder.iterdir())
    if by_folder:
        folders = [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
        albums = [Album(_named(each, folder), tuple(_files(each.iterdir(), folder, out))) for each in folders]
        return [album for album in albums if album.photos]
    return [Album(_named(path, folder), (path,)) for path in _files(folder.rglob("*"), folder, out)]


def _files(paths: Iterator[Path], folder: Path, out: Path) -> list[Path]:
    return sorted(
        path
        for path in paths
        if path.is_file()
        and path.resolve() != out.resolve()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _named(path: Path, folder: Path) -> str:
    """The path below the folder, on one line; a table program would take «=…» for a formula."""
    name = path.relative_to(folder).as_posix().replace("\n", r"\n")
    return f"./{name}" if name[0] in "=+-@" else name


def _rows(albums: Sequence[Album], interrogate: Interrogate, translate: Translate) -> Iterator[dict[str, object]]:
    checked = [_checked(album) for album in albums]
    answers = iter(interrogate([each for each in checked if isinstance(each, Checked)]))
    for album, each in zip(albums, checked, strict=True):
        if isinstance(each, Checked):
            yield _row(album, next(answers))
        else:
            yield dict.fromkeys(COLUMNS) | {"path": album.path, "phrases": [], "error": translate(each.message)}


def _checked(album: Album) -> Checked | InvalidInput:
    try:
        return validate_timed(Submission(read_uploads(album.photos)))
    except InvalidInput as error:
        return error


def _row(album: Album, answer: Interrogation) -> dict[str, object]:
    phrases = [[phrase, round(similarity, DIGITS)] for phrase, similarity in answer.phrases]
    similarity = None if answer.similarity is None else round(answer.similarity, DIGITS)
    return {
        "path": album.path,
        "caption": answer.caption,
        "phrases": phrases,
        "text": answer.text,
        "similarity": similarity,
        "error": None,
    }
