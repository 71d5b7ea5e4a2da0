"""A new user's walk through `opisalka demo` in a real browser: only what the page shows is looked at.

The models are the embedded ones. Each walk has a demo of its own, with nothing remembered.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import FilePayload, Locator, Page, expect

from tests.support.browser import DESKTOP, PHONE, Stage
from tests.support.sources import ROOT

CLOTHING: Final = ROOT.parent / "shared" / "data" / "clothing"
DRAWN: Final = ("1.1/tshirt.jpg", "3.2/red.jpg", "3.2/white.jpg", "3.2/black.jpg", "3.3/tshirts.jpg")
LISTING: Final = "val-0043"  # five pairs of shoes by one seller
GARMENTS: Final = {
    True: r"кроссов|ботин|туфл|балет|сандал|босонож|шл[её]п|тапоч|лофер|мокас|кед|обув",
    False: r"футболк|майк|топ",
}
PRICE: Final = "2800"
CAPTION: Final = f"Состояние: Отличное; Размер: 44; Цена: {PRICE}; Доставка: от 150 руб."
BETTER: Final = f"Вещи в отличном состоянии, размер 44. Отдам за {PRICE} руб."
SCORES: Final = "Оценки"
PATIENCE_MS: Final = 60_000  # a text on a busy machine
WALK_S: Final = 240


class Walk:
    """One user at the page, and the latest of what the page shows."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.messages = page.locator(".message")
        self.last = self.messages.last
        self.scores = self.messages.filter(has_text=SCORES).filter(has=page.locator("blockquote"))
        self._input = page.get_by_role("textbox")
        page.set_default_timeout(PATIENCE_MS)

    async def write(self, text: str) -> None:
        """Send a text, as it is typed and ended with Enter."""
        await self._input.fill(text)
        await self._input.press("Enter")

    async def send(
        self, files: Sequence[str | Path] | Sequence[FilePayload], caption: str = "", *, as_files: bool = False
    ) -> None:
        """Attach files and send them with a caption."""
        async with self.page.expect_file_chooser() as choice:
            await self.page.get_by_role("button", name="Прикрепить фото или файлы").click()
        await (await choice.value).set_files(files)
        if as_files:
            await self.page.get_by_label("Без сжатия, как файлы").check()
        await self.write(caption)

    def button(self, caption: str, where: Locator | None = None) -> Locator:
        """The newest button of the bot's with exactly this caption."""
        return (where or self.page).get_by_role("button", name=caption, exact=True).last

    async def press(self, caption: str, where: Locator | None = None) -> None:
        """Press the newest button with this caption."""
        await self.button(caption, where).click()

    async def sees(self, words: str | re.Pattern[str], where: Locator | None = None) -> None:
        """Wait until the last message (or another place) holds these words."""
        await expect(where or self.last).to_contain_text(words, timeout=PATIENCE_MS)

    async def counts(self, number: int, where: Locator) -> None:
        """Wait until there are so many of these."""
        await expect(where).to_have_count(number, timeout=PATIENCE_MS)

    async def shows(self, where: Locator) -> None:
        """Wait until it is on the page."""
        await expect(where).to_be_visible(timeout=PATIENCE_MS)

    async def reads_text(self, number: int) -> str:
        """Wait for the scores of the `number`-th text, and read the text: the message above them, alone."""
        await self.counts(number, self.scores)
        above = self.scores.last.locator("xpath=preceding-sibling::li[1]")
        await self.counts(0, above.locator(".key"))
        return await above.locator(".text").inner_text()


def album() -> tuple[list[Path], str]:
    """Five photos of one listing, and what a sensible text calls the things on them."""
    listings = CLOTHING / "listings.jsonl"
    if not listings.exists():
        return [ROOT / "testcases" / name for name in DRAWN], GARMENTS[False]
    lines = map(json.loads, listings.read_text("utf-8").splitlines())
    photos: list[str] = next(line["photos"] for line in lines if line["id"] == LISTING)
    return [CLOTHING / name for name in photos], GARMENTS[True]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[str]:
    """Address of a running demo; at the end Ctrl-C stops it, and it has complained of nothing."""
    command = [sys.executable, "-m", "cli", "demo", "--port", "0"]
    environment = os.environ | {"RATE_CHAT": "20"}  # there is no Telegram to spare, and a test's time is short
    log = tmp_path / "stderr"
    with log.open("wb") as errors:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
    with process:
        assert process.stdout is not None
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert address is not None, log.read_text("utf-8")
            yield address[0]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
    assert (process.returncode, log.read_text("utf-8")) == (0, "")


