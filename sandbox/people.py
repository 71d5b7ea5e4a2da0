"""Pretend users: what a person with a Telegram client does and sees."""

from __future__ import annotations

import asyncio
import mimetypes
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from sandbox import pictures
from sandbox.chats import Chat
from sandbox.entities import found, trimmed
from sandbox.shapes import Json
from sandbox.telegram import Telegram

ALBUM_PARTS = 10
_ALBUMS = count(1)


@dataclass(frozen=True)
class Attachment:
    """A file on the user's side. `as_photo`: sent as a picture where it is one, else as it is."""

    data: bytes
    name: str = "file"
    mime: str | None = None
    as_photo: bool = True


@dataclass(frozen=True)
class Part:
    """A file as Telegram keeps it: `kind` is photo, document or animation."""

    kind: str
    content: Json


class Person:
    """One user, in the private chat with the bot."""

    def __init__(self, telegram: Telegram, chat: Chat) -> None:
        self._telegram = telegram
        self._chat = chat

    @property
    def id(self) -> int:
        """The user's id, which is the chat's too."""
        return self._chat.id

    @property
    def messages(self) -> list[Json]:
        """The chat as it looks now, both sides."""
        return self._chat.messages

    async def text(self, text: str) -> Json:
        """Writes a message. ValueError when it is empty."""
        text, _ = trimmed(text, [])
        if not text:
            raise ValueError("the text is empty")
        return self._say({"text": text, **marks("entities", text)})

    async def photo(self, data: bytes, caption: str | None = None) -> Json:
        """Sends a picture as a photo."""
        return (await self.send([Attachment(data)], caption))[0]

    async def document(
        self, data: bytes, name: str = "file", mime: str | None = None, caption: str | None = None
    ) -> Json:
        """Sends a file as it is."""
        return (await self.send([Attachment(data, name, mime, as_photo=False)], caption))[0]

    async def gif(self, data: bytes, caption: str | None = None, name: str = "animation.gif") -> Json:
        """Sends a GIF, which arrives as an animation."""
        return (await self.send([Attachment(data, name, "image/gif")], caption))[0]

    async def album(
        self,
        files: Sequence[bytes | Attachment],
        caption: str | None = None,
        *,
        as_documents: bool = False,
        delays: Sequence[float] | None = None,
        order: Sequence[int] | None = None,
    ) -> list[Json]:
        """Sends several files at once; done when the bot's queue has them all.

        `delays`: seconds until each part's update is queued. `order`: indices of the parts as they are queued.
        The messages have consecutive ids in the order of `files` whatever these say.
        """
        attachments = [
            file if isinstance(file, Attachment) else Attachment(file, f"{number}.jpg", None, not as_documents)
            for number, file in enumerate(files, 1)
        ]
        return await self.send(attachments, caption, delays=delays, order=order)

    async def send(
        self,
        files: Sequence[Attachment],
        caption: str | None = None,
        *,
        delays: Sequence[float] | None = None,
        order: Sequence[int] | None = None,
    ) -> list[Json]:
        """Sends files as a client does: pictures and documents in albums of their own kind, ten at most in each."""
        parts = [await self._part(file) for file in files]
        messages = [self._write(content) for content in contents(parts, caption)]
        waits = delays or [0.0] * len(messages)
        turns = order or range(len(messages))
        async with asyncio.TaskGroup() as group:
            for turn in turns:
                group.create_task(self._queue(messages[turn], waits[turn]))
        return messages

    async def edit(self, message_id: int, text: str | None = None, caption: str | None = None) -> Json:
        """Changes a message of the user's own. LookupError when it is not there."""
        message = self._chat.find(message_id)
        if message is None or message["from"]["id"] != self.id:
            raise LookupError(f"no message {message_id} of this user")
        if "text" in message:
            new = (text or "").strip()
            if not new:
                raise ValueError("the text is empty")
            changes: Json = {"text": new, "entities": None, **marks("entities", new)}
        else:
            new = (text if caption is None else caption) or ""
            changes = {"caption": new or None, "caption_entities": None, **marks("caption_entities", new)}
        edited = self._chat.change(message_id, changes)
        self._telegram.updates.push({"edited_message": edited})
        return edited

    async def press(self, button: str, message_id: int | None = None, timeout: float = 10.0) -> Json:
        """Presses an inline button and returns the bot's answer (`text`, `show_alert`, `url`).

        `button` is a label, its beginning, or callback data; without a message the newest that has it is meant.
        LookupError when there is no such button, TimeoutError when the bot does not answer.
        """
        for message in reversed(self.messages):
            if message_id in (None, message["message_id"]):
                data = data_behind(message, button)
                if data is not None:
                    return await self._press(message, data, timeout)
        raise LookupError(f"no button {button!r} in the chat")

    def block(self) -> None:
        """Blocks the bot: it cannot write any more, and is told so."""
        self._set_blocked(blocked=True)

    def unblock(self) -> None:
        """Lets the bot write again."""
        self._set_blocked(blocked=False)

    async def wait(self, expected: str | Callable[[Json], object], timeout: float = 10.0, *, after: int = 0) -> Json:
        """The first of the bot's messages, with an id above `after`, that holds a fragment or fits a predicate.

        Messages that are there already count. TimeoutError when none comes.
        """
        with self._telegram.events.listening() as happened:
            async with asyncio.timeout(timeout):
                while True:
                    for message in self.messages:
                        if message["message_id"] > after and message["from"]["is_bot"] and fits(message, expected):
                            return message
                    await happened.get()

    async def _part(self, file: Attachment) -> Part:
        files = self._telegram.files
        format_ = await asyncio.to_thread(pictures.kind_of, file.data)
        if format_ == "GIF":
            return Part("animation", await files.animation(file.data, file.name))
        if file.as_photo and format_:
            return Part("photo", {"sizes": await files.photo(file.data)})
        mime = file.mime or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return Part("document", await files.document(file.data, file.name, mime))

    def _write(self, content: Json) -> Json:
        self._chat.started = True
        return self._chat.write(content, by_bot=False)

    def _say(self, content: Json) -> Json:
        message = self._write(content)
        self._telegram.updates.push({"message": message})
        return message

    async def _queue(self, message: Json, delay: float) -> None:
        if delay:
            await asyncio.sleep(delay)
        self._telegram.updates.push({"message": message})

    async def _press(self, message: Json, data: str, timeout: float) -> Json:
        query_id, answer = self._telegram.callbacks.open()
        query = {
            "id": query_id,
            "from": self._chat.user,
            "message": message,
            "chat_instance": str(-(2**60) - self.id),
            "data": data,
        }
        self._telegram.updates.push({"callback_query": query})
        return await asyncio.wait_for(asyncio.shield(answer), timeout)

    def _set_blocked(self, *, blocked: bool) -> None:
        if self._chat.blocked != blocked:
            self._chat.blocked = blocked
            self._telegram.updates.push({"my_chat_member": membership(self._telegram, self._chat)})


