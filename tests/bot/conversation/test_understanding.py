"""The card says what is understood, and asks where it is unsure; an answer fixes the fact and is kept to learn from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inference.errors import Message
from inference.facts.types import Fact
from inference.listing.types import Question
from tests.support.bot.conversation import Json, Talk, both_languages, buttons, converse, picture

SURE = (
    Fact("colour", "чёрный", "field", words="чёрное"),
    Fact("item", "платье", "photo", 0.87),
    Fact("item", "сарафан", "photo", 0.1),
    Fact("colour", "тёмно-синий", "photo", 0.8),
    Fact("sleeve", "без рукавов", "photo", 0.6),
    Fact("neckline", "круглый", "photo", 0.3),
)
UNSURE = (
    Fact("item", "поло", "photo", 0.3),
    Fact("item", "футболка", "photo", 0.5),
    Fact("item", "майка", "photo", 0.2),
)


async def sees(
    talk: Talk,
    facts: tuple[Fact, ...],
    *unsure: Question,
    diversity: float = 0.07,
    caption: str = "Цена: 5000",
) -> Json:
    """Send a photo of which the engine knows these facts; the card once it shows them."""
    talk.engine.facts, talk.engine.diversity, talk.engine.unsure = facts, diversity, unsure
    await talk.person.photo(picture("red"), caption=caption)
    beginnings = [talk.translate(code, facts="…").partition("…")[0] for code in ("card-sees", "card-sees-set")]
    return await talk.person.wait(lambda one: any(beginning in one.get("text", "") for beginning in beginnings))


@both_languages
def test_the_card_says_what_is_seen_and_what_the_seller_says(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        shown = await sees(talk, SURE)
        item = talk.translate("seen-item", item="платье", percent=87)
        assert talk.translate("card-sees", facts=f"{item}, тёмно-синее, без рукавов") in shown["text"]
        assert talk.translate("card-said", facts="чёрное") in shown["text"]
        assert talk.translate("card-which-item") not in shown["text"]
        assert len(buttons(shown)) == 3
        assert len(talk.bots) == 1

    converse(script, tmp_path, language)


@both_languages
@pytest.mark.parametrize("is_typed", [False, True])
def test_an_unsure_item_is_asked_about_and_one_answer_fixes_it(tmp_path: Path, language: str, is_typed: bool) -> None:
    """By a tap or in the seller's words; the text is written with it, and it is exported."""

    async def script(talk: Talk) -> None:
        shown = await sees(talk, UNSURE, "item")
        assert talk.translate("card-which-item") in shown["text"]
        other = talk.translate("button-other-item")
        assert buttons(shown)[:5] == ["футболка", "поло", "майка", other, talk.translate("button-generate")]
        word = "жилет" if is_typed else "поло"
        if is_typed:
            await talk.touch(other, shown)
            await talk.wait_for("item-asked")
            await talk.person.text(word)
        else:
            assert await talk.touch(word, shown) == talk.translate("thanks")
        fixed = await talk.wait_for("card-said", facts=word)
        assert "футболка" not in buttons(fixed)
        assert "жилет" not in fixed["text"].partition("5000")[0]
        await talk.press("button-generate", fixed)
        await talk.scores()
        assert talk.engine.told == [(word, None)]
        await talk.command("export")
        exported = await talk.person.wait(lambda one: one.get("document", {}).get("file_name") == "answers.jsonl")
        assert exported["caption"] == talk.translate("export-answers")
        (line,) = (tmp_path / "data" / "export" / "answers.jsonl").read_text("utf-8").splitlines()
        answer = json.loads(line)
        assert (answer["question"], answer["answer"]) == ("item", word)
        assert answer["offered"] == {"футболка": 0.5, "поло": 0.3, "майка": 0.2}
        assert answer["attributes"] == {"Цена": "5000"}
        assert len(answer["photo_sha256"]) == 1

    converse(script, tmp_path, language)


@both_languages
def test_one_thing_or_many_is_asked_where_it_is_unsure(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        shown = await sees(talk, UNSURE, "item", "set", diversity=0.6)
        assert talk.translate("card-sees-set", facts="футболка, поло, майка") in shown["text"]
        assert talk.translate("card-one-or-many") in shown["text"]
        assert buttons(shown)[:2] == [talk.translate("button-one-thing"), talk.translate("button-many-things")]
        await talk.press("button-one-thing", shown)
        asked = await talk.wait_for("card-which-item")
        assert talk.translate("card-one-or-many") not in asked["text"]
        await talk.press("button-generate", asked)
        await talk.scores()
        assert talk.engine.told == [("", False)]

    converse(script, tmp_path, language)


def test_each_of_different_things_is_named_once(tmp_path: Path) -> None:
    """Not all that each of them may be; an answer that there is one thing brings back what it may be."""

    async def script(talk: Talk) -> None:
        talk.engine.things = ("футболка", "джинсы")
        shown = await sees(talk, UNSURE, "set", diversity=0.6)
        assert talk.translate("card-sees-set", facts="футболка, джинсы") in shown["text"]
        talk.engine.facts, talk.engine.things = (Fact("item", "поло", "photo", 0.9),), ("поло",)
        await talk.press("button-one-thing", shown)
        item = talk.translate("seen-item", item="поло", percent=90)
        await talk.wait_for("card-sees", facts=item)

    converse(script, tmp_path)


@both_languages
def test_the_card_says_that_a_photo_shows_nothing(tmp_path: Path, language: str) -> None:
    """Before the text is written, while the seller can still mend it."""

    async def script(talk: Talk) -> None:
        talk.engine.reason = Message("photos-blank", {"count": 1, "numbers": "1"})
        await talk.person.photo(picture("white"), caption="Цена: 500")
        shown = await talk.wait_for("photos-blank", count=1, numbers="1")
        assert "500" in shown["text"]
        assert talk.translate("button-generate") in buttons(shown)
        talk.engine.reason = None
        await talk.person.photo(picture("red"))
        shown = await talk.wait_for("card-photos", count=2, limit=10)
        assert talk.translate("photos-blank", count=1, numbers="1") not in shown["text"]

    converse(script, tmp_path)


def test_what_the_seller_named_is_not_asked_about(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        shown = await sees(talk, (Fact("item", "рубашка", "text", words="рубашка"), *UNSURE), "item", caption="рубашка")
        assert talk.translate("card-which-item") not in shown["text"]
        assert talk.translate("card-said", facts="рубашка") in shown["text"]

    converse(script, tmp_path)


def test_facts_of_an_earlier_state_of_the_draft_are_not_shown(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await sees(talk, SURE)
        talk.engine.facts = (Fact("item", "шапка", "photo", 0.9),)
        await talk.person.photo(picture("blue"))
        shown = await talk.person.wait("шапка")
        assert "платье" not in shown["text"]

    converse(script, tmp_path)


def test_a_photo_ends_the_wait_for_a_name(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        shown = await sees(talk, UNSURE, "item")
        await talk.press("button-other-item", shown)
        await talk.wait_for("item-asked")
        await talk.person.photo(picture("blue"))
        await talk.person.text("мягкая")
        await talk.person.wait("• мягкая")

    converse(script, tmp_path)
