"""From the button to the text: windows, late photos, the line, limits, cancelling, and what goes wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.bot.conversation import (
    BAD_PHOTO,
    BROKEN,
    DOUBTED,
    REFUSED,
    SLOW,
    WORDLESS,
    Json,
    Talk,
    both_languages,
    buttons,
    converse,
    picture,
)


async def card(talk: Talk, fragment: str = "", after: int = 0) -> Json:
    """Wait for a card that says so."""
    title = talk.translate("card-title")
    return await talk.person.wait(
        lambda message: title in message.get("text", "") and fragment in message["text"], after=after
    )


def photos(talk: Talk, count: int) -> str:
    """The line that counts them."""
    return talk.translate("card-photos", count=count, limit=10)


def ways_on(talk: Talk, *more: str) -> list[str]:
    """The buttons under every refusal, and `more` among them."""
    return [talk.translate(code) for code in ("button-generate", *more, "button-new", "button-cases")]


async def ask(talk: Talk, text: str) -> Json:
    """Send a text and press the button under its card."""
    await talk.person.text(text)
    shown = await card(talk, text)
    await talk.press("button-generate", shown)
    return shown


@both_languages
def test_the_card_walks_through_the_steps_and_ends(tmp_path: Path, language: str) -> None:
    """Place in the line, then the steps with the current one marked, then «done»; one message."""

    async def script(talk: Talk) -> None:
        talk.engine.gate.clear()
        shown = await ask(talk, "Цена: 5000")
        steps = await talk.person.wait(f"→ {talk.translate('stage-scoring')}")
        assert steps["message_id"] == shown["message_id"]
        assert buttons(steps) == []
        talk.engine.gate.set()
        done = await talk.wait_for("card-done")
        assert done["message_id"] == shown["message_id"]
        assert await talk.wait_for_texts() == ["mini пишет: Цена: 5000 (0, 0)"]

    converse(script, tmp_path, language)


@both_languages
def test_pressed_within_the_window_it_waits_for_the_last_photo(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.person.photo(picture("red"))
        shown = await card(talk)
        album = asyncio.create_task(talk.person.album([picture("green"), picture("blue")], delays=[0.0, 0.15]))
        await talk.wait_for_photos(2)
        assert await talk.press("button-generate", shown) == talk.translate("waiting-for-photos")
        await album
        await talk.scores()
        assert await talk.wait_for_texts() == ["mini пишет:  (3, 0)"]
        assert len(talk.bots) == 3

    converse(script, tmp_path, language, album_quiet_s=0.5, album_limit_s=3)


def test_a_photo_that_comes_while_the_text_is_written_is_in_the_one_answer(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        talk.engine.gate.clear()
        album = asyncio.create_task(talk.person.album([picture("red"), picture("blue")], delays=[0.0, 0.6]))
        await card(talk, photos(talk, 1))
        await talk.press("button-generate")
        await album
        await talk.person.wait(lambda _: talk.engine.asked)
        await talk.wait_for_photos(2)
        talk.engine.gate.set()
        assert await talk.wait_for_texts() == ["mini пишет:  (2, 0)"]
        await talk.scores()

    converse(script, tmp_path)


@both_languages
def test_a_photo_that_comes_after_the_answer_brings_the_card_again(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        album = asyncio.create_task(
            talk.person.album([picture("red"), picture("blue")], caption="Цена: 5000", delays=[0.0, 1.5])
        )
        first = await card(talk, photos(talk, 1))
        await talk.press("button-generate")
        judged = await talk.scores()
        await album
        again = await card(talk, photos(talk, 2), after=judged["message_id"])
        assert talk.translate("card-rewritten") in again["text"]
        assert again["message_id"] != first["message_id"]
        await talk.press("button-generate", again)
        assert (await talk.wait_for_texts(2))[1] == "mini пишет: Цена: 5000 (2, 1)"

    converse(script, tmp_path, language)


def test_an_edit_after_the_answer_offers_a_new_text_and_a_new_message_a_new_draft(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await ask(talk, "Цена: 5000")
        judged = await talk.scores()
        sent = talk.person.messages[0]["message_id"]
        await talk.person.edit(sent, "Цена: 4000")
        again = await card(talk, "4000", after=judged["message_id"])
        await talk.press("button-generate", again)
        judged = await talk.scores(2)
        await talk.person.text("Размер: 42")
        new = await card(talk, "42", after=judged["message_id"])
        assert "4000" not in new["text"]
        assert talk.translate("card-rewritten") not in new["text"]

    converse(script, tmp_path)


@both_languages
def test_a_waiting_user_sees_the_place_in_the_queue_and_may_cancel(tmp_path: Path, language: str) -> None:
    """The cancelled draft is open again; a second press is answered with a word."""

    async def script(talk: Talk) -> None:
        talk.engine.gate.clear()
        for number in (1, 2):
            await ask(talk, f"Цена: {number}00")
        await talk.person.wait(lambda _: len(talk.engine.asked) == 2)
        await ask(talk, "Цена: 300")
        await talk.wait_for("place-next")
        last = await ask(talk, "Цена: 400")
        await talk.wait_for("place", count=1)
        data = last["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
        await talk.press("button-cancel", last)
        await card(talk, "400")
        await talk.press("button-generate", last)
        waiting = await talk.wait_for("place", count=1)
        assert waiting["message_id"] == last["message_id"]
        assert await talk.push(last, data) == talk.translate("already-writing")
        talk.engine.gate.set()
        assert len(await talk.wait_for_texts(4)) == 4

    converse(script, tmp_path, language, max_batch=1, max_waiting_per_user=9)


def test_what_is_being_written_cannot_be_cancelled(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        talk.engine.gate.clear()
        shown = await ask(talk, "Цена: 100")
        await talk.person.wait(lambda _: talk.engine.asked)
        assert await talk.push(shown, "cancel:1") == talk.translate("too-late-to-cancel")
        talk.engine.gate.set()
        await talk.wait_for_texts()

    converse(script, tmp_path)


@both_languages
@pytest.mark.parametrize(
    ("given", "code", "count"),
    [({"max_waiting_per_user": 2}, "queue-own", 2), ({"max_waiting": 2}, "queue-full", 2)],
)
def test_a_full_queue_is_an_honest_refusal(
    tmp_path: Path, language: str, given: dict[str, int], code: str, count: int
) -> None:
    """Nothing is lost: the card keeps its button, which works as soon as there is room."""

    async def script(talk: Talk) -> None:
        talk.engine.gate.clear()
        for number in (1, 2):
            await ask(talk, f"Цена: {number}00")
        await ask(talk, "Цена: 300")
        told = await talk.wait_for(code, count=count)
        assert buttons(told) == ways_on(talk)
        third = await card(talk, "300", after=told["message_id"])
        talk.engine.gate.set()
        await talk.wait_for_texts(2)
        await talk.wait_for("card-done")
        await talk.scores(2)
        await talk.press("button-generate", third)
        assert (await talk.wait_for_texts(3))[-1] == "mini пишет: Цена: 300 (0, 0)"

    converse(script, tmp_path, language, **given)


@both_languages
def test_a_refused_listing_says_why_and_opens_its_draft_again(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        await ask(talk, REFUSED)
        refusal = await talk.wait_for("match-refused")
        assert talk.translate("service-is-for") in refusal["text"]
        assert buttons(refusal) == ways_on(talk)
        open_again = await card(talk, REFUSED, after=refusal["message_id"])
        assert talk.translate("card-rewritten") not in open_again["text"]
        await talk.person.edit(talk.person.messages[0]["message_id"], "Цена: 5000")
        await card(talk, "5000")
        await talk.press("button-generate", refusal)
        assert await talk.wait_for_texts() == ["mini пишет: Цена: 5000 (0, 1)"]
        await talk.person.wait(lambda one: one["message_id"] == refusal["message_id"] and not buttons(one))

    converse(script, tmp_path, language)


@both_languages
def test_a_photo_at_fault_can_be_taken_out(tmp_path: Path, language: str) -> None:
    """One that moderation refuses, and one that cannot be opened."""

    async def script(talk: Talk) -> None:
        talk.engine.is_in_time = False
        await talk.person.album([picture("red"), picture("blue")], caption=BAD_PHOTO)
        shown = await card(talk, photos(talk, 2))
        await talk.press("button-generate", shown)
        refusal = await talk.wait_for("photos-refused", count=1, numbers="2")
        number, drop = refusal["message_id"], talk.translate("button-drop", position=2)
        assert buttons(refusal) == [drop, *ways_on(talk)]
        assert await talk.touch(drop, refusal) == talk.translate("photo-dropped")
        await talk.person.wait(lambda one: one["message_id"] == number and buttons(one) == ways_on(talk))
        await card(talk, photos(talk, 1), after=number)
        broken = await talk.person.document(picture("green")[:300], "half.jpg", "image/jpeg")
        await talk.press("button-generate", await card(talk, photos(talk, 2), after=broken["message_id"]))
        refusal = await talk.person.wait("half.jpg", after=broken["message_id"])
        assert talk.translate("photo-damaged", name="half.jpg", number=2) in refusal["text"]
        await talk.press("button-drop", refusal, position=2)
        left = await card(talk, photos(talk, 1))
        assert BAD_PHOTO in left["text"]

    converse(script, tmp_path, language)


def test_with_its_only_photo_gone_a_refused_draft_offers_no_text(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        talk.engine.is_in_time = False
        await talk.person.document(picture("green")[:300], "half.jpg", "image/jpeg")
        await talk.press("button-generate", await card(talk, photos(talk, 1)))
        refusal = await talk.person.wait("half.jpg")
        await talk.press("button-drop", refusal, position=1)
        await talk.wait_for("card-empty", after=refusal["message_id"])
        left = await talk.person.wait(lambda one: one["message_id"] == refusal["message_id"] and len(buttons(one)) == 2)
        assert buttons(left) == [talk.translate("button-new"), talk.translate("button-cases")]

    converse(script, tmp_path)


@both_languages
def test_a_warning_asks_before_a_text_is_written(tmp_path: Path, language: str) -> None:
    """Once the user insists, the same listing is not asked about again; it is counted for the owner."""

    async def script(talk: Talk) -> None:
        await ask(talk, DOUBTED)
        warning = await talk.wait_for("warning-question")
        assert talk.translate("match-refused") in warning["text"]
        assert talk.translate("service-is-for") not in warning["text"]
        assert buttons(warning) == [talk.translate("button-insist"), *ways_on(talk)]
        await card(talk, DOUBTED, after=warning["message_id"])
        await talk.press("button-insist", warning)
        assert len(await talk.wait_for_texts()) == 1
        await talk.scores()
        await talk.press("button-again")
        assert len(await talk.wait_for_texts(2)) == 2
        await talk.command("stats")
        await talk.wait_for("stats-warnings", warned=1, insisted=1)

    converse(script, tmp_path, language)


def test_the_owner_may_let_warnings_refuse_or_be_ignored(tmp_path: Path) -> None:
    async def refused(talk: Talk) -> None:
        shown = await ask(talk, DOUBTED)
        assert buttons(await talk.wait_for("match-refused")) == ways_on(talk)
        assert await talk.push(shown, "insist:1") == talk.translate("button-stale")

    async def written(talk: Talk) -> None:
        await ask(talk, DOUBTED)
        await talk.wait_for_texts()

    converse(refused, tmp_path / "refuse", moderation_warnings="refuse")
    converse(written, tmp_path / "write", moderation_warnings="write")


@both_languages
@pytest.mark.parametrize("word", [REFUSED, "Цена: 5000"])
def test_an_album_after_a_refusal_or_a_text_is_asked_about(tmp_path: Path, language: str, word: str) -> None:
    """Added, it makes one draft with what was there before; kept apart, a draft of its own."""

    async def script(talk: Talk) -> None:
        await talk.person.photo(picture("black"), caption=word)
        await talk.press("button-generate", await card(talk, word))
        await (talk.wait_for("match-refused") if word == REFUSED else talk.scores())
        sent = await talk.person.album([picture("red"), picture("blue")])
        asked = await card(talk, talk.translate("card-whether-new"), after=sent[0]["message_id"])
        assert photos(talk, 2) in asked["text"]
        assert buttons(asked)[:2] == [talk.translate("button-is-new"), talk.translate("button-join")]
        await talk.press("button-join", asked)
        await talk.wait_for("card-joined")
        joined = await card(talk, photos(talk, 3), after=asked["message_id"])
        assert word in joined["text"]
        await talk.press("button-generate", joined)
        await talk.person.wait(lambda _: len(talk.engine.asked) == 2)
        if word != REFUSED:
            await talk.scores(2)
        else:
            await talk.person.wait(lambda _: len(talk.said("match-refused")) == 2)
        sent = await talk.person.album([picture("green"), picture("white")])
        asked = await card(talk, talk.translate("card-whether-new"), after=sent[0]["message_id"])
        await talk.press("button-is-new", asked)
        number = asked["message_id"]
        kept = await talk.person.wait(lambda one: one["message_id"] == number and len(buttons(one)) == 3)
        assert photos(talk, 2) in kept["text"]
        await talk.person.album([picture("grey"), picture("brown")])
        whole = await card(talk, photos(talk, 4), after=number)
        assert talk.translate("card-whether-new") not in whole["text"]

    converse(script, tmp_path, language)


@both_languages
def test_after_a_refusal_another_listing_can_be_begun(tmp_path: Path, language: str) -> None:
    """The refused one stays as it is; its buttons go."""

    async def script(talk: Talk) -> None:
        await ask(talk, REFUSED)
        refusal = await talk.wait_for("match-refused")
        await card(talk, REFUSED, after=refusal["message_id"])
        await talk.press("button-new", refusal)
        left = await talk.wait_for("card-left", after=refusal["message_id"])
        assert buttons(left) == []
        await talk.person.wait(lambda one: one["message_id"] == refusal["message_id"] and not buttons(one))
        await talk.person.text("Цена: 700")
        assert REFUSED not in (await card(talk, "700"))["text"]

    converse(script, tmp_path, language)


@both_languages
@pytest.mark.parametrize(("word", "code"), [(SLOW, "too-slow"), (BROKEN, "request-failed")])
def test_a_failure_is_reported_and_nothing_is_lost(tmp_path: Path, language: str, word: str, code: str) -> None:
    async def script(talk: Talk) -> None:
        await ask(talk, word)
        beginning = talk.translate(code, id="…").partition("…")[0]
        told = await talk.person.wait(beginning)
        assert "Traceback" not in told["text"]
        assert "ZeroDivision" not in told["text"]
        again = await card(talk, word, after=told["message_id"])
        assert talk.translate("button-generate") in buttons(again)

    converse(script, tmp_path, language)


@both_languages
def test_photos_that_telegram_keeps_back_are_no_bug(
    tmp_path: Path, language: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bot.telegram.downloads.compute_backoff_s", lambda *_: 0.01)

    async def script(talk: Talk) -> None:
        talk.sandbox.faults.add("getFile", code=502, times=None)
        await talk.person.photo(picture(), "Цена: 5000")
        shown = await card(talk, "5000")
        await talk.press("button-generate", shown)
        told = await talk.wait_for("photos-out-of-reach")
        await card(talk, "5000", after=told["message_id"])
        assert [record for record in caplog.records if record.name == "bot.workers.generation"] == []

    converse(script, tmp_path, language)


async def choose(talk: Talk, *models: str) -> None:
    """Choose one model after another, and nothing is written in between."""
    for model in models:
        sent = await talk.command("model")
        listed = await talk.wait_for("model-title", after=sent)
        assert await talk.touch(model, listed) == talk.translate("model-chosen", model=model)


async def choice(talk: Talk) -> tuple[str | None, str | None]:
    """The model that the user chose, and the one before."""
    async with talk.app.store.transaction() as tx:
        user = await tx.users.get(talk.person.id)
    assert user is not None
    return user.checkpoint, user.checkpoint_before


@both_languages
@pytest.mark.parametrize("fault", ["checkpoint-broken", "checkpoint-unusable"])
def test_a_model_that_does_not_work_leaves_the_old_one_serving(tmp_path: Path, language: str, fault: str) -> None:
    """Whether it does not load or fails to write; the choice goes back, and the seller has a text all the same."""

    async def script(talk: Talk) -> None:
        talk.engine.faults = {"huge": fault}
        await choose(talk, "huge")
        await ask(talk, "Цена: 5000")
        await talk.wait_for("model-failed", model="huge", other="mini")
        await talk.person.wait("mini пишет: Цена: 5000")
        await talk.person.text("Цвет: синий")
        await card(talk, "синий")
        assert [checkpoint for checkpoint, _, _ in talk.engine.asked] == ["huge", "mini"]

    converse(script, tmp_path, language, names=("mini", "nano", "huge"))


@pytest.mark.parametrize("left_out", [False, True])
def test_the_old_model_is_the_one_that_was_chosen_before(tmp_path: Path, left_out: bool) -> None:
    """Also where the new one is out of the list before it is asked: others have tried it."""

    async def script(talk: Talk) -> None:
        talk.engine.faults = {"huge": "checkpoint-broken"}
        await choose(talk, "nano", "huge")
        if left_out:
            talk.engine.names.remove("huge")
            talk.app._cards = (0.0, [])
        await ask(talk, "Цена: 5000")
        if not left_out:
            await talk.wait_for("model-failed", model="huge", other="nano")
        await talk.person.wait("nano пишет: Цена: 5000")
        await talk.person.text("Цвет: синий")
        assert talk.translate("button-model", model="nano") in buttons(await card(talk, "синий"))

    converse(script, tmp_path, names=("mini", "nano", "huge"))


def test_who_chose_no_model_before_has_the_bot_s_own_again(tmp_path: Path) -> None:
    """Whichever that will be: the owner may change it."""

    async def script(talk: Talk) -> None:
        talk.engine.faults = {"huge": "checkpoint-broken"}
        await choose(talk, "huge")
        await ask(talk, "Цена: 5000")
        await talk.wait_for("model-failed", model="huge", other="mini")
        await talk.person.wait("mini пишет: Цена: 5000")
        assert await choice(talk) == (None, None)

    converse(script, tmp_path, names=("mini", "nano", "huge"))


@pytest.mark.parametrize(
    ("chosen", "tapped", "stored"),
    [
        (["huge"], "mini", ("mini", None)),
        (["huge"], "nano", ("nano", None)),
        (["nano", "huge"], "nano", ("nano", None)),
        (["nano", "huge"], "mini", ("mini", "nano")),
    ],
)
def test_while_the_chosen_model_is_left_out_another_can_be_chosen(
    tmp_path: Path, chosen: list[str], tapped: str, stored: tuple[str, str | None]
) -> None:
    """Also the one that writes meanwhile; the bot's own choice is never stored as the user's."""

    async def script(talk: Talk) -> None:
        await choose(talk, *chosen)
        talk.engine.names.remove("huge")
        talk.app._cards = (0.0, [])
        await choose(talk, tapped)
        assert await choice(talk) == stored

    converse(script, tmp_path, names=("mini", "nano", "huge"))


def test_a_missing_model_is_reported_without_jargon(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        talk.engine.faults = {"mini": "checkpoint-broken"}
        await ask(talk, "Цена: 5000")
        await talk.wait_for("model-unavailable")
        await card(talk, "5000")

    converse(script, tmp_path)


def test_the_bot_s_own_model_that_fails_to_write_is_a_bug(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """There is nothing to fall back on: it is logged under the id that the user is told."""

    async def script(talk: Talk) -> None:
        talk.engine.faults = {"mini": "checkpoint-unusable"}
        await ask(talk, "Цена: 5000")
        told = await talk.person.wait(talk.translate("request-failed", id="…").partition("…")[0])
        await card(talk, "5000")
        (logged,) = [record.getMessage() for record in caplog.records if "mini" in record.getMessage()]
        assert logged.rpartition("[")[2].rstrip("]") in told["text"]

    converse(script, tmp_path)


@both_languages
def test_a_model_that_writes_nothing_is_reported_and_another_offered(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        await ask(talk, WORDLESS)
        refusal = await talk.wait_for("nothing-described")
        assert buttons(refusal) == ways_on(talk, "button-others")
        await card(talk, WORDLESS)
        await talk.press("button-others", refusal)
        await talk.wait_for("model-title")
        assert talk.judged() == []

    converse(script, tmp_path, language)


def test_where_there_is_no_other_model_none_is_offered(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await ask(talk, WORDLESS)
        assert buttons(await talk.wait_for("nothing-described")) == ways_on(talk)

    converse(script, tmp_path, names=("mini",))
