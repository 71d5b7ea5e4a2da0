"""One chat as a handler or a loop sees it: who, in which language, and what is said into the outbox.

It knows no network: what is sent here leaves with the transaction, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

from aiogram.types import InlineKeyboardMarkup

from bot.views.replies import plain
from inference.checkpoints.registry import Card
from inference.errors import Message
from inference.listing.cases import Case
from locales.translate import Translatable, translate
from storage.records import OutgoingMessage, User
from storage.store import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the owner decided, as far as a conversation depends on it."""

    default: str  # the checkpoint of who has chosen none
    pinned: str | None = None  # the checkpoint of all, whatever they chose
    admins: frozenset[int] = frozenset()
    max_waiting: int = 200
    max_waiting_per_user: int = 3
    album_quiet_s: float = 1.0
    album_limit_s: float = 8.0
    file_limit_mb: int = 20
    data: Path  # here lie `export/`, and `photos/<user id>/` where the owner keeps them
    keeps_photos: bool = False
    cases: tuple[Case, ...] = ()


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """What every answer is made with: an open transaction, the captioners there are, the rules and the time."""

    tx: Transaction
    cards: Sequence[Card]
    rules: Rules
    now: float


OpenUnitOfWork: TypeAlias = Callable[[Transaction], UnitOfWork]  # how a loop gets a desk for its transaction


class Owned(Protocol):
    """A record that belongs to a user."""

    @property
    def user_id(self) -> int:
        """Whose it is."""


Record = TypeVar("Record", bound=Owned)


class Chat:
    """A private chat with one user, during one transaction; `request_id`: of the request that is answered."""

    def __init__(self, uow: UnitOfWork, user: User, request_id: int | None = None) -> None:
        self.uow = uow
        self.tx = uow.tx
        self.user = user
        self._request_id = request_id
        self.toasts: list[str] = []  # for whoever answers the callback query after the commit

    @property
    def language(self) -> str:
        """The language that the user is spoken to in."""
        return self.user.language

    @property
    def chosen(self) -> str | None:
        """What the user chose last of what is still there."""
        known = {card.name for card in self.uow.cards}
        return next((name for name in (self.user.checkpoint, self.user.checkpoint_before) if name in known), None)

    @property
    def checkpoint(self) -> str:
        """What writes for the user: what the owner pinned, else what the user chose, else the bot's own choice."""
        return self.uow.rules.pinned or self.chosen or self.uow.rules.default

    def others(self, checkpoint: str) -> list[Card]:
        """The checkpoints that could write instead of this one: none where the owner pinned one."""
        return [] if self.uow.rules.pinned else [card for card in self.uow.cards if card.name != checkpoint]

    def translate(self, message: Translatable) -> str:
        """The sentence in the user's language, plain text."""
        return translate(message, self.language)

    async def send(
        self,
        text: Message | str,
        keyboard: InlineKeyboardMarkup | None = None,
        *,
        slot: str | None = None,
        priority: int = 1,
        fresh: bool = False,
    ) -> None:
        """Put a message into the outbox; a `str` is HTML already, a `Message` becomes its sentence."""
        html = text if isinstance(text, str) else plain(self.translate(text))
        markup = keyboard.model_dump_json(exclude_none=True) if keyboard is not None else None
        await self.put(
            OutgoingMessage(
                self.user.id,
                html,
                markup,
                slot=slot,
                priority=priority,
                request_id=self._request_id,
                fresh=fresh,
            )
        )

    async def put(self, outgoing: OutgoingMessage) -> None:
        """Put anything into the outbox."""
        await self.tx.outbox.enqueue(outgoing, self.uow.now)

    def toast(self, message: Message) -> None:
        """Say something short over the pressed button."""
        self.toasts.append(self.translate(message))

    def own(self, record: Record | None) -> Record | None:
        """The record where it is there and the user's own; else a word that the button is out of date."""
        if record is not None and record.user_id == self.user.id:
            return record
        self.toast(Message("button-stale"))
        return None
