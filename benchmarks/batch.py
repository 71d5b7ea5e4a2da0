"""Speed of a batch of eight prompts against one prompt after the other; ViT-B/16 and ruGPT3small at full size.

python -m benchmarks.batch [--runs 3]

The weights are random. All texts have the same number of tokens, and both ways must generate the same ones.
"""

from __future__ import annotations

import argparse
from statistics import median
from time import perf_counter

import torch
from torch import Tensor

from benchmarks.table import Row
from inference.captioners.encoder_decoder.model import MultiPhotoDecoder, build

PROMPTS, TOKENS, PREFIX_TOKENS = 8, 64, 24
MIN_SPEEDUP = 2
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
    """Time both ways in turn and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    torch.manual_seed(0)
    model = build({"encoder": VIT, "decoder": RUGPT3SMALL}).eval()
    print(Row("parameters", f"{sum(weight.numel() for weight in model.parameters()):,}"))
    writer = MultiPhotoDecoder(model)
    pixels = torch.randn(PROMPTS, 3, 224, 224)
    input_ids = [torch.randint(3, 50000, (PREFIX_TOKENS - number,)).tolist() for number in range(PROMPTS)]
    batched, single = [], []
    for _ in range(runs):
        batched_ids, seconds = generate(writer, pixels, input_ids, PROMPTS)
        batched.append(seconds)
        single_ids, seconds = generate(writer, pixels, input_ids, 1)
        single.append(seconds)
        if not batched_ids.equal(single_ids):
            raise SystemExit("the texts differ")
    print(Row(f"{PROMPTS} prompts of one photo, {TOKENS} tokens each, at once", f"{median(batched):.2f} s"))
    print(Row("one after the other", f"{median(single):.2f} s"))
    print(Row("faster", f"{median(single) / median(batched):.1f} ×", f"≥ {MIN_SPEEDUP} ×"))


@torch.inference_mode()
def generate(writer: MultiPhotoDecoder, pixels: Tensor, input_ids: list[list[int]], size: int) -> tuple[Tensor, float]:
    """Generate in batches of `size` prompts.

    pixels: (prompts, 3, 224, 224) float32. Returns the ids, (prompts, tokens) int64, and the seconds it took.
    """
    start = perf_counter()
    generated = [
        writer.generate(
            input_ids[first : first + size],
            list(writer.encode_images(pixels[first : first + size])),
            min_new_tokens=TOKENS,
            max_new_tokens=TOKENS,
            do_sample=False,
            pad_token_id=0,
        )
        for first in range(0, len(input_ids), size)
    ]
    return torch.cat(generated), perf_counter() - start


if __name__ == "__main__":
    main()
