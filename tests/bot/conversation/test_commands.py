"""The commands: hello, help, models, cases, languages, privacy, forgetting, and the owner's two."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.telegram.commands import build_menu
from tests.support.bot.conversation import Talk, both_languages, buttons, converse, picture


@both_languages
def test_start_and_help_say_what_to_do(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.command("start")
        hello = await talk.wait_for("hello", limit=10)
        assert buttons(hello) == [talk.translate("button-cases")]
        await talk.command("help")
        overview = await talk.wait_for("help", limit=10)
        for each in build_menu(language, is_owner=True):
            assert f"/{each.command} — {each.description}" in overview["text"]

    converse(script, tmp_path, language)


@both_languages
def test_what_is_no_command_points_to_the_help(tmp_path: Path, language: str) -> None:
    """The owner's commands do not exist for others."""

    async def script(talk: Talk) -> None:
        for text in ("/nonsense", "/Nonsense", "/stats", "/export now"):
            sent = await talk.person.text(text)
            await talk.wait_for("command-unknown", after=sent["message_id"])
        await talk.command("help")
        assert "/stats" not in (await talk.person.wait("/compare"))["text"]

    converse(script, tmp_path, language, admins="")


@both_languages
def test_a_model_is_chosen_and_writes(tmp_path: Path, language: str) -> None:
    """The list shows each card's line and a tick at the choice; the draft's card follows."""

    async def script(talk: Talk) -> None:
        await talk.person.text("Цена: 5000")
        shown = await talk.wait_for("card-title")
        await talk.press("button-model", shown, model="mini")
        listed = await talk.wait_for("model-title")
        assert talk.translate("model-photos", count=10) in listed["text"]
        assert talk.translate("model-languages", languages="ru") in listed["text"]
        assert buttons(listed) == ["mini ✓", "nano"]
        assert await talk.touch("mini", listed) == talk.translate("model-same", model="mini")
        assert await talk.touch("nano", listed) == talk.translate("model-chosen", model="nano")
        await talk.person.wait(lambda one: "nano ✓" in buttons(one))
        await talk.person.wait(lambda one: talk.translate("button-model", model="nano") in buttons(one))
        await talk.press("button-generate", shown)
        assert await talk.wait_for_texts(1, "nano") == ["nano пишет: Цена: 5000 (0, 0)"]
        await talk.command("model")
        await talk.wait_for("model-speed", seconds=0.5)

    converse(script, tmp_path, language)


@both_languages
def test_many_models_are_shown_in_pages(tmp_path: Path, language: str) -> None:
    """Each page is a message that Telegram takes; the list opens where the chosen model is."""
    names = ["mini", *(f"model-{number:02}-{'<&>' * 60}" for number in range(69))]

    async def script(talk: Talk) -> None:
        await talk.command("model")
        listed = await talk.wait_for("model-page", page=1, pages=9)
        assert buttons(listed)[0] == "mini ✓"
        seen = buttons(listed)[:-1]
        for page in range(2, 10):
            await talk.touch("→", listed)
            listed = await talk.wait_for("model-page", page=page, pages=9)
            seen += [caption for caption in buttons(listed) if caption not in "←→"]
        assert seen == ["mini ✓", *names[1:]]
        assert "→" not in buttons(listed)
        await talk.touch(names[-1], listed)
        await talk.person.wait(lambda one: f"{names[-1]} ✓" in buttons(one))
        sent = await talk.command("model")
        listed = await talk.wait_for("model-page", page=9, pages=9, after=sent)
        await talk.push(listed, "page:-5")
        await talk.wait_for("model-page", page=1, pages=9, after=sent)
        await talk.push(listed, "page:99")
        await talk.wait_for("model-page", page=9, pages=9, after=sent)

    converse(script, tmp_path, language, names=names)


