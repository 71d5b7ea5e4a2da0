"""The engine: order of requests, batches, memory and lifetime."""

from __future__ import annotations

import asyncio
import inspect
import random
import shutil
import threading
from itertools import chain, repeat
from pathlib import Path

import pytest

from inference.captioners.prefix.captioner import PrefixCaptioner
from inference.captioners.prefix.decoding import Sampling
from inference.errors import CheckpointError
from inference.listing.types import Description, Stage, Submission, Upload
from inference.listing.validation import build_job
from inference.serving import engine as engine_module
from inference.serving import load_worker as load_worker_module
from inference.serving.engine import Engine
from inference.serving.loader import Loader
from tests.support.doubles import NOUN, PretendLoader
from tests.support.engines import (
    MEGABYTE,
    block,
    build_loader,
    collect,
    collect_behind_block,
    run,
    run_engine,
    submit,
    submit_all,
    wait_for_memory,
    wait_reached,
    wait_ready,
    wait_until,
)
from tests.support.models import tiny


@pytest.fixture
def loader() -> PretendLoader:
    return build_loader()


class TestBatches:
    def test_a_request_goes_through_all_stages_in_order(self, loader: PretendLoader) -> None:
        """They are reported in the event loop's thread."""
        stages: list[tuple[Stage, threading.Thread]] = []

        async def scenario() -> Description:
            async with run_engine(loader) as engine:
                return await engine.describe(
                    Submission(attributes="Цена: 5"),
                    "a",
                    on_progress=lambda stage: stages.append((stage, threading.current_thread())),
                )

        assert run(scenario()).text == f"{NOUN}. Цена: 5"
        assert [stage for stage, _ in stages] == ["checking", "reading", "writing", "scoring"]
        assert {thread for _, thread in stages} == {threading.main_thread()}

    def test_waiting_requests_are_batched_by_captioner(self, loader: PretendLoader) -> None:
        async def scenario() -> list[str]:
            async with run_engine(loader) as engine:
                await engine.start("b")
                return await collect_behind_block(engine, loader, "a1 b1 a2 b2 a3", 5)

        assert run(scenario()) == ["a-block", "a1", "b1", "a2", "b2", "a3"]
        assert loader.batches == [("a", ["a-block"]), ("a", ["a1", "a2", "a3"]), ("b", ["b1", "b2"])]

    def test_a_batch_has_its_limit(self, loader: PretendLoader) -> None:
        async def scenario() -> None:
            async with run_engine(loader, max_batch=2) as engine:
                await collect_behind_block(engine, loader, "a1 a2 a3 a4 a5", 2)

        run(scenario())
        assert [text for _, texts in loader.batches for text in texts] == ["a-block", "a1", "a2", "a3", "a4", "a5"]
        assert max(len(texts) for _, texts in loader.batches) == 2

    def test_an_idle_engine_gathers_requests(self, loader: PretendLoader) -> None:
        """Two requests within the gathering time share a batch."""

        async def scenario() -> list[str]:
            async with run_engine(loader, max_batch=2, gather_s=15) as engine:
                return await collect(*await submit_all(engine, "a1 a2"))

        assert run(scenario()) == ["a1", "a2"]
        assert loader.batches == [("a", ["a1", "a2"])]

    def test_a_single_request_does_not_wait_for_ever(self, loader: PretendLoader) -> None:
        async def scenario() -> list[str]:
            async with run_engine(loader, gather_s=0.001) as engine:
                return await collect(submit(engine, "a1"))

        assert run(scenario()) == ["a1"]

    def test_one_batch_per_captioner_is_validated_ahead(self, loader: PretendLoader) -> None:
        """Decoded photos are large; those of the running batch do not count."""

        async def scenario() -> list[bool]:
            async with run_engine(loader, max_batch=2) as engine:
                await block(engine, loader)
                await submit_all(engine, "a1 a2 a3 a4 b1 b2 b3")
                await wait_ready(engine, 4)
                await wait_until(lambda: "b" in loader.loads)
                return [request.job is not None for request in engine._queue]

        assert run(scenario()) == [True, True, False, False, True, True, False]

    def test_a_text_depends_on_its_own_seed_alone(self, tiny_root: Path) -> None:
        """Real models: a listing gets the same text in a batch with other seeds as alone."""
        photos = (Upload(tiny.png(tiny.picture(1))), Upload(tiny.png(tiny.picture(2))))
        listing = Submission(photos, "Название: куртка\nЦена: 5000 руб.")
        loader = Loader(tiny_root)
        alone = loader.load("mini")
        assert isinstance(alone.models.captioner, PrefixCaptioner)
        alone.models.captioner.sampling = Sampling(drafts=2, max_things_tokens=8, max_text_tokens=25)
        loader.load = lambda captioner: alone  # type: ignore[method-assign]

        async def scenario() -> list[Description]:
            engine = Engine(tiny_root, max_batch=4, gather_s=15, loader=loader)
            texts = await asyncio.gather(*[engine.describe(listing, "mini", seed=seed) for seed in (5, 6, 7, 5)])
            await engine.close()
            return texts

        together = [description.text for description in run(scenario())]
        assert together == [alone.describe([build_job(listing, seed=seed)])[0].text for seed in (5, 6, 7, 5)]
        assert len(set(together)) == 3

    def test_each_request_has_its_own_seed_and_numbers(self, loader: PretendLoader) -> None:
        async def scenario() -> None:
            async with run_engine(loader, max_batch=2, gather_s=15) as engine:
                submission = Submission(attributes="Цена: 5000 руб.")
                await asyncio.gather(
                    engine.describe(submission, "a", numbers="blanks", seed=3), engine.describe(submission, "a", seed=4)
                )

        run(scenario())
        assert [(job.numbers, job.seed) for job in loader.jobs] == [("blanks", 3), ("values", 4)]


