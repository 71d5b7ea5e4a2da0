"""What a cache brings ruDOLPH 350M: `nice -n -18 python -m benchmarks.rudolph [--original CHECKOUT]`.

The published sizes, random weights, one photo on the CPU: 64 tokens of the right text behind 64 of the left one and 256
cells. With a checkout of ai-forever/ru-dolph its own code writes with its own cache, in turn with ours; what that asks
for besides is not needed to run its model. The tokens must be equal.
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
from inference.captioners.rudolph.decoding import Reading, Sampling, write
from inference.captioners.rudolph.model import Rudolph

NAME, TOKENS = "rudolph-350m", 64
LIKELIEST = Sampling(top_k=1, top_p=1.0, temperature=1.0, least=TOKENS)

Way = Callable[[Tensor, Tensor], list[int]]


def main() -> None:
    """Measure all ways in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--original", type=Path, metavar="CHECKOUT")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    model = build(shapes.read(NAME).config).eval()
    left, image = _photo(model)
    ways = {"with a cache": _cached(model)}
    if arguments.original:
        ways["the original with its cache"] = _original(arguments.original, model)
    for row in measure(ways, _uncached(model), arguments.runs, left, image):
        print(row, flush=True)


@torch.inference_mode()
def measure(ways: dict[str, Way], slow: Way, runs: int, left: Tensor, image: Tensor) -> Iterator[Row]:
    """Medians of `runs` runs of each way, in turn, and one run of the slow one; raises where the tokens differ."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    texts: list[list[int]] = []
    for _ in range(runs):
        for name, way in ways.items():
            start = perf_counter()
            texts.append(way(left, image))
            seconds[name].append(perf_counter() - start)
    cached, *others = (median(times) for times in seconds.values())
    yield Row(f"{TOKENS} tokens with a cache", f"{cached:.2f} s")
    for name, other in zip([*ways][1:], others, strict=True):
        yield Row(f"{TOKENS} tokens, {name}", f"{other:.2f} s")
        yield Row("how much faster ours is", f"{other / cached:.1f} ×", ">= 1 ×")
    start = perf_counter()
    texts.append(slow(left, image))
    read_again = perf_counter() - start
    yield Row(f"{TOKENS} tokens, everything read again for each", f"{read_again:.2f} s")
    yield Row("how much faster a cache is", f"{read_again / cached:.1f} ×", ">= 3 ×")
    if any(text != texts[0] for text in texts):
        raise RuntimeError("the ways write different tokens")


def _photo(model: Rudolph) -> tuple[Tensor, Tensor]:
    """The ids of a left text and of an image."""
    config = model.config
    return torch.randint(4, config.words, (config.left,)), torch.randint(0, config.codes, (config.cells,))


def _cached(model: Rudolph) -> Way:
    def way(left: Tensor, image: Tensor) -> list[int]:
        return write(model, [Reading(left, (image,))], torch.zeros(1, 1, TOKENS), LIKELIEST)[0][0]

    return way


def _uncached(model: Rudolph) -> Way:
    def way(left: Tensor, image: Tensor) -> list[int]:
        ids: list[int] = []
        for _ in range(TOKENS):
            right = torch.tensor([ids]) if ids else None
            states, _ = model.read(model.embed(left[None], image[None], right))
            ids.append(_likeliest(model.text_logits(states[0, -1]), model))
        return ids

    return way


def _original(checkout: Path, model: Rudolph) -> Way:
    """The original's model with our weights; its package is entered without what captions and downloads."""
    import huggingface_hub

    huggingface_hub.cached_download = None
    package = ModuleType("rudolph")
    package.__path__ = [str(checkout / "rudolph")]
    einops = ModuleType("einops")
    einops.rearrange = None  # type: ignore[attr-defined]
    sys.modules |= {"rudolph": package, "einops": sys.modules.get("einops", einops)}
    from rudolph.model.model import ruDolphModel  # type: ignore[import-not-found]

    no_dropout = dict.fromkeys(("embedding_dropout_prob", "attention_dropout_prob", "output_dropout_prob"), 0.0)
    theirs: Any = ruDolphModel(device="cpu", **shapes.read(NAME).config, **no_dropout).eval()
    theirs.load_state_dict(model.state_dict(), strict=False)

    def way(left: Tensor, image: Tensor) -> list[int]:
        ids, cache = torch.cat([left, image])[None], None
        length = ids.shape[1] + TOKENS
        mask = torch.ones(1, 1, length, length).tril()
        for _ in range(TOKENS):
            logits, cache = theirs(ids, mask, use_cache=True, cache=cache)
            likeliest = _likeliest(logits[0, -1, : model.config.written], model)
            ids = torch.cat([ids, torch.tensor([[likeliest]])], dim=1)
        written: list[int] = ids[0, -TOKENS:].tolist()
        return written

    return way


def _likeliest(logits: Tensor, model: Rudolph) -> int:
    """The likeliest word: the text has no end, so that all ways write as much."""
    words = logits[: model.config.words].clone()
    words[3] = float("-inf")
    return int(words.argmax())


if __name__ == "__main__":
    main()