def test_a_model_that_is_gone_gives_way_to_the_default(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        async with talk.app.store.transaction() as tx:
            await tx.users.get_or_create(talk.person.id, 0.0)
            await tx.users.set_checkpoint(talk.person.id, "gone", "lost")
        await talk.person.text("Цена: 5000")
        await talk.wait_for("card-title")
        await talk.press("button-generate")
        await talk.wait_for_texts(1, "mini")

    converse(script, tmp_path)


@both_languages
def test_a_pinned_model_is_no_choice(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.command("model")
        told = await talk.wait_for("model-pinned", model="nano")
        assert buttons(told) == []
        await talk.person.text("Цена: 5000")
        await talk.wait_for("card-title")
        await talk.press("button-generate")
        await talk.wait_for_texts(1, "nano")

    converse(script, tmp_path, language, model_pinned="nano")


@pytest.mark.parametrize(
    ("language", "name", "photos"), [("ru", "1.1", 1), ("en", "1.2", 3), ("ru", "6", 0), ("en", "7", 1)]
)
def test_a_case_is_shown_and_run(tmp_path: Path, language: str, name: str, photos: int) -> None:
    """Its photos come as an album with title and attributes; a draft that was begun stays."""

    async def script(talk: Talk) -> None:
        await talk.person.text("Цена: 777")
        await talk.wait_for("card-title")
        await talk.command("testcase")
        listed = await talk.wait_for("cases-title")
        case = next(each for each in talk.cases if each.name == name)
        await talk.touch(case.title[language], listed)
        shown = await talk.person.wait(case.title[language], after=listed["message_id"])
        assert case.attributes.strip() in (shown.get("text") or shown.get("caption") or "")
        await talk.scores()
        (submission,) = [submission for _, _, submission in talk.engine.asked]
        assert len(submission.uploads) == photos == len([one for one in talk.bots if "photo" in one])
        await talk.person.text("Размер: 42")
        await talk.person.wait(lambda one: "777" in one.get("text", "") and "42" in one["text"])

    converse(script, tmp_path, language)


def test_a_case_that_is_refused_leaves_no_draft(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.command("testcase")
        await talk.wait_for("cases-title")
        talk.engine.refuses_all = True
        await talk.touch(talk.cases[0].title["ru"])
        await talk.wait_for("match-refused")
        await talk.wait_for("case-ended")
        async with talk.app.store.transaction() as tx:
            assert await tx.listings.get_current(talk.person.id) is None

    converse(script, tmp_path)


def test_cases_are_offered_wherever_there_is_a_button_for_them(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.command("start")
        await talk.wait_for("hello", limit=10)
        await talk.press("button-cases")
        assert len(buttons(await talk.wait_for("cases-title"))) == len(talk.cases)

    converse(script, tmp_path)


@pytest.mark.parametrize(("before", "after"), [("ru", "en"), ("en", "ru")])
def test_the_language_is_changed_by_a_button(tmp_path: Path, before: str, after: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.command("language")
        asked = await talk.wait_for("language-now")
        ticked = f"{talk.translate(f'language-{before}')} ✓"
        assert ticked in buttons(asked)
        await talk.press(f"language-{after}", asked)
        talk.language = after
        told = await talk.wait_for("language-now")
        assert told["message_id"] == asked["message_id"]
        await talk.command("privacy")
        await talk.wait_for("privacy-forget")
        await talk.person.text("Цена: 5000")
        await talk.wait_for("card-title")

    converse(script, tmp_path, before)


@both_languages
@pytest.mark.parametrize(("kept", "code"), [(True, "privacy-photos-kept"), (False, "privacy-photos-not-kept")])
def test_privacy_says_what_is_kept(tmp_path: Path, language: str, kept: bool, code: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.command("privacy")
        told = await talk.wait_for(code)
        assert talk.translate("privacy-forget") in told["text"]

    converse(script, tmp_path, language, keep_photos=kept)


@both_languages
def test_everything_is_forgotten_after_a_question(tmp_path: Path, language: str) -> None:
    """Rows and files go; the count is of what was there, and nothing is left; the bot can be used again."""

    async def script(talk: Talk) -> None:
        await talk.person.photo(picture("red"), caption="Цена: 5000")
        await talk.wait_for("card-title")
        await talk.press("button-generate")
        await talk.scores()
        await talk.touch("👍")
        folder = tmp_path / "data" / "photos" / str(talk.person.id)
        await talk.person.wait(lambda _: folder.is_dir())
        await talk.command("forget")
        asked = await talk.wait_for("forget-question")
        await talk.press("button-keep", asked)
        await talk.wait_for("forget-kept")
        assert folder.is_dir()
        await talk.command("forget")
        await talk.wait_for("forget-question", after=asked["message_id"])
        await talk.press("button-forget")
        left = talk.translate("forgotten", count=2, left=0).rpartition(",")[2]
        told = await talk.person.wait(left, after=asked["message_id"])
        assert told["text"].split()[1 if language == "ru" else 0] not in ("0", "1")
        assert not folder.exists()
        await talk.wait_for("forgotten", count=int("".join(filter(str.isdigit, told["text"]))[:-1]), left=0)
        async with talk.app.store.transaction() as tx:
            assert await tx.users.get(talk.person.id) is None
            assert await tx.users.count_rows(talk.person.id) <= 1  # the last words may be on their way
        await talk.person.text("Размер: 42")
        await talk.wait_for("card-title", after=told["message_id"])

    converse(script, tmp_path, language, keep_photos=True)


def test_a_text_that_is_written_for_who_is_forgotten_reaches_nobody(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        talk.engine.gate.clear()
        await talk.person.text("Цена: 5000")
        await talk.wait_for("card-title")
        await talk.press("button-generate")
        await talk.person.wait(lambda _: talk.engine.asked)
        await talk.command("forget")
        await talk.wait_for("forget-question")
        await talk.press("button-forget")
        talk.engine.gate.set()
        other = talk.sandbox.user(2, "Борис")
        await other.text("Цена: 100")
        shown = await other.wait("100")
        await other.press(talk.translate("button-generate"), shown["message_id"])
        await other.wait("пишет: Цена: 100")
        assert talk.texts("пишет:") == []
        async with talk.app.store.transaction() as tx:
            assert await tx.users.get(talk.person.id) is None

    converse(script, tmp_path)


@both_languages
def test_the_owner_sees_numbers_and_takes_the_data(tmp_path: Path, language: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.command("export")
        await talk.wait_for("export-empty")
        await talk.person.text("Цена: 5000")
        await talk.wait_for("card-title")
        await talk.press("button-generate")
        await talk.scores()
        await talk.touch("👍")
        await talk.press("button-again")
        await talk.scores(2)
        await talk.touch("👎")
        await talk.person.wait(lambda one: talk.translate("reason-item") in buttons(one))
        await talk.press("reason-item")
        await talk.command("stats")
        told = await talk.wait_for("stats-title")
        assert talk.translate("stats-counts", users=1, blocked=0, listings=1) in told["text"]
        assert talk.translate("reason-item") in told["text"]
        await talk.command("export")
        for code in ("export-listings", "export-pairs"):
            message = await talk.wait_for(code)
            assert message["document"]["file_name"].endswith(".jsonl")
        rows = (tmp_path / "data" / "export" / "listings.jsonl").read_text("utf-8").splitlines()
        assert json.loads(rows[0])["attributes"]

    converse(script, tmp_path, language)


def test_who_blocks_the_bot_is_waited_for_no_more(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.command("start")
        await talk.wait_for("hello", limit=10)
        talk.person.block()
        other = talk.sandbox.user(2, "Борис")
        await other.text("/start")
        await other.wait("/help")
        async with talk.app.store.transaction() as tx:
            user = await tx.users.get(talk.person.id)
        assert user is not None
        assert user.blocked
        talk.person.unblock()
        await talk.command("help")
        await talk.wait_for("help", limit=10)

    converse(script, tmp_path)