class TestOrder:
    def test_the_oldest_request_goes_first_whatever_its_captioner(self, loader: PretendLoader) -> None:
        """Many requests for one captioner do not delay a request for another."""

        async def scenario() -> None:
            async with run_engine(loader, max_batch=2) as engine:
                await engine.start("b")
                await collect_behind_block(engine, loader, "b1 a1 a2 a3 a4 a5 a6", 3)

        run(scenario())
        assert loader.batches[1] == ("b", ["b1"])

    def test_a_load_delays_no_request_for_a_loaded_captioner(self, loader: PretendLoader) -> None:
        async def scenario() -> list[str]:
            async with run_engine(loader) as engine:
                await engine.start("a")
                gate = loader.hold("b")
                slow = submit(engine, "b1")
                await wait_reached(gate)
                served = await collect(*await submit_all(engine, "a1 a2"))
                assert not slow.done()
                gate.opened.set()
                return served + await collect(slow)

        assert run(scenario()) == ["a1", "a2", "b1"]

    def test_a_request_that_needed_a_load_is_next_after_it(self, loader: PretendLoader) -> None:
        """By then it is the oldest request."""

        async def scenario() -> None:
            async with run_engine(loader, max_batch=1) as engine:
                first, gate = await block(engine, loader)
                loading = loader.hold("b")
                tasks = await submit_all(engine, "b1 a1 a2 a3")
                await wait_reached(loading)
                loading.opened.set()
                await wait_until(lambda: "b" in engine._load_worker.cache)
                gate.opened.set()
                await collect(first, *tasks)

        run(scenario())
        assert [texts for _, texts in loader.batches] == [["a-block"], ["b1"], ["a1"], ["a2"], ["a3"]]


