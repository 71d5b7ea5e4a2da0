"""Collecting a draft: photos, attributes, edits, what is refused, and the buttons under the card."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.views import keyboards
from tests.support.bot.conversation import Json, Talk, both_languages, buttons, converse, picture


async def card(talk: Talk, fragment: str = "") -> Json:
    """Wait for a card that says so."""
    title = talk.translate("card-title")
    return await talk.person.wait(lambda message: title in message.get("text", "") and fragment in message["text"])


def photos(talk: Talk, count: int) -> str:
    """The line that counts them."""
    return talk.translate("card-photos", count=count, limit=10)


@both_languages
def test_an_album_with_a_caption_gets_one_card(tmp_path: Path, language: str) -> None:
    """Photos are counted, attributes are shown as understood, and what could be added is named."""

    async def script(talk: Talk) -> None:
        colours = ("red", "green", "blue", "white", "black")
        await talk.person.album([picture(colour) for colour in colours], caption="Цена: 5000; мягкая & тёплая")
        shown = await card(talk, photos(talk, 5))
        assert "• Цена: 5000; мягкая & тёплая" in shown["text"]
        assert talk.translate("missing-size") in shown["text"]
        assert talk.translate("missing-price") not in shown["text"]
        assert buttons(shown) == [
            talk.translate("button-generate"),
            talk.translate("button-clear"),
            talk.translate("button-model", model="mini"),
        ]
        assert len(talk.bots) == 1

    converse(script, tmp_path, language)


@both_languages
def test_messages_before_and_after_join_and_edits_are_followed(tmp_path: Path, language: str) -> None:
    """The card is one message, and the last one."""

    async def script(talk: Talk) -> None:
        text = await talk.person.text("Цена: 5000")
        await card(talk, talk.translate("missing-photos"))
        await talk.person.photo(picture("red"))
        await talk.person.photo(picture("blue"), caption="Размер: 42")
        await card(talk, photos(talk, 2))
        await card(talk, "Размер: 42")
        await talk.person.text("почти новая")
        await card(talk, "почти новая")
        await talk.person.edit(text["message_id"], "Цена: 4500")
        edited = await card(talk, "Цена: 4500")
        assert "5000" not in edited["text"]
        assert "Размер: 42" in edited["text"]
        await talk.person.wait(lambda _: len(talk.bots) == 1)
        assert talk.person.messages[-1] == talk.bots[0]

    converse(script, tmp_path, language)


def test_files_and_gifs_are_photos_and_other_files_are_refused_by_name(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.person.document(picture("red", form="PNG"), "front.png", "image/png")
        await talk.person.gif(picture("blue", form="GIF"))
        await talk.person.document(b"%PDF-1.4 ...", "Договор.pdf", "application/pdf")
        await talk.person.document(b"notes", "s.jpg.txt", "text/plain")
        shown = await card(talk, "s.jpg.txt")
        assert photos(talk, 2) in shown["text"]
        assert talk.translate("file-no-image", name="Договор.pdf", number=3) in shown["text"]
        assert talk.translate("file-no-image", name="s.jpg.txt", number=3) in shown["text"]

    converse(script, tmp_path)


@both_languages
def test_photos_after_the_tenth_are_refused_by_name(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        colours = [f"#{index:02x}0000" for index in range(12, 240, 15)]
        await talk.person.album([picture(colour, form="PNG") for colour in colours[:10]])
        await talk.person.album([picture(colour, form="PNG") for colour in colours[10:15]], as_documents=True)
        shown = await card(talk, photos(talk, 10))
        shown = await card(talk, talk.translate("photo-extra", name="1.jpg", number=11, limit=10))
        assert talk.translate("photos-extra-more", count=2) in shown["text"]

    converse(script, tmp_path, language)


def test_the_same_photo_twice_is_one(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.person.album([picture("red"), picture("red"), picture("blue")])
        await card(talk, photos(talk, 2))

    converse(script, tmp_path)


@both_languages
def test_what_cannot_be_read_gets_a_sentence(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        sticker = {"file_id": "s", "file_unique_id": "s", "width": 1, "height": 1, "type": "regular"}
        flags = {"is_animated": False, "is_video": False}
        await talk.command("start")
        talk.sandbox.push({"message": envelope(talk) | {"sticker": sticker | flags}})
        await talk.wait_for("unreadable")

    converse(script, tmp_path, language)


def envelope(talk: Talk, kind: str = "private") -> Json:
    """A message of the user's, but for its content."""
    sender = {"id": talk.person.id, "is_bot": False, "first_name": "Анна", "language_code": talk.language}
    chat = {"id": talk.person.id if kind == "private" else -100, "type": kind}
    return {"message_id": 7, "date": 0, "from": sender, "chat": chat}


