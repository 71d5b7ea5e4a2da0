"""The training loop that all stages share: progress bar, log, resumable state, averaged weights."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

SAVE_EVERY_S = 120.0

Model = TypeVar("Model", bound=nn.Module)


class Stateful(Protocol):
    """Anything with a state that survives restarts: models, optimizers."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain tensors and numbers."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Restore a state."""
        ...


def pick_device() -> torch.device:
    """Return the GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(where: torch.device) -> torch.autocast:
    """Return a bfloat16 autocast where the hardware multiplies it natively: on a GPU, and on a CPU with AVX512-BF16."""
    native = where.type == "cuda" or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(where.type, torch.bfloat16, enabled=native)


def cosine_schedule(step: int, steps: int, warm_up: int) -> float:
    """Return the factor of the peak learning rate at a step, in [0, 1]: linear warm-up, then a half cosine to zero."""
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def build_ema(model: Model, decay: float) -> tuple[AveragedModel, Model]:
    """Return an exponential moving average of a model's weights and buffers, and the model that holds them."""
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    return average, cast(Model, average.module)


def build_optimizer(model: nn.Module, rate: float, decay: float) -> torch.optim.AdamW:
    """Return AdamW with weight decay on matrices only, not on biases and norms."""
    matrices = [weight for weight in model.parameters() if weight.requires_grad and weight.dim() > 1]
    vectors = [weight for weight in model.parameters() if weight.requires_grad and weight.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)


def optimizer_step(optimizer: torch.optim.Optimizer, loss: torch.Tensor, rate: float) -> None:
    """Take one optimizer step with the gradient norm clipped to 1; loss: a float32 scalar.

    rate: learning rate; a parameter group with a `rate_scale` gets so many times as much.
    """
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("rate_scale", 1.0)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], 1.0)
    optimizer.step()


def run_steps(
    steps: int, step: Callable[[int], Mapping[str, float]], state: Mapping[str, Stateful], folder: Path, title: str
) -> None:
    """Call `step` for each number below `steps`, resuming after the last saved state in `folder`.

    `step` returns the figures for the log (`<title>.jsonl`), or nothing. The state is saved every two minutes and at
    the end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{title}.state.pt"
    first = _resume(path, state)
    saved = time.monotonic()
    bar = tqdm(range(first, steps), title, total=steps, initial=first, mininterval=2.0)
    with (folder / f"{title}.jsonl").open("a", encoding="utf-8") as log:
        for number in bar:
            figures = step(number)
            if figures:
                bar.set_postfix({name: f"{value:.3f}" for name, value in figures.items()}, refresh=False)
                log.write(json.dumps({"step": number, **figures}) + "\n")
                log.flush()
            if time.monotonic() - saved > SAVE_EVERY_S or number == steps - 1:
                _save(path, number + 1, state)
                saved = time.monotonic()


def _save(path: Path, step: int, state: Mapping[str, Stateful]) -> None:
    part = path.with_suffix(".part")
    torch.save({"step": step, "random": torch.get_rng_state(), **{n: o.state_dict() for n, o in state.items()}}, part)
    part.replace(path)


def _resume(path: Path, state: Mapping[str, Stateful]) -> int:
    if not path.exists():
        return 0
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    for name, part in state.items():
        part.load_state_dict(checkpoint[name])
    torch.set_rng_state(checkpoint["random"])
    return int(checkpoint["step"])
