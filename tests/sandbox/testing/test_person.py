"""What users send, as the bot gets it through aiogram's own client."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import av
import pytest
from aiogram import Bot
from aiogram.types import Message
from PIL import Image

from sandbox.server import Sandbox
from sandbox.testing.person import Attachment
from tests.support.sandbox import arrived, gif, greeted, keyboard, local, picture, refusal, rises


async def messages(bot: Bot, count: int = 1) -> list[Message]:
    """The messages of the next updates."""
    return [update.message for update in await arrived(bot, count) if update.message]


async def fetched(bot: Bot, file_id: str) -> bytes:
    """The bytes behind a file id, by getFile and download."""
    file = await bot.download(file_id)
    assert file is not None
    return file.read()


@local
async def test_a_text_arrives_with_its_sender_and_its_commands(sandbox: Sandbox, bot: Bot) -> None:
    await sandbox.user(7, "Аня", "en").text("  /start deep  ")
    [message] = await messages(bot)
    assert message.from_user
    assert message.entities
    assert (message.text, message.from_user.first_name, message.from_user.language_code) == ("/start deep", "Аня", "en")
    assert [(one.type, one.offset, one.length) for one in message.entities] == [("bot_command", 0, 6)]
    assert message.chat.id == message.from_user.id == 7


@local
async def test_a_long_text_arrives_in_pieces(sandbox: Sandbox, bot: Bot) -> None:
    await sandbox.user(7).text("ё" * 5000)
    assert [len(message.text or "") for message in await messages(bot, 2)] == [4096, 904]


@local
async def test_a_photo_arrives_as_jpegs_of_several_sizes(sandbox: Sandbox, bot: Bot) -> None:
    sent = picture(3000, 1500)
    await sandbox.user(7).photo(sent, "Цена: 5000")
    [message] = await messages(bot)
    assert message.photo
    sizes = [(size.width, size.height) for size in message.photo]
    assert (sizes, message.caption) == ([(90, 45), (320, 160), (800, 400), (1280, 640)], "Цена: 5000")
    data = await fetched(bot, message.photo[-1].file_id)
    assert len(data) == message.photo[-1].file_size
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == ("JPEG", (1280, 640))


@local
async def test_a_small_photo_is_not_blown_up(sandbox: Sandbox, bot: Bot) -> None:
    await sandbox.user(7).photo(picture(200, 100))
    [message] = await messages(bot)
    assert message.photo
    assert [(size.width, size.height) for size in message.photo] == [(90, 45), (200, 100)]


@local
async def test_a_photo_is_turned_upright_and_loses_its_metadata(sandbox: Sandbox, bot: Bot) -> None:
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # turn by a quarter
    Image.new("RGB", (60, 40)).save(out, "JPEG", exif=exif)
    await sandbox.user(7).photo(out.getvalue())
    [message] = await messages(bot)
    assert message.photo
    assert (message.photo[-1].width, message.photo[-1].height) == (40, 60)
    with Image.open(io.BytesIO(await fetched(bot, message.photo[-1].file_id))) as image:
        assert not image.getexif()


@local
async def test_the_same_picture_has_the_same_unique_id_and_another_file_id(sandbox: Sandbox, bot: Bot) -> None:
    for user, color in ((7, "red"), (7, "red"), (8, "red"), (7, "blue")):
        await sandbox.user(user).photo(picture(color=color))
    largest = [message.photo[-1] for message in await messages(bot, 4) if message.photo]
    unique = [size.file_unique_id for size in largest]
    assert unique[0] == unique[1] == unique[2] != unique[3]
    assert len({size.file_id for size in largest}) == 4


@local
async def test_a_document_arrives_byte_for_byte(sandbox: Sandbox, bot: Bot) -> None:
    data = picture(50, 50)
    await sandbox.user(7).document(data, "Фото 1.png", caption="c")
    [message] = await messages(bot)
    assert message.document
    assert message.photo is None
    assert (message.document.file_name, message.document.mime_type) == ("Фото 1.png", "image/png")
    assert await fetched(bot, message.document.file_id) == data


@local
async def test_a_gif_arrives_as_a_film_however_it_is_sent(sandbox: Sandbox, bot: Bot) -> None:
    """H.264 in yuv420p with even sides, and a document beside the animation."""
    person = sandbox.user(7)
    await person.gif(gif(31, 21), "c")
    await person.photo(gif(31, 21))
    await person.document(gif(31, 21), "a.gif", "image/gif")
    for message in await messages(bot, 3):
        assert message.animation
        assert message.document
        assert message.photo is None
        assert message.document.file_id == message.animation.file_id
        assert (message.animation.width, message.animation.height, message.animation.duration) == (30, 20, 1)
        with av.open(io.BytesIO(await fetched(bot, message.animation.file_id)), "r") as film:
            stream = film.streams.video[0]
            assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
            assert len(list(film.decode(video=0))) == 2


@local
async def test_a_broken_picture_is_sent_as_a_file(sandbox: Sandbox, bot: Bot) -> None:
    person = sandbox.user(7)
    for broken in (picture(600, 600, kind="JPEG")[:-2000], gif()[:40], picture(2000, 20)):
        await person.photo(broken)
    for message in await messages(bot, 3):
        assert message.document
        assert (message.photo, message.animation) == (None, None)


@local
async def test_an_album_is_one_update_a_part_with_the_caption_on_the_first(sandbox: Sandbox, bot: Bot) -> None:
    sent = await sandbox.user(7).album([picture(color=color) for color in ("red", "green", "blue")], "Цена: 1")
    parts = await messages(bot, 3)
    assert [part.message_id for part in parts] == [message["message_id"] for message in sent]
    assert rises([part.message_id for part in parts])
    assert len({part.media_group_id for part in parts}) == 1
    assert parts[0].media_group_id
    assert [part.caption for part in parts] == ["Цена: 1", None, None]


@local
async def test_an_album_of_more_than_ten_is_two_albums(sandbox: Sandbox, bot: Bot) -> None:
    await sandbox.user(7).album([picture(width=60 + number) for number in range(12)], as_documents=True)
    parts = await messages(bot, 12)
    groups = [part.media_group_id for part in parts]
    assert len(set(groups[:10])) == len(set(groups[10:])) == 1
    assert groups[0] != groups[10]
    assert all(part.document for part in parts)


@local
async def test_mixed_files_are_split_by_kind(sandbox: Sandbox, bot: Bot) -> None:
    """Photos go in one album, documents in another, a GIF alone."""
    files = [picture(), picture(color="blue"), gif(), b"text", b"more"]
    await sandbox.user(7).album([Attachment(data, f"{number}.bin") for number, data in enumerate(files)], "c")
    parts = await messages(bot, 5)
    assert [part.content_type for part in parts] == ["photo", "photo", "animation", "document", "document"]
    groups = [part.media_group_id for part in parts]
    assert groups[0] == groups[1] != groups[3] == groups[4]
    assert groups[2] is None
    assert [part.caption for part in parts] == ["c", None, None, None, None]


@local
async def test_parts_of_an_album_can_come_late_and_out_of_order(sandbox: Sandbox, bot: Bot) -> None:
    """The ids of the messages stay in the order of the album."""
    colors = ("red", "green", "blue")
    sending = asyncio.create_task(
        sandbox.user(7).album([picture(color=color) for color in colors], delays=[0.2, 0, 0.1])
    )
    parts = await messages(bot, 3)
    sent = [message["message_id"] for message in await sending]
    assert [part.message_id for part in parts] == [sent[1], sent[2], sent[0]]
    turned = await sandbox.user(7).album([picture(color=color) for color in colors], order=[2, 0, 1])
    ids = [message["message_id"] for message in turned]
    assert [part.message_id for part in await messages(bot, 3)] == [ids[2], ids[0], ids[1]]


@local
async def test_edits_of_texts_and_captions_arrive(sandbox: Sandbox, bot: Bot) -> None:
    person = sandbox.user(7)
    text, photo = await person.text("a"), await person.photo(picture(), "b")
    await person.edit(text["message_id"], "A")
    await person.edit(photo["message_id"], caption="B")
    edits = [update.edited_message for update in await arrived(bot, 4)][2:]
    assert [(edit.text, edit.caption) for edit in edits if edit] == [("A", None), (None, "B")]
    assert all(edit.edit_date for edit in edits if edit)
    assert [message.get("text") or message["caption"] for message in person.messages] == ["A", "B"]


@local
async def test_a_press_brings_the_message_and_gets_the_bot_s_answer(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    sent = await bot.send_message(7, "a", reply_markup=keyboard(Да="yes", Нет="no"))
    pressing = asyncio.create_task(person.press("Нет"))
    [update] = await arrived(bot)
    query = update.callback_query
    assert query
    assert query.message
    assert (query.data, query.message.message_id, query.from_user.id) == ("no", sent.message_id, 7)
    assert query.chat_instance
    assert await bot.answer_callback_query(query.id, "готово", show_alert=True)
    assert await pressing == {"text": "готово", "show_alert": True, "url": ""}
    again = await refusal(bot.answer_callback_query(query.id))
    assert again == "Bad Request: query is too old and response timeout expired or query ID is invalid"


@local
async def test_a_query_gets_too_old(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    await bot.send_message(7, "a", reply_markup=keyboard(Да="yes"))
    sandbox.telegram.callbacks.lifetime_s = 0
    with pytest.raises(TimeoutError):
        await person.press("yes", timeout=0.01)
    [update] = await arrived(bot)
    assert update.callback_query
    assert "query is too old" in await refusal(bot.answer_callback_query(update.callback_query.id))


@local
async def test_a_button_that_is_not_there_cannot_be_pressed(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    with pytest.raises(LookupError, match="no button 'Да'"):
        await person.press("Да")


@local
async def test_blocking_and_unblocking_are_reported(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    person.block()
    person.block()
    person.unblock()
    told = [update.my_chat_member for update in await arrived(bot, 2)]
    states = [(one.old_chat_member.status, one.new_chat_member.status) for one in told if one]
    assert states == [("member", "kicked"), ("kicked", "member")]


@local
async def test_a_wait_sees_edits_and_ends_with_a_time_out(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    sent = await bot.send_message(7, "думаю")
    waiting = asyncio.create_task(person.wait("готово"))
    await bot.edit_message_text("всё готово", chat_id=7, message_id=sent.message_id)
    assert (await waiting)["message_id"] == sent.message_id
    assert (await person.wait(lambda message: "edit_date" in message))["text"] == "всё готово"
    with pytest.raises(TimeoutError):
        await person.wait("готово", timeout=0.05, after=sent.message_id)


@local
async def test_what_a_client_would_not_send_is_a_mistake_of_the_test(sandbox: Sandbox, bot: Bot) -> None:
    person = sandbox.user(7)
    with pytest.raises(ValueError, match="empty"):
        await person.text(" ")
    with pytest.raises(ValueError, match="1024"):
        await person.photo(picture(), "x" * 1025)
    with pytest.raises(ValueError, match="each of the 2 messages"):
        await person.album([picture(), picture()], delays=[1])
    with pytest.raises(LookupError, match="wrote no message"):
        await person.edit(1, "x")
    assert person.messages == []


@local
async def test_a_file_over_the_download_limit_is_too_big(sandbox: Sandbox, bot: Bot) -> None:
    person = sandbox.user(7)
    await person.document(b"x" * 100, "a.txt")
    [message] = await messages(bot)
    assert message.document
    sandbox.telegram.files.download_limit = 99
    assert await refusal(bot.get_file(message.document.file_id)) == "Bad Request: file is too big"
    unknown = "Bad Request: wrong file_id or the file is temporarily unavailable"
    assert await refusal(bot.get_file("nonsense")) == unknown


def test_files_are_gone_when_the_sandbox_is() -> None:
    async def folder() -> Path:
        async with Sandbox() as sandbox:
            await sandbox.user(7).document(b"x", "a.txt")
            document = sandbox.user(7).messages[0]["document"]
            stored = sandbox.telegram.files.of_id(document["file_id"])
            assert stored
            assert stored.path.read_bytes() == b"x"
            return stored.path

    assert not asyncio.run(folder()).exists()
