"""Takes the pictures of `docs/pictures` again: `.venv/bin/python scripts/take_pictures.py` (needs Chromium).

It walks through `opisalka demo` in a browser, with the drawn photos of `testcases/` and the embedded models.
"""

from __future__ import annotations

import io
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "testcases"
PICTURES = ROOT / "docs" / "pictures"
PHONE = (390, 844)
DESKTOP = (1180, 760)
PATIENCE_MS = 60_000
COLOURS = 256
KMEANS = 4
LARGEST_KB = 200
TSHIRT = (CASES / "1.1" / "attributes.txt").read_text("utf-8")
DRESS = "Предмет одежды: Платья; Состояние: Новое; Размер: 48 (L); Цена: 1 800 руб."
SKIRT = "Состояние: Новое с биркой; Размер: 44 (S); Цена: 900 ₽"


@contextmanager
def demo() -> Generator[str]:
    """Address of a demo that runs meanwhile."""
    command = [sys.executable, "-m", "cli", "demo", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        said = process.stdout.readline() if process.stdout else ""
        try:
            yield re.findall(r"http://[\d.:]+", said)[0]
        finally:
            process.send_signal(signal.SIGINT)


@contextmanager
def opened(browser: Browser, url: str, size: tuple[int, int], *, dark: bool = False) -> Generator[Page]:
    """The page as one device shows it, in Russian."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        device_scale_factor=2 if size == PHONE else 1,
        is_mobile=size == PHONE,
        has_touch=size == PHONE,
        locale="ru-RU",
        color_scheme="dark" if dark else "light",
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(url)
    yield page
    context.close()


def take(page: Page, name: str) -> None:
    """A picture of the page as it is when nothing moves any more."""
    expect(page.locator(".toast")).to_have_count(0, timeout=PATIENCE_MS)
    page.mouse.move(0, 0)
    page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {})))")
    shown = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = PICTURES / f"{name}.png"
    shown.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, KMEANS, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size / 1024
    print(f"{size:5.0f} KB  {path.relative_to(ROOT)}")
    if size > LARGEST_KB:
        raise SystemExit(f"{path.name} is larger than {LARGEST_KB} KB")


def send(chat: Locator, case: str, attributes: str) -> None:
    """The photos of a case with a caption, until the draft's card shows them."""
    photos = sorted((CASES / case).glob("*.jpg"))
    with chat.page.expect_file_chooser() as choice:
        chat.get_by_role("button", name="Прикрепить фото или файлы").click()
    choice.value.set_files(photos)
    write(chat, attributes)
    expect(last(chat)).to_contain_text(f"Фото: {len(photos)} из 10", timeout=PATIENCE_MS)


def write(chat: Locator, text: str) -> None:
    """A message of the user's."""
    chat.get_by_role("textbox").fill(text)
    chat.get_by_role("textbox").press("Enter")


def press(chat: Locator, caption: str) -> None:
    """The newest button with this caption."""
    chat.get_by_role("button", name=caption, exact=True).last.click()


def generate(chat: Locator) -> None:
    """A text, with the line above it that says that it is done."""
    press(chat, "Сгенерировать")
    expect(last(chat)).to_contain_text("Оценки", timeout=PATIENCE_MS)
    expect(chat.locator(".message").filter(has_text="Готово.").last).to_be_visible(timeout=PATIENCE_MS)


def last(chat: Locator) -> Locator:
    """The newest message."""
    return chat.locator(".message").last


def on_a_phone(browser: Browser, url: str) -> None:
    """A text with its scores, and two texts without names."""
    with opened(browser, url, PHONE) as page:
        chat = page.locator(".chat")
        send(chat, "1.1", TSHIRT)
        generate(chat)
        press(chat, "Показать полностью")
        press(chat, "👍")
        expect(chat.get_by_role("button", name="👍 ✓")).to_be_visible(timeout=PATIENCE_MS)
        take(page, "text")
        send(chat, "7", DRESS)
        write(chat, "/compare")
        expect(last(chat)).to_contain_text("Какой текст лучше?", timeout=PATIENCE_MS)
        take(page, "compare")


def in_the_dark(browser: Browser, url: str) -> None:
    """The same user later: the preloaded cases."""
    with opened(browser, url, PHONE, dark=True) as page:
        chat = page.locator(".chat")
        press(chat, "Оба плохи")
        expect(last(chat)).to_contain_text("Спасибо за ответ!", timeout=PATIENCE_MS)
        write(chat, "/testcase")
        expect(last(chat)).to_contain_text("Готовые примеры", timeout=PATIENCE_MS)
        take(page, "dark")


def on_a_desktop(browser: Browser, url: str) -> None:
    """Two users side by side: one has a draft, the other a text."""
    with opened(browser, url, DESKTOP) as page:
        for name in ("Анна", "Борис"):
            page.get_by_role("button", name="Новый собеседник").click()
            page.get_by_label("Имя").fill(name)
            page.get_by_role("button", name="Добавить").click()
            expect(page.get_by_role("region", name=f"Чат: {name}")).to_be_visible()
        page.get_by_role("button", name="Продавец").click()
        anna, boris = (page.get_by_role("region", name=f"Чат: {name}") for name in ("Анна", "Борис"))
        send(boris, "1.1", TSHIRT)
        generate(boris)
        send(anna, "1.2", SKIRT)
        take(page, "desktop")


def main() -> None:
    """All of them, by one demo."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    with demo() as url, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        on_a_phone(browser, url)
        in_the_dark(browser, url)
        on_a_desktop(browser, url)
        browser.close()


if __name__ == "__main__":
    main()
