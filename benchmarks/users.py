"""Fifty pretend users at once, each with an album of three photos: `python -m benchmarks.users --photos DIR`.

The bot runs in this process, with the real models; the local Telegram and its users are a process of their own, so
that what is watched here is the bot alone. Before, the engine writes the same listings without a bot: what a place in
the queue costs. `--together` waits until all drafts are there and presses all buttons at the same moment.
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

from benchmarks.watch import megabytes, ticking
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
PATIENCE_S = 300.0
TOKEN = "42:SANDBOX"  # noqa: S105 - the sandbox's own
GENERATE = translate(Message("button-generate"))
MESSAGES = ("send", "edit")


def main() -> None:
    """Print what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--checkpoint", default="mini")
    parser.add_argument("--together", action="store_true")
    parser.add_argument("--crowd", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.crowd:
        asyncio.run(crowd(given))
    else:
        print(json.dumps(asyncio.run(measure(given)), ensure_ascii=False, indent=2))


def albums(given: argparse.Namespace) -> list[list[bytes]]:
    """The photos of each user, the same in both processes."""
    paths = sorted(given.photos.glob("*.jpg"))
    rnd = random.Random(0)
    return [[path.read_bytes() for path in rnd.sample(paths, PHOTOS)] for _ in range(given.users)]


def attributes(number: int) -> str:
    """What user `number` says of the thing; the price tells the answers apart."""
    return f"Размер: 46; Цена: {10_000 + number}"


async def measure(given: argparse.Namespace) -> Json:
    """The bot among its users, and the engine alone."""
    engine = Engine(settings.ROOT / "checkpoints")
    await engine.start(given.checkpoint)
    alone_s = await _engine_alone(engine, given)
    command = [*sys.orig_argv[1:], "--crowd"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.PIPE, limit=2**24
    )
    assert process.stdout is not None
    assert process.stdin is not None
    url = (await process.stdout.readline()).decode().strip()
    folder = tempfile.mkdtemp(prefix="opisalka-users-")
    chosen = settings.load_settings(
        _env_file=None, bot_token=TOKEN, api_server=url, data=folder, model_default=given.checkpoint
    )
    app = await App.build(chosen, engine)
    async with app.running():
        before = megabytes()
        async with ticking() as lags:
            seen = json.loads(await process.stdout.readline())
        after = megabytes()
    process.stdin.close()
    await process.wait()
    lags.sort()
    own = {f"p{share}_ms": round(1000 * lags[int(len(lags) * share / 100)], 1) for share in (50, 99)}
    bar = 1.5 * given.users * alone_s
    memory = {"start": round(before), "end": round(after)}
    return {
        "engine_s_per_listing": round(alone_s, 3),
        "bar_p95_s": round(bar, 1),
        **seen,
        "loop_lag": own | {"max_ms": round(1000 * lags[-1], 1)},
        "memory_mb": memory,
    }


async def _engine_alone(engine: Engine, given: argparse.Namespace) -> float:
    """Seconds a listing when all wait at once."""
    users: int = given.users
    sent = [Submission(tuple(map(Upload, album)), attributes(n)) for n, album in enumerate(albums(given))]
    start = time.monotonic()
    await asyncio.gather(*(engine.describe(each, given.checkpoint, timeout_s=600) for each in sent))
    return (time.monotonic() - start) / users


async def crowd(given: argparse.Namespace) -> None:
    """The users' process: says where the Bot API is, lets all users write, and tells what they saw."""
    async with Sandbox(TOKEN) as sandbox:
        print(sandbox.url, flush=True)
        people = [sandbox.user(number) for number in range(1, given.users + 1)]
        ready = asyncio.Barrier(given.users if given.together else 1)
        sellers = zip(people, albums(given), strict=True)
        times = await asyncio.gather(*(_sell(person, album, n, ready) for n, (person, album) in enumerate(sellers)))
        await asyncio.sleep(2)  # the scores of the last texts
        print(json.dumps(_seen(sandbox, people, times)), flush=True)
        await asyncio.to_thread(sys.stdin.read)  # until the bot has gone


def _seen(sandbox: Sandbox, people: Sequence[Person], times: Sequence[float | None]) -> Json:
    answered = sorted(seconds for seconds in times if seconds is not None)
    said = [call for call in sandbox.calls if call.method.startswith(MESSAGES)]
    chats = [[call.monotonic for call in said if call.chat_id == person.id] for person in people]
    cuts = quantiles(answered, n=20)
    return {
        "users": len(people),
        "answered": len(answered),
        "answer_s": {"p50": round(median(answered), 1), "p95": round(cuts[18], 1), "max": round(answered[-1], 1)},
        "messages": len(said),
        "most_in_a_second": _most([call.monotonic for call in said]),
        "most_in_a_second_in_a_chat": max(map(_most, chats)),
    }


async def _sell(person: Person, album: Sequence[bytes], number: int, ready: asyncio.Barrier) -> float | None:
    """Seconds from the pressed button to the text; None when none came."""
    await person.album(album, attributes(number))
    card = await person.wait(lambda message: GENERATE in json.dumps(message, ensure_ascii=False), PATIENCE_S)
    await ready.wait()
    start = time.monotonic()
    try:
        await person.press(GENERATE, card["message_id"], timeout=PATIENCE_S)
        await person.wait(lambda message: _is_answer(message, number), PATIENCE_S)
    except TimeoutError:
        return None
    return time.monotonic() - start


def _is_answer(message: Json, number: int) -> bool:
    """The text, or the sentence that refuses it: a message of the bot's that is no card."""
    text = str(message.get("text", ""))
    return "reply_markup" not in message and str(10_000 + number) in text and "edit_date" not in message


def _most(moments: Sequence[float]) -> int:
    """The largest number of moments within any second."""
    moments = sorted(moments)
    return max((number - bisect_left(moments, moment - 1) + 1 for number, moment in enumerate(moments)), default=0)


if __name__ == "__main__":
    main()
