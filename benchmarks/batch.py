"""What a batch brings: eight prompts at once against one after the other, ViT-B/16 and ruGPT3small at full size.

python -m benchmarks.batch [--runs 3]

The weights are random, so the texts mean nothing; each has the same number of tokens, and both ways write the same.
"""

from __future__ import annotations

import argparse
from statistics import median
from time import perf_counter

import torch
from torch import Tensor

from benchmarks.table import Row
from inference.captioners.encoder_decoder.model import LookingWriter, build

PROMPTS, TOKENS, WORDS_READ = 8, 64, 24
BAR = 2
VIT = {
    "model_type": "vit",
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "image_size": 224,
    "patch_size": 16,
}
RUGPT3SMALL = {
    "model_type": "gpt2",
    "vocab_size": 50264,
    "n_positions": 2048,
    "n_embd": 768,
    "n_layer": 12,
    "n_head": 12,
    "is_decoder": True,
    "add_cross_attention": True,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def main() -> None:
    """Time both ways, in turns, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    torch.manual_seed(0)
    model = build({"encoder": VIT, "decoder": RUGPT3SMALL}).eval()
    print(Row("numbers", f"{sum(weight.numel() for weight in model.parameters()):,}"))
    writer = LookingWriter(model)
    pixels = torch.randn(PROMPTS, 3, 224, 224)
    words = [torch.randint(3, 50000, (WORDS_READ - number,)).tolist() for number in range(PROMPTS)]
    together, alone = [], []
    for _ in range(runs):
        at_once, seconds = timed(writer, pixels, words, PROMPTS)
        together.append(seconds)
        one_by_one, seconds = timed(writer, pixels, words, 1)
        alone.append(seconds)
        if not at_once.equal(one_by_one):
            raise SystemExit("the texts differ")
    print(Row(f"{PROMPTS} prompts of one photo, {TOKENS} tokens each, at once", f"{median(together):.2f} s"))
    print(Row("one after the other", f"{median(alone):.2f} s"))
    print(Row("faster", f"{median(alone) / median(together):.1f} ×", f"≥ {BAR} ×"))


@torch.inference_mode()
def timed(writer: LookingWriter, pixels: Tensor, words: list[list[int]], size: int) -> tuple[Tensor, float]:
    """All tokens, written in batches of so many prompts, and the seconds that it took."""
    start = perf_counter()
    written = [
        writer.write(
            words[first : first + size],
            list(writer.look(pixels[first : first + size])),
            min_new_tokens=TOKENS,
            max_new_tokens=TOKENS,
            do_sample=False,
            pad_token_id=0,
        )
        for first in range(0, len(words), size)
    ]
    return torch.cat(written), perf_counter() - start


if __name__ == "__main__":
    main()