class TestMemory:
    def test_the_least_recently_used_captioner_is_evicted(self, loader: PretendLoader) -> None:
        async def scenario() -> None:
            async with run_engine(loader) as engine:
                for text in ("a1", "b1", "a2", "c1", "a3", "b2"):
                    await submit(engine, text)

        run(scenario())
        assert loader.loads == ["a", "b", "c", "b"]

    def test_a_running_captioner_is_never_evicted(self, loader: PretendLoader) -> None:
        """The next one is loaded only after the batch; nothing is interrupted."""

        async def scenario() -> list[str]:
            async with run_engine(loader, memory_mb=1) as engine:
                first, gate = await block(engine, loader)
                other = submit(engine, "b1")
                await wait_ready(engine, 1)
                await wait_for_memory(engine)
                assert ("a" in engine._load_worker.cache, loader.loads) == (True, ["a"])
                gate.opened.set()
                return await collect(first, other)

        assert run(scenario()) == ["a-block", "b1"]
        assert loader.loads == ["a", "b"]

    def test_captioners_take_turns_in_the_order_of_requests(self, loader: PretendLoader) -> None:
        """When only one fits, older requests of the loaded one run first, and newer ones wait for the other."""

        async def scenario() -> None:
            async with run_engine(loader, max_batch=1, memory_mb=1) as engine:
                first, gate = await block(engine, loader)
                tasks = await submit_all(engine, "a1 b1 a2")
                await wait_ready(engine, 2)
                await wait_for_memory(engine)
                gate.opened.set()
                await collect(first, *tasks)

        run(scenario())
        assert [texts for _, texts in loader.batches] == [["a-block"], ["a1"], ["b1"], ["a2"]]

    def test_a_captioner_larger_than_the_budget_is_served_alone(self, loader: PretendLoader) -> None:
        loader.sizes["c"] = 100 * MEGABYTE

        async def scenario() -> list[str]:
            async with run_engine(loader) as engine:
                return [
                    *await collect(submit(engine, "a1")),
                    *await collect(submit(engine, "c1")),
                    *await collect(submit(engine, "a2")),
                ]

        assert run(scenario()) == ["a1", "c1", "a2"]
        assert loader.loads == ["a", "c", "a"]

    def test_a_captioner_counts_with_its_size_after_the_eviction(
        self, loader: PretendLoader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Before the eviction only a narrow dtype would have fitted, after it a wide one does."""
        sizes = {"a": repeat(MEGABYTE), "b": chain([MEGABYTE], repeat(2 * MEGABYTE)), "c": repeat(MEGABYTE)}
        monkeypatch.setattr(loader, "estimate_bytes", lambda name: next(sizes[name]))

        async def scenario() -> None:
            async with run_engine(loader) as engine:
                for text in ("a1", "b1", "c1", "b2"):
                    await submit(engine, text)

        run(scenario())
        assert loader.loads == ["a", "b", "c", "b"]

    def test_nothing_is_evicted_for_a_cancelled_request(self, loader: PretendLoader) -> None:
        async def scenario() -> list[str]:
            async with run_engine(loader, memory_mb=1) as engine:
                first, gate = await block(engine, loader)
                cancelled = submit(engine, "b1")
                await wait_for_memory(engine)
                cancelled.cancel()
                await wait_until(cancelled.done)
                gate.opened.set()
                return await collect(first, cancelled, submit(engine, "a1"))

        assert run(scenario()) == ["a-block", "CancelledError", "a1"]
        assert loader.loads == ["a"]


class TestLifetime:
    def test_closing_cancels_waiting_requests_and_finishes_the_running_batch(self, loader: PretendLoader) -> None:
        async def scenario() -> list[str]:
            async with run_engine(loader) as engine:
                first, gate = await block(engine, loader)
                tasks = await submit_all(engine, "a1 b1")
                closing = asyncio.create_task(engine.close())
                results = await collect(*tasks)
                assert not closing.done()
                gate.opened.set()
                await closing
                return await collect(first) + results

        assert run(scenario()) == ["a-block", "CancelledError", "CancelledError"]
        assert loader.batches == [("a", ["a-block"])]

    def test_a_load_that_waits_for_memory_does_not_delay_closing(self, loader: PretendLoader) -> None:
        async def scenario() -> list[str]:
            async with run_engine(loader, memory_mb=1) as engine:
                first, gate = await block(engine, loader)
                waiting = submit(engine, "b1")
                await wait_for_memory(engine)
                closing = asyncio.create_task(engine.close())
                await collect(waiting)
                gate.opened.set()
                await closing
                return await collect(first)

        assert run(scenario()) == ["a-block"]
        assert loader.loads == ["a"]

    def test_a_closed_engine_takes_no_requests(self, loader: PretendLoader) -> None:
        async def scenario() -> None:
            async with run_engine(loader) as engine:
                await engine.close()
                with pytest.raises(RuntimeError):
                    await engine.describe(Submission(attributes="a1"), "a")

        run(scenario())

    def test_start_loads_a_captioner(self, loader: PretendLoader) -> None:
        """A request that arrives meanwhile waits for the same load."""

        async def scenario() -> list[str]:
            async with run_engine(loader) as engine:
                gate = loader.hold("a")
                starting = asyncio.create_task(engine.start("a"))
                await wait_reached(gate)
                early = submit(engine, "a1")
                gate.opened.set()
                await starting
                await engine.start("a")
                return await collect(early)

        assert run(scenario()) == ["a1"]
        assert loader.loads == ["a"]

    def test_start_raises_for_a_missing_captioner(self, loader: PretendLoader) -> None:
        async def scenario() -> None:
            async with run_engine(loader) as engine:
                with pytest.raises(CheckpointError):
                    await engine.start("x")

        run(scenario())

    def test_the_engine_imports_no_torch(self) -> None:
        """Only the loading thread does, so the bot starts without waiting for it."""
        for module in (engine_module, load_worker_module):
            source = inspect.getsource(module)
            imported = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
            assert not [line for line in imported if "torch" in line or "loader" in line or "pipeline" in line]

    def test_cards_follow_the_folders_of_checkpoints(self, tiny_root: Path, tmp_path: Path) -> None:
        """A new folder is listed at once; a broken card, a missing file or an unknown family is omitted."""
        root = shutil.copytree(tiny_root, tmp_path / "checkpoints")
        engine = Engine(root)
        assert [card.name for card in engine.list_cards()] == ["mini"]
        shutil.copytree(root / "captioner" / "mini", root / "captioner" / "broken")
        (root / "captioner" / "broken" / "card.toml").write_text("family = ")
        shutil.copytree(root / "captioner" / "mini", root / "captioner" / "more")
        assert [card.name for card in engine.list_cards()] == ["mini", "more"]
        card = (root / "captioner" / "more" / "card.toml").read_text("utf-8")
        for name, of_another_family in (("other", card.replace('"prefix"', '"llava"')), ("lost", card)):
            shutil.copytree(root / "captioner" / "more", root / "captioner" / name)
            (root / "captioner" / name / "card.toml").write_text(of_another_family, "utf-8")
        (root / "captioner" / "lost" / "model.safetensors").unlink()
        assert [card.name for card in engine.list_cards()] == ["mini", "more"]
        folder = root / "captioner" / "nocard"
        folder.mkdir()
        (folder / "config.json").write_text('{"model_type": "vision-encoder-decoder"}')
        shutil.copy(root / "captioner" / "mini" / "model.safetensors", folder)
        assert [card.name for card in engine.list_cards()] == ["mini", "more", "nocard"]


@pytest.mark.parametrize("seed", range(5))
def test_every_request_gets_its_own_result(loader: PretendLoader, seed: int) -> None:
    """Three captioners with memory for one, failing, empty and cancelled requests: nothing hangs or is mixed up."""
    rnd = random.Random(seed)
    texts = [
        f"{rnd.choice('abc')}{number}{rnd.choice(('', '', '', '-bad', '-left', '-none'))}" for number in range(150)
    ]
    loader.bad = {text for text in texts if text.endswith("-bad")}

    async def scenario() -> list[str]:
        async with run_engine(loader, max_batch=4, gather_s=0.001, memory_mb=1) as engine:
            tasks = []
            for text in texts:
                tasks.append(submit(engine, "" if text.endswith("-none") else text, text[0]))
                await asyncio.sleep(rnd.choice((0, 0, 0.001)))
                if text.endswith("-left"):
                    rnd.choice(
                        [task for task, text in zip(tasks, texts, strict=False) if text.endswith("-left")]
                    ).cancel()
            results = await collect(*tasks)
            assert engine._queue == []
            return results

    for text, result in zip(texts, run(scenario()), strict=True):
        expected = {"-bad": ["ArithmeticError"], "-none": ["InvalidInput"], "-left": ["CancelledError", text]}
        assert result in expected.get(text[text.find("-") :] if "-" in text else "", [text])
