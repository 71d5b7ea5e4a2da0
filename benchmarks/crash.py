"""Kill the bot at random moments while simulated users send listings, and count lost and repeated answers.

    python -m benchmarks.crash --photos clothing/photos --listings 300 --users 30 --kills 50
    python -m benchmarks.crash --photos clothing/photos --listings 60 --users 20 --kills 0 --copies 3 --spread 2
    python -m benchmarks.crash --photos clothing/photos --listings 60 --users 20 --kills 0 --late 10

The bot is a child process with the real models. The sandbox runs in this process and keeps updates that the bot has not
confirmed. `--copies` and `--spread` deliver each update several times, shuffled within some seconds; `--late` delays
each photo of an album by up to some seconds, out of order.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from inference.errors import Message
from locales.translate import translate
from sandbox.server import Sandbox
from sandbox.state.types import Json
from sandbox.testing.person import Person

ROOT = Path(__file__).resolve().parent.parent
FIRST_PRICE = 10_000
TIMEOUT_S = 600.0
GENERATE = translate(Message("button-generate"))
TITLE = translate(Message("card-title"))
FAILED = translate(Message("request-failed", {"id": "•"})).partition("•")[0]


@dataclass
class Outcome:
    """Counts of answers and failures of one run."""

    listings: int = 0
    answered: int = 0
    lost: list[int] = field(default_factory=list)
    asked_again: int = 0
    extra_answers: int = 0
    extra_cards: int = 0
    kills: int = 0
    seconds: float = 0.0
    integrity: str = ""
    rows: dict[str, dict[str, int]] = field(default_factory=dict)


class Bot:
    """`python -m bot` in a child process that can be killed and started again."""

    def __init__(self, sandbox: Sandbox, folder: Path, checkpoint: str) -> None:
        self._environment = os.environ | {
            "BOT_TOKEN": sandbox.token,
            "API_SERVER": sandbox.url,
            "DATA": str(folder),
            "MODEL_DEFAULT": checkpoint,
            "MAX_WAITING": "10000",
            "MODERATION_WARNINGS": "write",  # nobody is there to insist
            "LOG_LEVEL": "WARNING",
        }
        self._log = (folder / "bot.log").open("ab")
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process without waiting for the bot to answer."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", cwd=ROOT, env=self._environment, stdout=self._log, stderr=self._log
        )

    async def kill(self) -> None:
        """Send SIGKILL and wait for the end."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        assert self.process is not None
        self.process.terminate()
        return await self.process.wait()


async def send_listings(
    person: Person, numbers: Sequence[int], photos: Sequence[bytes], late_s: float, outcome: Outcome
) -> None:
    """Act as one user: for each number send an album with its own price, press the button, wait for the text."""
    rnd = random.Random(person.id)
    for number in numbers:
        price = str(FIRST_PRICE + number)
        album = rnd.sample(photos, rnd.randint(2, 4))
        delays = [rnd.uniform(0, late_s) for _ in album] if late_s else None
        await person.album(album, f"Размер: 46; Цена: {price}", delays=delays)
        card = await person.wait(partial(_is_card, price=price, photos=len(album)), TIMEOUT_S)
        if await _request_text(person, card, price, outcome):
            outcome.answered += 1
        else:
            outcome.lost.append(number)


async def _request_text(person: Person, card: Json, price: str, outcome: Outcome) -> bool:
    """Press «Сгенерировать» until a text arrives, again after each failure that the bot reports."""
    while True:
        after = _last_id(person)
        with suppress(TimeoutError):  # a bot that is down gets the press from the queue later
            await person.press(GENERATE, card["message_id"], timeout=1)
        try:
            answer = await person.wait(partial(_is_outcome, price=price, after=after), TIMEOUT_S)
        except TimeoutError:
            return False
        if _is_answer(answer, price):
            return True
        outcome.asked_again += 1
        card = await person.wait(partial(_is_offer, price=price), TIMEOUT_S)


def _last_id(person: Person) -> int:
    return max((message["message_id"] for message in person.messages), default=0)


