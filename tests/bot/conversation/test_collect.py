"""Messages become listings whatever their order and delay: windows, late photos, old drafts. Time is pretended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiogram.types import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.conversation.chat import Chat, Rules, UnitOfWork
from bot.conversation.collect import amend, collect, extract_photo
from bot.conversation.notify import close_window, deliver
from bot.routers.listing import generate
from bot.views.keyboards import Generate
from inference.listing.types import Description, Moderation, Scores, Timings, Verdict
from storage.records import ListingRecord, OutgoingMessage
from storage.store import Store

QUIET_S, LIMIT_S = 1.0, 8.0
USER = 5
RESULT = Description(
    "Текст.", "mini", "photos", None, None, None, Moderation((Verdict("match"),)), Scores(), Timings(total_s=1.0)
)


def message(number: int, **content: Any) -> Message:
    """A message of the user's."""
    user = {"id": USER, "is_bot": False, "first_name": "Анна"}
    chat = {"id": USER, "type": "private"}
    return Message.model_validate({"message_id": number, "date": 0, "from": user, "chat": chat, **content})


def part(number: int, album: str | None = "album", **content: Any) -> Message:
    """A photo of an album."""
    sizes = [
        {"file_id": f"{size}{number}", "file_unique_id": f"{size}-{number}", "width": size, "height": size}
        for size in (90, 1280, 320)
    ]
    return message(number, photo=sizes, media_group_id=album, **content)


@dataclass
class Stage:
    """A store, a clock, and what was sent: the newest content of each message, in the order of first sending."""

    store: Store
    rules: Rules
    now: float = 1000.0
    sent: list[OutgoingMessage] = field(default_factory=list)
    written_about: int = 0  # photos

    async def act(self, what: Callable[[Chat], Awaitable[object]]) -> None:
        """Do it in a transaction, then send."""
        async with self.store.transaction() as tx:
            chat = Chat(UnitOfWork(tx, (), self.rules, self.now), await tx.users.get_or_create(USER, self.now))
            await what(chat)
        await self._send()

    async def wait(self, until: float) -> None:
        """Let time pass; windows that end are closed when they end."""
        while True:
            async with self.store.transaction() as tx:
                due = await tx.listings.get_next_due_at()
                if due is None or due > until:
                    break
                self.now = max(self.now, due)
                for listing in await tx.listings.claim_due(self.now, 10):
                    await close_window(UnitOfWork(tx, (), self.rules, self.now), listing)
            await self._send()
        self.now = until

    async def take(self, each: Message) -> None:
        """A message arrives."""
        await self.act(partial(collect, message=each))

    async def answer(self) -> None:
        """Write what waits, if anything does."""
        async with self.store.transaction() as tx:
            request = await tx.requests.claim("me", self.now)
            listing = await tx.listings.get(request.listing_id) if request is not None else None
            if request is not None and listing is not None:
                self.written_about = len(listing.photos)
                await deliver(UnitOfWork(tx, (), self.rules, self.now), request, [RESULT])
        await self._send()

    async def listings(self) -> list[ListingRecord]:
        """The user's listings, the newest first."""
        async with self.store.transaction() as tx:
            return await tx.listings.list_recent(USER, 10)

    def cards(self) -> list[str]:
        """The messages in a card's place, as they look now."""
        return [outgoing.text for outgoing in self.sent if (outgoing.slot or "").startswith("card:")]

    async def _send(self) -> None:
        async with self.store.transaction() as tx:
            while claimed := await tx.outbox.claim("me", self.now, (), 100):
                for sending in claimed:
                    if sending.message_id is None:
                        self.sent.append(sending.content)
                        await tx.outbox.mark_sent(sending.id, len(self.sent), self.now)
                    else:
                        self.sent[sending.message_id - 1] = sending.content
                        await tx.outbox.mark_sent(sending.id, sending.message_id, self.now)


def play(script: Callable[[Stage], Awaitable[None]]) -> None:
    """Run a script on a store of its own."""

    async def run(folder: Path) -> None:
        store = await Store.open(f"sqlite+aiosqlite:///{folder / 'test.db'}")
        try:
            await script(Stage(store, Rules(default="mini", data=folder, album_quiet_s=QUIET_S, album_limit_s=LIMIT_S)))
        finally:
            await store.close()

    with TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


async def arrive(stage: Stage, *times: tuple[float, Message]) -> None:
    """Messages arrive at their times."""
    start = stage.now
    for delay, each in sorted(times, key=lambda pair: pair[0]):
        await stage.wait(start + delay)
        await stage.take(each)


async def press(chat: Chat) -> None:
    """Press the button of the newest listing."""
    listing = await chat.tx.listings.get_latest(USER)
    assert listing is not None
    await generate(None, Generate(listing=listing.id), chat)


@settings(max_examples=20)
@given(st.lists(st.floats(0, 10), min_size=1, max_size=10), st.randoms(use_true_random=False))
def test_any_order_and_delay_of_an_album_gives_one_listing_and_one_card(delays: list[float], random: Any) -> None:
    """Parts come 0 to 10 s late and in any order; the caption is on one of them."""
    parts = [part(number) for number in range(1, len(delays) + 1)]
    parts[-1] = part(len(delays), caption="Цена: 5000")
    random.shuffle(parts)

    async def script(stage: Stage) -> None:
        await arrive(stage, *zip(delays, parts, strict=True))
        await stage.wait(stage.now + LIMIT_S)
        (listing,) = await stage.listings()
        assert [photo.message_id for photo in listing.photos] == list(range(1, len(delays) + 1))
        (card,) = stage.cards()
        assert f"Фото: {len(delays)} из 10" in card
        assert "5000" in card

    play(script)


