"""A conversation: a user in the sandbox, the real bot, and a fake engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot import settings
from bot.app import App
from inference.checkpoints.card import Card
from inference.errors import CheckpointError, Message
from inference.facts.types import Fact
from inference.listing.cases import Case, list_cases
from inference.listing.types import (
    Description,
    Diversity,
    Moderation,
    Question,
    Scores,
    Stage,
    Submission,
    Timings,
    Verdict,
)
from inference.listing.validation import validate
from locales.translate import LANGUAGES, translate
from sandbox.server import Sandbox
from sandbox.testing.person import Person

REFUSED = "котлета"  # a text with this word does not match its photos
DOUBTED = "сомнение"  # moderation doubts that a text with this word matches its photos
BAD_PHOTO = "второе"  # a text with this word finds the second photo at fault
SLOW, BROKEN = "вечность", "поломка"
WORDLESS = "немота"  # about a text with this word nothing is written
Json = dict[str, Any]


def picture(colour: str = "navy", side: int = 64, form: str = "JPEG") -> bytes:
    """A picture of one colour; different colours are different files."""
    data = BytesIO()
    Image.new("RGB", (side, side), colour).save(data, form)
    return data.getvalue()


class FakeEngine:
    """Writes «<checkpoint> пишет: <attributes>»; certain words make it refuse, dawdle or break. Remembers its calls."""

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self.names = list(names)
        self.asked: list[tuple[str, int, Submission]] = []
        self.faults: dict[str, str] = {}  # checkpoint → what is wrong with it
        self.told: list[tuple[str, bool | None]] = []  # the seller's answers of each call
        self.facts: tuple[Fact, ...] = ()
        self.diversity = 0.07
        self.unsure: tuple[Question, ...] = ()
        self.things: tuple[str, ...] = ()
        self.reason: Message | None = None  # a remark of moderation about the photos
        self.is_in_time = True  # reads facts before the text is asked for
        self.refuses_all = False
        self.differs_from: int | None = None  # the first seed whose texts have other words
        self.gate = asyncio.Event()
        self.gate.set()
        self._root = root

    def list_cards(self) -> list[Card]:
        """A card a name."""
        return [
            Card(
                folder=self._root / "captioner" / name,
                family="pretend",
                version="1",
                languages=("ru",),
                max_photos=10,
                summary={"ru": "Для проверки", "en": "For tests"},
            )
            for name in self.names
        ]

    async def start(self, checkpoint: str) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to close."""

    async def describe(
        self,
        submission: Submission,
        checkpoint: str,
        *,
        seed: int = 0,
        item: str = "",
        only_facts: bool = False,
        accepts_warnings: bool = True,
        is_set: bool | None = None,
        on_progress: Callable[[Stage], None] | None = None,
        timeout_s: float = 120,
    ) -> Description:
        """Check as the real one does, wait for the gate, and write."""
        if only_facts:
            return await self._understand(submission, checkpoint)
        self.asked.append((checkpoint, seed, submission))
        self.told.append((item, is_set))
        if checkpoint in self.faults:
            raise CheckpointError(self.faults[checkpoint], checkpoint=checkpoint, reason="…")
        listing = await asyncio.to_thread(validate, submission)
        for stage in ("checking", "reading", "writing", "scoring"):
            if on_progress is not None:
                on_progress(stage)
        await self.gate.wait()
        text = listing.attributes.text
        if SLOW in text:
            raise TimeoutError
        if BROKEN in text:
            raise ZeroDivisionError
        verdicts = (
            _photos(BAD_PHOTO in text),
            _written(WORDLESS not in text),
            _match(self.refuses_all or REFUSED in text, DOUBTED in text),
        )
        stops = DOUBTED in text and not accepts_warnings
        passed = all(verdict.passed for verdict in verdicts) and WORDLESS not in text and not stops
        return Description(
            text=self._write(checkpoint, text, len(listing.photos), seed) if passed else None,
            checkpoint=checkpoint,
            mode=listing.mode,
            diversity=Diversity(0.07) if listing.photos else None,
            masked=text or None,
            draft="…",
            moderation=Moderation(verdicts),
            scores=Scores(clipscore_mean=0.3123),
            timings=Timings(0.01, 0.2, 0.5, 0.1, 0.81),
            needs_confirmation=stops,
            seed=seed,
        )

    def _write(self, checkpoint: str, text: str, photos: int, seed: int) -> str:
        """A text of few words differs by its checkpoint, one of many only from the seed that is set on."""
        words = "иными словами " * 9 if self.differs_from is not None and seed >= self.differs_from else ""
        return f"{checkpoint} пишет: {words}{text} ({photos}, {seed})"

    async def _understand(self, submission: Submission, checkpoint: str) -> Description:
        if not self.is_in_time:
            raise TimeoutError
        listing = await asyncio.to_thread(validate, submission)
        return Description(
            text=None,
            checkpoint=checkpoint,
            mode=listing.mode,
            diversity=Diversity(self.diversity),
            masked=None,
            draft=None,
            moderation=Moderation((Verdict("photos", reason=self.reason),)),
            scores=Scores(),
            timings=Timings(),
            facts=self.facts,
            unsure=self.unsure,
            things=self.things,
        )


