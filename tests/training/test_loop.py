"""Tests of the training loop: an interrupted run ends like an uninterrupted one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from training import loop

STEPS = 12


class Killed(Exception):
    """The process ends here."""


class Run:
    """A small training with everything that a restart must restore: model, average, optimiser, randomness."""

    def __init__(self, folder: Path, killed_at: int | None = None) -> None:
        torch.manual_seed(3)
        self.folder, self.killed_at = folder, killed_at
        self.model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 1))
        self.average, self.smooth = loop.build_ema(self.model, 0.8)
        self.optimizer = loop.build_optimizer(self.model, 1e-2, 0.1)
        self.seen: list[int] = []

    def step(self, number: int) -> dict[str, float]:
        if number == self.killed_at:
            raise Killed
        self.seen.append(number)
        loss = (self.model(torch.randn(8, 4)) - torch.rand(8, 1)).square().mean()
        loop.optimizer_step(self.optimizer, loss, 1e-2 * loop.cosine_schedule(number, STEPS, 3))
        self.average.update_parameters(self.model)
        return {"loss": loss.item()} if number % 4 == 3 else {}

    def go(self, steps: int = STEPS) -> Run:
        state: dict[str, loop.Stateful] = {"model": self.model, "average": self.average, "optimizer": self.optimizer}
        loop.run_steps(steps, self.step, state, self.folder, "test")
        return self

    def weights(self) -> list[Tensor]:
        return [*self.model.state_dict().values(), *self.smooth.state_dict().values()]


def assert_same(first: Run, second: Run) -> None:
    assert all(torch.equal(a, b) for a, b in zip(first.weights(), second.weights(), strict=True))


def test_a_killed_run_goes_on_where_it_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights, averages and optimiser of both ways are equal to the last bit, and no step is done twice."""
    whole = Run(tmp_path / "whole").go()
    monkeypatch.setattr(loop, "SAVE_EVERY_S", -1.0)
    killed = Run(tmp_path / "killed", killed_at=7)
    with pytest.raises(Killed):
        killed.go()
    resumed = Run(tmp_path / "killed").go()
    assert (killed.seen, resumed.seen) == ([*range(7)], [*range(7, STEPS)])
    assert_same(resumed, whole)


def test_steps_since_the_last_save_are_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill between two saves costs time and nothing else."""
    whole = Run(tmp_path / "whole").go()
    Run(tmp_path / "killed").go(5)
    killed = Run(tmp_path / "killed", killed_at=9)
    with pytest.raises(Killed):
        killed.go()
    resumed = Run(tmp_path / "killed").go()
    assert resumed.seen == [*range(5, STEPS)]
    assert_same(resumed, whole)


def test_a_save_cut_short_does_not_replace_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state is written beside the old one and takes its place only when it is whole."""
    Run(tmp_path).go(5)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "SAVE_EVERY_S", -1.0)
        patch.setattr(torch, "save", _cut_short)
        with pytest.raises(Killed):
            Run(tmp_path).go()
    assert_same(Run(tmp_path).go(), Run(tmp_path / "whole").go())


def _cut_short(_: object, path: Path) -> None:
    path.write_bytes(b"PK")
    raise Killed


def test_a_finished_run_is_not_done_again(tmp_path: Path) -> None:
    first, second = Run(tmp_path).go(), Run(tmp_path).go()
    assert second.seen == []
    assert_same(first, second)


def test_the_log_holds_the_figures_that_a_step_returns(tmp_path: Path) -> None:
    Run(tmp_path).go()
    lines = [json.loads(line) for line in (tmp_path / "test.jsonl").read_text("utf-8").splitlines()]
    assert [line["step"] for line in lines] == [3, 7, 11]
    assert all(line["loss"] > 0 for line in lines)


def test_the_rate_climbs_and_falls() -> None:
    """Linear up to the peak, then down to zero, without a jump."""
    rates = [loop.cosine_schedule(step, 100, 10) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[10] == pytest.approx(1.0)
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert 0 <= rates[-1] < 0.001
    assert loop.cosine_schedule(3, 3, 5) <= 1


def test_biases_and_norms_do_not_decay() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    model[1].weight.requires_grad_(False)
    matrices, others = loop.build_optimizer(model, 1e-3, 0.05).param_groups
    assert ([p.dim() for p in matrices["params"]], matrices["weight_decay"]) == ([2], 0.05)
    assert ([p.dim() for p in others["params"]], others["weight_decay"]) == ([1, 1], 0.0)


def test_a_steep_loss_moves_the_weights_no_further() -> None:
    """The gradient's norm is cut to one."""
    model = nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), 1.0)
    before = model.weight.detach().clone()
    loop.optimizer_step(optimizer, 1000 * model(torch.ones(1, 2)).sum(), 0.5)
    assert float((model.weight.detach() - before).norm()) == pytest.approx(0.5, abs=1e-4)


def test_the_average_follows_the_weights_slowly() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 0.0)
    average, smooth = loop.build_ema(model, 0.9)
    average.update_parameters(model)
    nn.init.constant_(model.weight, 1.0)
    average.update_parameters(model)
    assert float(smooth.weight.detach()) == pytest.approx(0.1)
