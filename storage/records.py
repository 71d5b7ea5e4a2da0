"""Frozen records that the repositories return. Times are unix seconds; ids of users and updates have 64 bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

PhotoKind = Literal["photo", "document", "animation"]
RequestKind = Literal["describe", "compare"]
Question = Literal["item", "set"]
RequestState = Literal["pending", "running", "done", "rejected", "failed"]
Choice = Literal["first", "second", "equal", "neither"]


@dataclass(frozen=True, slots=True)
class User:
    """A user of the bot. `checkpoint` is the chosen captioner; None means the bot's default.

    `checkpoint_before` was used before, and is used again if the choice cannot be loaded.
    """

    id: int
    language: str
    checkpoint: str | None
    checkpoint_before: str | None
    awaits_correction_of: int | None
    blocked: bool
    awaits_item_of: int | None = None


@dataclass(frozen=True, slots=True)
class InboxUpdate:
    """A claimed update of Telegram; `attempts` counts earlier failures."""

    update_id: int
    user_id: int | None
    payload: str
    attempts: int


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo stored by Telegram; `file_unique_id` does not depend on the sender, `album` is the id of its media
    group.
    """

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
    """A caption or text message of the draft."""

    message_id: int
    text: str


@dataclass(frozen=True, slots=True)
class KnownFact:
    """A fact about the thing for sale; `phrase` is how it is said, `probability` is 1.0 for what the seller says."""

    group: str
    value: str
    phrase: str
    source: Literal["field", "text", "photo"]
    probability: float


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that a look inside has refused, with the code and the details of the sentence that says why."""

    file_unique_id: str
    code: str
    details: Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Remark:
    """The code and the details of a sentence about the photos."""

    code: str
    details: Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Understanding:
    """The facts of a draft at one of its revisions; `diversity` is the probability that it offers different things.

    `unsure`: what the photos leave open, as `Description.unsure`; `refused`: files of this and earlier revisions;
    `things`: a noun for each different thing; `remarks`: what the seller should know about the photos.
    """

    revision: int
    facts: tuple[KnownFact, ...] = ()
    diversity: float | None = None
    photo_sha256: tuple[str, ...] = ()
    unsure: tuple[Question, ...] = ()
    refused: tuple[RefusedFile, ...] = ()
    things: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A seller's answer to the question «item» (a noun) or «set» («one» or «many»), with what the bot understood.

    `source`: the notes of the listing, one per line.
    """

    id: int
    question: Question
    value: str
    understanding: Understanding
    source: str


@dataclass(frozen=True, slots=True)
class ListingRecord:
    """The photos and notes that a chat has collected, in the order of their messages.

    `revision` grows with every change. While a window is open, `card_due_at` is the time when it closes. `case`
    names the preloaded case, if it is one; `wants_text`: the button was pressed before the window closed;
    `previous_id`: the listing that this one may belong to, as long as the user has not said so; `item` and `is_set`:
    what the user answered about the thing; `understanding`: the facts that were read last.
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
    previous_id: int | None = None
    item: str | None = None
    is_set: bool | None = None
    understanding: Understanding | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request for a text; `revision` is that of the listing when it was made.

    `insists`: the user wants the text in spite of the warnings of moderation.
    """

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
    insists: bool = False


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message for a chat: HTML text, keyboard as JSON, files as paths (photos form an album, the text is its
    caption). An empty text replaces only the keyboard of the slot's message.

    A slot names the message («card:17»): the first message creates it, later ones edit it, and a newer one replaces
    one that is
    still pending. `fresh` leaves the old message alone and sends a new one into the slot. `moves`: unless the slot's
    message is still the last one of the chat, a new one replaces it at the end. `priority`: 0 answers, 1 everything
    else, 2 progress.
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
    moves: bool = False


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A claimed message; `message_id` is the message to edit, `replaced_id` the one to delete once it is sent."""

    id: int
    content: OutgoingMessage
    message_id: int | None
    attempts: int
    replaced_id: int | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """The output of a checkpoint for a listing; `text` is None if moderation refused it."""

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
    """A stored text with the user's feedback: `vote` is 1 or -1, `reason` a code.

    `source`: the notes that it was generated from, one per line.
    """

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
    source: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two descriptions of a listing, by id in the order shown, and the user's choice."""

    id: int
    listing_id: int
    user_id: int
    first: int
    second: int
    choice: Choice | None


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """The work of dead processes that was released, and what was given up after too many attempts."""

    updates: int
    requests: int
    messages: int
    failed_updates: tuple[InboxUpdate, ...]
    failed_requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class CheckpointStats:
    """Feedback on a checkpoint's texts; `wins` and `losses` are those of blind comparisons."""

    descriptions: int
    up: int
    down: int
    corrections: int
    wins: int
    losses: int
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Stats:
    """Figures of the service; `median_total_s` is over the latest descriptions, in seconds.

    `warned`: listings that moderation warned of; `insisted`: those that their users wanted written all the same.
    """

    users: int
    blocked: int
    listings: int
    requests: Mapping[RequestState, int]
    checkpoints: Mapping[str, CheckpointStats]
    median_total_s: float | None
    warned: int = 0
    insisted: int = 0
