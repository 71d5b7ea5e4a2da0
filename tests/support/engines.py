"""An engine with pretend captioners, and the steps that its tests share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from inference.errors import CheckpointError
from inference.listing.types import Description, Submission
from inference.serving.engine import Engine
from tests.support.doubles import NOUN, Gate, PretendLoader

MEGABYTE = 1024 * 1024
Result = TypeVar("Result")


def build_loader() -> PretendLoader:
    """Return a loader of three captioners, of which two fit into two megabytes."""
    return PretendLoader({"a": MEGABYTE, "b": MEGABYTE, "c": MEGABYTE})


@asynccontextmanager
async def run_engine(
    loader: PretendLoader, max_batch: int = 8, gather_s: float = 0, memory_mb: int = 2
) -> AsyncIterator[Engine]:
    engine = Engine(Path("nowhere"), max_batch=max_batch, gather_s=gather_s, memory_mb=memory_mb, loader=loader)
    try:
        yield engine
    finally:
        for gate in loader.gates.values():
            gate.opened.set()
        await engine.close()


def run(scenario: Coroutine[None, None, Result]) -> Result:
    async def run_with_timeout() -> Result:
        async with asyncio.timeout(20):
            return await scenario

    return asyncio.run(run_with_timeout())


async def wait_until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


async def wait_reached(gate: Gate) -> None:
    await wait_until(gate.reached.is_set)


async def wait_ready(engine: Engine, count: int) -> None:
    """Wait until so many requests of the queue are validated."""
    await wait_until(lambda: sum(request.job is not None for request in engine._queue) == count)


async def wait_for_memory(engine: Engine) -> None:
    """Wait until a load needs another captioner to be evicted."""
    worker = engine._load_worker
    await wait_until(lambda: worker._load and worker._load.size)


def submit(engine: Engine, text: str, checkpoint: str | None = None) -> asyncio.Task[Description]:
    """Submit a request for the captioner named by the first letter of its text."""
    return asyncio.create_task(engine.describe(Submission(attributes=text), checkpoint or text[0]))


async def submit_all(engine: Engine, texts: str) -> list[asyncio.Task[Description]]:
    """Submit several requests, in this order."""
    tasks = []
    for text in texts.split():
        tasks.append(submit(engine, text))
        await asyncio.sleep(0)
    return tasks


async def collect(*tasks: asyncio.Task[Description]) -> list[str]:
    """Return the texts of the results, or the names of the errors."""
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return [
        (result.text or "").removeprefix(f"{NOUN}. ") if isinstance(result, Description) else type(result).__name__
        for result in results
    ]


def build_unusable(captioner: str) -> CheckpointError:
    """Return the error that the pipeline raises for any exception of a captioner."""
    return CheckpointError("checkpoint-unusable", checkpoint=f"captioner/{captioner}", reason="…")


async def block(engine: Engine, loader: PretendLoader) -> tuple[asyncio.Task[Description], Gate]:
    """Run a batch of captioner `a` that blocks the pipeline's thread until its gate is opened."""
    gate = loader.hold("a-block")
    task = submit(engine, "a-block")
    await wait_reached(gate)
    return task, gate


async def collect_behind_block(engine: Engine, loader: PretendLoader, texts: str, ready: int) -> list[str]:
    """Return the results of a blocking batch and of requests that arrive meanwhile, `ready` of them validated."""
    first, gate = await block(engine, loader)
    tasks = await submit_all(engine, texts)
    await wait_ready(engine, ready)
    gate.opened.set()
    return await collect(first, *tasks)
