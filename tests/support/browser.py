"""A headless Chromium for tests of pages: Debian's own, driven by Playwright."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

T = TypeVar("T")

PHONE = (390, 844)
DESKTOP = (1280, 800)
ACTION_MS = 10_000


@dataclass(frozen=True)
class Stage:
    """One event loop and one browser for many scenarios."""

    runner: asyncio.Runner
    browser: Browser

    def run(self, scenario: Coroutine[object, object, T]) -> T:
        """Plays a scenario to its end."""
        return self.runner.run(scenario)

    @asynccontextmanager
    async def page(
        self, url: str, size: tuple[int, int] = DESKTOP, language: str = "ru-RU", *, dark: bool = False
    ) -> AsyncIterator[Page]:
        """A fresh page of `size` CSS pixels at `url`. An error in its scripts fails the scenario at the end."""
        width, height = size
        phone = size == PHONE
        context = await self.browser.new_context(
            viewport={"width": width, "height": height},
            locale=language,
            color_scheme="dark" if dark else "light",
            has_touch=phone,
            is_mobile=phone,
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(ACTION_MS)
        page = await context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        try:
            await page.goto(url)
            yield page
        finally:
            await context.close()
        assert errors == []


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The browser, started once; tests are skipped where there is none and none can be installed."""
    executable = chromium()
    from playwright.async_api import async_playwright

    with asyncio.Runner() as runner:
        driver = runner.run(async_playwright().start())
        # A container's root cannot have Chromium's sandbox; the only pages opened are our own.
        browser = runner.run(driver.chromium.launch(executable_path=executable, args=["--no-sandbox"]))
        yield Stage(runner, browser)
        runner.run(browser.close())
        runner.run(driver.stop())


def chromium() -> str:
    """Path of Chromium, installed by apt when this machine lets us."""
    if found := shutil.which("chromium"):
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("no chromium, and only root could install it (apt-get install chromium)")
    subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=False)
    subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], capture_output=True, check=False)
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no chromium, and apt-get could not install it")
    return found