def _text(message: Json) -> str:
    return str(message.get("text") or message.get("caption") or "")


def _is_card(message: Json, price: str, photos: int) -> bool:
    counted = translate(Message("card-photos", {"count": photos, "limit": 10}))
    return _text(message).startswith(TITLE) and price in _text(message) and counted in _text(message)


def _is_offer(message: Json, price: str) -> bool:
    return price in _text(message) and GENERATE in json.dumps(message, ensure_ascii=False)


def _is_answer(message: Json, price: str) -> bool:
    plain = message["from"]["is_bot"] and "reply_markup" not in message
    return plain and price in _text(message) and not _text(message).startswith(TITLE)


def _is_outcome(message: Json, price: str, after: int) -> bool:
    return _is_answer(message, price) or _is_failure(message, after)


def _is_failure(message: Json, after: int) -> bool:
    return message["message_id"] > after and _text(message).startswith(FAILED)


async def kill_repeatedly(bot: Bot, kills: int, rnd: random.Random, outcome: Outcome) -> None:
    """Kill and restart the bot, each time after a random delay."""
    for _ in range(kills):
        await asyncio.sleep(rnd.uniform(0.2, 12))
        await bot.kill()
        outcome.kills += 1
        await bot.start()


def count_answers(people: Sequence[Person], listings: int, database: Path, outcome: Outcome) -> None:
    """Count repeated messages, and read integrity and row counts of the database."""
    answers: Counter[int] = Counter()
    cards = 0
    for person in people:
        for message in person.messages:
            if not message["from"]["is_bot"]:
                continue
            cards += _text(message).startswith((TITLE, translate(Message("card-done"))))
            answers.update(n for n in range(listings) if _is_answer(message, str(FIRST_PRICE + n)))
    outcome.extra_answers = sum(count - 1 for count in answers.values())
    outcome.extra_cards = max(0, cards - listings)
    with sqlite3.connect(database) as connection:
        (outcome.integrity,) = connection.execute("PRAGMA integrity_check").fetchone()
        for table in ("inbox", "requests", "outbox"):
            rows = connection.execute(f"SELECT state, count(*) FROM {table} GROUP BY state")  # noqa: S608 - own names
            outcome.rows[table] = dict(rows.fetchall())


async def run(arguments: argparse.Namespace, folder: Path) -> Outcome:
    """Run the experiment in an empty folder."""
    outcome, start = Outcome(listings=arguments.listings), time.monotonic()
    photos = [path.read_bytes() for path in sorted(arguments.photos.glob("*.jpg"))[:40]]
    async with Sandbox() as sandbox:
        sandbox.chaos.copies, sandbox.chaos.spread_s = arguments.copies, arguments.spread
        people = [sandbox.user(number) for number in range(1, arguments.users + 1)]
        bot = Bot(sandbox, folder, arguments.checkpoint)
        await bot.start()
        killer = asyncio.create_task(kill_repeatedly(bot, arguments.kills, random.Random(arguments.seed), outcome))
        shares = [range(number, arguments.listings, arguments.users) for number in range(arguments.users)]
        portions = zip(people, shares, strict=True)
        await asyncio.gather(
            *(send_listings(person, share, photos, arguments.late, outcome) for person, share in portions)
        )
        await killer
        await asyncio.sleep(5)  # for late and repeated messages
        if await bot.stop() != 0:
            raise RuntimeError(f"the bot failed at shutdown: {folder / 'bot.log'}")
        count_answers(people, arguments.listings, folder / "opisalka.db", outcome)
    outcome.seconds = round(time.monotonic() - start, 1)
    return outcome


def main() -> None:
    """Print the outcome as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--listings", type=int, default=300)
    parser.add_argument("--users", type=int, default=30)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--spread", type=float, default=0.0)
    parser.add_argument("--late", type=float, default=0.0)
    parser.add_argument("--checkpoint", default="nano")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="opisalka-crash-"))
    print(json.dumps(asdict(asyncio.run(run(arguments, folder))), ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
