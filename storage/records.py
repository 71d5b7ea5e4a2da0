"""What leaves the room: plain frozen records. Times are unix seconds; ids of users and updates have 64 bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

PhotoKind = Literal["photo", "document", "animation"]
RequestKind = Literal["describe", "compare"]
RequestState = Literal["pending", "running", "done", "rejected", "failed"]
Choice = Literal["first", "second", "equal", "neither"]


@dataclass(frozen=True, slots=True)
class User:
    """Who writes to the bot. `checkpoint` is the chosen captioner; None is the bot's own choice.

    `checkpoint_before` wrote until that was chosen, and writes again where that cannot.
    """

    id: int
    language: str
    checkpoint: str | None
    checkpoint_before: str | None
    awaits_correction_of: int | None
    blocked: bool


@dataclass(frozen=True, slots=True)
class InboxUpdate:
    """An update of Telegram's that is being handled; `attempts` counts the ones before that came to nothing."""

    update_id: int
    user_id: int | None
    payload: str
    attempts: int


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo as Telegram keeps it; `file_unique_id` is the same whoever sends it, `album` the id of its group."""

    file_unique_id: str
    file_id: str
    message_id: int
    album: str | None
    kind: PhotoKind
    name: str | None
    mime: str | None
    size: int | None


@dataclass(frozen=True, slots=True)
class Note:
    """A caption or a text message of the draft."""

    message_id: int
    text: str


@dataclass(frozen=True, slots=True)
class ListingRecord:
    """What a chat has collected, photos and notes in the order of their messages.

    `revision` grows with every change. While a window is open, `card_due_at` says when it closes.
    `case` names the preloaded case that it is; `wants_text`: the user pressed the button before the window closed.
    """

    id: int
    user_id: int
    collecting: bool
    revision: int
    photos: tuple[PhotoFile, ...]
    notes: tuple[Note, ...]
    case: str | None
    window_opened_at: float | None
    card_due_at: float | None
    wants_text: bool
    created_at: float


@dataclass(frozen=True, slots=True)
class Request:
    """A text that a user waits for; `revision` is the listing's when it was asked for."""

    id: int
    listing_id: int
    user_id: int
    revision: int
    kind: RequestKind
    checkpoints: tuple[str, ...]
    seed: int
    state: RequestState
    attempts: int
    created_at: float
    error: str | None


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message for a chat: HTML text, keyboard as JSON, files as paths (photos are an album, the text its caption).

    A slot names the message («card:17»): the first one creates it, later ones edit it, and a newer one replaces one
    that still waits. `fresh` leaves the old message alone and sends a new one into the slot.
    `priority`: 0 an answer, 1 all else, 2 progress.
    """

    chat_id: int
    text: str
    keyboard: str | None = None
    slot: str | None = None
    priority: int = 1
    photos: tuple[str, ...] = ()
    document: str | None = None
    request_id: int | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message in the hands of a sender; `message_id` is what its slot was sent as last."""

    id: int
    content: OutgoingMessage
    message_id: int | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Generation:
    """What a checkpoint made of a listing; `text` is None where moderation said no."""

    checkpoint: str
    text: str | None
    draft: str | None
    masked: str | None
    mode: str
    diversity: float | None
    scores: Mapping[str, float | None]
    timings: Mapping[str, float]
    moderation: Sequence[Mapping[str, object]]
    photo_sha256: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DescriptionRecord:
    """A stored text and what its user says of it: `vote` is 1 or -1, `reason` a code."""

    id: int
    listing_id: int
    request_id: int
    user_id: int
    seed: int
    generation: Generation
    vote: int | None
    reason: str | None
    correction: str | None
    created_at: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two descriptions of a listing, by id, in the order they were shown, and which the user liked better."""

    id: int
    listing_id: int
    user_id: int
    first: int
    second: int
    choice: Choice | None


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """A description to learn from, and the notes that it was written from, one below the other."""

    description: DescriptionRecord
    source: str


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What came back from processes that are gone, and what had come back too often and is given up."""

    updates: int
    requests: int
    messages: int
    failed_updates: tuple[InboxUpdate, ...]
    failed_requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class CheckpointStats:
    """What users make of a checkpoint's texts; `wins` and `losses` are those of blind comparisons."""

    descriptions: int
    up: int
    down: int
    corrections: int
    wins: int
    losses: int
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Stats:
    """The service in numbers; `median_total_s` is taken over the latest descriptions."""

    users: int
    blocked: int
    listings: int
    requests: Mapping[RequestState, int]
    checkpoints: Mapping[str, CheckpointStats]
    median_total_s: float | None
