"""An engine over pretend captioners, and what its tests do with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from inference.errors import CheckpointError
from inference.listing.types import Description, Submission
from inference.serving.engine import Engine
from tests.support.doubles import NOUN, Gate, PretendModels

MEGABYTE = 1024 * 1024
Result = TypeVar("Result")


def pretend_models() -> PretendModels:
    """Three captioners, of which two fit into two megabytes."""
    return PretendModels({"a": MEGABYTE, "b": MEGABYTE, "c": MEGABYTE})


@asynccontextmanager
async def serving(
    models: PretendModels, max_batch: int = 8, gather_s: float = 0, memory_mb: int = 2
) -> AsyncIterator[Engine]:
    engine = Engine(Path("nowhere"), max_batch=max_batch, gather_s=gather_s, memory_mb=memory_mb, models=models)
    try:
        yield engine
    finally:
        for gate in models.gates.values():
            gate.opened.set()
        await engine.close()


def run(scene: Coroutine[None, None, Result]) -> Result:
    async def with_an_end() -> Result:
        async with asyncio.timeout(20):
            return await scene

    return asyncio.run(with_an_end())


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


async def reached(gate: Gate) -> None:
    await until(gate.reached.is_set)


async def in_line(engine: Engine, ready: int) -> None:
    """Until so many requests wait for nothing but their turn."""
    await until(lambda: sum(request.checked is not None for request in engine._line) == ready)


async def wants_room(engine: Engine) -> None:
    """Until a captioner waits for another to be dropped."""
    await until(lambda: engine._load and engine._load.size)


def ask(engine: Engine, text: str, checkpoint: str | None = None) -> asyncio.Task[Description]:
    """A request whose captioner is the first letter of its text."""
    return asyncio.create_task(engine.describe(Submission(attributes=text), checkpoint or text[0]))


async def ask_all(engine: Engine, texts: str) -> list[asyncio.Task[Description]]:
    """Several requests, in this order."""
    tasks = []
    for text in texts.split():
        tasks.append(ask(engine, text))
        await asyncio.sleep(0)
    return tasks


async def ends(*tasks: asyncio.Task[Description]) -> list[str]:
    """The texts, or the names of the errors."""
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return [
        (result.text or "").removeprefix(f"{NOUN}. ") if isinstance(result, Description) else type(result).__name__
        for result in results
    ]


def unusable(captioner: str) -> CheckpointError:
    """What the pipeline makes of anything that a captioner raises."""
    return CheckpointError("checkpoint-unusable", checkpoint=f"captioner/{captioner}", reason="…")


async def plug(engine: Engine, models: PretendModels) -> tuple[asyncio.Task[Description], Gate]:
    """A batch of captioner `a` that holds the model's thread until its gate is opened."""
    gate = models.hold("a-plug")
    task = ask(engine, "a-plug")
    await reached(gate)
    return task, gate


async def ends_behind_a_plug(engine: Engine, models: PretendModels, texts: str, ready: int) -> list[str]:
    """How a plug and the requests end that came while it held the thread; `ready`: how many are checked by then."""
    first, gate = await plug(engine, models)
    tasks = await ask_all(engine, texts)
    await in_line(engine, ready)
    gate.opened.set()
    return await ends(first, *tasks)