def membership(telegram: Telegram, chat: Chat) -> Json:
    """The `ChatMemberUpdated` of a user who has just blocked the bot or let it in again."""
    old: Json = {"user": telegram.bot, "status": "kicked", "until_date": 0}
    new: Json = {"user": telegram.bot, "status": "member"}
    if chat.blocked:
        old, new = new, old
    return {
        "chat": chat.header,
        "from": chat.user,
        "date": int(time.time()),
        "old_chat_member": old,
        "new_chat_member": new,
    }


def fits(message: Json, expected: str | Callable[[Json], object]) -> bool:
    """Whether a message holds a fragment of text or fits a predicate."""
    if isinstance(expected, str):
        return expected in (message.get("text") or message.get("caption") or "")
    return bool(expected(message))


def buttons(message: Json) -> Iterator[Json]:
    """All inline buttons of a message."""
    for row in message.get("reply_markup", {}).get("inline_keyboard", ()):
        yield from row


def data_behind(message: Json, button: str) -> str | None:
    """The callback data of a button named by its data, label or the label's beginning, the exact first."""
    known = [(one["text"], str(one["callback_data"])) for one in buttons(message) if "callback_data" in one]
    exact = [data for text, data in known if button in (text, data)]
    loose = [data for text, data in known if text.startswith(button)]
    return next(iter(exact + loose), None)


def marks(name: str, text: str) -> Json:
    """Entities that a client finds in plain text."""
    entities = found(text)
    return {name: entities} if entities else {}


def contents(parts: Sequence[Part], caption: str | None) -> list[Json]:
    """What each message holds: parts grouped by kind into albums, the caption on the first."""
    filled: list[Json] = []
    for group in groups(parts):
        album = {"media_group_id": str(10**13 + next(_ALBUMS))} if len(group) > 1 else {}
        for part in group:
            words = {"caption": caption, **marks("caption_entities", caption)} if caption and not filled else {}
            filled.append({**_media(part), **album, **words})
    return filled


def groups(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Neighbours of one kind, ten at most; an animation stands alone."""
    group: list[Part] = []
    for part in parts:
        if group and (part.kind != group[0].kind or part.kind == "animation" or len(group) == ALBUM_PARTS):
            yield group
            group = []
        group.append(part)
    if group:
        yield group


def _media(part: Part) -> Json:
    if part.kind == "photo":
        return {"photo": part.content["sizes"]}
    if part.kind == "document":
        return {"document": part.content}
    shown = {key: value for key, value in part.content.items() if key not in ("width", "height", "duration")}
    return {"animation": part.content, "document": shown}
