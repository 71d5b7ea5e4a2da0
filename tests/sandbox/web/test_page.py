"""The web chat in a real browser: a person writes on the page, a scripted bot answers through the Bot API."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientSession
from PIL import Image
from playwright.async_api import FilePayload, Locator, Page, expect

from sandbox.server import Sandbox
from tests.support.browser import DESKTOP, PHONE, Stage
from tests.support.sources import ROOT

STATIC = ROOT / "sandbox" / "web" / "static"
KEYBOARD = {"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}, {"text": "Нет", "callback_data": "no"}]]}


def picture(colour: str, size: tuple[int, int] = (160, 120)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


def photos(count: int) -> list[FilePayload]:
    """Different pictures, as a browser's choice of files gives them."""
    return [
        {"name": f"{number}.jpg", "mimeType": "image/jpeg", "buffer": picture(f"hsl({number * 30}, 60%, 50%)")}
        for number in range(count)
    ]


def film() -> bytes:
    out = io.BytesIO()
    first, *others = [Image.new("RGB", (64, 48), colour) for colour in ("red", "green", "blue")]
    first.save(out, "GIF", save_all=True, append_images=others, duration=80)
    return out.getvalue()


class Bot:
    """The bot's side, by hand."""

    def __init__(self, sandbox: Sandbox, http: ClientSession) -> None:
        self._address = f"{sandbox.url}/bot{sandbox.token}"
        self._http = http
        self._offset = 0

    async def call(self, method: str, **parameters: object) -> Any:
        async with self._http.post(f"{self._address}/{method}", json=parameters) as response:
            answer = await response.json()
        assert answer["ok"], answer
        return answer["result"]

    async def update(self, kind: str) -> dict[str, Any]:
        """What the next update brings; it must be of this kind."""
        found = await self.call("getUpdates", offset=self._offset, limit=1, timeout=10)
        assert [kind] == [name for update in found for name in update if name != "update_id"]
        self._offset = found[0]["update_id"] + 1
        content: dict[str, Any] = found[0][kind]
        return content

    async def say(self, text: str, chat_id: int = 1, **parameters: object) -> int:
        sent = await self.call("sendMessage", chat_id=chat_id, text=text, parse_mode="HTML", **parameters)
        return int(sent["message_id"])


@dataclass(frozen=True)
class Scene:
    """A page, the sandbox behind it, and the bot."""

    page: Page
    sandbox: Sandbox
    bot: Bot

    def chat(self, user: int = 1) -> Locator:
        return self.page.locator(f"[data-user='{user}']")

    @property
    def input(self) -> Locator:
        return self.chat().get_by_role("textbox")

    @property
    def bubbles(self) -> Locator:
        return self.chat().locator(".message")

    async def attach(self, files: list[FilePayload]) -> None:
        async with self.page.expect_file_chooser() as choice:
            await self.chat().get_by_role("button", name="Прикрепить фото или файлы").click()
        await (await choice.value).set_files(files)


@asynccontextmanager
async def scene(
    stage: Stage, size: tuple[int, int] = DESKTOP, language: str = "ru-RU", users: tuple[str, ...] = ("Аня",)
) -> AsyncIterator[Scene]:
    """The page, with users 1, 2, … who have said "hello" to the bot."""
    async with Sandbox() as sandbox, ClientSession() as http:
        bot = Bot(sandbox, http)
        for number, name in enumerate(users, 1):
            await sandbox.user(number, name).text("привет")
            await bot.update("message")
        async with stage.page(sandbox.url, size, language) as page:
            await expect(page.locator(".chat").first).to_be_visible()
            for number, _ in enumerate(users, 1):
                await expect(page.locator(f"[data-user='{number}'] .message")).to_have_count(1)
                if size == PHONE:
                    break
            yield Scene(page, sandbox, bot)


def test_a_first_visit_has_somebody_to_write_as_and_a_start_button(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage, users=()) as at:
            await expect(at.page.get_by_text("вы пишете как Продавец")).to_be_visible()
            await expect(at.page.get_by_text("это не Telegram")).to_be_visible()
            await at.page.get_by_role("button", name="Начать").click()
            message = await at.bot.update("message")
            assert (message["text"], message["from"]["language_code"]) == ("/start", "ru")
            await expect(at.page.get_by_role("button", name="Начать")).to_be_hidden()

    stage.run(scenario())


