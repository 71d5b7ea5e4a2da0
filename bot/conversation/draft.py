"""Build the draft of a listing: the photos that are accepted, the rejected ones with reasons, the parsed text.

Pure: the same photos and notes give the same draft, in whatever order they came.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from inference.errors import InvalidInput, Message
from inference.listing.attributes import parse_attributes
from inference.listing.types import Attributes
from inference.listing.validation import MAX_MEGABYTES, MAX_PHOTOS
from storage.records import ListingRecord, PhotoFile, RefusedFile

_MEGABYTE: Final = 1024 * 1024
_NAME_LENGTH: Final = 60
_NAMED_EXTRAS: Final = 3  # photos over the limit that get a sentence each
_EXTENSIONS: Final = frozenset(
    ["jpg", "jpeg", "jpe", "jfif", "png", "apng", "gif", "webp", "heic", "heif", "hif", "avif", "bmp", "tif", "tiff"]
)

# The questions of buyers, and the fragments of words that show that a text answers them.
_QUESTIONS: Final = (
    (Message("missing-price"), ("цен", "стоим", "стоит", "руб", "₽", "price", "даром", "бесплатн")),
    (Message("missing-size"), ("разм", "рост", "size", "длин", "ширин", " см", " eu", "объем", "объём")),
    (Message("missing-condition"), ("состоян", "нов", "б/у", "бу ", "носил", "дефект", "бирк", "condition", "new")),
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A listing as it will be submitted.

    photos: the accepted photos in the order of sending; rejections: a sentence for each file that is not accepted;
    text: all notes, one per line; problem: why the text cannot be parsed (then there are no attributes);
    missing: suggestions what to add.
    """

    photos: tuple[PhotoFile, ...]
    rejections: tuple[Message, ...]
    text: str
    attributes: Attributes
    problem: Message | None
    missing: tuple[Message, ...]

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to write about."""
        return not self.photos and not self.attributes.items and self.problem is None


def build_draft(listing: ListingRecord, file_limit_mb: int) -> Draft:
    """Build the draft of a listing; files over `file_limit_mb` megabytes are rejected."""
    refused = {file.file_unique_id: file for file in listing.understanding.refused} if listing.understanding else {}
    photos, rejections = _select_photos(_sort_photos(listing.photos), refused, min(file_limit_mb, MAX_MEGABYTES))
    text = "\n".join(note.text for note in sorted(listing.notes, key=lambda note: note.message_id))
    try:
        attributes, problem = parse_attributes(text), None
    except InvalidInput as error:
        attributes, problem = Attributes(), error.message
    missing = () if problem else tuple(_list_missing(bool(photos), attributes))
    return Draft(tuple(photos), tuple(rejections), text, attributes, problem, missing)


def _sort_photos(photos: Iterable[PhotoFile]) -> list[PhotoFile]:
    """Return one photo per file, in the order of the messages."""
    ordered = sorted(photos, key=lambda photo: (photo.message_id, photo.file_unique_id))
    first = {photo.file_unique_id: photo for photo in reversed(ordered)}
    return [photo for photo in ordered if first[photo.file_unique_id] is photo]


def _select_photos(
    photos: Iterable[PhotoFile], refused: Mapping[str, RefusedFile], limit_mb: int
) -> tuple[list[PhotoFile], list[Message]]:
    accepted: list[PhotoFile] = []
    extra: list[PhotoFile] = []
    rejections: list[Message] = []
    for photo in photos:
        number = len(accepted) + 1
        rejection = _check_photo(photo, number, limit_mb)
        if rejection is None and photo.file_unique_id in refused:
            rejection = _describe_refused(refused[photo.file_unique_id], photo, number)
        if rejection is not None:
            rejections.append(rejection)
        else:
            (accepted if len(accepted) < MAX_PHOTOS else extra).append(photo)
    return accepted, rejections + list(_describe_extras(extra))


def _check_photo(photo: PhotoFile, number: int, limit_mb: int) -> Message | None:
    """Return why a file is rejected, judged by its metadata alone; its content is looked at after the download."""
    where: dict[str, str | int] = {"name": _format_name(photo), "number": number}
    if photo.kind == "document" and not _may_be_image(photo):
        return Message("file-no-image", where)
    if photo.size is not None and photo.size > limit_mb * _MEGABYTE:
        megabytes = math.ceil(photo.size / _MEGABYTE * 10) / 10
        return Message("photo-too-big", where | {"megabytes": megabytes, "limit": limit_mb})
    return None


def _describe_refused(file: RefusedFile, photo: PhotoFile, number: int) -> Message:
    """Return why the content of a file is rejected."""
    return Message(file.code, {**file.details, "name": _format_name(photo), "number": number})


def _may_be_image(photo: PhotoFile) -> bool:
    """Return whether a document may hold an image, so that a look inside decides.

    The name counts where a phone sends no useful mime type, and a file without a name or an extension may be anything.
    """
    mime, name = (photo.mime or "").lower().strip(), (photo.name or "").lower().strip()
    if mime.startswith("image/"):
        return True
    extension = name.rpartition(".")[2] if "." in name else ""
    if not extension:
        return mime in ("", "application/octet-stream")
    return mime.partition("/")[0] in ("", "application") and extension in _EXTENSIONS


def _describe_extras(photos: list[PhotoFile]) -> Iterator[Message]:
    for number, photo in enumerate(photos[:_NAMED_EXTRAS], start=MAX_PHOTOS + 1):
        yield Message("photo-extra", {"name": _format_name(photo), "number": number, "limit": MAX_PHOTOS})
    if len(photos) > _NAMED_EXTRAS:
        yield Message("photos-extra-more", {"count": len(photos) - _NAMED_EXTRAS})


def _format_name(photo: PhotoFile) -> str:
    """Return the printable name of a file; empty for a photo, which has none."""
    name = "".join(char for char in photo.name or "" if char.isprintable()).strip()
    return name if len(name) <= _NAME_LENGTH else f"…{name[1 - _NAME_LENGTH :]}"


def _list_missing(has_photos: bool, attributes: Attributes) -> Iterator[Message]:
    if not has_photos:
        yield Message("missing-photos")
    if not attributes.items:
        yield Message("missing-attributes")
        return
    text = f" {attributes.text.lower()} "
    yield from (missing for missing, fragments in _QUESTIONS if not any(fragment in text for fragment in fragments))
