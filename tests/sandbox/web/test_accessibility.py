"""The page can be read and used by everybody: contrast, roles, the focus after a press, and news of a lost bot."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import expect

from sandbox.server import Sandbox
from tests.sandbox.web.test_page import KEYBOARD, Scene, picture, scene
from tests.support.browser import DESKTOP, PHONE, Stage

LEAST_CONTRAST = 4.5

# Every visible text with its contrast (WCAG 2.1) against what is painted behind it. Layers are laid over each other; of
# a gradient each colour is tried, and the worst one counts.
MEASURE = """() => {
  const parse = (text) => [...text.matchAll(/rgba?\\(([^)]+)\\)/g)].map(([, part]) => {
    const [r, g, b, a = 1] = part.split(/[ ,/]+/).map(Number);
    return [r, g, b, a];
  });
  const over = ([r, g, b, a], below) => [r, g, b].map((value, at) => value * a + below[at] * (1 - a));
  const luminance = (colour) => {
    const [r, g, b] = colour.map((value) => value / 255)
      .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const backgrounds = (node) => {
    if (!node) return [[255, 255, 255]];
    const style = getComputedStyle(node);
    const [flat] = parse(style.backgroundColor);
    const layers = style.backgroundImage.includes("gradient") ? parse(style.backgroundImage) : [flat];
    if (layers.every(([, , , alpha]) => alpha === 1)) return layers.map((layer) => layer.slice(0, 3));
    return backgrounds(node.parentElement).flatMap((below) => layers.map((layer) => over(layer, below)));
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const node = text.parentElement;
    if (!text.data.trim() || !node.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const [ink] = parse(getComputedStyle(node).color);
    const contrasts = backgrounds(node).map((ground) => {
      const [light, dark] = [luminance(over(ink, ground)), luminance(ground)].sort((one, other) => other - one);
      return (light + 0.05) / (dark + 0.05);
    });
    found.push([text.data.trim().slice(0, 30), Math.min(...contrasts)]);
  }
  return found;
}"""


async def fill(at: Scene) -> None:
    """Put every kind of text into the chat."""
    await at.bot.say(
        "<b>Черновик</b> <i>платье</i> <a href='https://example.org'>ссылка</a> /help <code>код</code>"
        "<blockquote expandable>Оценки\n1\n2\n3\n4\n<a href='https://example.org'>ещё</a></blockquote>",
        reply_markup=KEYBOARD,
    )
    person = at.sandbox.user(1)
    await person.text("вижу https://example.org и /help")
    await person.photo(picture("white"))
    await person.document(b"%PDF", "договор.pdf", "application/pdf")
    await expect(at.bubbles).to_have_count(5)


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_background(stage: Stage, size: tuple[int, int], scheme: str) -> None:
    async def scenario() -> None:
        async with scene(stage, size) as at:
            for number, name in enumerate(("Борис", "Вера", "Галя", "Дина", "Ева", "Жанна"), 2):
                await at.sandbox.user(number, name).text("привет")
            await expect(at.page.locator(".chip .avatar")).to_have_count(7)
            await at.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            await fill(at)
            await at.chat().get_by_role("button", name="Да").first.click()
            measured = await at.page.evaluate(MEASURE)
            assert len(measured) > 20
            assert [(text, contrast) for text, contrast in measured if contrast < LEAST_CONTRAST] == []

    stage.run(scenario())


def test_the_log_holds_a_list_of_messages(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            await fill(at)
            log = at.chat().get_by_role("log", name="Сообщения")
            await expect(log.get_by_role("list").first.locator("> .message")).to_have_count(5)
            children = await log.locator("ol.messages").evaluate("list => [...list.children].map(node => node.tagName)")
            assert set(children) == {"LI"}

    stage.run(scenario())


def test_the_focus_stays_in_the_message_when_its_button_is_gone(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            card = await at.bot.say("Черновик", reply_markup=KEYBOARD)
            await at.chat().get_by_role("button", name="Нет").press("Enter")
            query = await at.bot.update("callback_query")
            await at.bot.call("answerCallbackQuery", callback_query_id=query["id"])
            one = {"inline_keyboard": [[{"text": "Отменить", "callback_data": "cancel"}]]}
            await at.bot.call("editMessageText", chat_id=1, message_id=card, text="В очереди", reply_markup=one)
            await expect(at.chat().get_by_role("button", name="Отменить")).to_be_focused()
            await at.bot.call("editMessageText", chat_id=1, message_id=card, text="Пишу")
            await expect(at.bubbles.last).to_be_focused()
            await at.bot.call("editMessageText", chat_id=1, message_id=card, text="Готово")
            await expect(at.bubbles.last).to_contain_text("Готово")
            await expect(at.bubbles.last).to_be_focused()

    stage.run(scenario())


def test_the_focus_follows_a_card_that_moves(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            card = await at.bot.say("Черновик", reply_markup=KEYBOARD)
            await at.chat().get_by_role("button", name="Нет").focus()
            await at.bot.say("Фото убрано")
            await at.bot.say("Черновик снова", reply_markup=KEYBOARD)
            await at.bot.call("deleteMessage", chat_id=1, message_id=card)
            await expect(at.chat().get_by_role("button", name="Нет")).to_have_count(1)
            await expect(at.chat().get_by_role("button", name="Нет")).to_be_focused()

    stage.run(scenario())


def test_a_disconnected_bot_is_shown_in_every_chat(stage: Stage) -> None:
    """And a sandbox that is gone, too, above all chats."""

    async def scenario() -> None:
        async with AsyncExitStack() as running:
            sandbox = await running.enter_async_context(Sandbox())
            page = await running.enter_async_context(stage.page(sandbox.url))
            status = page.locator(".status").first
            await expect(status).to_have_text(re.compile("^нет связи"), timeout=15_000)
            sandbox.telegram.updates.last_poll = float("inf")  # as if a bot polled
            await expect(status).to_have_text(re.compile("^вы пишете как"), timeout=15_000)
            await sandbox.__aexit__(None, None, None)
            await expect(page.locator(".lost")).to_contain_text("Нет связи", timeout=15_000)
            await expect(status).to_have_text(re.compile("^нет связи"))

    stage.run(scenario())
