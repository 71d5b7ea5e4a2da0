"""Fifty simulated users at once, each with an album of three photos: `python -m benchmarks.users --photos DIR`.

The bot runs in this process with the real models. The sandbox and its users are a child process, so that memory and lag
here are those of the bot. First the engine describes the same listings without a bot, which gives the time of one place
in the queue. `--together` waits for all drafts and presses all buttons at the same moment.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles

from benchmarks.watch import measure_lag, resident_mb
from bot import settings
from bot.app import App
from inference.errors import Message
from inference.listing.types import Submission, Upload
from inference.serving.engine import Engine
from locales.translate import translate
from sandbox.server import Sandbox
from sandbox.state.types import Json
from sandbox.testing.person import Person

PHOTOS = 3
TIMEOUT_S = 300.0
TOKEN = "42:SANDBOX"  # noqa: S105 - the sandbox's own
GENERATE = translate(Message("button-generate"))
MESSAGES = ("send", "edit")


def main() -> None:
    """Print the measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--checkpoint", default="mini")
    parser.add_argument("--together", action="store_true")
    parser.add_argument("--crowd", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.crowd:
        asyncio.run(simulate_users(arguments))
    else:
        print(json.dumps(asyncio.run(measure(arguments)), ensure_ascii=False, indent=2))


def load_albums(arguments: argparse.Namespace) -> list[list[bytes]]:
    """Return the photos of each user, the same in both processes."""
    paths = sorted(arguments.photos.glob("*.jpg"))
    rnd = random.Random(0)
    return [[path.read_bytes() for path in rnd.sample(paths, PHOTOS)] for _ in range(arguments.users)]


def build_attributes(number: int) -> str:
    """Return the attributes of user `number`; the price identifies the answer."""
    return f"Размер: 46; Цена: {10_000 + number}"


async def measure(arguments: argparse.Namespace) -> Json:
    """Measure the engine alone, then the bot under the load of its users."""
    engine = Engine(settings.ROOT / "checkpoints")
    await engine.start(arguments.checkpoint)
    alone_s = await _measure_engine(engine, arguments)
    command = [*sys.orig_argv[1:], "--crowd"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.PIPE, limit=2**24
    )
    assert process.stdout is not None
    assert process.stdin is not None
    url = (await process.stdout.readline()).decode().strip()
    folder = tempfile.mkdtemp(prefix="opisalka-users-")
    bot_settings = settings.load_settings(
        _env_file=None, bot_token=TOKEN, api_server=url, data=folder, model_default=arguments.checkpoint
    )
    app = await App.build(bot_settings, engine)
    async with app.running():
        before = resident_mb()
        async with measure_lag() as lags:
            report = json.loads(await process.stdout.readline())
        after = resident_mb()
    process.stdin.close()
    await process.wait()
    lags.sort()
    own = {f"p{share}_ms": round(1000 * lags[int(len(lags) * share / 100)], 1) for share in (50, 99)}
    bar = 1.5 * arguments.users * alone_s
    memory = {"start": round(before), "end": round(after)}
    return {
        "engine_s_per_listing": round(alone_s, 3),
        "bar_p95_s": round(bar, 1),
        **report,
        "loop_lag": own | {"max_ms": round(1000 * lags[-1], 1)},
        "memory_mb": memory,
    }


async def _measure_engine(engine: Engine, arguments: argparse.Namespace) -> float:
    """Return the seconds per listing when all wait at once."""
    users: int = arguments.users
    submissions = [
        Submission(tuple(map(Upload, album)), build_attributes(n)) for n, album in enumerate(load_albums(arguments))
    ]
    start = time.monotonic()
    await asyncio.gather(*(engine.describe(each, arguments.checkpoint, timeout_s=600) for each in submissions))
    return (time.monotonic() - start) / users


async def simulate_users(arguments: argparse.Namespace) -> None:
    """Run in the child process: print the address of the Bot API, run all users, print their report."""
    async with Sandbox(TOKEN) as sandbox:
        print(sandbox.url, flush=True)
        people = [sandbox.user(number) for number in range(1, arguments.users + 1)]
        ready = asyncio.Barrier(arguments.users if arguments.together else 1)
        senders = zip(people, load_albums(arguments), strict=True)
        times = await asyncio.gather(
            *(_send_listing(person, album, n, ready) for n, (person, album) in enumerate(senders))
        )
        await asyncio.sleep(2)  # for the scores of the last texts
        print(json.dumps(_build_report(sandbox, people, times)), flush=True)
        await asyncio.to_thread(sys.stdin.read)  # until the bot has stopped


def _build_report(sandbox: Sandbox, people: Sequence[Person], times: Sequence[float | None]) -> Json:
    answer_s = sorted(seconds for seconds in times if seconds is not None)
    messages = [call for call in sandbox.calls if call.method.startswith(MESSAGES)]
    chats = [[call.monotonic for call in messages if call.chat_id == person.id] for person in people]
    cuts = quantiles(answer_s, n=20)
    return {
        "users": len(people),
        "answered": len(answer_s),
        "answer_s": {"p50": round(median(answer_s), 1), "p95": round(cuts[18], 1), "max": round(answer_s[-1], 1)},
        "messages": len(messages),
        "most_in_a_second": _max_per_second([call.monotonic for call in messages]),
        "most_in_a_second_in_a_chat": max(map(_max_per_second, chats)),
    }


async def _send_listing(person: Person, album: Sequence[bytes], number: int, ready: asyncio.Barrier) -> float | None:
    """Return the seconds from the press of the button to the text, None after a timeout."""
    await person.album(album, build_attributes(number))
    card = await person.wait(lambda message: GENERATE in json.dumps(message, ensure_ascii=False), TIMEOUT_S)
    await ready.wait()
    start = time.monotonic()
    try:
        await person.press(GENERATE, card["message_id"], timeout=TIMEOUT_S)
        await person.wait(lambda message: _is_answer(message, number), TIMEOUT_S)
    except TimeoutError:
        return None
    return time.monotonic() - start


def _is_answer(message: Json, number: int) -> bool:
    """Return True for the text or the rejection: a message with the price and without buttons."""
    text = str(message.get("text", ""))
    return "reply_markup" not in message and str(10_000 + number) in text and "edit_date" not in message


def _max_per_second(moments: Sequence[float]) -> int:
    """Return the largest number of moments within any second."""
    moments = sorted(moments)
    return max((number - bisect_left(moments, moment - 1) + 1 for number, moment in enumerate(moments)), default=0)


if __name__ == "__main__":
    main()
