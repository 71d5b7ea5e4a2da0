"""The engine: who is served when, and with whom."""

from __future__ import annotations

import asyncio
import random
import shutil
import threading
from itertools import chain, repeat
from pathlib import Path

import pytest

from inference.captioners.prefix.captioner import PrefixCaptioner
from inference.captioners.prefix.decoding import Sampling
from inference.errors import CheckpointError, InvalidInput
from inference.listing.types import Description, Submission, Upload
from inference.listing.validation import validate_timed
from inference.serving import engine as engine_module
from inference.serving.engine import Engine, Stage
from inference.serving.loader import Loader
from tests.support.doubles import NOUN, PretendModels
from tests.support.engines import (
    MEGABYTE,
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
    wants_room,
)
from tests.support.models import tiny


@pytest.fixture
def models() -> PretendModels:
    return pretend_models()


class TestBatches:
    def test_a_request_goes_through_all_stages_in_order(self, models: PretendModels) -> None:
        """And hears of them in the thread of the loop."""
        heard: list[tuple[Stage, threading.Thread]] = []

        async def scene() -> Description:
            async with serving(models) as engine:
                return await engine.describe(
                    Submission(attributes="Цена: 5"),
                    "a",
                    on_progress=lambda stage: heard.append((stage, threading.current_thread())),
                )

        assert run(scene()).text == f"{NOUN}. Цена: 5"
        assert [stage for stage, _ in heard] == ["checking", "reading", "writing", "scoring"]
        assert {thread for _, thread in heard} == {threading.main_thread()}

    def test_what_waits_is_batched_by_captioner(self, models: PretendModels) -> None:
        async def scene() -> list[str]:
            async with serving(models) as engine:
                await engine.start("b")
                return await ends_behind_a_plug(engine, models, "a1 b1 a2 b2 a3", 5)

        assert run(scene()) == ["a-plug", "a1", "b1", "a2", "b2", "a3"]
        assert models.batches == [("a", ["a-plug"]), ("a", ["a1", "a2", "a3"]), ("b", ["b1", "b2"])]

    def test_a_batch_has_its_limit(self, models: PretendModels) -> None:
        async def scene() -> None:
            async with serving(models, max_batch=2) as engine:
                await ends_behind_a_plug(engine, models, "a1 a2 a3 a4 a5", 2)

        run(scene())
        assert [text for _, texts in models.batches for text in texts] == ["a-plug", "a1", "a2", "a3", "a4", "a5"]
        assert max(len(texts) for _, texts in models.batches) == 2

    def test_an_idle_engine_waits_for_company(self, models: PretendModels) -> None:
        """Two who come within the gathering time share a batch."""

        async def scene() -> list[str]:
            async with serving(models, max_batch=2, gather_s=15) as engine:
                return await ends(*await ask_all(engine, "a1 a2"))

        assert run(scene()) == ["a1", "a2"]
        assert models.batches == [("a", ["a1", "a2"])]

    def test_one_alone_does_not_wait_for_ever(self, models: PretendModels) -> None:
        async def scene() -> list[str]:
            async with serving(models, gather_s=0.001) as engine:
                return await ends(ask(engine, "a1"))

        assert run(scene()) == ["a1"]

    def test_one_batch_of_each_captioner_is_decoded_ahead_and_no_more(self, models: PretendModels) -> None:
        """Decoded photos are large; those of the batch in work are not counted."""

        async def scene() -> list[bool]:
            async with serving(models, max_batch=2) as engine:
                await plug(engine, models)
                await ask_all(engine, "a1 a2 a3 a4 b1 b2 b3")
                await in_line(engine, 4)
                await until(lambda: "b" in models.loads)
                return [request.checked is not None for request in engine._line]

        assert run(scene()) == [True, True, False, False, True, True, False]

    def test_a_text_depends_on_its_own_seed_alone(self, tiny_root: Path) -> None:
        """Real models: listings of one batch with different seeds read as each alone."""
        photos = (Upload(tiny.png(tiny.picture(1))), Upload(tiny.png(tiny.picture(2))))
        listing = Submission(photos, "Название: куртка\nЦена: 5000 руб.")
        models = Loader(tiny_root)
        alone = models.load("mini")
        assert isinstance(alone.models.captioner, PrefixCaptioner)
        alone.models.captioner.sampling = Sampling(drafts=2, things_length=8, text_length=25)
        models.load = lambda captioner: alone  # type: ignore[method-assign]

        async def scene() -> list[Description]:
            engine = Engine(tiny_root, max_batch=4, gather_s=15, models=models)
            texts = await asyncio.gather(*[engine.describe(listing, "mini", seed=seed) for seed in (5, 6, 7, 5)])
            await engine.close()
            return texts

        together = [description.text for description in run(scene())]
        assert together == [_only(alone.describe([validate_timed(listing)], seed=seed)).text for seed in (5, 6, 7, 5)]
        assert len(set(together)) == 3

    def test_seed_and_numbers_are_each_request_s_own(self, models: PretendModels) -> None:
        async def scene() -> None:
            async with serving(models, max_batch=2, gather_s=15) as engine:
                sent = Submission(attributes="Цена: 5000 руб.")
                await asyncio.gather(
                    engine.describe(sent, "a", numbers="blanks", seed=3), engine.describe(sent, "a", seed=4)
                )

        run(scene())
        assert [(each.numbers, each.seed) for each in models.checked] == [("blanks", 3), ("values", 4)]


