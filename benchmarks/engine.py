"""Lag of the event loop and throughput of the engine: `python -m benchmarks.engine`.

A task sleeps for a millisecond again and again while listings are generated without a pause. The time that it sleeps
longer is the delay of every answer of the bot. Without `--photos` the drawings of `testcases/` are used.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import quantiles
from time import perf_counter

from benchmarks.table import Row
from benchmarks.watch import measure_lag, resident_mb
from inference.listing.types import Submission, Upload
from inference.serving.engine import Engine

ROOT = Path(__file__).resolve().parent.parent
ATTRIBUTES = "Цена: 1500\nРазмер: 46"
LISTINGS = 50
PHOTOS = 100
USERS = 16


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--photos",
        type=Path,
        default=ROOT / "testcases",
        metavar="DIR",
        help=f"JPEG files at any depth, the first {PHOTOS}",
    )
    parser.add_argument("--checkpoints", type=Path, default=ROOT / "checkpoints", metavar="DIR")
    parser.add_argument("--seconds", type=float, default=60, metavar="S", help="how long the loop is watched (60)")
    arguments = parser.parse_args()
    photos = [path.read_bytes() for path in sorted(arguments.photos.rglob("*.jpg"))[:PHOTOS]]
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}, {len(photos)} photos", file=sys.stderr)
    for row in asyncio.run(_measure(arguments.checkpoints, photos, arguments.seconds)):
        print(row)


async def _measure(root: Path, photos: Sequence[bytes], seconds: float) -> list[Row]:
    engine = Engine(root)
    start = perf_counter()
    async with measure_lag() as lags:
        await engine.start("mini")
    rows = [Row("start", f"{perf_counter() - start:.2f} s"), *_format_lags("while it starts", lags)]
    rows.append(Row("memory, idle", f"{resident_mb():.0f} MB", "≤ 900 MB with the bot"))
    rows += await _measure_lag(engine, photos, seconds)
    rows += await _measure_throughput(engine, photos)
    rows.append(Row("memory, after", f"{resident_mb():.0f} MB"))
    await engine.close()
    return rows


async def _measure_lag(engine: Engine, photos: Sequence[bytes], seconds: float) -> list[Row]:
    """Measure the lag under the load of many users, and of one."""
    rows: list[Row] = []
    for users in (USERS, 1):
        async with measure_lag() as lags:
            until = perf_counter() + seconds
            await asyncio.gather(*[_send_listings(engine, photos, number, until) for number in range(users)])
        rows += _format_lags(f"{users} waiting, 3-5 photos", lags)
    return rows


async def _send_listings(engine: Engine, photos: Sequence[bytes], number: int, until: float) -> None:
    rnd = random.Random(number)
    while perf_counter() < until:
        await engine.describe(_build_submission(rnd.sample(photos, rnd.randint(3, 5))), "mini", seed=number)


async def _measure_throughput(engine: Engine, photos: Sequence[bytes]) -> list[Row]:
    rnd = random.Random(0)
    listings = [_build_submission(rnd.sample(photos, 3)) for _ in range(LISTINGS)]
    start = perf_counter()
    for listing in listings:
        await engine.describe(listing, "mini")
    single = LISTINGS / (perf_counter() - start)
    start = perf_counter()
    await asyncio.gather(*[engine.describe(listing, "mini", timeout_s=600) for listing in listings])
    concurrent = LISTINGS / (perf_counter() - start)
    return [
        Row("3 photos, one by one", f"{single:.2f} listings/s"),
        Row(f"3 photos, {LISTINGS} waiting", f"{concurrent:.2f} listings/s"),
        Row("  against one by one", f"{concurrent / single:.2f} times"),
    ]


def _build_submission(photos: Sequence[bytes]) -> Submission:
    return Submission(tuple(map(Upload, photos)), ATTRIBUTES)


def _format_lags(name: str, lags: Sequence[float]) -> Iterator[Row]:
    cuts = quantiles(lags, n=1000)
    values = {"p50": (cuts[499], ""), "p99": (cuts[989], "< 20 ms"), "p99.9": (cuts[998], ""), "max": (max(lags), "")}
    for quantile, (lag, bar) in values.items():
        yield Row(f"loop lag {name}, {quantile}", f"{1000 * lag:.1f} ms", bar)


if __name__ == "__main__":
    main()
