"""Train `captioner/mini` (`opisalka train captioner`): a decoder over `clip/mini` features and fields.

It is pre-trained on plain Russian phrases, then trained on samples composed of photos, captions and fields
(`data/scenes.py`). The dual encoder stays frozen, so its features are computed once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from inference.captioners.prefix.format import (
    END,
    PHOTO,
    SPECIAL_TOKENS,
    TEXT,
    build_answer_ids,
    build_prompt_ids,
    get_token_ids,
)
from inference.captioners.prefix.model import Decoder, DecoderConfig
from training import loop
from training.data.scenes import Composer, Sample
from training.data.tokenizer import train_decoder_tokenizer

WRITING_WORDS = 6000
IGNORED = -100


def train_tokenizer(texts: Sequence[str]) -> Tokenizer:
    """Train the captioner's tokenizer, in which every mask token and photo token is one token."""
    return train_decoder_tokenizer(texts, WRITING_WORDS, SPECIAL_TOKENS)


def pretrain(model: Decoder, tokenizer: Tokenizer, texts: Sequence[str], work: Path, steps: int, batch: int) -> None:
    """Train the decoder as a language model on single phrases: [TEXT] phrase [END]."""
    optimizer = loop.build_optimizer(model, 1e-3, 0.02)
    start, end = get_token_ids(tokenizer, (TEXT, END))

    def step(number: int) -> dict[str, float]:
        chosen = tokenizer.encode_batch([texts[n] for n in torch.randint(len(texts), (batch,)).tolist()])
        rows = [[start, *encoding.ids[:60], end] for encoding in chosen]
        loss = _compute_loss(model, rows, [1] * len(rows), torch.zeros(0), 0)
        loop.optimizer_step(optimizer, loss, 1e-3 * loop.cosine_schedule(number, steps, 100))
        return {"loss": loss.item()} if (number + 1) % 50 == 0 else {}

    loop.run_steps(steps, step, {"model": model, "optimizer": optimizer}, work, "language")


def train(
    model: Decoder, tokenizer: Tokenizer, composer: Composer, feature_cache: Tensor, work: Path, steps: int, batch: int
) -> Decoder:
    """Train on composed samples and return the exponential moving average of the weights.

    feature_cache: (scenes, views, photo_vectors, photo_width) float16, the dual encoder's states of the composer's
    scenes.
    """
    average, smooth = loop.build_ema(model, 0.995)
    optimizer = loop.build_optimizer(model, 1e-3, 0.05)
    (slot,), batches = get_token_ids(tokenizer, (PHOTO,)), _batches(composer, tokenizer, model.config, batch)

    def step(number: int) -> dict[str, float]:
        rows, starts, samples = zip(*next(batches), strict=True)
        loss = _compute_loss(model, rows, starts, _gather_states(feature_cache, samples), slot)
        loop.optimizer_step(optimizer, loss, 1e-3 * loop.cosine_schedule(number, steps, 100))
        average.update_parameters(model)
        return {"loss": loss.item()} if (number + 1) % 25 == 0 else {}

    loop.run_steps(steps, step, {"model": model, "average": average, "optimizer": optimizer}, work, "captioner")
    return smooth.eval()


def _batches(
    composer: Composer, tokenizer: Tokenizer, config: DecoderConfig, batch: int
) -> Iterator[list[tuple[list[int], int, Sample]]]:
    """Yield batches of samples of similar length, which wastes little on padding; endless."""
    while True:
        # Seeded by PyTorch's generator, which a restart restores: a resumed run draws new samples, not the first again.
        composer.rnd.seed(int(torch.randint(1 << 31, ())))
        samples = [composer.sample() for _ in range(8 * batch)]
        rows = [(*_encode_sample(tokenizer, config, sample), sample) for sample in samples]
        rows.sort(key=lambda row: len(row[0]))
        chunks = [rows[start : start + batch] for start in range(0, len(rows), batch)]
        composer.rnd.shuffle(chunks)
        yield from chunks


def _encode_sample(tokenizer: Tokenizer, config: DecoderConfig, sample: Sample) -> tuple[list[int], int]:
    """Return the token ids of a sample and the position at which the answer starts."""
    prompt = build_prompt_ids(tokenizer, sample.token, len(sample.scenes), config.photo_vectors, sample.masked)
    return (prompt + build_answer_ids(tokenizer, sample.things, sample.text))[: config.length], len(prompt)


def _gather_states(feature_cache: Tensor, samples: Sequence[Sample]) -> Tensor:
    """Return one random view of every photo of the samples, in order: (photos, photo_vectors, photo_width) float32."""
    scenes = [number for sample in samples for number in sample.scenes]
    views = torch.randint(feature_cache.shape[1], (len(scenes),))
    return feature_cache[torch.tensor(scenes, dtype=torch.long), views].float()


def _compute_loss(
    model: Decoder, rows: Sequence[Sequence[int]], starts: Sequence[int], states: Tensor, slot: int
) -> Tensor:
    """Return the cross entropy of the next token, counted from where each row's answer starts."""
    device = model.words.weight.device
    length = max(map(len, rows))
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    targets = torch.full((len(rows), length), IGNORED)
    for number, (row, start) in enumerate(zip(rows, starts, strict=True)):
        ids[number, : len(row)] = torch.tensor(row)
        targets[number, start - 1 : len(row) - 1] = torch.tensor(row[start:])
    with loop.autocast(device):
        hidden = model(model.embed(ids.to(device), states.to(device), slot))
        is_target = targets.to(device) != IGNORED
        logits = model.compute_logits(hidden[is_target])
    return functional.cross_entropy(logits.float(), targets.to(device)[is_target], label_smoothing=0.05)


def save_captioner(model: Decoder, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the checkpoint: float16 weights, config and tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.half().cpu().contiguous() for name, weight in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"model_type": "prefix", **asdict(model.config)}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
