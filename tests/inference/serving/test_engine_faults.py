"""The engine when requests, batches or loads fail or are cancelled."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from inference.errors import CheckpointError, InvalidInput
from inference.listing.types import Description, Stage, Submission
from inference.listing.validation import build_job
from inference.serving import engine as engine_module
from inference.serving import load_worker as load_worker_module
from inference.serving.engine import Engine
from tests.support.doubles import REFUSED, PretendLoader
from tests.support.engines import (
    block,
    build_loader,
    build_unusable,
    collect,
    collect_behind_block,
    run,
    run_engine,
    submit,
    submit_all,
    wait_reached,
    wait_ready,
    wait_until,
)


@pytest.fixture
def loader() -> PretendLoader:
    return build_loader()


class TestFaults:
    def test_one_bad_listing_fails_alone(self, loader: PretendLoader) -> None:
        """The requests of a failed batch are retried one by one."""
        loader.bad = {"a-bad"}

        async def scenario() -> list[str]:
            async with run_engine(loader) as engine:
                return await collect_behind_block(engine, loader, "a1 a-bad a2", 3) + await collect(
                    submit(engine, "a3")
                )

        assert run(scenario()) == ["a-block", "a1", "ArithmeticError", "a2", "a3"]
        assert [texts for _, texts in loader.batches[1:]] == [["a1", "a-bad", "a2"], ["a1"], ["a-bad"], ["a2"], ["a3"]]

    def test_a_stage_is_reported_once(self, loader: PretendLoader) -> None:
        loader.bad = {"a-bad"}
        stages: list[Stage] = []

        async def scenario() -> None:
            async with run_engine(loader, max_batch=2, gather_s=15) as engine:
                bad = submit(engine, "a-bad")
                await engine.describe(Submission(attributes="a1"), "a", on_progress=stages.append)
                await collect(bad)

        run(scenario())
        assert stages == ["checking", "reading", "writing", "scoring"]

    def test_invalid_input_raises_while_the_pipeline_is_busy(self, loader: PretendLoader) -> None:
        async def scenario() -> None:
            async with run_engine(loader) as engine:
                await block(engine, loader)
                with pytest.raises(InvalidInput) as raised:
                    await engine.describe(Submission(), "a")
                assert raised.value.message.code == "nothing-sent"

        run(scenario())

    def test_a_bug_in_validation_fails_its_request_alone(
        self, loader: PretendLoader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(submission: Submission, *arguments: Any, **options: Any) -> object:
            if submission.attributes == "a-bug":
                raise ZeroDivisionError
            return build_job(submission, *arguments, **options)

        monkeypatch.setattr(engine_module, "build_job", fail)

        async def scenario() -> list[str]:
            async with run_engine(loader) as engine:
                return await collect(*await submit_all(engine, "a1 a-bug a2"))

        assert run(scenario()) == ["a1", "ZeroDivisionError", "a2"]

    def test_a_failed_load_fails_its_requests_and_is_retried(self, loader: PretendLoader) -> None:
        async def scenario() -> list[str]:
            async with run_engine(loader) as engine:
                loader.broken["b"] = CheckpointError("checkpoint-broken", checkpoint="captioner/b")
                gate = loader.hold("b")
                tasks = await submit_all(engine, "b1 b2")
                await wait_reached(gate)
                gate.opened.set()
                first = await collect(*tasks, submit(engine, "a1"))
                loader.broken.clear()
                return first + await collect(submit(engine, "b3"))

        assert run(scenario()) == ["CheckpointError", "CheckpointError", "a1", "b3"]

    def test_an_unknown_captioner_raises(self, loader: PretendLoader) -> None:
        async def scenario() -> None:
            async with run_engine(loader) as engine:
                with pytest.raises(CheckpointError) as raised:
                    await engine.describe(Submission(attributes="x1"), "x")
                assert raised.value.message.details["checkpoint"] == "captioner/x"

        run(scenario())

    def test_a_captioner_that_failed_is_omitted_for_a_while(
        self, tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is neither offered nor drawn for a blind comparison until there was time to repair it."""
        root = shutil.copytree(tiny_root, tmp_path / "checkpoints")
        shutil.copytree(root / "captioner" / "mini", root / "captioner" / "worse")
        (root / "captioner" / "worse" / "config.json").write_text("{")

        async def scenario() -> None:
            engine = Engine(root)
            assert [card.name for card in engine.list_cards()] == ["mini", "worse"]
            with pytest.raises(CheckpointError):
                await engine.start("worse")
            assert [card.name for card in engine.list_cards()] == ["mini"]
            monkeypatch.setattr(load_worker_module, "_EXCLUDE_S", 0)
            assert [card.name for card in engine.list_cards()] == ["mini", "worse"]
            await engine.close()

        run(scenario())

    def test_a_captioner_that_fails_on_one_listing_keeps_serving(self, loader: PretendLoader) -> None:
        """It generated a text before and after; only the request of that listing fails."""
        loader.broken["a-odd"] = build_unusable("a")

        async def scenario() -> list[str]:
            async with run_engine(loader) as engine:
                results = await collect_behind_block(engine, loader, "a1 a-odd a2 a-odd", 4) + await collect(
                    submit(engine, "a3")
                )
                assert engine._load_worker.list_failed() == set()
                return results

        assert run(scenario()) == ["a-block", "a1", "CheckpointError", "a2", "CheckpointError", "a3"]
        assert loader.loads == ["a"]

    def test_a_captioner_that_fails_twice_in_a_row_is_evicted(self, loader: PretendLoader) -> None:
        """Waiting requests fail too and do not load it again; a bug in a batch has no such effect."""
        loader.bad = {"a-bad"}
        loader.broken |= {f"b{number}": build_unusable("b") for number in range(1, 6)}

        async def scenario() -> list[str]:
            async with run_engine(loader, max_batch=3) as engine:
                results = [*await collect(submit(engine, "a-bad")), *await collect(submit(engine, "a-bad"))]
                first, gate = await block(engine, loader)
                broken = await submit_all(engine, "b1 b2 b3 b4 b5")
                await wait_ready(engine, 3)
                await wait_until(lambda: "b" in engine._load_worker.cache)
                gate.opened.set()
                results += await collect(first, *broken)
                assert engine._load_worker.list_failed() == {"b"}
                return results

        assert run(scenario()) == ["ArithmeticError", "ArithmeticError", "a-block", *["CheckpointError"] * 5]
        assert loader.loads == ["a", "b"]
        assert [texts for name, texts in loader.batches if name == "b"] == [["b1", "b2", "b3"], ["b1"], ["b2"]]

    def test_an_omitted_captioner_returns_when_it_has_generated_a_text(self, loader: PretendLoader) -> None:
        """A load or a rejected listing is not enough; one more failure omits it again."""
        loader.broken["b-odd"] = build_unusable("b")

        async def scenario() -> list[bool]:
            async with run_engine(loader) as engine:
                omitted = []
                for text in ("b-odd", "b-odd", REFUSED, "b-odd", "b1", "b-odd"):
                    await collect(submit(engine, text, "b"))
                    omitted.append("b" in engine._load_worker.list_failed())
                return omitted

        assert run(scenario()) == [False, True, True, True, False, False]
        assert loader.loads == ["b", "b", "b"]

    def test_a_mresults_folder_is_served_without_a_restart(self, tiny_root: Path, tmp_path: Path) -> None:
        """Real folders: the models that all captioners share are retried as well."""
        root = shutil.copytree(tiny_root, tmp_path / "checkpoints")
        weights = root / "clip" / "mini" / "model.safetensors"
        content = weights.read_bytes()
        weights.write_bytes(content[:1000])

        async def scenario() -> Description:
            engine = Engine(root)
            with pytest.raises(CheckpointError) as raised:
                await engine.start("mini")
            assert raised.value.message.code == "checkpoint-damaged"
            weights.write_bytes(content)
            description = await engine.describe(Submission(attributes="Цена: 5"), "mini")
            await engine.close()
            return description

        assert run(scenario()).checkpoint == "mini"