def _only(results: list[Description | InvalidInput]) -> Description:
    (result,) = results
    assert isinstance(result, Description)
    return result


class TestOrder:
    def test_the_oldest_goes_first_whatever_its_captioner(self, models: PretendModels) -> None:
        """A crowd around one captioner does not keep another's request waiting."""

        async def scene() -> None:
            async with serving(models, max_batch=2) as engine:
                await engine.start("b")
                await ends_behind_a_plug(engine, models, "b1 a1 a2 a3 a4 a5 a6", 3)

        run(scene())
        assert models.batches[1] == ("b", ["b1"])

    def test_a_load_keeps_nobody_else_waiting(self, models: PretendModels) -> None:
        async def scene() -> list[str]:
            async with serving(models) as engine:
                await engine.start("a")
                gate = models.hold("b")
                slow = ask(engine, "b1")
                await reached(gate)
                served = await ends(*await ask_all(engine, "a1 a2"))
                assert not slow.done()
                gate.opened.set()
                return served + await ends(slow)

        assert run(scene()) == ["a1", "a2", "b1"]

    def test_who_needed_a_load_is_next_once_it_is_there(self, models: PretendModels) -> None:
        """The request is the oldest by then."""

        async def scene() -> None:
            async with serving(models, max_batch=1) as engine:
                first, gate = await plug(engine, models)
                loading = models.hold("b")
                tasks = await ask_all(engine, "b1 a1 a2 a3")
                await reached(loading)
                loading.opened.set()
                await until(lambda: "b" in engine._shelf)
                gate.opened.set()
                await ends(first, *tasks)

        run(scene())
        assert [texts for _, texts in models.batches] == [["a-plug"], ["b1"], ["a1"], ["a2"], ["a3"]]