def _photos(bad: bool) -> Verdict:
    reason = Message("photos-refused", {"count": 1, "numbers": "2"}) if bad else None
    return Verdict("photos", passed=not bad, score=0.9 if bad else 0.01, reason=reason)


def _written(has_words: bool) -> Verdict:
    return Verdict("text", reason=None if has_words else Message("nothing-described"))


def _match(bad: bool, doubted: bool) -> Verdict:
    return Verdict("match", passed=not bad, score=0.1, reason=Message("match-refused") if bad or doubted else None)


class Talk:
    """One user's side of a conversation, in a language."""

    def __init__(self, app: App, sandbox: Sandbox, engine: FakeEngine, person: Person, language: str) -> None:
        self.app = app
        self.sandbox = sandbox
        self.engine = engine
        self.person = person
        self.language = language

    @property
    def cases(self) -> Sequence[Case]:
        """The preloaded cases."""
        return list_cases(settings.ROOT / "testcases")

    def translate(self, code: str, /, **details: str | int | float) -> str:
        """Return a sentence of the bot as plain text."""
        return translate(Message(code, details), self.language)

    async def wait_for(self, code: str, /, *, after: int = 0, **details: str | int | float) -> Json:
        """Wait for a message of the bot that contains the sentence."""
        return await self.person.wait(self.translate(code, **details), after=after)

    async def press(self, code: str, /, message: Json | None = None, **details: str | int | float) -> str:
        """Press a button by the code of its label, and return the notification."""
        return await self.touch(self.translate(code, **details), message)

    async def touch(self, button: str, message: Json | None = None) -> str:
        """Press a button by its label, and return the notification."""
        answer = await self.person.press(button, None if message is None else message["message_id"])
        return answer.get("text") or ""

    async def push(self, message: Json, data: str, sender: Person | None = None) -> str:
        """Press a button that the chat does not show, or no longer shows; return the notification."""
        who = (sender or self.person).id
        user = {"id": who, "is_bot": False, "first_name": "Анна", "language_code": self.language}
        query = {"id": f"pushed{len(self.sandbox.calls)}", "from": user, "message": message, "chat_instance": "1"}
        self.sandbox.push({"callback_query": {**query, "data": data}})
        async with asyncio.timeout(10):
            while True:
                for call in self.sandbox.calls:
                    if call.params.get("callback_query_id") == query["id"]:
                        return call.params.get("text") or ""
                await asyncio.sleep(0.01)

    async def command(self, name: str) -> int:
        """Send a command and return the id of its message, after which answers can be awaited."""
        return int((await self.person.text(f"/{name}"))["message_id"])

    async def wait_for_texts(self, count: int = 1, checkpoint: str = "") -> list[str]:
        """Wait until the engine has written this many texts, and return them."""
        sign = f"{checkpoint} пишет:"
        await self.person.wait(lambda _: len(self.texts(sign)) >= count)
        return self.texts(sign)

    async def wait_for_photos(self, count: int) -> None:
        """Wait until the user's last listing has this many photos."""
        async with asyncio.timeout(10):
            while True:
                async with self.app.store.transaction() as tx:
                    listing = await tx.listings.get_latest(self.person.id)
                if listing is not None and len(listing.photos) >= count:
                    return
                await asyncio.sleep(0.01)

    def texts(self, fragment: str) -> list[str]:
        """What the bot has said with this fragment, apart from cards."""
        return [m["text"] for m in self.bots if fragment in m.get("text", "") and "reply_markup" not in m]

    def said(self, code: str) -> list[Json]:
        """The bot's messages with this sentence."""
        return [message for message in self.bots if self.translate(code) in message.get("text", "")]

    @property
    def bots(self) -> list[Json]:
        """The bot's messages as they look now."""
        return [message for message in self.person.messages if message["from"]["is_bot"]]

    async def scores(self, count: int = 1) -> Json:
        """Wait for so many messages with buttons to judge a text; the last one."""
        await self.person.wait(lambda _: len(self.judged()) >= count)
        return self.judged()[-1]

    def judged(self) -> list[Json]:
        """The messages with buttons to judge a text."""
        return [message for message in self.bots if "👎" in "".join(buttons(message))]


def buttons(message: Json) -> list[str]:
    """The captions under a message."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]


@asynccontextmanager
async def conversation(
    folder: Path, language: str = "ru", *, names: Sequence[str] = ("mini", "nano"), **given: object
) -> AsyncGenerator[Talk]:
    """The bot runs on the sandbox; `given` are settings."""
    async with Sandbox() as sandbox:
        engine = FakeEngine(folder, names)
        usual: Mapping[str, object] = {
            "bot_token": sandbox.token,
            "api_server": sandbox.url,
            "data": folder / "data",
            "album_quiet_s": 0.05,
            "album_limit_s": 0.5,
            "rate_total": 1000,
            "rate_chat": 100,
            "admins": {1},
        }
        app = await App.build(settings.load_settings(**{**usual, **given}), engine=engine)
        async with app.running():
            yield Talk(app, sandbox, engine, sandbox.user(1, "Анна", language), language)


def converse(script: Callable[[Talk], Awaitable[None]], folder: Path, language: str = "ru", **given: Any) -> None:
    """Run a test's script in a conversation."""

    async def run() -> None:
        async with conversation(folder, language, **given) as talk:
            await script(talk)

    asyncio.run(run())


both_languages = pytest.mark.parametrize("language", LANGUAGES)
