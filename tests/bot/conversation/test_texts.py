"""What a user does with a text: votes, reasons, corrections, other versions, other models, comparisons, the past."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from storage.records import DescriptionRecord
from tests.support.bot.conversation import Json, Talk, both_languages, buttons, converse, picture

TEXT = "Цена: 5000"


async def answered(talk: Talk, text: str = TEXT, count: int = 1) -> Json:
    """Have a text written; the message with its buttons."""
    await talk.person.text(text)
    shown = await talk.person.wait(lambda message: text in message.get("text", "") and buttons(message))
    await talk.press("button-generate", shown)
    return await talk.scores(count)


async def description(talk: Talk, number: int = 1) -> DescriptionRecord:
    """What storage holds."""
    async with talk.app.store.transaction() as tx:
        found = await tx.feedback.get(number)
    assert found is not None
    return found


async def shows(talk: Talk, message: Json, *captions: str) -> None:
    """Wait until the message has these buttons among its own."""
    number = message["message_id"]
    await talk.person.wait(lambda one: one["message_id"] == number and set(captions) <= set(buttons(one)))


@both_languages
def test_the_text_comes_alone_and_its_scores_folded(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.person.album([picture("red"), picture("blue")], caption="<b>Цена</b> & скидка: 5000")
        await talk.wait_for("card-title")
        await talk.press("button-generate")
        judged = await talk.scores()
        assert await talk.wait_for_texts() == ["mini пишет: <b>Цена</b> & скидка: 5000 (2, 0)"]
        assert judged["entities"][0]["type"] == "expandable_blockquote"
        for code in ("score-clipscore-mean", "score-many-things", "time-total"):
            assert talk.translate(code) in judged["text"]
        assert talk.translate("page-scores", checkpoint="mini") in judged["text"]
        assert talk.translate("score-bertscore") not in judged["text"]

    converse(script, tmp_path, language)


@both_languages
def test_a_vote_is_shown_and_may_be_changed_and_withdrawn(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        judged = await answered(talk)
        assert await talk.touch("👍", judged) == talk.translate("thanks")
        await shows(talk, judged, "👍 ✓")
        assert (await description(talk)).vote == 1
        assert await talk.touch("👍 ✓", judged) == talk.translate("vote-withdrawn")
        await shows(talk, judged, "👍", "👎")
        assert (await description(talk)).vote is None
        await talk.touch("👎", judged)
        await shows(talk, judged, "👍", "👎 ✓", talk.translate("reason-invented"))
        await talk.press("reason-invented", judged)
        await shows(talk, judged, "👎 ✓")
        found = await description(talk)
        assert (found.vote, found.reason) == (-1, "invented")
        await talk.touch("👎 ✓", judged)
        await shows(talk, judged, "👍", "👎")
        found = await description(talk)
        assert (found.vote, found.reason) == (None, None)
        await talk.touch("👍", judged)
        await shows(talk, judged, "👍 ✓", "👎")
        found = await description(talk)
        assert (found.vote, found.reason) == (1, None)
        await talk.person.wait(lambda _: talk.translate("why-bad") not in talk.bots[-1]["text"])

    converse(script, tmp_path, language)


@both_languages
def test_a_corrected_text_is_stored_with_its_changes_and_is_no_draft(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        judged = await answered(talk)
        await talk.touch("✏️", judged)
        await talk.wait_for("correction-asked")
        await talk.person.text("mini пишет: Цена: 4000, торг")
        await talk.wait_for("correction-stored")
        await shows(talk, judged, "✏️ ✓")
        assert (await description(talk)).correction == "mini пишет: Цена: 4000, торг"
        async with talk.app.store.transaction() as tx:
            assert await tx.listings.get_current(talk.person.id) is None
        await talk.person.text("Размер: 42")
        await talk.wait_for("card-title", after=judged["message_id"])

    converse(script, tmp_path, language)


@both_languages
def test_a_correction_may_be_left_by_a_button_or_by_a_photo(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        judged = await answered(talk)
        await talk.touch("✏️", judged)
        await talk.wait_for("correction-asked")
        await talk.press("button-leave")
        await talk.wait_for("correction-left")
        await talk.touch("✏️", judged)
        await talk.wait_for("correction-asked", after=judged["message_id"])
        await talk.person.photo(picture("red"), caption="Размер: 42")
        shown = await talk.wait_for("card-title", after=judged["message_id"])
        await talk.person.text("Цвет: красный")
        await talk.person.wait("красный", after=shown["message_id"] - 1)
        assert (await description(talk)).correction is None

    converse(script, tmp_path, language)


@both_languages
def test_another_version_has_another_seed_and_another_model_another_name(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        await answered(talk)
        await talk.press("button-again")
        await talk.scores(2)
        await talk.press("button-others")
        await talk.scores(3)
        assert [(name, seed) for name, seed, _ in talk.engine.asked] == [("mini", 0), ("mini", 1), ("nano", 0)]
        assert len(await talk.wait_for_texts(3)) == 3
        done = talk.translate("card-done")
        await talk.person.wait(lambda _: [one["text"] for one in talk.bots].count(done) == 3)

    converse(script, tmp_path, language)


def test_of_several_other_models_one_is_chosen(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        judged = await answered(talk)
        await talk.press("button-others")
        await shows(talk, judged, "nano", "pico")
        await talk.touch("pico", judged)
        await talk.scores(2)
        assert "pico" in (await talk.wait_for_texts(1, "pico"))[0]
        assert "pico" not in buttons(judged)

    converse(script, tmp_path, names=("mini", "nano", "pico"))


@pytest.mark.parametrize(
    "given", [{"names": ("mini",)}, {"names": ("mini", "nano"), "model_pinned": "mini"}], ids=["alone", "pinned"]
)
def test_without_a_choice_nothing_offers_one(tmp_path: Path, given: dict[str, Any]) -> None:
    async def script(talk: Talk) -> None:
        await talk.person.text(TEXT)
        shown = await talk.person.wait(TEXT)
        assert buttons(shown) == [talk.translate("button-generate"), talk.translate("button-clear")]
        await talk.press("button-generate")
        assert talk.translate("button-others") not in buttons(await talk.scores())

    converse(script, tmp_path, **given)


@pytest.mark.parametrize(
    ("language", "choice"), [("ru", "first"), ("en", "second"), ("ru", "equal"), ("en", "neither")]
)
def test_two_models_are_compared_blindly(tmp_path: Path, language: str, choice: str) -> None:
    """The names are told after the vote, which is stored; a second vote is not."""

    async def script(talk: Talk) -> None:
        await talk.person.text(TEXT)
        await talk.wait_for("card-title")
        await talk.command("compare")
        question = await talk.wait_for("compare-question")
        texts = [message["text"] for message in talk.bots if "пишет" in message["text"]]
        assert [text.split("\n")[0] for text in texts] == [
            talk.translate("candidate-first"),
            talk.translate("candidate-second"),
        ]
        assert "mini" not in question["text"]
        await talk.press(f"choice-{choice}", question)
        names = ["mini" if "mini" in text else "nano" for text in texts]
        told = await talk.wait_for(
            "compare-revealed", choice=talk.translate(f"choice-{choice}"), first=names[0], second=names[1]
        )
        assert told["message_id"] == question["message_id"]
        assert buttons(told) == []
        assert await talk.push(told, "prefer:1:equal") == talk.translate("compare-chosen")
        async with talk.app.store.transaction() as tx:
            found = await tx.feedback.get_comparison(1)
        assert found is not None
        assert found.choice == choice

    converse(script, tmp_path, language)


@both_languages
def test_texts_that_are_nearly_equal_are_not_compared(tmp_path: Path, language: str) -> None:
    """The user is told so and sees one of them, with the buttons of any text, once other seeds were tried."""

    async def script(talk: Talk) -> None:
        await talk.person.text(" ".join(["хлопок"] * 40))
        await talk.wait_for("card-title")
        await talk.command("compare")
        told = await talk.wait_for("compare-alike")
        await talk.scores()
        assert len([one for one in talk.bots if "пишет" in one["text"] and one["message_id"] > told["message_id"]]) == 1
        assert talk.said("compare-question") == []
        again = talk.translate("button-again")
        assert again in told["text"]
        assert again in buttons(await talk.scores())
        tried = [(name, seed) for name, seed, _ in talk.engine.asked]
        assert tried == [("mini", 0), ("nano", 1), ("nano", 2), ("nano", 3), ("nano", 4)]

    converse(script, tmp_path, language)


def test_the_second_of_two_alike_texts_is_written_with_another_seed(tmp_path: Path) -> None:
    """Two texts to choose from, and the next one has a seed that neither has used."""

    async def script(talk: Talk) -> None:
        talk.engine.differs_from = 3
        await talk.person.text(" ".join(["хлопок"] * 40))
        await talk.wait_for("card-title")
        await talk.command("compare")
        await talk.wait_for("compare-question")
        assert [seed for _, seed, _ in talk.engine.asked] == [0, 1, 2, 3]
        assert len(talk.said("compare-alike")) == 0
        await talk.command("compare")
        await talk.wait_for_texts()
        await talk.person.wait(lambda one: len(talk.engine.asked) >= 6)
        assert [seed for _, seed, _ in talk.engine.asked[4:6]] == [4, 5]

    converse(script, tmp_path)


@both_languages
def test_the_last_listing_is_compared_where_there_is_no_draft(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.command("compare")
        await talk.wait_for("compare-nothing")
        await answered(talk)
        await talk.command("compare")
        await talk.wait_for("compare-question")
        assert {name for name, _, _ in talk.engine.asked} == {"mini", "nano"}

    converse(script, tmp_path, language)


@both_languages
@pytest.mark.parametrize(
    ("given", "code"),
    [({"names": ("mini",)}, "compare-one-model"), ({"model_pinned": "mini"}, "compare-pinned")],
)
def test_a_comparison_says_what_it_lacks(tmp_path: Path, language: str, given: dict[str, Any], code: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.command("compare")
        await talk.wait_for(code)

    converse(script, tmp_path, language, **given)


@both_languages
def test_the_past_is_listed_and_shown_again(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.command("history")
        await talk.wait_for("history-empty")
        await answered(talk, "Цена: 100")
        judged = await answered(talk, "Цена: 200", count=2)
        await talk.command("history")
        listed = await talk.wait_for("history-title", after=judged["message_id"])
        later, earlier = buttons(listed)
        assert later.startswith("mini пишет · 200 · ")
        assert earlier.startswith("mini пишет · 100 · ")
        await talk.touch(earlier, listed)
        again = await talk.person.wait("Цена: 100", after=listed["message_id"])
        judged = await talk.person.wait(lambda one: "👍" in buttons(one), after=again["message_id"])
        await talk.touch("👍", judged)
        await shows(talk, judged, "👍 ✓")
        assert (await description(talk)).vote == 1

    converse(script, tmp_path, language)