def test_an_english_browser_reads_english(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage, language="en-GB", users=()) as at:
            await expect(at.page.get_by_text("you write as Seller")).to_be_visible()
            await at.page.get_by_role("button", name="Start").click()
            assert (await at.bot.update("message"))["from"]["language_code"] == "en"
            await at.page.get_by_label("Language of the page").select_option("ru")
            await expect(at.page.get_by_text("вы пишете как Seller")).to_be_visible()

    stage.run(scenario())


def test_enter_sends_and_shift_enter_begins_a_line(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            await at.input.fill("Куртка")
            await at.input.press("Shift+Enter")
            await at.input.press_sequentially("48")
            await at.input.press("Enter")
            assert (await at.bot.update("message"))["text"] == "Куртка\n48"
            await expect(at.input).to_have_value("")
            await expect(at.bubbles.last).to_contain_text("Куртка\n48")
            await expect(at.bubbles.last).to_have_class(re.compile("mine"))

    stage.run(scenario())


def test_photos_become_an_album_with_a_caption_and_open_at_full_size(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            await at.attach(photos(6))
            await at.chat().get_by_role("button", name="Убрать 3.jpg").click()
            await at.input.fill("Цена: 5000")
            await at.input.press("Enter")
            parts = [await at.bot.update("message") for _ in range(5)]
            assert len({part["media_group_id"] for part in parts}) == 1
            assert [part.get("caption") for part in parts] == ["Цена: 5000", None, None, None, None]
            await expect(at.bubbles).to_have_count(2)
            await expect(at.bubbles.last.locator("img")).to_have_count(5)
            await expect(at.bubbles.last).to_contain_text("Цена: 5000")
            await at.bubbles.last.get_by_role("button", name="Фото 2 из 5").click()
            await expect(at.page.get_by_role("dialog").get_by_text("Фото 2 из 5")).to_be_visible()
            await at.page.keyboard.press("ArrowRight")
            await expect(at.page.get_by_role("dialog").get_by_text("Фото 3 из 5")).to_be_visible()
            await at.page.keyboard.press("Escape")
            await expect(at.page.get_by_role("dialog")).to_have_count(0)

    stage.run(scenario())


def test_eleven_photos_are_two_albums_as_on_telegram(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            await at.attach(photos(11))
            await at.input.press("Enter")
            parts = [await at.bot.update("message") for _ in range(11)]
            assert len({part["media_group_id"] for part in parts[:10]}) == 1
            assert "media_group_id" not in parts[10]

    stage.run(scenario())


def test_photos_can_be_sent_as_files(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            await at.attach(photos(1))
            await at.chat().get_by_label("Без сжатия, как файлы").check()
            await at.chat().get_by_role("button", name="Отправить").click()
            document = (await at.bot.update("message"))["document"]
            assert (document["file_name"], document["file_size"]) == ("0.jpg", len(photos(1)[0]["buffer"]))
            await expect(at.bubbles.last).to_contain_text("0.jpg")

    stage.run(scenario())


def test_a_gif_plays_without_sound_in_a_loop(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            await at.attach([{"name": "turn.gif", "mimeType": "image/gif", "buffer": film()}])
            await at.input.press("Enter")
            assert (await at.bot.update("message"))["animation"]["mime_type"] == "video/mp4"
            video = at.bubbles.last.locator("video")
            await expect(video).to_have_js_property("paused", value=False)
            assert await video.evaluate("one => one.muted && one.loop")

    stage.run(scenario())


PUT = """([node, type]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File(["{}"], "list.json", { type: "application/json" }));
  const details = { bubbles: true, cancelable: true, dataTransfer: transfer, clipboardData: transfer };
  node.dispatchEvent(type === "drop" ? new DragEvent("drop", details) : new ClipboardEvent("paste", details));
}"""


@pytest.mark.parametrize("road", ["drop", "paste"])
def test_a_file_can_be_dropped_and_pasted(stage: Stage, road: str) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            target = at.bubbles.first if road == "drop" else at.input
            await at.page.evaluate(PUT, [await target.element_handle(), road])
            await expect(at.chat().get_by_label("Вложения")).to_contain_text("list.json")
            await at.chat().get_by_role("button", name="Отправить").click()
            assert (await at.bot.update("message"))["document"]["file_name"] == "list.json"

    stage.run(scenario())


def test_a_button_waits_for_its_answer_and_the_message_changes_in_place(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            card = await at.bot.say("Черновик", reply_markup=KEYBOARD)
            await at.chat().get_by_role("button", name="Да").click()
            query = await at.bot.update("callback_query")
            assert (query["data"], query["message"]["message_id"]) == ("yes", card)
            await expect(at.chat().get_by_role("button", name="Да")).to_have_attribute("aria-busy", "true")
            await at.bot.call("answerCallbackQuery", callback_query_id=query["id"], text="Принято")
            await expect(at.chat().get_by_role("status").get_by_text("Принято")).to_be_visible()
            await expect(at.chat().get_by_role("button", name="Да")).to_have_attribute("aria-busy", "false")
            await at.bot.call("editMessageText", chat_id=1, message_id=card, text="Готово")
            await expect(at.bubbles.last).to_contain_text("Готово")
            await expect(at.bubbles.last).to_contain_text("изменено")
            await expect(at.bubbles).to_have_count(2)
            await expect(at.chat().get_by_role("button", name="Да")).to_have_count(0)

    stage.run(scenario())


def test_an_alert_stays_until_it_is_closed(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            await at.bot.say("Удалить?", reply_markup=KEYBOARD)
            await at.chat().get_by_role("button", name="Нет").click()
            query = await at.bot.update("callback_query")
            answer = {"callback_query_id": query["id"], "text": "Точно нет", "show_alert": True}
            await at.bot.call("answerCallbackQuery", **answer)
            await expect(at.page.get_by_role("dialog").get_by_text("Точно нет")).to_be_visible()
            await at.page.get_by_role("button", name="Хорошо").click()
            await expect(at.page.get_by_role("dialog")).to_have_count(0)

    stage.run(scenario())


def test_the_keyboard_keeps_the_focus_when_its_message_changes(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            card = await at.bot.say("Черновик", reply_markup=KEYBOARD)
            await at.chat().get_by_role("button", name="Нет").focus()
            await at.bot.call("editMessageText", chat_id=1, message_id=card, text="Ещё", reply_markup=KEYBOARD)
            await expect(at.bubbles.last).to_contain_text("Ещё")
            await expect(at.chat().get_by_role("button", name="Нет")).to_be_focused()

    stage.run(scenario())


def test_commands_are_listed_in_the_user_s_language_and_narrowed_by_typing(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            start = {"command": "start", "description": "Начать заново"}
            model = {"command": "model", "description": "Выбрать модель"}
            english = {"command": "model", "description": "Choose a model"}
            await at.bot.call("setMyCommands", commands=[start, model], language_code="ru")
            await at.bot.call("setMyCommands", commands=[english], language_code="en")
            options = at.chat().get_by_role("option")
            await at.chat().get_by_role("button", name="Команды бота").click()
            await expect(options).to_have_text(["/startНачать заново", "/modelВыбрать модель"])
            await at.input.fill("/m")
            await expect(options).to_have_text(["/modelВыбрать модель"])
            await at.input.press("Enter")
            assert (await at.bot.update("message"))["text"] == "/model"
            await expect(options).to_have_count(0)
            await at.chat().get_by_role("button", name="Ещё").click()
            await at.page.get_by_role("menuitem", name="Перейти на английский").click()
            await at.input.fill("/")
            await expect(options).to_have_text(["/modelChoose a model"])

    stage.run(scenario())


def test_an_own_message_is_edited_by_arrow_up(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            await at.input.press("ArrowUp")
            await expect(at.input).to_have_value("привет")
            await at.input.fill("здравствуйте")
            await at.input.press("Enter")
            assert (await at.bot.update("edited_message"))["text"] == "здравствуйте"
            await expect(at.bubbles.last).to_contain_text("здравствуйте")
            await expect(at.bubbles.last).to_contain_text("изменено")

    stage.run(scenario())


def test_a_text_of_the_bot_can_be_copied(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            await at.bot.say("Продаю <b>куртку</b>.\nЦена 5000.")
            await expect(at.bubbles).to_have_count(2)
            await at.bubbles.last.hover()
            await at.bubbles.last.get_by_role("button", name="Копировать").click()
            assert await at.page.evaluate("navigator.clipboard.readText()") == "Продаю куртку.\nЦена 5000."

    stage.run(scenario())


def test_marks_are_shown_and_markup_in_a_text_stays_text(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            attack = "<img src=x onerror=alert(1)><script>alert(1)</script>"
            await at.sandbox.user(1).text(attack)
            link = "<a href='https://example.org'>дом</a>"
            await at.bot.say(f"🧥 <b>жирный <i>и курсив</i></b> <code>код</code> {link} /help")
            await expect(at.bubbles.nth(1)).to_contain_text(attack)
            body = at.bubbles.last
            await expect(body.locator("strong em")).to_have_text("и курсив")
            await expect(body.locator("strong")).to_have_text("жирный и курсив")
            await expect(body.locator(".code")).to_have_text("код")
            await expect(body.get_by_role("link", name="дом")).to_have_attribute("href", "https://example.org")
            await at.bot.update("message")
            await body.get_by_role("button", name="/help").click()
            assert (await at.bot.update("message"))["text"] == "/help"

    stage.run(scenario())


def test_a_long_quote_unfolds_and_stays_so_when_the_message_changes(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            lines = "\n".join(f"строка {number}" for number in range(8))
            note = await at.bot.say(f"Оценки<blockquote expandable>{lines}</blockquote>")
            quote = at.bubbles.last.locator("blockquote")
            folded = await quote.evaluate("node => node.offsetHeight")
            await at.bubbles.last.get_by_role("button", name="Показать полностью").click()
            await expect(at.bubbles.last.get_by_role("button", name="Свернуть")).to_be_visible()
            assert await quote.evaluate("node => node.offsetHeight") > 2 * folded
            text = f"Новые оценки<blockquote expandable>{lines}</blockquote>"
            await at.bot.call("editMessageText", chat_id=1, message_id=note, text=text, parse_mode="HTML")
            await expect(at.bubbles.last).to_contain_text("Новые оценки")
            await expect(at.bubbles.last.get_by_role("button", name="Свернуть")).to_be_visible()

    stage.run(scenario())


def test_typing_is_shown_until_the_message_comes_and_a_deleted_one_goes(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            await at.bot.call("sendChatAction", chat_id=1, action="typing")
            await expect(at.chat().get_by_text("печатает…")).to_be_visible()
            note = await at.bot.say("Проверяю")
            await expect(at.chat().get_by_text("печатает…")).to_have_count(0)
            await expect(at.bubbles).to_have_count(2)
            await at.bot.call("deleteMessage", chat_id=1, message_id=note)
            await expect(at.bubbles).to_have_count(1)

    stage.run(scenario())


def test_the_bot_can_be_blocked_and_let_in_again(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            await at.chat().get_by_role("button", name="Ещё").click()
            await at.page.get_by_role("menuitem", name="Заблокировать бота").click()
            assert (await at.bot.update("my_chat_member"))["new_chat_member"]["status"] == "kicked"
            await expect(at.input).to_be_hidden()
            await at.chat().get_by_role("button", name="Разблокировать бота").click()
            assert (await at.bot.update("my_chat_member"))["new_chat_member"]["status"] == "member"
            await expect(at.input).to_be_visible()

    stage.run(scenario())


def test_two_users_stand_side_by_side_and_a_third_can_join(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage, users=("Аня", "Борис")) as at:
            await at.bot.say("\n".join(f"строка {number}" for number in range(60)))
            await at.bot.say("только Борису", chat_id=2)
            await expect(at.chat(2).get_by_text("только Борису")).to_be_visible()
            await expect(at.chat(1).get_by_text("только Борису")).to_have_count(0)
            await at.page.get_by_role("button", name="Новый собеседник").click()
            await at.page.get_by_label("Имя").fill("Вера")
            await at.page.get_by_label("Язык собеседника").select_option("en")
            await at.page.get_by_role("button", name="Добавить").click()
            await expect(at.page.get_by_text("вы пишете как Вера")).to_be_visible()
            await expect(at.page.locator(".chat")).to_have_count(3)
            await expect(at.chat(1).get_by_text("строка 59")).to_be_in_viewport()
            await at.page.get_by_role("button", name="Начать").click()
            sender = (await at.bot.update("message"))["from"]
            assert (sender["first_name"], sender["language_code"]) == ("Вера", "en")

    stage.run(scenario())


def test_a_phone_shows_one_chat_and_counts_what_came_to_the_others(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage, PHONE, users=("Аня", "Борис")) as at:
            await expect(at.chat(1)).to_be_visible()
            await expect(at.page.locator(".chat:visible")).to_have_count(1)
            await at.bot.say("Борис, ответьте", chat_id=2)
            await expect(at.page.get_by_label("непрочитанных: 1")).to_be_visible()
            await at.page.get_by_role("button", name="Борис").click()
            await expect(at.chat(2).get_by_text("Борис, ответьте")).to_be_visible()
            await expect(at.chat(1)).to_be_hidden()
            await expect(at.page.get_by_label("непрочитанных: 1")).to_have_count(0)
            assert await at.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]

    stage.run(scenario())


def test_the_page_says_that_the_sandbox_is_gone_and_reads_everything_anew(stage: Stage) -> None:
    async def scenario() -> None:
        async with Sandbox() as first:
            port = int(first.url.rpartition(":")[2])
            first.user(1, "Аня")
            async with stage.page(first.url) as page:
                await expect(page.get_by_text("вы пишете как Аня")).to_be_visible()
                await first.__aexit__(None, None, None)
                await expect(page.get_by_text("Нет связи с песочницей")).to_be_visible()
                async with Sandbox(port=port) as second:
                    await second.user(7, "Глеб").text("снова здесь")
                    await expect(page.get_by_text("снова здесь")).to_be_visible()
                    await expect(page.get_by_text("Нет связи с песочницей")).to_have_count(0)

    stage.run(scenario())


def test_hundreds_of_messages_end_at_the_newest(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            for number in range(400):
                await at.sandbox.user(1).text(f"сообщение {number}")
            await expect(at.chat().get_by_text("сообщение 399", exact=True)).to_be_in_viewport()
            await at.page.reload()
            await expect(at.bubbles).to_have_count(401)
            await expect(at.chat().get_by_text("сообщение 399", exact=True)).to_be_in_viewport()
            await at.chat().locator(".scroller").evaluate("node => node.scrollTop = 0")
            await at.bot.say("новое")
            await expect(at.bubbles).to_have_count(402)
            await expect(at.bubbles.last).not_to_be_in_viewport()
            await at.chat().get_by_role("button", name="Вниз, к новым сообщениям").click()
            await expect(at.bubbles.last).to_be_in_viewport()

    stage.run(scenario())


def test_the_page_asks_nobody_but_the_sandbox(stage: Stage) -> None:
    async def scenario() -> None:
        async with scene(stage) as at:
            asked: list[str] = []
            at.page.on("request", lambda request: asked.append(request.url))
            await at.page.reload()
            await expect(at.bubbles).to_have_count(1)
            assert asked
            assert [url for url in asked if not url.startswith((at.sandbox.url, "data:"))] == []

    stage.run(scenario())


def script(name: str) -> str:
    return (STATIC / name).read_text("utf-8")


def test_every_sentence_of_the_page_is_there_in_both_languages_and_used() -> None:
    _, russian, english = re.split(r"\n  (?:ru|en): \{\n", script("texts.js").partition("\n};")[0])
    codes = [set(re.findall(r"^    (\w+):", table, re.M)) for table in (russian, english)]
    assert codes[0] == codes[1]
    sources = "".join(path.read_text("utf-8") for path in STATIC.glob("*.js"))
    actions = {"upload_photo", "upload_document"}
    unused = {code for code in codes[0] if not re.search(rf'"{code}"', sources)} - actions
    assert unused == set()


def test_no_script_turns_text_into_markup() -> None:
    ways = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")
    assert [path.name for path in STATIC.glob("*.js") if ways.search(path.read_text("utf-8"))] == []