class TestMemory:
    def test_the_least_recently_used_captioner_is_dropped(self, models: PretendModels) -> None:
        async def scene() -> None:
            async with serving(models) as engine:
                for text in ("a1", "b1", "a2", "c1", "a3", "b2"):
                    await ask(engine, text)

        run(scene())
        assert models.loads == ["a", "b", "c", "b"]

    def test_a_captioner_in_use_is_never_dropped(self, models: PretendModels) -> None:
        """Another is loaded only when the batch has ended; nothing is interrupted."""

        async def scene() -> list[str]:
            async with serving(models, memory_mb=1) as engine:
                first, gate = await plug(engine, models)
                other = ask(engine, "b1")
                await in_line(engine, 1)
                await wants_room(engine)
                assert ("a" in engine._shelf, models.loads) == (True, ["a"])
                gate.opened.set()
                return await ends(first, other)

        assert run(scene()) == ["a-plug", "b1"]
        assert models.loads == ["a", "b"]

    def test_captioners_take_turns_in_the_order_of_requests(self, models: PretendModels) -> None:
        """Where only one fits, older requests of the loaded one come first, younger ones wait for the other."""

        async def scene() -> None:
            async with serving(models, max_batch=1, memory_mb=1) as engine:
                first, gate = await plug(engine, models)
                tasks = await ask_all(engine, "a1 b1 a2")
                await in_line(engine, 2)
                await wants_room(engine)
                gate.opened.set()
                await ends(first, *tasks)

        run(scene())
        assert [texts for _, texts in models.batches] == [["a-plug"], ["a1"], ["b1"], ["a2"]]

    def test_a_captioner_larger_than_the_budget_is_served_alone(self, models: PretendModels) -> None:
        models.sizes["c"] = 100 * MEGABYTE

        async def scene() -> list[str]:
            async with serving(models) as engine:
                return [*await ends(ask(engine, "a1")), *await ends(ask(engine, "c1")), *await ends(ask(engine, "a2"))]

        assert run(scene()) == ["a1", "c1", "a2"]
        assert models.loads == ["a", "c", "a"]

    def test_a_captioner_counts_as_it_was_loaded(self, models: PretendModels, monkeypatch: pytest.MonkeyPatch) -> None:
        """Weighed before room was made its numbers would have been narrow; then there was room for wide ones."""
        sizes = {"a": repeat(MEGABYTE), "b": chain([MEGABYTE], repeat(2 * MEGABYTE)), "c": repeat(MEGABYTE)}
        monkeypatch.setattr(models, "weigh", lambda name: next(sizes[name]))

        async def scene() -> None:
            async with serving(models) as engine:
                for text in ("a1", "b1", "c1", "b2"):
                    await ask(engine, text)

        run(scene())
        assert models.loads == ["a", "b", "c", "b"]

    def test_room_is_not_made_for_those_who_left(self, models: PretendModels) -> None:
        async def scene() -> list[str]:
            async with serving(models, memory_mb=1) as engine:
                first, gate = await plug(engine, models)
                left = ask(engine, "b1")
                await wants_room(engine)
                left.cancel()
                await until(left.done)
                gate.opened.set()
                return await ends(first, left, ask(engine, "a1"))

        assert run(scene()) == ["a-plug", "CancelledError", "a1"]
        assert models.loads == ["a"]