def test_a_group_is_met_with_silence(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        talk.sandbox.push({"message": envelope(talk, "group") | {"text": "/start"}})
        await talk.command("help")
        await talk.person.wait("/compare")
        assert [call.params["chat_id"] for call in talk.sandbox.calls if call.method == "sendMessage"] == ["1"]

    converse(script, tmp_path)


@both_languages
def test_a_cleared_draft_is_gone_and_its_buttons_are_stale(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.person.text("Цена: 5000")
        await card(talk)
        await talk.press("button-clear")
        await talk.wait_for("card-cleared")
        assert talk.texts("5000") == []
        await talk.person.text("Размер: 42")
        shown = await card(talk, "42")
        assert "5000" not in shown["text"]

    converse(script, tmp_path, language)


STALE = [
    keyboards.Generate(listing=1),
    keyboards.ClearDraft(listing=1),
    keyboards.StartNew(listing=1),
    keyboards.ChooseItem(listing=1, tag="x"),
    keyboards.AskItem(listing=1),
    keyboards.ChooseSet(listing=1, many=True),
    keyboards.WriteAnyway(listing=1),
    keyboards.KeepNew(listing=1),
    keyboards.JoinPrevious(listing=1),
    keyboards.DropPhoto(listing=1, message=1),
    keyboards.CancelRequest(request=1),
    keyboards.Vote(description=1, good=True),
    keyboards.ChooseReason(description=1, reason="item"),
    keyboards.StartCorrection(description=1),
    keyboards.CancelCorrection(),
    keyboards.WriteAgain(description=1),
    keyboards.ShowOtherModels(description=1),
    keyboards.WriteWith(description=1, tag="x"),
    keyboards.ChooseBetter(comparison=1, choice="first"),
    keyboards.ShowDescription(description=1),
    keyboards.ChooseModel(tag="x"),
    keyboards.RunCase(tag="x"),
    keyboards.SetLanguage(language="tlh"),
]


@both_languages
def test_stale_and_foreign_buttons_are_answered_with_a_word(tmp_path: Path, language: str) -> None:
    """Another user's ids, ids of nothing, and data of no button that there is."""

    async def script(talk: Talk) -> None:
        await talk.person.text("Цена: 5000")
        await card(talk)
        await talk.press("button-generate")
        await talk.scores()
        stranger = talk.sandbox.user(2, "Борис", language)
        await stranger.text("/start")
        shown = await stranger.wait(lambda message: buttons(message))
        for data in [*(each.pack() for each in STALE), "nonsense:1", "vote:1:perhaps"]:
            assert await talk.push(shown, data, stranger) == talk.translate("button-stale"), data

    converse(script, tmp_path, language)


@both_languages
def test_a_draft_with_nothing_to_write_about_offers_cases(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.person.document(b"%PDF", "a.pdf", "application/pdf")
        shown = await card(talk)
        assert buttons(shown) == [talk.translate("button-clear"), talk.translate("button-cases")]
        await talk.push(shown, keyboards.Generate(listing=1).pack())
        offered = await talk.wait_for("draft-empty", limit=10)
        assert len(buttons(offered)) >= 11

    converse(script, tmp_path, language)


def test_a_card_moves_only_when_something_stands_below_it(tmp_path: Path) -> None:
    """An edit of the user's message changes the card where it is; a new message takes it along."""

    async def script(talk: Talk) -> None:
        text = await talk.person.text("Цена: 5000")
        shown = await card(talk)
        await talk.person.edit(text["message_id"], "Цена: 4500")
        assert (await card(talk, "4500"))["message_id"] == shown["message_id"]
        await talk.person.text("Размер: 42")
        moved = await card(talk, "42")
        assert moved["message_id"] > shown["message_id"]
        await talk.person.wait(lambda _: len(talk.bots) == 1)
        await talk.command("help")
        await talk.person.wait("/compare")
        await talk.press("button-generate", moved)
        await talk.wait_for("card-done", after=moved["message_id"])

    converse(script, tmp_path)


def test_an_album_moves_the_card_once(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.person.text("Цена: 5000")
        await card(talk)
        await talk.person.album(
            [picture(colour) for colour in ("red", "green", "blue", "white")], delays=[0, 0, 0.02, 0.04]
        )
        await card(talk, photos(talk, 4))
        await talk.person.wait(lambda _: len(talk.bots) == 1)
        sent = [call for call in talk.sandbox.calls if call.method in ("sendMessage", "deleteMessage")]
        assert [call.method for call in sent] == ["sendMessage", "sendMessage", "deleteMessage"]

    converse(script, tmp_path, album_quiet_s=0.2)


def test_a_card_too_old_to_delete_loses_its_buttons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.api.editing.DELETABLE_S", -1)

    async def script(talk: Talk) -> None:
        await talk.person.text("Цена: 5000")
        shown = await card(talk)
        await talk.person.text("Размер: 42")
        moved = await card(talk, "42")
        old = await talk.person.wait(lambda one: one["message_id"] == shown["message_id"] and not buttons(one))
        assert "42" not in old["text"]
        assert talk.translate("button-generate") in buttons(moved)

    converse(script, tmp_path)


@both_languages
def test_attributes_that_cannot_be_read_are_explained_and_mended_by_an_edit(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        text = await talk.person.text('{"Цена": 5000;}')
        problem = talk.translate("attributes-bad-json", line=1, column=14)
        shown = await card(talk, problem)
        await talk.press("button-generate")
        told = await talk.person.wait(problem, after=shown["message_id"])
        assert talk.translate("button-new") in buttons(told)
        assert talk.engine.asked == []
        await talk.person.edit(text["message_id"], '{"Цена": 5000}')
        await talk.press("button-generate", await card(talk, "Цена: 5000"))
        assert await talk.wait_for_texts() == ["mini пишет: Цена: 5000 (0, 0)"]

    converse(script, tmp_path, language)
