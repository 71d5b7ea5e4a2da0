"""Messages as people send them: captions of videos, forwards, struck-through prices, edits, slashes, files."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sandbox.testing.person import Attachment
from tests.support.bot.conversation import Json, Talk, buttons, converse, picture

VIDEO = Attachment(b"no film", "a.mp4", "video/mp4")
AUDIO = Attachment(b"no sound", "a.mp3", "audio/mpeg")


async def write(talk: Talk) -> tuple[int, str]:
    """Press «Generate» once the card is there; return the number of photos and the text that the engine got."""
    await talk.wait_for("card-title")
    asked = len(talk.engine.asked)
    await talk.press("button-generate")
    await talk.person.wait(lambda _: len(talk.engine.asked) > asked)
    submission = talk.engine.asked[-1][2]
    return len(submission.uploads), str(submission.attributes)


async def push(talk: Talk, content: Json, **given: Any) -> None:
    """Push a message of the user as Telegram sends it, with whatever parts; nobody is answered before a /start."""
    if not talk.person.messages:
        await talk.command("start")
        await talk.wait_for("hello", limit=10)
    chat = {"id": talk.person.id, "type": "private", "first_name": "Анна"}
    user = {"id": talk.person.id, "is_bot": False, "first_name": "Анна", "language_code": "ru"}
    message = {"message_id": 10**9 + len(talk.person.messages), "date": 1, "chat": chat, "from": user, **content}
    talk.sandbox.push({"message": message | given})


async def photo_part(talk: Talk) -> Json:
    return await talk.sandbox.telegram.files.photo(picture("olive"))


class TestCaptions:
    """A caption is never lost: what cannot be read is named, its words are kept."""

    @pytest.mark.parametrize("photos", [0, 1, 2])
    @pytest.mark.parametrize(("file", "code"), [(VIDEO, "unreadable-video"), (AUDIO, "unreadable-audio")])
    def test_a_caption_of_what_cannot_be_read_is_kept(
        self, tmp_path: Path, file: Attachment, code: str, photos: int
    ) -> None:
        async def script(talk: Talk) -> None:
            pictures = [Attachment(picture(colour)) for colour in ("red", "navy")[:photos]]
            await talk.person.send([file, *pictures], "Куртка; Цена: 500; Размер: 46")
            await talk.wait_for(code)
            if photos:
                await talk.wait_for_photos(photos)
            assert await write(talk) == (photos, "Куртка; Цена: 500; Размер: 46")

        converse(script, tmp_path)

    def test_a_caption_of_a_later_video_of_an_album_is_kept(self, tmp_path: Path) -> None:
        async def script(talk: Talk) -> None:
            photo = await photo_part(talk)
            await push(talk, {**photo, "media_group_id": "7"})
            video = await talk.sandbox.telegram.files.recording("video", b"no film", "a.mp4", "video/mp4")
            await push(talk, {**video, "media_group_id": "7", "caption": "Платье; Цена: 700"}, message_id=10**9 + 50)
            await talk.wait_for("unreadable-video")
            await talk.wait_for_photos(1)
            assert await write(talk) == (1, "Платье; Цена: 700")

        converse(script, tmp_path)

    def test_a_caption_that_is_edited_is_followed(self, tmp_path: Path) -> None:
        async def script(talk: Talk) -> None:
            (message,) = await talk.person.send([VIDEO], "Куртка; Цена: 500")
            await talk.wait_for("card-title")
            await talk.person.edit(message["message_id"], caption="Куртка; Цена: 400")
            await talk.person.wait("400")
            assert await write(talk) == (0, "Куртка; Цена: 400")

        converse(script, tmp_path)

    def test_a_video_without_a_caption_is_named_alone(self, tmp_path: Path) -> None:
        async def script(talk: Talk) -> None:
            await talk.person.send([VIDEO])
            await talk.wait_for("unreadable")

        converse(script, tmp_path)

    def test_a_command_in_a_caption_is_none(self, tmp_path: Path) -> None:
        async def script(talk: Talk) -> None:
            await talk.person.photo(picture(), "/help куртка 500")
            assert await write(talk) == (1, "/help куртка 500")

        converse(script, tmp_path)


class TestForwards:
    @pytest.mark.parametrize(
        "origin",
        [
            {"type": "hidden_user", "date": 1},
            {"type": "user", "date": 1},
            {"type": "channel", "date": 1, "message_id": 5},
            {"type": "chat", "date": 1},
            {"type": "unheard_of", "date": 1},
            {"type": "user", "date": "never", "sender_user": {"id": "x"}},
            {},
            "nobody",
            None,
        ],
    )
    @pytest.mark.parametrize("has_photo", [False, True])
    def test_who_wrote_it_first_does_not_matter(self, tmp_path: Path, origin: object, has_photo: bool) -> None:
        async def script(talk: Talk) -> None:
            content = {**await photo_part(talk), "caption": "Куртка; Цена: 500"} if has_photo else {}
            await push(talk, content or {"text": "Куртка; Цена: 500"}, forward_origin=origin)
            assert await write(talk) == (int(has_photo), "Куртка; Цена: 500")

        converse(script, tmp_path)

    def test_other_malformed_parts_do_not_matter_either(self, tmp_path: Path) -> None:
        async def script(talk: Talk) -> None:
            parts: Json = {"via_bot": 5, "quote": {"text": 1}, "external_reply": {"origin": {"type": "user"}}}
            await push(talk, {"text": "Куртка; Цена: 500"}, reply_to_message={"message_id": "x"}, **parts)
            assert await write(talk) == (0, "Куртка; Цена: 500")

        converse(script, tmp_path)


class TestStruckThrough:
    @pytest.mark.parametrize(
        ("text", "struck", "expected"),
        [
            ("Цена: 2500 1800", "2500", "Цена:  1800"),
            ("Сапоги, 3000 1900 руб", "3000", "Сапоги,  1900 руб"),
            ("🔥👗 Платье 900 ₽ 700 ₽", "900 ₽", "🔥👗 Платье  700 ₽"),
            ("Цена: 500\nбыло 900", "было 900", "Цена: 500"),
            ("5000 4000 торг", "5000", "4000 торг"),
        ],
    )
    def test_a_struck_through_price_is_no_price(self, tmp_path: Path, text: str, struck: str, expected: str) -> None:
        async def script(talk: Talk) -> None:
            await talk.person.text(text, struck)
            assert await write(talk) == (0, expected)

        converse(script, tmp_path)

    def test_a_price_that_an_edit_strikes_through_is_none_any_more(self, tmp_path: Path) -> None:
        async def script(talk: Talk) -> None:
            message = await talk.person.text("Цена: 2000")
            await talk.wait_for("card-title")
            await talk.person.edit(message["message_id"], "Цена: 2000 1500", struck="2000")
            await talk.person.wait("1500")
            assert await write(talk) == (0, "Цена:  1500")

        converse(script, tmp_path)

    def test_it_holds_in_the_caption_of_a_photo(self, tmp_path: Path) -> None:
        async def script(talk: Talk) -> None:
            message = await talk.person.photo(picture(), "Цена: 2000")
            await talk.wait_for("card-title")
            await talk.person.edit(message["message_id"], caption="Цена: 2000 1500", struck="2000")
            await talk.person.wait("1500")
            assert await write(talk) == (1, "Цена:  1500")

        converse(script, tmp_path)


class TestSlashes:
    @pytest.mark.parametrize(
        "text",
        [
            "/42/44 размер",
            "/500 руб за пару",
            "//нашивка// куртка, 500",
            "/ 5000",
            "/размер 42",
            "/46",
            "/S/M/L куртка",
            "/куртка",
            "/nike_air кроссовки 42",
            "/-10% скидка",
        ],
    )
    def test_a_slash_makes_no_command(self, tmp_path: Path, text: str) -> None:
        async def script(talk: Talk) -> None:
            await talk.person.text(text)
            assert await write(talk) == (0, text)

        converse(script, tmp_path)

    @pytest.mark.parametrize("text", ["/start", "/Start", "/START", "/sTaRt abc", "/Start@opisalka_sandbox_bot"])
    def test_commands_are_known_in_any_letter_case(self, tmp_path: Path, text: str) -> None:
        async def script(talk: Talk) -> None:
            await talk.person.text(text)
            await talk.wait_for("hello", limit=10)

        converse(script, tmp_path)


async def correction(talk: Talk) -> str | None:
    async with talk.app.store.transaction() as tx:
        return (await tx.feedback.list_recent(talk.person.id, 1))[0].correction


class TestCorrections:
    async def ask(self, talk: Talk) -> None:
        await talk.person.text("Цена: 5000")
        await talk.wait_for("card-title")
        await talk.press("button-generate")
        await talk.scores()
        await talk.touch("✏️")
        await talk.wait_for("correction-asked")

    def test_a_correction_follows_the_edit_of_its_message(self, tmp_path: Path) -> None:
        async def script(talk: Talk) -> None:
            await self.ask(talk)
            message = await talk.person.text("Куртка красная, 500 рублей")
            await talk.wait_for("correction-stored")
            for text in ("Куртка алая, 500 рублей", "Куртка алая, 400 рублей"):
                said = talk.bots[-1]["message_id"]
                await talk.person.edit(message["message_id"], text)
                await talk.wait_for("correction-stored", after=said)
                assert await correction(talk) == text

        converse(script, tmp_path)

    @pytest.mark.parametrize("command", ["help", "MODEL", "history", "nonsense"])
    def test_a_command_ends_the_wait_for_a_correction(self, tmp_path: Path, command: str) -> None:
        async def script(talk: Talk) -> None:
            await self.ask(talk)
            await talk.command(command)
            await talk.wait_for("correction-left")
            await talk.person.text("Сапоги, 900 рублей")
            await talk.person.wait("900")
            assert await correction(talk) is None

        converse(script, tmp_path)

    def test_a_text_with_a_slash_is_a_correction(self, tmp_path: Path) -> None:
        async def script(talk: Talk) -> None:
            await self.ask(talk)
            await talk.person.text("/42/44 размер, куртка")
            await talk.wait_for("correction-stored")
            assert await correction(talk) == "/42/44 размер, куртка"

        converse(script, tmp_path)


def encode(form: str) -> bytes:
    data = BytesIO()
    Image.new("RGB", (64, 48), "teal").save(data, form)
    return data.getvalue()


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "mime", "form"),
        [
            ("f.png", "image/x-png", "PNG"),
            ("photo", "application/octet-stream", "JPEG"),
            ("m.jpg", "image/*", "JPEG"),
            ("a.webp", "image/webp", "WEBP"),
            ("a.bmp", "image/bmp", "PNG"),
            ("a.tiff", "image/tiff", "JPEG"),
        ],
    )
    def test_the_content_of_a_file_decides(self, tmp_path: Path, name: str, mime: str, form: str) -> None:
        async def script(talk: Talk) -> None:
            await talk.person.document(encode(form), name, mime, "Куртка, 500")
            assert await write(talk) == (1, "Куртка, 500")
            await talk.wait_for_texts()

        converse(script, tmp_path)

    @pytest.mark.parametrize(("name", "form"), [("a.bmp", "BMP"), ("a.tiff", "TIFF"), ("a.jpg", "BMP"), ("a", "ICO")])
    def test_an_unreadable_picture_is_refused_when_it_comes(self, tmp_path: Path, name: str, form: str) -> None:
        """In the card, by its content and in the sentence that names the formats; the draft goes on without it."""

        async def script(talk: Talk) -> None:
            mime = "application/octet-stream" if name == "a" else "image/x"
            await talk.person.document(encode("PNG"), "b.png", "image/png", "Куртка, 500")
            await talk.person.document(encode(form), name, mime)
            await talk.person.document(b"no picture", "c.jpg", "image/jpeg")
            shown = await talk.wait_for("photo-format", name=name, number=2)
            assert talk.translate("photo-format", name="c.jpg", number=2) in shown["text"]
            assert talk.translate("card-photos", count=1, limit=10) in shown["text"]
            await talk.person.text("Размер: 42")
            shown = await talk.person.wait("Размер: 42")
            assert talk.translate("photo-format", name=name, number=2) in shown["text"]
            assert await write(talk) == (1, "Куртка, 500\nРазмер: 42")
            await talk.wait_for_texts()

        converse(script, tmp_path)

    def test_a_draft_of_nothing_but_an_unreadable_picture_is_empty(self, tmp_path: Path) -> None:
        async def script(talk: Talk) -> None:
            await talk.person.document(encode("BMP"), "a.bmp", "image/bmp")
            shown = await talk.wait_for("photo-format", name="a.bmp", number=1)
            assert talk.translate("button-generate") not in buttons(shown)

        converse(script, tmp_path)

    def test_an_unreadable_picture_that_was_not_looked_at_is_refused_by_the_text(self, tmp_path: Path) -> None:
        async def script(talk: Talk) -> None:
            talk.engine.gate.clear()
            await talk.person.text("Куртка, 500")
            await talk.press("button-generate", await talk.wait_for("card-title"))
            await talk.person.document(encode("BMP"), "a.bmp", "image/bmp")
            await talk.wait_for_photos(1)
            talk.engine.gate.set()
            await talk.wait_for("photo-format", name="a.bmp", number=1)

        converse(script, tmp_path)

    def test_the_caption_of_a_file_that_is_no_picture_is_kept(self, tmp_path: Path) -> None:
        async def script(talk: Talk) -> None:
            await talk.person.document(b"%PDF-1.4", "Договор.pdf", "application/pdf", "Куртка; Размер: 50")
            await talk.wait_for("file-no-image", name="Договор.pdf", number=1)
            assert await write(talk) == (0, "Куртка; Размер: 50")

        converse(script, tmp_path)
