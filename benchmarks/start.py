"""Time from `python -m bot` to the answer to a waiting `/start`, and memory of the idle bot.

python -m benchmarks.start
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from time import monotonic

from benchmarks.watch import resident_mb
from sandbox.server import Sandbox

ROOT = Path(__file__).resolve().parent.parent
RUNS = 5
IDLE_S = 20  # loading the models takes less


def main() -> None:
    """Print the measurements as JSON."""
    print(json.dumps(asyncio.run(measure()), indent=2))


async def measure() -> dict[str, object]:
    """Measure several starts, and the memory of the last one."""
    seconds, memory_mb = [], 0
    for run in range(RUNS):
        async with Sandbox() as sandbox:
            person = sandbox.user(1)
            await person.text("/start")
            start = monotonic()
            async with _run_bot(sandbox) as process:
                await person.wait(lambda message: True, 60)
                seconds.append(round(monotonic() - start, 2))
                if run == RUNS - 1:
                    await asyncio.sleep(IDLE_S)
                    memory_mb = round(resident_mb(process.pid))
    return {"first_answer_s": {"median": median(seconds), "all": seconds}, "idle_memory_mb": memory_mb}


@asynccontextmanager
async def _run_bot(sandbox: Sandbox) -> AsyncIterator[asyncio.subprocess.Process]:
    with tempfile.TemporaryDirectory(prefix="opisalka-start-") as folder:
        environment = os.environ | {"BOT_TOKEN": sandbox.token, "API_SERVER": sandbox.url, "DATA": folder}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", cwd=ROOT, env=environment | {"LOG_LEVEL": "WARNING"}
        )
        yield process
        process.terminate()
        await process.wait()


if __name__ == "__main__":
    main()
