"""Users: their preferences, and the deletion of everything about them."""

from __future__ import annotations

from sqlalchemy import Column, delete, func, select, update

from storage.records import User
from storage.repositories.base import Repository
from storage.tables import inbox, outbox, requests, user_columns, users

_COLUMNS = (
    users.c.id,
    users.c.language,
    users.c.checkpoint,
    users.c.checkpoint_before,
    users.c.awaits_correction_of,
    users.c.blocked,
    users.c.awaits_item_of,
)


class Users(Repository):
    """Rows of `users`, and everything that is stored about one."""

    async def get_or_create(self, user_id: int, now: float, language: str = "ru") -> User:
        """Return the user, created with `language` if new; a user who writes is no longer blocked."""
        user = await self.get(user_id)
        if user is None:
            values = {"id": user_id, "language": language, "blocked": False, "created_at": now}
            await self._execute(self._insert(users).values(values).on_conflict_do_nothing())
        elif user.blocked:
            await self._set(user_id, blocked=False)
        else:
            return user
        return await self.get_or_create(user_id, now, language)

    async def get(self, user_id: int) -> User | None:
        """Return the user, if there is one."""
        row = await self._fetch_one(select(*_COLUMNS).where(users.c.id == user_id))
        return User(**row) if row else None

    async def set_language(self, user_id: int, language: str) -> None:
        """Store the user's language."""
        await self._set(user_id, language=language)

    async def set_checkpoint(self, user_id: int, name: str, previous: str | None) -> None:
        """Store the chosen captioner and the one used before; None stands for the bot's default."""
        await self._set(user_id, checkpoint=name, checkpoint_before=previous)

    async def restore_checkpoint(self, user_id: int) -> None:
        """Go back to the captioner before the chosen one, or to the bot's default."""
        await self._set(user_id, checkpoint=users.c.checkpoint_before, checkpoint_before=None)

    async def await_correction(self, user_id: int, description_id: int | None) -> None:
        """Take the user's next text as a correction of this description; None cancels any waiting."""
        await self._set(user_id, awaits_correction_of=description_id, awaits_item_of=None)

    async def await_item(self, user_id: int, listing_id: int) -> None:
        """Take the user's next text as the name of the thing of this listing."""
        await self._set(user_id, awaits_correction_of=None, awaits_item_of=listing_id)

    async def note_message(self, user_id: int, message_id: int) -> None:
        """Remember the newest message of the chat."""
        older = users.c.last_message_id.is_(None) | (users.c.last_message_id < message_id)
        newest = {"last_message_id": message_id}
        await self._execute(update(users).where(users.c.id == user_id, older).values(newest))

    async def mark_blocked(self, user_id: int) -> None:
        """Mark that the user has blocked the bot, and drop what waits for them."""
        await self._set(user_id, blocked=True)
        await self._execute(delete(outbox).where(outbox.c.chat_id == user_id, outbox.c.state == "pending"))
        waiting = (requests.c.user_id == user_id) & (requests.c.state == "pending")
        await self._execute(update(requests).where(waiting).values(state="failed", error="blocked"))

    async def count_rows(self, user_id: int) -> int:
        """Return the number of rows about the user in all tables."""
        counts = [
            await self._scalar(select(func.count()).where(column == user_id).select_from(column.table))
            for column in user_columns()
        ]
        return sum(counts)

    async def delete(self, user_id: int) -> int:
        """Delete everything about the user and return the number of rows.

        The ids of updates stay, so that a redelivered one is not handled again.
        """
        count = await self._execute(
            update(inbox)
            .where(inbox.c.user_id == user_id)
            .values(user_id=None, payload=None, state="done", owner=None, finished_at=inbox.c.received_at)
        )
        for column in user_columns():
            count += await self._execute(delete(column.table).where(column == user_id))
        return count

    async def _set(self, user_id: int, **values: str | int | bool | Column[str] | None) -> None:
        await self._execute(update(users).where(users.c.id == user_id).values(values))
