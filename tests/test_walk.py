"""A new user tries `opisalka demo` in a real browser, and sees only what the page shows.

The models are the embedded ones. Each test starts a demo of its own with an empty database.
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
TIMEOUT_MS: Final = 60_000  # a text on a busy machine
TEST_TIMEOUT_S: Final = 240


class User:
    """A user of the page: actions, and expectations about what the page shows."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.messages = page.locator(".message")
        self.last = self.messages.last
        self.scores = self.messages.filter(has_text=SCORES).filter(has=page.locator("blockquote"))
        self._input = page.get_by_role("textbox")
        page.set_default_timeout(TIMEOUT_MS)

    async def write(self, text: str) -> None:
        """Type a text and send it with Enter."""
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
        """Return the newest button with exactly this caption."""
        return (where or self.page).get_by_role("button", name=caption, exact=True).last

    async def press(self, caption: str, where: Locator | None = None) -> None:
        """Press the newest button with this caption."""
        await self.button(caption, where).click()

    async def expect_text(self, words: str | re.Pattern[str], where: Locator | None = None) -> None:
        """Wait until the last message (or `where`) contains these words."""
        await expect(where or self.last).to_contain_text(words, timeout=TIMEOUT_MS)

    async def expect_count(self, number: int, where: Locator) -> None:
        """Wait until there are `number` elements."""
        await expect(where).to_have_count(number, timeout=TIMEOUT_MS)

    async def expect_visible(self, where: Locator) -> None:
        """Wait until the element is visible."""
        await expect(where).to_be_visible(timeout=TIMEOUT_MS)

    async def read_text(self, number: int) -> str:
        """Wait for the scores of the `number`-th text and return the text, the message above them without buttons."""
        await self.expect_count(number, self.scores)
        above = self.scores.last.locator("xpath=preceding-sibling::li[1]")
        await self.expect_count(0, above.locator(".key"))
        return await above.locator(".text").inner_text()


def load_album() -> tuple[list[Path], str]:
    """Return five photos of one listing, and a pattern of the words that name the items."""
    listings = CLOTHING / "listings.jsonl"
    if not listings.exists():
        return [ROOT / "testcases" / name for name in DRAWN], GARMENTS[False]
    lines = map(json.loads, listings.read_text("utf-8").splitlines())
    photos: list[str] = next(line["photos"] for line in lines if line["id"] == LISTING)
    return [CLOTHING / name for name in photos], GARMENTS[True]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[str]:
    """Run a demo and yield its address; it must stop at Ctrl-C and write nothing to stderr."""
    command = [sys.executable, "-m", "cli", "demo", "--port", "0"]
    environment = os.environ | {"RATE_CHAT": "20"}  # the sandbox needs no rate limit, and the test is long
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


@pytest.mark.timeout(TEST_TIMEOUT_S)
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_new_user_finds_the_way_through_the_bot(stage: Stage, demo: str, size: tuple[int, int]) -> None:
    async def scenario() -> None:
        async with stage.page(demo, size) as page:
            user = User(page)
            await start(user)
            await request_text(user)
            await vote(user)
            await request_variant(user)
            await request_other_model(user)
            await correct_text(user)
            await run_a_case(user)
            await compare_two_models(user)
            await change_the_language(user)
            await open_history(user)
            await send_no_photo(user)
            await send_too_many_photos(user)
            await send_a_damaged_photo(user)
            await delete_everything(user)
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert width <= size[0]

    stage.run(scenario())


async def start(user: User) -> None:
    await user.press("Начать")
    await user.expect_text("Пришлите фотографии вещи (до 10)")
    await user.expect_visible(user.button("Готовые примеры"))


async def request_text(user: User) -> None:
    """An album with a caption becomes a draft, and a button turns it into a text with scores that unfold."""
    photos, garment = load_album()
    await user.send(photos, CAPTION)
    await user.expect_text("Черновик объявления")
    await user.expect_text("Фото: 5 из 10")
    await user.expect_text(f"Цена: {PRICE}")
    await user.press("Сгенерировать")
    await insist(user)
    text = await user.read_text(1)
    assert PRICE in text
    assert re.search(garment, text.lower())
    assert not re.search(r"[A-Za-z<>_]", text)
    await user.expect_text("mini", user.scores)
    await user.expect_text(re.compile(r"CLIPScore\): 0,\d.*Всего: \d", re.DOTALL), user.scores)
    folded = "node => node.scrollHeight > node.clientHeight + 1"
    assert await user.scores.locator(".quoted").evaluate(folded)
    await user.press("Показать полностью")
    await user.expect_visible(user.button("Свернуть"))
    assert not await user.scores.locator(".quoted").evaluate(folded)


async def insist(user: User) -> None:
    """Confirm the listing where moderation doubts it, which depends on its calibration."""
    warning = user.button("Всё равно написать")
    await expect(user.scores.or_(warning).first).to_be_visible(timeout=TIMEOUT_MS)
    if await warning.count():
        await warning.click()


async def vote(user: User) -> None:
    """A vote is ticked; the opposite vote replaces it and asks for the reason."""
    await user.press("👍")
    await user.expect_visible(user.button("👍 ✓"))
    await user.press("👎")
    await user.expect_visible(user.button("👎 ✓"))
    await user.expect_visible(user.button("👍"))
    await user.expect_text("Что не так с текстом?", user.scores)
    await user.press("неверный цвет")
    await user.expect_visible(user.page.get_by_text("Спасибо, учтено."))
    await user.expect_count(0, user.button("неверный цвет"))
    await user.expect_visible(user.button("👎 ✓"))


