"""What a chat has collected, as it will be sent: which photos are taken, which are not and why, what the text says.

Pure: the same photos and notes give the same draft, in whatever order they came.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from inference.errors import InvalidInput, Message
from inference.listing.attributes import parse_attributes
from inference.listing.types import Attributes
from inference.listing.validation import MAX_MEGABYTES, MAX_PHOTOS
from storage.records import ListingRecord, PhotoFile

_MEGABYTE: Final = 1024 * 1024
_NAME_LENGTH: Final = 60
_NAMED_EXTRAS: Final = 3  # photos beyond the tenth that are named one by one
_FORMATS: Final = ("jpg", "jpeg", "png", "gif")

# What buyers ask for first, and the parts of words that show that a text tells it.
_ASKED: Final = (
    (Message("missing-price"), ("цен", "стоим", "стоит", "руб", "₽", "price", "даром", "бесплатн")),
    (Message("missing-size"), ("разм", "рост", "size", "длин", "ширин", " см", " eu", "объем", "объём")),
    (Message("missing-condition"), ("состоян", "нов", "б/у", "бу ", "носил", "дефект", "бирк", "condition", "new")),
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A listing as it will be sent.

    photos: what is taken, in the order of sending; refused: a sentence about everything that is not;
    text: all notes, one below the other; problem: why the text cannot be read, with no attributes then;
    missing: what could be added.
    """

    photos: tuple[PhotoFile, ...]
    refused: tuple[Message, ...]
    text: str
    attributes: Attributes
    problem: Message | None
    missing: tuple[Message, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write about."""
        return not self.photos and not self.attributes.items and self.problem is None


def build_draft(listing: ListingRecord, file_limit_mb: int) -> Draft:
    """The draft that a listing is; files over `file_limit_mb` cannot be downloaded."""
    photos, refused = _sorted_out(_in_order(listing.photos), min(file_limit_mb, MAX_MEGABYTES))
    text = "\n".join(note.text for note in sorted(listing.notes, key=lambda note: note.message_id))
    try:
        attributes, problem = parse_attributes(text), None
    except InvalidInput as error:
        attributes, problem = Attributes(), error.message
    missing = () if problem else tuple(_missing(bool(photos), attributes))
    return Draft(tuple(photos), tuple(refused), text, attributes, problem, missing)


def _in_order(photos: Iterable[PhotoFile]) -> list[PhotoFile]:
    """One photo a file, in the order of the messages."""
    ordered = sorted(photos, key=lambda photo: (photo.message_id, photo.file_unique_id))
    first = {photo.file_unique_id: photo for photo in reversed(ordered)}
    return [photo for photo in ordered if first[photo.file_unique_id] is photo]


def _sorted_out(photos: Iterable[PhotoFile], limit_mb: int) -> tuple[list[PhotoFile], list[Message]]:
    taken: list[PhotoFile] = []
    extra: list[PhotoFile] = []
    refused: list[Message] = []
    for photo in photos:
        if wrong := _wrong(photo, len(taken) + 1, limit_mb):
            refused.append(wrong)
        else:
            (taken if len(taken) < MAX_PHOTOS else extra).append(photo)
    return taken, refused + list(_extras(extra))


def _wrong(photo: PhotoFile, number: int, limit_mb: int) -> Message | None:
    """Why a file cannot be taken, as far as its envelope tells; the rest shows when it is opened."""
    where: dict[str, str | int] = {"name": _name(photo), "number": number}
    if photo.kind == "document" and not _is_readable(photo):
        code = "photo-format" if (photo.mime or "").startswith("image/") else "file-no-image"
        return Message(code, where)
    if photo.size is not None and photo.size > limit_mb * _MEGABYTE:
        megabytes = math.ceil(photo.size / _MEGABYTE * 10) / 10
        return Message("photo-too-big", where | {"megabytes": megabytes, "limit": limit_mb})
    return None


def _is_readable(photo: PhotoFile) -> bool:
    """A mime type tells more than a name, and some phones send none that tells anything."""
    kind, _, form = (photo.mime or "").lower().partition("/")
    if kind == "image":
        return form in (*_FORMATS, "pjpeg")
    return kind in ("", "application") and (photo.name or "").lower().rpartition(".")[2] in _FORMATS


def _extras(photos: list[PhotoFile]) -> Iterator[Message]:
    for number, photo in enumerate(photos[:_NAMED_EXTRAS], start=MAX_PHOTOS + 1):
        yield Message("photo-extra", {"name": _name(photo), "number": number, "limit": MAX_PHOTOS})
    if len(photos) > _NAMED_EXTRAS:
        yield Message("photos-extra-more", {"count": len(photos) - _NAMED_EXTRAS})


def _name(photo: PhotoFile) -> str:
    """How a sentence calls the file; empty for a photo that Telegram gave no name."""
    name = "".join(char for char in photo.name or "" if char.isprintable()).strip()
    return name if len(name) <= _NAME_LENGTH else f"…{name[1 - _NAME_LENGTH :]}"


def _missing(has_photos: bool, attributes: Attributes) -> Iterator[Message]:
    if not has_photos:
        yield Message("missing-photos")
    if not attributes.items:
        yield Message("missing-attributes")
        return
    text = f" {attributes.text.lower()} "
    yield from (asked for asked, signs in _ASKED if not any(sign in text for sign in signs))
