"""Simulated users: what a person with a Telegram client does and sees."""

from __future__ import annotations

import asyncio
import mimetypes
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sandbox.api.entities import detect_entities, trim
from sandbox.api.sending import CAPTION_LIMIT, TEXT_LIMIT
from sandbox.state import pictures
from sandbox.state.chats import Chat
from sandbox.state.telegram import Telegram
from sandbox.state.types import Json

ALBUM_PARTS = 10
ALBUM_KINDS = {"video": "photo"}
Expected = str | Callable[[Json], object]


@dataclass(frozen=True)
class Attachment:
    """A file on the user's side. `as_photo`: send it as a photo, a video or an audio if it is one."""

    data: bytes
    name: str = "file"
    mime: str | None = None
    as_photo: bool = True


class Person:
    """One user in the private chat with the bot."""

    def __init__(self, telegram: Telegram, chat: Chat) -> None:
        self._telegram = telegram
        self._chat = chat

    @property
    def id(self) -> int:
        """Return the id of the user and of the chat."""
        return self._chat.id

    @property
    def card(self) -> Json:
        """Return id, name, language and whether the bot is blocked."""
        user = self._chat.user
        about = {"id": self.id, "name": user["first_name"], "language": user["language_code"]}
        return {**about, "blocked": self._chat.blocked}

    @property
    def messages(self) -> list[Json]:
        """Return the chat as it looks now, both sides."""
        return self._chat.messages

    def choose_language(self, language: str) -> None:
        """Switch the language of the client, from the next message on."""
        self._chat.user = {**self._chat.user, "language_code": language}
        self._tell()

    async def text(self, text: str, struck: str = "") -> Json:
        """Send a message; one over 4096 characters is sent in pieces, of which the first is returned.

        The piece `struck` of a short text is struck through. Raises `ValueError` if the text is empty.
        """
        text, _ = trim(text, [])
        if struck:
            message = self._write({"text": text, "entities": [strike(text, struck), *detect_entities(text)]})
            self._telegram.updates.push({"message": message})
            return message
        if not text:
            raise ValueError("the text is empty")
        pieces = [text[start : start + TEXT_LIMIT] for start in range(0, len(text), TEXT_LIMIT)]
        messages = [self._write({"text": piece, "entities": detect_entities(piece) or None}) for piece in pieces]
        for message in messages:
            self._telegram.updates.push({"message": message})
        return messages[0]

    async def photo(self, data: bytes, caption: str | None = None) -> Json:
        """Send a picture as a photo."""
        return (await self.send([Attachment(data)], caption))[0]

    async def document(
        self, data: bytes, name: str = "file", mime: str | None = None, caption: str | None = None
    ) -> Json:
        """Send a file unchanged."""
        return (await self.send([Attachment(data, name, mime, as_photo=False)], caption))[0]

    async def gif(self, data: bytes, caption: str | None = None, name: str = "animation.gif") -> Json:
        """Send a GIF, which arrives as an animation."""
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
        """Send several files at once and return when the bot's queue has them all.

        `delays`: seconds until the update of each message is queued. `order`: message indices in the order in which
        their updates
        are queued. The messages have consecutive ids in the order of `files` in any case.
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
        """Send files as a client does: photos and documents in separate albums of at most ten.

        Raises `ValueError` if the caption is too long, or if `delays` or `order` do not cover every message once.
        """
        caption = (caption or "").strip()
        if len(caption) > CAPTION_LIMIT:
            raise ValueError(f"a caption holds at most {CAPTION_LIMIT} characters")
        contents = self._contents([await self._part(file) for file in files], caption)
        waits, turns = delays or [0.0] * len(contents), order or range(len(contents))
        if len(waits) != len(contents) or sorted(turns) != list(range(len(contents))):
            raise ValueError(f"delays and order must name each of the {len(contents)} messages once")
        messages = [self._write(content) for content in contents]
        async with asyncio.TaskGroup() as group:
            for turn in turns:
                group.create_task(self._queue(messages[turn], waits[turn]))
        return messages

    async def edit(
        self, message_id: int, text: str | None = None, caption: str | None = None, struck: str = ""
    ) -> Json:
        """Edit a message of the user; the piece `struck` of it is struck through.

        Raises `LookupError` if it does not exist, `ValueError` if nothing remains.
        """
        message = self._chat.find(message_id)
        if message is None or message["from"]["id"] != self.id:
            raise LookupError(f"this user wrote no message {message_id}")
        new = ((text if caption is None else caption) or "").strip()
        kind, marks, limit = ("caption", "caption_entities", CAPTION_LIMIT)
        if "text" in message:
            kind, marks, limit = ("text", "entities", TEXT_LIMIT)
        if len(new) > limit or (kind == "text" and not new):
            raise ValueError(f"a {kind} holds {'1' if kind == 'text' else '0'} to {limit} characters")
        entities = [*([strike(new, struck)] if struck else []), *detect_entities(new)]
        edited = self._chat.change(message_id, {kind: new or None, marks: entities or None})
        self._telegram.updates.push({"edited_message": edited})
        return edited

    async def press(self, button: str, message_id: int | None = None, timeout: float = 10.0) -> Json:
        """Press an inline button and return the bot's answer (`text`, `show_alert`, `url`).

        `button` is a label, its beginning, or callback data; without a message id the newest message with it is
        used. Raises
        `LookupError` if there is no such button, `TimeoutError` if the bot does not answer within `timeout` seconds.
        """
        for message in reversed(self.messages):
            data = data_behind(message, button) if message_id in (None, message["message_id"]) else None
            if data is not None:
                return await self._press(message, data, timeout)
        raise LookupError(f"no button {button!r} in the chat")

    def block(self) -> None:
        """Block the bot, which is notified."""
        self._set_blocked(blocked=True)

    def unblock(self) -> None:
        """Unblock the bot."""
        self._set_blocked(blocked=False)

    async def wait(self, expected: Expected, timeout: float = 10.0, *, after: int = 0) -> Json:
        """Wait for a message of the bot with an id above `after` that contains a fragment or satisfies a predicate.

        Existing messages and edits count. Raises `TimeoutError` if none arrives.
        """
        with self._telegram.events.listening() as happened:
            async with asyncio.timeout(timeout):
                while (message := self._first(expected, after)) is None:
                    while (event := await happened.get()) and event.user != self.id:
                        pass
        return message

    def _first(self, expected: Expected, after: int) -> Json | None:
        of_bot = (one for one in self.messages if one["message_id"] > after and one["from"]["is_bot"])
        return next((message for message in of_bot if fits(message, expected)), None)

    async def _part(self, file: Attachment) -> Json:
        """Return the message part for a file; its first key is its kind."""
        files, format_ = self._telegram.files, pictures.kind_of(file.data)
        with suppress(ValueError):  # what cannot be shown is sent as it is
            if format_ == "GIF":
                return await files.animation(file.data, file.name)
            if file.as_photo and format_:
                return await files.photo(file.data)
        mime = file.mime or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        if file.as_photo and mime.startswith(("video/", "audio/")):
            return await files.recording(mime[:5], file.data, file.name, mime)
        return await files.document(file.data, file.name, mime)

    def _contents(self, parts: Sequence[Json], caption: str) -> list[Json]:
        """Return the contents of each message: neighbours of one kind form an album, the first carries the caption."""
        contents: list[Json] = []
        for group in groups(parts):
            album = self._telegram.new_album() if len(group) > 1 else None
            contents += [{**part, "media_group_id": album} for part in group]
        if contents and caption:
            contents[0] |= {"caption": caption, "caption_entities": detect_entities(caption) or None}
        return contents

    def _write(self, content: Json) -> Json:
        self._chat.started = True
        return self._chat.write(content, by_bot=False)

    async def _queue(self, message: Json, delay: float) -> None:
        if delay:
            await asyncio.sleep(delay)
        self._telegram.updates.push({"message": message})

    async def _press(self, message: Json, data: str, timeout: float) -> Json:
        query_id, answer = self._telegram.callbacks.open(self.id)
        query = {"id": query_id, "from": self._chat.user, "message": message, "data": data}
        self._telegram.updates.push({"callback_query": {**query, "chat_instance": str(-(2**60) - self.id)}})
        async with asyncio.timeout(timeout):
            return await asyncio.shield(answer)

    def _set_blocked(self, *, blocked: bool) -> None:
        if self._chat.blocked != blocked:
            self._chat.blocked = blocked
            self._telegram.updates.push({"my_chat_member": membership(self._telegram.bot, self._chat)})
            self._tell()

    def _tell(self) -> None:
        self._telegram.events.publish("user", self.id, self.card)


def membership(bot: Json, chat: Chat) -> Json:
    """Return the `ChatMemberUpdated` of a user who blocks or unblocks the bot."""
    out: Json = {"user": bot, "status": "kicked", "until_date": 0}
    there: Json = {"user": bot, "status": "member"}
    old, new = (there, out) if chat.blocked else (out, there)
    change = {"old_chat_member": old, "new_chat_member": new}
    return {"chat": chat.header, "from": chat.user, "date": int(time.time()), **change}


def fits(message: Json, expected: Expected) -> bool:
    """Return True if a message contains a fragment of text or satisfies a predicate."""
    if isinstance(expected, str):
        return expected in (message.get("text") or message.get("caption") or "")
    return bool(expected(message))


def strike(text: str, piece: str) -> Json:
    """Return the entity that strikes the first `piece` of a text through. Raises `ValueError` where there is none."""
    before = text[: text.index(piece)]
    units = [len(each.encode("utf-16-le")) // 2 for each in (before, piece)]
    return {"type": "strikethrough", "offset": units[0], "length": units[1]}


def data_behind(message: Json, button: str) -> str | None:
    """Return the callback data of a button named by its data, its label or the label's beginning; exact ones first."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", ())
    known = [(one["text"], str(one["callback_data"])) for row in rows for one in row if "callback_data" in one]
    exact = [data for text, data in known if button in (text, data)]
    loose = [data for text, data in known if text.startswith(button)]
    return next(iter(exact + loose), None)


def groups(parts: Sequence[Json]) -> Iterator[list[Json]]:
    """Group neighbours of one kind, ten at most; videos go with photos, and an animation stands alone."""
    group: list[Json] = []
    for part in parts:
        other = group and ALBUM_KINDS.get(kind(part), kind(part)) != ALBUM_KINDS.get(kind(group[0]), kind(group[0]))
        if group and (other or kind(part) == "animation" or len(group) == ALBUM_PARTS):
            yield group
            group = []
        group.append(part)
    if group:
        yield group


def kind(part: Json) -> str:
    """Return the kind of media of a message part: photo, document, video, audio or animation."""
    return str(next(iter(part)))