async def request_variant(user: User) -> None:
    first = await user.read_text(1)
    await user.press("Ещё вариант")
    second = await user.read_text(2)
    assert PRICE in second
    assert second != first
    await user.expect_text("mini", user.scores.last)


async def request_other_model(user: User) -> None:
    """The button under a text uses another model once; /model chooses it for later texts."""
    await user.press("Другой моделью")
    await user.press("Быстрее · nano", user.scores.last)
    assert PRICE in await user.read_text(3)
    await user.expect_text("nano", user.scores.last)
    await user.write("/model")
    await user.expect_text("Модели")
    await user.expect_visible(user.button("Точнее · mini ✓"))
    await user.press("Быстрее · nano")
    await user.expect_visible(user.button("Быстрее · nano ✓"))
    await user.expect_visible(user.button("Точнее · mini"))


async def correct_text(user: User) -> None:
    await user.press("✏️", user.scores.last)
    await user.expect_text("Пришлите исправленный текст")
    await user.write(BETTER)
    await user.expect_text("Спасибо, ваш текст сохранён.")
    await user.expect_visible(user.button("✏️ ✓", user.scores.last))


async def run_a_case(user: User) -> None:
    """A preloaded case shows its input, and the chosen model describes it."""
    await user.write("/testcase")
    await user.press("Одно фото, одна вещь: футболка")
    text = await user.read_text(4)
    assert "450" in text
    assert re.search(GARMENTS[False], text.lower())
    await user.expect_text("nano", user.scores.last)
    await user.expect_count(1, user.messages.filter(has_text="Цена: 450").locator("img"))


async def compare_two_models(user: User) -> None:
    """Two texts have no names of models; the vote reveals them. Nearly equal ones are not compared."""
    await user.write("/compare")
    question, alike = (user.messages.filter(has_text=words) for words in ("Какой текст лучше?", "почти одно и то же"))
    await expect(question.or_(alike).first).to_be_visible(timeout=TIMEOUT_MS)
    if await alike.count():
        assert "450" in await user.read_text(5)
        return
    for letter in ("А", "Б"):
        text = user.messages.filter(has_text=re.compile(rf"Текст {letter}(?!\w)"))
        await user.expect_text("450", text)
        await expect(text).not_to_contain_text(re.compile("mini|nano|interrogator"))
    await user.press("Лучше А")
    await user.expect_text("Лучше А. Текст А написала модель")
    await user.expect_text(re.compile(r"(mini|interrogator).*nano|nano.*(mini|interrogator)"))


async def change_the_language(user: User) -> None:
    await user.write("/language")
    await user.press("English")
    await user.expect_text("I speak English.")
    await user.write("/help")
    await user.expect_text("Press “Generate” under the draft.")
    await user.press("Русский")
    await user.expect_visible(user.button("Русский ✓"))
    await user.write("/help")
    await user.expect_text("Нажмите «Сгенерировать» под черновиком.")


async def open_history(user: User) -> None:
    """Six texts exist, four single ones and a pair; each can be shown again."""
    await user.write("/history")
    await user.expect_text("Ваши последние тексты")
    old = user.last.locator(".key")
    await user.expect_count(6, old)
    shown = await user.scores.count()
    await old.last.click()
    text = await user.read_text(shown + 1)
    assert text == await user.scores.first.locator("xpath=preceding-sibling::li[1]").locator(".text").inner_text()
    await user.expect_visible(user.button("👎 ✓", user.scores.last))


async def send_no_photo(user: User) -> None:
    notes: FilePayload = {"name": "заметки.txt", "mimeType": "text/plain", "buffer": "Пальто".encode()}
    await user.send([notes])
    await user.expect_text("Не возьму «заметки.txt»: это не изображение.")
    await user.press("Очистить")
    await user.expect_text("Черновик очищен.")


async def send_too_many_photos(user: User) -> None:
    photos = sorted((ROOT / "testcases").glob("*/*.jpg"))[:11]
    await user.send(photos)
    await user.expect_text("Не возьму фото 11: в объявлении не больше 10 фото.")
    await user.expect_text("Фото: 10 из 10")
    await user.press("Очистить")
    await user.expect_text("Черновик очищен.")


async def send_a_damaged_photo(user: User) -> None:
    """Damage is found by a look inside when the file comes; the rest of the draft stays."""
    whole = (ROOT / "testcases" / "7" / "dress.jpg").read_bytes()
    photo: FilePayload = {"name": "платье.jpg", "mimeType": "image/jpeg", "buffer": whole[: len(whole) // 3]}
    await user.send([photo], "Цена: 990", as_files=True)
    await user.expect_text("Не удалось принять «платье.jpg»: файл повреждён")
    card = user.messages.filter(has_text="Черновик объявления").last
    await user.expect_text("Фото: 0 из 10", card)
    await user.expect_text("Цена: 990", card)


async def delete_everything(user: User) -> None:
    """Everything is deleted after a confirmation, the reply counts the rows, and /history is empty."""
    await user.write("/forget")
    await user.expect_text("Удалить всё, что о вас хранится?")
    await user.press("Удалить всё")
    await user.expect_text(re.compile(r"Удален[ао] \d\d запис(ь|и|ей), осталось 0\."))
    await user.write("/history")
    await user.expect_text("Здесь появятся ваши тексты")
