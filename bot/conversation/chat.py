"""The chat with one user during one transaction: the user, the language, and the messages that are enqueued.

No network here: messages leave through the outbox once the transaction is committed.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, TypeVar

from aiogram.types import InlineKeyboardMarkup

from bot.views.text import escape_html, format_model_name
from inference.checkpoints.card import Card
from inference.errors import Message
from inference.listing.cases import Case
from locales.translate import Translatable, translate
from storage.records import OutgoingMessage, User
from storage.store import Store, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The settings of the owner that conversations depend on."""

    default: str  # the checkpoint of users who have chosen none
    pinned: str | None = None  # the checkpoint of all users, whatever they chose
    admins: frozenset[int] = frozenset()
    max_waiting: int = 200
    max_waiting_per_user: int = 3
    album_quiet_s: float = 1.0
    album_limit_s: float = 8.0
    file_limit_mb: int = 20
    warnings: Literal["ask", "write", "refuse"] = "ask"  # what a warning of moderation leads to
    data: Path  # contains `export/`, and `photos/<user id>/` where photos are kept
    keeps_photos: bool = False
    cases: tuple[Case, ...] = ()


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """An open transaction with the available captioners, the rules and the time (unix seconds)."""

    tx: Transaction
    cards: Sequence[Card]
    rules: Rules
    now: float


OpenUnitOfWork: TypeAlias = Callable[[], AbstractAsyncContextManager[UnitOfWork]]


@asynccontextmanager
async def open_unit_of_work(
    store: Store, list_cards: Callable[[], Sequence[Card]], rules: Rules
) -> AsyncGenerator[UnitOfWork]:
    """Open a unit of work: committed at the end of the context, rolled back on an exception."""
    cards = list_cards()  # may read the disk: not while the database is locked
    async with store.transaction() as tx:
        yield UnitOfWork(tx, cards, rules, time.time())


class UserRecord(Protocol):
    """A record that belongs to a user."""

    @property
    def user_id(self) -> int:
        """The id of the user."""


Record = TypeVar("Record", bound=UserRecord)


class Chat:
    """A private chat during one transaction; `request_id` marks messages as the reply to a request."""

    def __init__(self, uow: UnitOfWork, user: User, request_id: int | None = None) -> None:
        self.uow = uow
        self.tx = uow.tx
        self.user = user
        self._request_id = request_id
        self.toasts: list[str] = []  # sent by `answerCallbackQuery` after the commit

    @property
    def language(self) -> str:
        """The language of the user."""
        return self.user.language

    @property
    def chosen_checkpoint(self) -> str | None:
        """The latest choice of the user that still exists."""
        available = {card.name for card in self.uow.cards}
        return next((name for name in (self.user.checkpoint, self.user.checkpoint_before) if name in available), None)

    @property
    def checkpoint(self) -> str:
        """The checkpoint that writes: the pinned one, else the user's choice, else the default."""
        return self.uow.rules.pinned or self.chosen_checkpoint or self.uow.rules.default

    def name_model(self, checkpoint: str) -> str:
        """Return how the user's language calls a checkpoint."""
        card = next((card for card in self.uow.cards if card.name == checkpoint), None)
        return checkpoint if card is None else format_model_name(card, self.language)

    def list_other_cards(self, checkpoint: str) -> list[Card]:
        """Return the checkpoints that could write instead of this one: none where the owner pinned one."""
        return [] if self.uow.rules.pinned else [card for card in self.uow.cards if card.name != checkpoint]

    def translate(self, message: Translatable) -> str:
        """Return the sentence in the user's language, as plain text."""
        return translate(message, self.language)

    async def send(
        self,
        text: Message | str,
        keyboard: InlineKeyboardMarkup | None = None,
        *,
        slot: str | None = None,
        priority: int = 1,
        fresh: bool = False,
        moves: bool = False,
    ) -> None:
        """Enqueue a message; a `str` is HTML, a `Message` is translated and escaped.

        A message in a `slot` edits the one before it, unless it is `fresh` or `moves` to the end of the chat; a lower
        priority number goes first.
        """
        html = text if isinstance(text, str) else escape_html(self.translate(text))
        markup = keyboard.model_dump_json(exclude_none=True) if keyboard is not None else None
        await self.enqueue(
            OutgoingMessage(
                self.user.id,
                html,
                markup,
                slot=slot,
                priority=priority,
                request_id=self._request_id,
                fresh=fresh,
                moves=moves,
            )
        )

    async def enqueue(self, outgoing: OutgoingMessage) -> None:
        """Put any message into the outbox."""
        await self.tx.outbox.enqueue(outgoing, self.uow.now)

    async def set_keyboard(self, slot: str, keyboard: InlineKeyboardMarkup | None) -> None:
        """Replace the keyboard under the message of a slot, where there is one; None removes it."""
        markup = keyboard.model_dump_json(exclude_none=True) if keyboard is not None else None
        await self.tx.outbox.enqueue_keyboard(self.user.id, slot, markup, self.uow.now)

    def toast(self, message: Message) -> None:
        """Show a short notification over the pressed button."""
        self.toasts.append(self.translate(message))

    def check_own(self, record: Record | None) -> Record | None:
        """Return the record if it exists and belongs to the user; else say that the button is out of date."""
        if record is not None and record.user_id == self.user.id:
            return record
        self.toast(Message("button-stale"))
        return None