@settings(max_examples=20)
@given(st.lists(st.floats(0, 10), min_size=2, max_size=6), st.floats(0, 12), st.floats(0, 3))
def test_pressed_at_any_moment_every_photo_is_written_about(
    delays: list[float], pressed: float, written: float
) -> None:
    """The only text has all photos, or the card is open again with all of them."""

    async def script(stage: Stage) -> None:
        start, presses_at = stage.now, max(pressed, min(delays))
        events: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (delay, partial(stage.take, part(number))) for number, delay in enumerate(delays, start=1)
        ]
        events += [(presses_at, partial(stage.act, press)), (presses_at + written, stage.answer)]
        for moment, happen in sorted(events, key=lambda event: event[0]):
            await stage.wait(start + moment)
            await happen()
        await stage.wait(stage.now + LIMIT_S)
        await stage.answer()
        (listing,) = await stage.listings()
        assert len(listing.photos) == len(delays)
        assert [outgoing.text for outgoing in stage.sent].count("Текст.") == 1
        is_open = f"Фото: {len(delays)} из 10" in stage.cards()[-1]
        assert is_open == (stage.written_about < len(delays))

    play(script)


def test_the_cap_shows_a_card_while_photos_still_trickle_in() -> None:
    async def script(stage: Stage) -> None:
        start = stage.now
        await arrive(stage, *((number * 0.9, part(number)) for number in range(1, 10)))
        assert stage.cards() == []
        await stage.wait(start + 0.9 + LIMIT_S)
        assert "Фото: 9 из 10" in stage.cards()[0]

    play(script)


def test_each_message_restarts_the_quiet_window() -> None:
    async def script(stage: Stage) -> None:
        await arrive(stage, (0, part(1, None)), (0.9, message(2, text="Цена: 5000")))
        await stage.wait(stage.now + 0.95)
        assert stage.cards() == []
        await stage.wait(stage.now + 0.1)
        assert len(stage.cards()) == 1

    play(script)


def test_a_photo_that_comes_again_changes_nothing() -> None:
    async def script(stage: Stage) -> None:
        await arrive(stage, (0, part(1)))
        await stage.wait(stage.now + 2)
        before = await stage.listings()
        await arrive(stage, (0, part(1)))
        assert await stage.listings() == before

    play(script)


def test_a_message_joins_a_draft_of_today_and_no_older_one() -> None:
    async def script(stage: Stage) -> None:
        await arrive(stage, (0, message(1, text="Цена: 100")))
        await stage.wait(stage.now + 20 * 60)
        await arrive(stage, (0, message(2, text="Размер: 42")))
        await stage.wait(stage.now + 2)
        assert len(stage.cards()) == 1
        assert "100" in stage.cards()[0]
        await stage.wait(stage.now + 13 * 3600)
        await arrive(stage, (0, message(3, text="Цена: 200")))
        await stage.wait(stage.now + 2)
        assert len(await stage.listings()) == 2
        assert "42" not in stage.cards()[1]

    play(script)


def test_a_late_photo_leaves_the_draft_that_was_begun_meanwhile() -> None:
    """The old listing's card comes again with its button; the next message still joins the new draft."""

    async def script(stage: Stage) -> None:
        await arrive(stage, (0, part(1)))
        await stage.wait(stage.now + 2)
        await stage.act(press)
        await stage.answer()
        await arrive(stage, (0, message(2, text="Цена: 200")), (3, part(3)), (6, message(4, text="Размер: 42")))
        await stage.wait(stage.now + 3)
        new, old = await stage.listings()
        assert [photo.message_id for photo in old.photos] == [1, 3]
        assert [note.text for note in new.notes] == ["Цена: 200", "Размер: 42"]
        assert (new.collecting, old.collecting) == (True, False)
        assert sum("Фото: 2 из 10" in card for card in stage.cards()) == 1

    play(script)


def test_an_edit_replaces_the_photo_of_its_message_and_an_empty_one_changes_nothing() -> None:
    async def script(stage: Stage) -> None:
        await arrive(stage, (0, part(1, caption="Цена: 100")), (0, part(2)))
        await stage.wait(stage.now + 2)
        (before,) = await stage.listings()
        await stage.act(lambda chat: amend(chat, part(1, caption="Цена: 100")))
        await stage.act(lambda chat: amend(chat, message(77, text="Не отсюда")))
        assert await stage.listings() == [before]
        other = part(9).model_copy(update={"message_id": 1, "caption": None})
        await stage.act(lambda chat: amend(chat, other))
        (after,) = await stage.listings()
        assert [photo.file_unique_id for photo in after.photos] == ["1280-9", "1280-2"]
        assert after.notes == ()

    play(script)


def names(messages: Sequence[Message]) -> list[str | None]:
    """What they bring."""
    return [photo.file_unique_id if (photo := extract_photo(each)) else None for each in messages]


def test_the_largest_size_the_animation_and_the_document_are_taken() -> None:
    file = {"file_id": "f", "file_unique_id": "unique", "file_name": "a.gif", "mime_type": "video/mp4"}
    animation = {**file, "width": 1, "height": 1, "duration": 1}
    gif = message(2, animation=animation, document=file)
    assert names([part(1), gif, message(3, document=file), message(4, text="Цена")]) == [
        "1280-1",
        "unique",
        "unique",
        None,
    ]
    kept = extract_photo(gif)
    assert kept is not None
    assert kept.kind == "animation"