class TestLifetime:
    def test_closing_cancels_what_waits_and_lets_the_running_batch_end(self, models: PretendModels) -> None:
        async def scene() -> list[str]:
            async with serving(models) as engine:
                first, gate = await plug(engine, models)
                tasks = await ask_all(engine, "a1 b1")
                closing = asyncio.create_task(engine.close())
                results = await ends(*tasks)
                assert not closing.done()
                gate.opened.set()
                await closing
                return await ends(first) + results

        assert run(scene()) == ["a-plug", "CancelledError", "CancelledError"]
        assert models.batches == [("a", ["a-plug"])]

    def test_a_load_that_waits_for_room_does_not_hold_up_closing(self, models: PretendModels) -> None:
        async def scene() -> list[str]:
            async with serving(models, memory_mb=1) as engine:
                first, gate = await plug(engine, models)
                waits = ask(engine, "b1")
                await wants_room(engine)
                closing = asyncio.create_task(engine.close())
                await ends(waits)
                gate.opened.set()
                await closing
                return await ends(first)

        assert run(scene()) == ["a-plug"]
        assert models.loads == ["a"]

    def test_a_closed_engine_takes_no_more_work(self, models: PretendModels) -> None:
        async def scene() -> None:
            async with serving(models) as engine:
                await engine.close()
                with pytest.raises(RuntimeError):
                    await engine.describe(Submission(attributes="a1"), "a")

        run(scene())

    def test_starting_loads_what_serves_first(self, models: PretendModels) -> None:
        """Who asks meanwhile waits for the same load."""

        async def scene() -> list[str]:
            async with serving(models) as engine:
                gate = models.hold("a")
                starting = asyncio.create_task(engine.start("a"))
                await reached(gate)
                early = ask(engine, "a1")
                gate.opened.set()
                await starting
                await engine.start("a")
                return await ends(early)

        assert run(scene()) == ["a1"]
        assert models.loads == ["a"]

    def test_starting_names_a_captioner_that_is_not_there(self, models: PretendModels) -> None:
        async def scene() -> None:
            async with serving(models) as engine:
                with pytest.raises(CheckpointError):
                    await engine.start("x")

        run(scene())

    def test_the_bot_s_start_does_not_wait_for_torch(self) -> None:
        """Only the loading thread imports it."""
        source = Path(engine_module.__file__).read_text("utf-8")
        imported = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
        assert not [line for line in imported if "torch" in line or "loader" in line or "pipeline" in line]

    def test_cards_are_those_of_the_captioners_there_are_now(self, tiny_root: Path, tmp_path: Path) -> None:
        """A folder dropped in is there at once; a broken card, a lost file or an unknown family is left out."""
        root = shutil.copytree(tiny_root, tmp_path / "checkpoints")
        engine = Engine(root)
        assert [card.name for card in engine.cards()] == ["mini"]
        shutil.copytree(root / "captioner" / "mini", root / "captioner" / "broken")
        (root / "captioner" / "broken" / "card.toml").write_text("family = ")
        shutil.copytree(root / "captioner" / "mini", root / "captioner" / "more")
        assert [card.name for card in engine.cards()] == ["mini", "more"]
        card = (root / "captioner" / "more" / "card.toml").read_text("utf-8")
        for name, of_another_family in (("other", card.replace('"prefix"', '"llava"')), ("lost", card)):
            shutil.copytree(root / "captioner" / "more", root / "captioner" / name)
            (root / "captioner" / name / "card.toml").write_text(of_another_family, "utf-8")
        (root / "captioner" / "lost" / "model.safetensors").unlink()
        assert [card.name for card in engine.cards()] == ["mini", "more"]
        folder = root / "captioner" / "nocard"
        folder.mkdir()
        (folder / "config.json").write_text('{"model_type": "vision-encoder-decoder"}')
        shutil.copy(root / "captioner" / "mini" / "model.safetensors", folder)
        assert [card.name for card in engine.cards()] == ["mini", "more", "nocard"]


@pytest.mark.parametrize("seed", range(5))
def test_everybody_gets_his_own_answer_whatever_happens(models: PretendModels, seed: int) -> None:
    """Three captioners in room for one, bad listings, empty ones, people who leave: nothing hangs or is mixed up."""
    rnd = random.Random(seed)
    texts = [
        f"{rnd.choice('abc')}{number}{rnd.choice(('', '', '', '-bad', '-left', '-none'))}" for number in range(150)
    ]
    models.bad = {text for text in texts if text.endswith("-bad")}

    async def scene() -> list[str]:
        async with serving(models, max_batch=4, gather_s=0.001, memory_mb=1) as engine:
            tasks = []
            for text in texts:
                tasks.append(ask(engine, "" if text.endswith("-none") else text, text[0]))
                await asyncio.sleep(rnd.choice((0, 0, 0.001)))
                if text.endswith("-left"):
                    rnd.choice([task for task, of in zip(tasks, texts, strict=False) if of.endswith("-left")]).cancel()
            results = await ends(*tasks)
            assert engine._line == []
            return results

    for text, result in zip(texts, run(scene()), strict=True):
        wanted = {"-bad": ["ArithmeticError"], "-none": ["InvalidInput"], "-left": ["CancelledError", text]}
        assert result in wanted.get(text[text.find("-") :] if "-" in text else "", [text])