class TestCancellation:
    def test_a_cancelled_request_leaves_the_queue(self, loader: PretendLoader) -> None:
        async def scenario() -> list[str]:
            async with run_engine(loader) as engine:
                first, gate = await block(engine, loader)
                cancelled, other = await submit_all(engine, "a1 a2")
                await wait_ready(engine, 2)
                cancelled.cancel()
                await wait_until(cancelled.done)
                gate.opened.set()
                return await collect(first, cancelled, other)

        assert run(scenario()) == ["a-block", "CancelledError", "a2"]
        assert loader.batches[1:] == [("a", ["a2"])]

    def test_a_request_can_be_cancelled_while_its_batch_runs(self, loader: PretendLoader) -> None:
        async def scenario() -> list[str]:
            async with run_engine(loader) as engine:
                cancelled, gate = await block(engine, loader)
                cancelled.cancel()
                await wait_until(cancelled.done)
                gate.opened.set()
                return await collect(cancelled, submit(engine, "a1"))

        assert run(scenario()) == ["CancelledError", "a1"]

    def test_a_cancelled_request_of_a_failed_batch_is_not_retried(self, loader: PretendLoader) -> None:
        loader.bad = {"a-bad"}

        async def scenario() -> list[str]:
            async with run_engine(loader, max_batch=2, gather_s=15) as engine:
                gate = loader.hold("a1")
                cancelled, bad = await submit_all(engine, "a1 a-bad")
                await wait_reached(gate)
                cancelled.cancel()
                await wait_until(cancelled.done)
                gate.opened.set()
                return await collect(cancelled, bad)

        assert run(scenario()) == ["CancelledError", "ArithmeticError"]
        assert [texts for _, texts in loader.batches] == [["a1", "a-bad"], ["a-bad"]]

    def test_a_request_times_out_in_the_queue(self, loader: PretendLoader) -> None:
        async def scenario() -> list[str]:
            async with run_engine(loader) as engine:
                first, gate = await block(engine, loader)
                with pytest.raises(TimeoutError):
                    await engine.describe(Submission(attributes="a1"), "a", timeout_s=0)
                gate.opened.set()
                return await collect(first)

        assert run(scenario()) == ["a-block"]
        assert loader.batches == [("a", ["a-block"])]

    def test_a_request_times_out_while_its_captioner_loads(self, loader: PretendLoader) -> None:
        async def scenario() -> list[str]:
            async with run_engine(loader) as engine:
                gate = loader.hold("a")
                with pytest.raises(TimeoutError):
                    await engine.describe(Submission(attributes="a1"), "a", timeout_s=0.001)
                gate.opened.set()
                return await collect(submit(engine, "a2"))

        assert run(scenario()) == ["a2"]
        assert loader.batches == [("a", ["a2"])]
