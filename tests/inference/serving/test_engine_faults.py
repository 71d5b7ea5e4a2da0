"""The engine when something goes wrong, or somebody leaves: what happens to the others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inference.errors import CheckpointError, InvalidInput
from inference.listing.types import Description, Submission
from inference.listing.validation import validate_timed
from inference.serving import engine as engine_module
from inference.serving.engine import Engine, Stage
from tests.support.doubles import REFUSED, PretendModels
from tests.support.engines import (
    ask,
    ask_all,
    ends,
    ends_behind_a_plug,
    in_line,
    plug,
    pretend_models,
    reached,
    run,
    serving,
    until,
    unusable,
)


@pytest.fixture
def models() -> PretendModels:
    return pretend_models()


class TestFaults:
    def test_one_bad_listing_harms_nobody_else(self, models: PretendModels) -> None:
        """A batch that fails is taken apart; only the bad one gets its error."""
        models.bad = {"a-bad"}

        async def scene() -> list[str]:
            async with serving(models) as engine:
                return await ends_behind_a_plug(engine, models, "a1 a-bad a2", 3) + await ends(ask(engine, "a3"))

        assert run(scene()) == ["a-plug", "a1", "ArithmeticError", "a2", "a3"]
        assert [texts for _, texts in models.batches[1:]] == [["a1", "a-bad", "a2"], ["a1"], ["a-bad"], ["a2"], ["a3"]]

    def test_a_stage_is_not_told_twice(self, models: PretendModels) -> None:
        models.bad = {"a-bad"}
        heard: list[Stage] = []

        async def scene() -> None:
            async with serving(models, max_batch=2, gather_s=15) as engine:
                bad = ask(engine, "a-bad")
                await engine.describe(Submission(attributes="a1"), "a", on_progress=heard.append)
                await ends(bad)

        run(scene())
        assert heard == ["checking", "reading", "writing", "scoring"]

    def test_wrong_input_is_told_before_anything_is_loaded_or_free(self, models: PretendModels) -> None:
        async def scene() -> None:
            async with serving(models) as engine:
                await plug(engine, models)
                with pytest.raises(InvalidInput) as raised:
                    await engine.describe(Submission(), "a")
                assert raised.value.message.code == "nothing-sent"

        run(scene())

    def test_a_bug_in_checking_is_the_request_s_own(
        self, models: PretendModels, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def checked(submission: Submission) -> object:
            if submission.attributes == "a-bug":
                raise ZeroDivisionError
            return validate_timed(submission)

        monkeypatch.setattr(engine_module, "check", checked)

        async def scene() -> list[str]:
            async with serving(models) as engine:
                return await ends(*await ask_all(engine, "a1 a-bug a2"))

        assert run(scene()) == ["a1", "ZeroDivisionError", "a2"]

    def test_a_failed_load_is_told_to_those_who_asked_and_tried_again(self, models: PretendModels) -> None:
        async def scene() -> list[str]:
            async with serving(models) as engine:
                models.broken["b"] = CheckpointError("checkpoint-broken", checkpoint="captioner/b")
                gate = models.hold("b")
                tasks = await ask_all(engine, "b1 b2")
                await reached(gate)
                gate.opened.set()
                first = await ends(*tasks, ask(engine, "a1"))
                models.broken.clear()
                return first + await ends(ask(engine, "b3"))

        assert run(scene()) == ["CheckpointError", "CheckpointError", "a1", "b3"]

    def test_an_unknown_captioner_is_named(self, models: PretendModels) -> None:
        async def scene() -> None:
            async with serving(models) as engine:
                with pytest.raises(CheckpointError) as raised:
                    await engine.describe(Submission(attributes="x1"), "x")
                assert raised.value.message.details["checkpoint"] == "captioner/x"

        run(scene())

    def test_a_captioner_that_failed_is_left_out_for_a_while(
        self, tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody is offered it, and no blind comparison draws it, until it has had time to be mended."""
        root = shutil.copytree(tiny_root, tmp_path / "checkpoints")
        shutil.copytree(root / "captioner" / "mini", root / "captioner" / "worse")
        (root / "captioner" / "worse" / "config.json").write_text("{")

        async def scene() -> None:
            engine = Engine(root)
            assert [card.name for card in engine.cards()] == ["mini", "worse"]
            with pytest.raises(CheckpointError):
                await engine.start("worse")
            assert [card.name for card in engine.cards()] == ["mini"]
            monkeypatch.setattr(engine_module, "_LEFT_OUT_S", 0)
            assert [card.name for card in engine.cards()] == ["mini", "worse"]
            await engine.close()

        run(scene())

    def test_a_captioner_that_chokes_on_one_listing_keeps_serving(self, models: PretendModels) -> None:
        """It has written before and writes after; nobody but the listing's own user hears of it."""
        models.broken["a-odd"] = unusable("a")

        async def scene() -> list[str]:
            async with serving(models) as engine:
                ended = await ends_behind_a_plug(engine, models, "a1 a-odd a2 a-odd", 4) + await ends(ask(engine, "a3"))
                assert engine._failed == {}
                return ended

        assert run(scene()) == ["a-plug", "a1", "CheckpointError", "a2", "CheckpointError", "a3"]
        assert models.loads == ["a"]

    def test_a_captioner_that_fails_twice_in_a_row_is_left_out(self, models: PretendModels) -> None:
        """Who waits for it gets the same end, and loads it no more; an error that is not its own, it outlives."""
        models.bad = {"a-bad"}
        models.broken |= {f"b{number}": unusable("b") for number in range(1, 6)}

        async def scene() -> list[str]:
            async with serving(models, max_batch=3) as engine:
                ended = [*await ends(ask(engine, "a-bad")), *await ends(ask(engine, "a-bad"))]
                first, gate = await plug(engine, models)
                broken = await ask_all(engine, "b1 b2 b3 b4 b5")
                await in_line(engine, 3)
                await until(lambda: "b" in engine._shelf)
                gate.opened.set()
                ended += await ends(first, *broken)
                assert list(engine._failed) == ["b"]
                return ended

        assert run(scene()) == ["ArithmeticError", "ArithmeticError", "a-plug", *["CheckpointError"] * 5]
        assert models.loads == ["a", "b"]
        assert [texts for name, texts in models.batches if name == "b"] == [["b1", "b2", "b3"], ["b1"], ["b2"]]

    def test_a_captioner_that_is_left_out_comes_back_when_it_has_written(self, models: PretendModels) -> None:
        """That it loads is not enough, nor that a listing is refused; one more failure leaves it out anew."""
        models.broken["b-odd"] = unusable("b")

        async def scene() -> list[bool]:
            async with serving(models) as engine:
                left_out = []
                for text in ("b-odd", "b-odd", REFUSED, "b-odd", "b1", "b-odd"):
                    await ends(ask(engine, text, "b"))
                    left_out.append("b" in engine._failed)
                return left_out

        assert run(scene()) == [False, True, True, True, False, False]
        assert models.loads == ["b", "b", "b"]

    def test_a_mended_folder_is_served_without_a_restart(self, tiny_root: Path, tmp_path: Path) -> None:
        """Real folders: what all captioners stand on is tried again as well."""
        root = shutil.copytree(tiny_root, tmp_path / "checkpoints")
        weights = root / "clip" / "mini" / "model.safetensors"
        whole = weights.read_bytes()
        weights.write_bytes(whole[:1000])

        async def scene() -> Description:
            engine = Engine(root)
            with pytest.raises(CheckpointError) as raised:
                await engine.start("mini")
            assert raised.value.message.code == "checkpoint-damaged"
            weights.write_bytes(whole)
            description = await engine.describe(Submission(attributes="Цена: 5"), "mini")
            await engine.close()
            return description

        assert run(scene()).checkpoint == "mini"


