"""The outbox of messages for Telegram: each waits until it is sent; those of a chat are sent in order."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict

from sqlalchemy import ColumnElement, delete, func, select, text, update

from storage.records import OutboxMessage, OutgoingMessage
from storage.repositories.base import Repository, Row
from storage.tables import in_state, outbox, slots, users

_PENDING, _SENDING = in_state(outbox, "pending"), in_state(outbox, "sending")
_CONTENT = [outbox.c[name] for name in OutgoingMessage.__dataclass_fields__]


class Outbox(Repository):
    """Rows of `outbox`, deleted once they are sent, and `slots`, which stores the messages to edit."""

    async def enqueue(self, outgoing: OutgoingMessage, now: float) -> int:
        """Enqueue the message; a pending message of the same slot gets the new content and keeps its place."""
        content = asdict(outgoing) | {"photos": list(outgoing.photos)}
        added = self._insert(outbox).values(**content, state="pending", attempts=0, ready_at=now, created_at=now)
        renewed = {name: added.excluded[name] for name in content} | {
            "fresh": outbox.c.fresh | added.excluded.fresh,
            "moves": outbox.c.moves | added.excluded.moves,
            "attempts": 0,
        }
        merged = added.on_conflict_do_update(
            index_elements=["slot"], index_where=text("state = 'pending'"), set_=renewed
        ).returning(outbox.c.id)
        row_id: int = await self._scalar(merged)
        return row_id

    async def enqueue_keyboard(self, chat_id: int, slot: str, keyboard: str | None, now: float) -> None:
        """Replace the keyboard of the slot's message and leave its text; without such a message do nothing."""
        waits = (outbox.c.slot == slot) & _PENDING
        if await self._execute(update(outbox).where(waits).values(keyboard=keyboard)):
            return
        sent = select(slots.c.slot).where(slots.c.slot == slot)
        leaving = select(outbox.c.slot).where(outbox.c.slot == slot, _SENDING)
        if await self._fetch_one(sent.union(leaving)) is not None:
            await self.enqueue(OutgoingMessage(chat_id, "", keyboard, slot=slot), now)

    async def claim(self, worker_id: str, now: float, busy: Collection[int], limit: int) -> list[OutboxMessage]:
        """Claim messages that are ready, at most one per chat, of chats neither in `busy` nor being sent to; best
        first.

        The best of a chat has the lowest priority number, then the lowest id; while it waits for a retry, the
        others of the chat wait
        behind it.
        """
        await self._lock_claims("outbox")
        sent_to = select(outbox.c.chat_id).where(_SENDING)
        place = func.row_number().over(partition_by=outbox.c.chat_id, order_by=(outbox.c.priority, outbox.c.id))
        waiting = select(outbox.c.id, outbox.c.priority, outbox.c.ready_at, place.label("place")).where(
            _PENDING, outbox.c.chat_id.not_in(busy), outbox.c.chat_id.not_in(sent_to)
        )
        best = waiting.subquery()
        ready = select(best.c.id).where(best.c.place == 1, best.c.ready_at <= now)
        ids = [row["id"] for row in await self._fetch_all(ready.order_by(best.c.priority, best.c.id).limit(limit))]
        return await self._mark_sending(worker_id, ids)

    async def mark_sent(self, row_id: int, message_id: int | None, now: float) -> None:
        """Delete the sent message; only the message id of its slot is kept."""
        gone = delete(outbox).where(outbox.c.id == row_id).returning(outbox.c.slot, outbox.c.chat_id)
        row = await self._fetch_one(gone)
        if row is None or row["slot"] is None or message_id is None:
            return
        filled = self._insert(slots).values(**row, message_id=message_id)
        await self._execute(filled.on_conflict_do_update(index_elements=["slot"], set_={"message_id": message_id}))

    async def retry(self, row_id: int, ready_at: float, error: str) -> None:
        """Make the message pending again, from `ready_at` on."""
        await self.release(outbox.c.id == row_id, ready_at=ready_at, error=error)

    async def mark_failed(self, row_id: int, error: str) -> None:
        """Mark the message as undeliverable."""
        await self._execute(update(outbox).where(outbox.c.id == row_id).values(state="failed", owner=None, error=error))

    async def delete_pending(self, chat_id: int) -> int:
        """Delete the pending messages of the chat and return their number."""
        return await self._execute(delete(outbox).where(outbox.c.chat_id == chat_id, _PENDING))

    async def detach_slot(self, slot: str) -> None:
        """Leave the slot's message alone: the next message of the slot is sent anew.

        A pending edit of the old message still reaches it, in a slot of its own.
        """
        message_id = await self._scalar(select(slots.c.message_id).where(slots.c.slot == slot))
        left = None if message_id is None else f"{slot}@{message_id}"
        edits = (outbox.c.slot == slot) & ~outbox.c.fresh
        edited = await self._execute(update(outbox).where(edits, _SENDING).values(slot=left))
        if left is not None:
            edited += await self._execute(update(outbox).where(edits, _PENDING).values(slot=left))
            await self._execute(update(slots).where(slots.c.slot == slot).values(slot=left))
        if not edited:
            await self._execute(delete(slots).where(slots.c.slot == left))
        await self._execute(update(outbox).where(outbox.c.slot == slot, _SENDING).values(slot=None))
        await self._execute(update(outbox).where(outbox.c.slot == slot, _PENDING).values(fresh=True))

    async def count_pending(self) -> int:
        """Return the number of unsent messages, including claimed ones."""
        count: int = await self._scalar(select(func.count()).where(_PENDING | _SENDING))
        return count

    async def release(self, which: ColumnElement[bool], **values: object) -> int:
        """Make claimed messages pending again, unless newer content waits in their slot."""
        mine = select(outbox.c.slot).where(which, _SENDING)
        newer = select(outbox.c.slot).where(_PENDING, outbox.c.slot.is_not(None))
        for kept in (outbox.c.fresh, outbox.c.moves):
            marked = mine.where(kept, outbox.c.slot.is_not(None))
            await self._execute(update(outbox).where(_PENDING, outbox.c.slot.in_(marked)).values({kept.name: True}))
        await self._execute(delete(outbox).where(which, _SENDING, outbox.c.slot.in_(newer)))
        again = {"state": "pending", "owner": None, "attempts": outbox.c.attempts + 1}
        return await self._execute(update(outbox).where(which, _SENDING).values(again | values))

    async def _mark_sending(self, worker_id: str, ids: list[int]) -> list[OutboxMessage]:
        """Mark messages as being sent and return them in the order of `ids`."""
        if not ids:
            return []
        taken = update(outbox).where(outbox.c.id.in_(ids), _PENDING).values(state="sending", owner=worker_id)
        columns = (outbox.c.id, outbox.c.attempts, *_CONTENT)
        rows = {row["id"]: row for row in await self._fetch_all(taken.returning(*columns))}
        # A query of its own: RETURNING names its columns without their table in SQLite, and both have a `slot`.
        sent_before = select(slots).where(slots.c.slot.in_([row["slot"] for row in rows.values()]))
        known = {row["slot"]: row["message_id"] for row in await self._fetch_all(sent_before)}
        chats = select(users.c.id, users.c.last_message_id).where(
            users.c.id.in_([row["chat_id"] for row in rows.values()])
        )
        last = {row["id"]: row["last_message_id"] for row in await self._fetch_all(chats)}
        claimed = [rows[row_id] for row_id in ids if row_id in rows]
        return [_sending(row, known.get(row["slot"]), last.get(row["chat_id"])) for row in claimed]


def _sending(row: Row, message_id: int | None, last_id: int | None) -> OutboxMessage:
    """Return a claimed row; `message_id` was sent into its slot, `last_id` is the newest message of its chat."""
    content = {column.name: row[column.name] for column in _CONTENT}
    outgoing = OutgoingMessage(**content | {"photos": tuple(row["photos"])})
    if outgoing.fresh:
        return OutboxMessage(row["id"], outgoing, None, row["attempts"])
    if outgoing.moves and message_id is not None and last_id is not None and message_id < last_id:
        return OutboxMessage(row["id"], outgoing, None, row["attempts"], replaced_id=message_id)
    return OutboxMessage(row["id"], outgoing, message_id, row["attempts"])
