"""Take the screenshots in `docs/pictures` again: `.venv/bin/python scripts/take_pictures.py` (needs Chromium
and an emoji font).

They show `opisalka demo` in a browser, with the drawn photos of `testcases/` and the embedded models.
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
TIMEOUT_MS = 60_000
COLOURS = 256
KMEANS = 4
MAX_KB = 200
TSHIRT = (CASES / "1.1" / "attributes.txt").read_text("utf-8")
SHIRT = "Размер: 48; Цена: 900 руб."  # two models write about it in different words
SKIRT = "Состояние: Новое с биркой; Размер: 44 (S); Цена: 900 ₽"


@contextmanager
def run_demo() -> Generator[str]:
    """Run the demo during the block and yield its address."""
    command = [sys.executable, "-m", "cli", "demo", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        line = process.stdout.readline() if process.stdout else ""
        try:
            yield re.findall(r"http://[\d.:]+", line)[0]
        finally:
            process.send_signal(signal.SIGINT)


@contextmanager
def open_page(browser: Browser, url: str, size: tuple[int, int], *, dark: bool = False) -> Generator[Page]:
    """Open the page in Russian, on a screen of `size` CSS pixels, and close it afterwards."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        device_scale_factor=2 if size == PHONE else 1,
        is_mobile=size == PHONE,
        has_touch=size == PHONE,
        locale="ru-RU",
        color_scheme="dark" if dark else "light",
    )
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    page.goto(url)
    yield page
    context.close()


def take_screenshot(page: Page, name: str) -> None:
    """Save a screenshot of the page after all animations. Raises `SystemExit` for a file that is too large."""
    expect(page.locator(".toast")).to_have_count(0, timeout=TIMEOUT_MS)
    page.mouse.move(0, 0)
    page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {})))")
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = PICTURES / f"{name}.png"
    image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, KMEANS, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size / 1024
    print(f"{size:5.0f} KB  {path.relative_to(ROOT)}")
    if size > MAX_KB:
        raise SystemExit(f"{path.name} is larger than {MAX_KB} KB")


def send(chat: Locator, case: str, attributes: str) -> None:
    """Send the photos of a case with a caption, and wait until the draft card counts them."""
    photos = sorted((CASES / case).glob("*.jpg"))
    with chat.page.expect_file_chooser() as choice:
        chat.get_by_role("button", name="Прикрепить фото или файлы").click()
    choice.value.set_files(photos)
    write(chat, attributes)
    expect(last_message(chat)).to_contain_text(f"Фото: {len(photos)} из 10", timeout=TIMEOUT_MS)


def write(chat: Locator, text: str) -> None:
    """Send a text message."""
    chat.get_by_role("textbox").fill(text)
    chat.get_by_role("textbox").press("Enter")


def press(chat: Locator, caption: str) -> None:
    """Press the newest button with this caption."""
    chat.get_by_role("button", name=caption, exact=True).last.click()


def generate(chat: Locator) -> None:
    """Request a text, and wait for its scores and for the message that it is done."""
    press(chat, "Сгенерировать")
    expect(last_message(chat)).to_contain_text("Оценки", timeout=TIMEOUT_MS)
    expect(chat.locator(".message").filter(has_text="Готово.").last).to_be_visible(timeout=TIMEOUT_MS)


def last_message(chat: Locator) -> Locator:
    """Return the newest message."""
    return chat.locator(".message").last


def take_phone_pictures(browser: Browser, url: str) -> None:
    """Show two texts of unnamed models, and a text with its scores."""
    with open_page(browser, url, PHONE) as page:
        chat = page.locator(".chat")
        send(chat, "5", SHIRT)
        write(chat, "/compare")
        expect(last_message(chat)).to_contain_text("Какой текст лучше?", timeout=TIMEOUT_MS)
        take_screenshot(page, "compare")
        press(chat, "Лучше А")
        expect(last_message(chat)).to_contain_text("Спасибо за ответ!", timeout=TIMEOUT_MS)
        send(chat, "1.1", TSHIRT)
        generate(chat)
        press(chat, "Показать полностью")
        press(chat, "👍")
        expect(chat.get_by_role("button", name="👍 ✓")).to_be_visible(timeout=TIMEOUT_MS)
        take_screenshot(page, "text")


def take_dark_picture(browser: Browser, url: str) -> None:
    """Show the preloaded cases in dark colours, as the same user."""
    with open_page(browser, url, PHONE, dark=True) as page:
        chat = page.locator(".chat")
        write(chat, "/testcase")
        expect(last_message(chat)).to_contain_text("Готовые примеры", timeout=TIMEOUT_MS)
        take_screenshot(page, "dark")


def take_desktop_picture(browser: Browser, url: str) -> None:
    """Show two users side by side, one with a draft and one with a text."""
    with open_page(browser, url, DESKTOP) as page:
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
        expect(last_message(anna)).to_contain_text("Вижу:", timeout=TIMEOUT_MS)
        take_screenshot(page, "desktop")


def main() -> None:
    """Take all screenshots of one demo."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    with run_demo() as url, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        take_phone_pictures(browser, url)
        take_dark_picture(browser, url)
        take_desktop_picture(browser, url)
        browser.close()


if __name__ == "__main__":
    main()
