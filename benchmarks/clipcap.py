"""Speed of ClipCap with a key-value cache, at full size: `nice -n -18 python -m benchmarks.clipcap`.

GPT-2 small behind a prefix of 40 embeddings, random weights, one photo, 64 tokens on the CPU. The published code
recomputes prefix and text for every token, and sorts the vocabulary for a top-p filter that never changes the argmax;
`generate_without_cache` follows its description ("ClipCap", Mokady et al., 2021). The tokens must be equal.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from benchmarks.table import Row
from inference.captioners.clipcap.model import ClipCap, build

TOKENS, TOP_P = 64, 0.8
GPT2 = {"vocab_size": 50257, "n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12}
MAPPER = {"kind": "mlp", "vector": 512, "length": 40, "width": 768, "hidden": 768 * 40 // 2}


def main() -> None:
    """Measure both ways in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    model = build({"mapper": MAPPER, "language": GPT2}).eval()
    for row in measure(model, arguments.runs):
        print(row)


@torch.inference_mode()
def measure(model: ClipCap, runs: int) -> list[Row]:
    """Return the medians of `runs` runs of each way, after one of each to warm up.

    Raises `RuntimeError` when the tokens differ.
    """
    prefix = model.prefix(torch.randn(1, model.config.vector))
    if generate(model, prefix) != generate_without_cache(model, prefix):
        raise RuntimeError("the two ways write different tokens")
    pairs = [
        (_measure_s(generate_without_cache, model, prefix), _measure_s(generate, model, prefix)) for _ in range(runs)
    ]
    slow, fast = (median(seconds) for seconds in zip(*pairs, strict=True))
    return [
        Row(f"{TOKENS} tokens, everything recomputed for each", f"{slow:.2f} s"),
        Row(f"{TOKENS} tokens with a cache", f"{fast:.2f} s"),
        Row("how much faster", f"{slow / fast:.1f} ×", ">= 3 ×"),
    ]


def generate(model: ClipCap, prefix: Tensor) -> list[int]:
    """Return the greedy tokens after a prefix, (1, length, width) float32, as the captioner generates them."""
    language: Any = model.language  # its declared type has no `generate`
    generated: Tensor = language.generate(
        inputs_embeds=prefix, max_new_tokens=TOKENS, do_sample=False, eos_token_id=None, pad_token_id=0
    )
    return generated[0].tolist()


def generate_without_cache(model: ClipCap, prefix: Tensor) -> list[int]:
    """Return the same tokens by the published algorithm, which recomputes everything for each token."""
    inputs, generated = prefix, []
    for _ in range(TOKENS):
        logits = model.language(inputs_embeds=inputs, use_cache=False).logits[:, -1]
        ordered, ids = logits.sort(descending=True)
        likelier = ordered.softmax(-1).cumsum(-1) - ordered.softmax(-1)
        token = int(ids[0, ordered.masked_fill(likelier > TOP_P, float("-inf")).argmax()])
        generated.append(token)
        inputs = torch.cat((inputs, model.embed(torch.tensor([[token]]))), 1)
    return generated


def _measure_s(generate: Callable[[ClipCap, Tensor], list[int]], model: ClipCap, prefix: Tensor) -> float:
    start = perf_counter()
    generate(model, prefix)
    return perf_counter() - start


if __name__ == "__main__":
    main()
