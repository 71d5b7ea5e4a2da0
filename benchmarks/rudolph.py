"""Speed of ruDOLPH 350M with a key-value cache: `nice -n -18 python -m benchmarks.rudolph [--original CHECKOUT]`.

The published sizes, random weights, one photo on the CPU: 64 tokens of the right text after 64 of the left one and 256
image tokens. With a checkout of ai-forever/ru-dolph the published code runs as well, with its own cache; the other
packages that it imports are replaced by stubs. The tokens must be equal.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from benchmarks import shapes
from benchmarks.table import Row
from inference.captioners.rudolph.convert import build
from inference.captioners.rudolph.decoding import Prefix, Sampling, generate_drafts
from inference.captioners.rudolph.model import Rudolph

NAME, TOKENS = "rudolph-350m", 64
LIKELIEST = Sampling(top_k=1, top_p=1.0, temperature=1.0, min_new_tokens=TOKENS)

Generate = Callable[[Tensor, Tensor], list[int]]


def main() -> None:
    """Measure all implementations in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--original", type=Path, metavar="CHECKOUT")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    model = build(shapes.load_shape(NAME).config).eval()
    left, image = _draw_ids(model)
    implementations = {"with a cache": _with_cache(model)}
    if arguments.original:
        implementations["the original with its cache"] = _load_published(arguments.original, model)
    for row in measure(implementations, _without_cache(model), arguments.runs, left, image):
        print(row, flush=True)


@torch.inference_mode()
def measure(
    implementations: dict[str, Generate], slow: Generate, runs: int, left: Tensor, image: Tensor
) -> Iterator[Row]:
    """Yield the medians of `runs` runs of each implementation, and one run of the slow one.

    left: (length,) int64; image: (cells,) int64. Raises `RuntimeError` when the tokens differ.
    """
    seconds: dict[str, list[float]] = {name: [] for name in implementations}
    texts: list[list[int]] = []
    for _ in range(runs):
        for name, generate in implementations.items():
            start = perf_counter()
            texts.append(generate(left, image))
            seconds[name].append(perf_counter() - start)
    cached_s, *other_s = (median(times) for times in seconds.values())
    yield Row(f"{TOKENS} tokens with a cache", f"{cached_s:.2f} s")
    for name, other_seconds in zip([*implementations][1:], other_s, strict=True):
        yield Row(f"{TOKENS} tokens, {name}", f"{other_seconds:.2f} s")
        yield Row("how much faster ours is", f"{other_seconds / cached_s:.1f} ×", ">= 1 ×")
    start = perf_counter()
    texts.append(slow(left, image))
    slow_s = perf_counter() - start
    yield Row(f"{TOKENS} tokens, everything recomputed for each", f"{slow_s:.2f} s")
    yield Row("how much faster a cache is", f"{slow_s / cached_s:.1f} ×", ">= 3 ×")
    if any(text != texts[0] for text in texts):
        raise RuntimeError("the implementations generate different tokens")


def _draw_ids(model: Rudolph) -> tuple[Tensor, Tensor]:
    """Return random ids of a left text, (length,), and of an image, (cells,)."""
    config = model.config
    return torch.randint(4, config.words, (config.left,)), torch.randint(0, config.codes, (config.cells,))


def _with_cache(model: Rudolph) -> Generate:
    def generate(left: Tensor, image: Tensor) -> list[int]:
        return generate_drafts(model, [Prefix(left, (image,))], torch.zeros(1, 1, TOKENS), LIKELIEST)[0][0]

    return generate


def _without_cache(model: Rudolph) -> Generate:
    def generate(left: Tensor, image: Tensor) -> list[int]:
        ids: list[int] = []
        for _ in range(TOKENS):
            right = torch.tensor([ids]) if ids else None
            states, _ = model.prefill(model.embed(left[None], image[None], right))
            ids.append(_select_token(model.compute_text_logits(states[0, -1]), model))
        return ids

    return generate


def _load_published(checkout: Path, model: Rudolph) -> Generate:
    """Load the published model with our weights, around the parts of its package that need other packages."""
    import huggingface_hub

    huggingface_hub.cached_download = None
    package = ModuleType("rudolph")
    package.__path__ = [str(checkout / "rudolph")]
    einops = ModuleType("einops")
    einops.rearrange = None  # type: ignore[attr-defined]
    sys.modules |= {"rudolph": package, "einops": sys.modules.get("einops", einops)}
    from rudolph.model.model import ruDolphModel  # type: ignore[import-not-found]

    no_dropout = dict.fromkeys(("embedding_dropout_prob", "attention_dropout_prob", "output_dropout_prob"), 0.0)
    published: Any = ruDolphModel(device="cpu", **shapes.load_shape(NAME).config, **no_dropout).eval()
    published.load_state_dict(model.state_dict(), strict=False)

    def generate(left: Tensor, image: Tensor) -> list[int]:
        ids, cache = torch.cat([left, image])[None], None
        length = ids.shape[1] + TOKENS
        mask = torch.ones(1, 1, length, length).tril()
        for _ in range(TOKENS):
            logits, cache = published(ids, mask, use_cache=True, cache=cache)
            token = _select_token(logits[0, -1, : model.config.text_vocab_size], model)
            ids = torch.cat([ids, torch.tensor([[token]])], dim=1)
        generated: list[int] = ids[0, -TOKENS:].tolist()
        return generated

    return generate


def _select_token(logits: Tensor, model: Rudolph) -> int:
    """Return the likeliest token but the end of text, so that all texts have the same length."""
    scores = logits[: model.config.words].clone()
    scores[3] = float("-inf")
    return int(scores.argmax())


if __name__ == "__main__":
    main()