class TestLeaving:
    def test_a_cancelled_request_that_waits_is_dropped(self, models: PretendModels) -> None:
        async def scene() -> list[str]:
            async with serving(models) as engine:
                first, gate = await plug(engine, models)
                left, stayed = await ask_all(engine, "a1 a2")
                await in_line(engine, 2)
                left.cancel()
                await until(left.done)
                gate.opened.set()
                return await ends(first, left, stayed)

        assert run(scene()) == ["a-plug", "CancelledError", "a2"]
        assert models.batches[1:] == [("a", ["a2"])]

    def test_a_request_cancelled_while_it_is_written_for_is_forgotten(self, models: PretendModels) -> None:
        async def scene() -> list[str]:
            async with serving(models) as engine:
                left, gate = await plug(engine, models)
                left.cancel()
                await until(left.done)
                gate.opened.set()
                return await ends(left, ask(engine, "a1"))

        assert run(scene()) == ["CancelledError", "a1"]

    def test_who_left_a_failing_batch_is_not_written_for_again(self, models: PretendModels) -> None:
        models.bad = {"a-bad"}

        async def scene() -> list[str]:
            async with serving(models, max_batch=2, gather_s=15) as engine:
                gate = models.hold("a1")
                left, bad = await ask_all(engine, "a1 a-bad")
                await reached(gate)
                left.cancel()
                await until(left.done)
                gate.opened.set()
                return await ends(left, bad)

        assert run(scene()) == ["CancelledError", "ArithmeticError"]
        assert [texts for _, texts in models.batches] == [["a1", "a-bad"], ["a-bad"]]

    def test_time_runs_out_while_waiting(self, models: PretendModels) -> None:
        async def scene() -> list[str]:
            async with serving(models) as engine:
                first, gate = await plug(engine, models)
                with pytest.raises(TimeoutError):
                    await engine.describe(Submission(attributes="a1"), "a", timeout_s=0)
                gate.opened.set()
                return await ends(first)

        assert run(scene()) == ["a-plug"]
        assert models.batches == [("a", ["a-plug"])]

    def test_time_runs_out_while_a_captioner_loads(self, models: PretendModels) -> None:
        async def scene() -> list[str]:
            async with serving(models) as engine:
                gate = models.hold("a")
                with pytest.raises(TimeoutError):
                    await engine.describe(Submission(attributes="a1"), "a", timeout_s=0.001)
                gate.opened.set()
                return await ends(ask(engine, "a2"))

        assert run(scene()) == ["a2"]
        assert models.batches == [("a", ["a2"])]