@pytest.mark.timeout(WALK_S)
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_new_user_finds_the_way_through_the_bot(stage: Stage, demo: str, size: tuple[int, int]) -> None:
    async def scenario() -> None:
        async with stage.page(demo, size) as page:
            walk = Walk(page)
            await begin(walk)
            await get_a_text(walk)
            await judge_it(walk)
            await get_another_text(walk)
            await get_a_text_by_another_model(walk)
            await correct_it(walk)
            await run_a_case(walk)
            await compare_two_models(walk)
            await change_the_language(walk)
            await look_at_old_texts(walk)
            await send_what_is_no_photo(walk)
            await send_too_many_photos(walk)
            await send_a_damaged_photo(walk)
            await be_forgotten(walk)
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert width <= size[0]

    stage.run(scenario())


async def begin(walk: Walk) -> None:
    await walk.press("Начать")
    await walk.sees("Пришлите фотографии вещи (до 10)")
    await walk.shows(walk.button("Готовые примеры"))


async def get_a_text(walk: Walk) -> None:
    """An album with a caption becomes a draft; a button turns it into a text with scores that unfold."""
    photos, garment = album()
    await walk.send(photos, CAPTION)
    await walk.sees("Черновик объявления")
    await walk.sees("Фото: 5 из 10")
    await walk.sees(f"Цена: {PRICE}")
    await walk.press("Сгенерировать")
    text = await walk.reads_text(1)
    assert PRICE in text
    assert re.search(garment, text.lower())
    assert not re.search(r"[A-Za-z<>_]", text)
    await walk.sees("mini", walk.scores)
    await walk.sees(re.compile(r"CLIPScore\): 0,\d.*Всего: \d", re.DOTALL), walk.scores)
    folded = "node => node.scrollHeight > node.clientHeight + 1"
    assert await walk.scores.locator(".quoted").evaluate(folded)
    await walk.press("Показать полностью")
    await walk.shows(walk.button("Свернуть"))
    assert not await walk.scores.locator(".quoted").evaluate(folded)


async def judge_it(walk: Walk) -> None:
    """A vote is ticked; the other vote takes its place and asks why."""
    await walk.press("👍")
    await walk.shows(walk.button("👍 ✓"))
    await walk.press("👎")
    await walk.shows(walk.button("👎 ✓"))
    await walk.shows(walk.button("👍"))
    await walk.sees("Что не так с текстом?", walk.scores)
    await walk.press("неверный цвет")
    await walk.shows(walk.page.get_by_text("Спасибо, учтено."))
    await walk.counts(0, walk.button("неверный цвет"))
    await walk.shows(walk.button("👎 ✓"))


async def get_another_text(walk: Walk) -> None:
    first = await walk.reads_text(1)
    await walk.press("Ещё вариант")
    second = await walk.reads_text(2)
    assert PRICE in second
    assert second != first
    await walk.sees("mini", walk.scores.last)


async def get_a_text_by_another_model(walk: Walk) -> None:
    """The button under a text asks another model once; /model chooses it for all that follows."""
    await walk.press("Другой моделью")
    await walk.press("nano", walk.scores.last)
    assert PRICE in await walk.reads_text(3)
    await walk.sees("nano", walk.scores.last)
    await walk.write("/model")
    await walk.sees("Модели")
    await walk.shows(walk.button("mini ✓"))
    await walk.press("nano")
    await walk.shows(walk.button("nano ✓"))
    await walk.shows(walk.button("mini"))


async def correct_it(walk: Walk) -> None:
    await walk.press("✏️", walk.scores.last)
    await walk.sees("Пришлите исправленный текст")
    await walk.write(BETTER)
    await walk.sees("Спасибо, ваш текст сохранён.")
    await walk.shows(walk.button("✏️ ✓", walk.scores.last))


async def run_a_case(walk: Walk) -> None:
    """A preloaded case shows what it sends; the chosen model writes about it."""
    await walk.write("/testcase")
    await walk.press("Одно фото, одна вещь: футболка")
    text = await walk.reads_text(4)
    assert "450" in text
    assert re.search(GARMENTS[False], text.lower())
    await walk.sees("nano", walk.scores.last)
    await walk.counts(1, walk.messages.filter(has_text="Цена: 450").locator("img"))


async def compare_two_models(walk: Walk) -> None:
    """Two texts without names; the names come with the vote."""
    await walk.write("/compare")
    await walk.sees("Какой текст лучше?")
    for letter in ("А", "Б"):
        text = walk.messages.filter(has_text=f"Текст {letter}")
        await walk.sees("450", text)
        await expect(text).not_to_contain_text(re.compile("mini|nano|interrogator"))
    await walk.press("Лучше А")
    await walk.sees("Лучше А. Текст А написала модель")
    await walk.sees(re.compile(r"(mini|interrogator).*nano|nano.*(mini|interrogator)"))


async def change_the_language(walk: Walk) -> None:
    await walk.write("/language")
    await walk.press("English")
    await walk.sees("I speak English.")
    await walk.write("/help")
    await walk.sees("Press “Generate” under the draft.")
    await walk.press("Русский")
    await walk.shows(walk.button("Русский ✓"))
    await walk.write("/help")
    await walk.sees("Нажмите «Сгенерировать» под черновиком.")


async def look_at_old_texts(walk: Walk) -> None:
    """Six texts were written: four ordered one by one and a pair; any of them can be shown again."""
    await walk.write("/history")
    await walk.sees("Ваши последние тексты")
    old = walk.last.locator(".key")
    await walk.counts(6, old)
    await old.last.click()
    text = await walk.reads_text(5)
    assert text == await walk.scores.first.locator("xpath=preceding-sibling::li[1]").locator(".text").inner_text()
    await walk.shows(walk.button("👎 ✓", walk.scores.last))


async def send_what_is_no_photo(walk: Walk) -> None:
    notes: FilePayload = {"name": "заметки.txt", "mimeType": "text/plain", "buffer": "Пальто".encode()}
    await walk.send([notes])
    await walk.sees("Не возьму «заметки.txt»: это не изображение.")
    await walk.press("Очистить")
    await walk.sees("Черновик очищен.")


async def send_too_many_photos(walk: Walk) -> None:
    photos = sorted((ROOT / "testcases").glob("*/*.jpg"))[:11]
    await walk.send(photos)
    await walk.sees("Не возьму фото 11: в объявлении не больше 10 фото.")
    await walk.sees("Фото: 10 из 10")
    await walk.press("Очистить")
    await walk.sees("Черновик очищен.")


async def send_a_damaged_photo(walk: Walk) -> None:
    """What is wrong shows when the file is opened; the photo can be taken out, and nothing else is lost."""
    whole = (ROOT / "testcases" / "7" / "dress.jpg").read_bytes()
    photo: FilePayload = {"name": "платье.jpg", "mimeType": "image/jpeg", "buffer": whole[: len(whole) // 3]}
    await walk.send([photo], "Цена: 990", as_files=True)
    await walk.sees("Цена: 990")
    await walk.press("Сгенерировать")
    await walk.sees("Не удалось принять «платье.jpg»: файл повреждён")
    await walk.press("Убрать фото 1")
    card = walk.messages.filter(has_text="Черновик объявления").last
    await walk.sees("Фото: 0 из 10", card)
    await walk.sees("Цена: 990", card)


async def be_forgotten(walk: Walk) -> None:
    """Everything goes after a second question; a count says that nothing stayed, and /history agrees."""
    await walk.write("/forget")
    await walk.sees("Удалить всё, что о вас хранится?")
    await walk.press("Удалить всё")
    await walk.sees(re.compile(r"Удален[ао] \d\d запис(ь|и|ей), осталось 0\."))
    await walk.write("/history")
    await walk.sees("Здесь появятся ваши тексты")
