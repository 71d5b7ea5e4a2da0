"""Rank texts by the perplexity of a photo's codes behind each of them.

Source: `self_reranking_by_image` of ai-forever/ru-dolph.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from inference.captioners.rudolph.model import Rudolph
from inference.captioners.rudolph.tokenizer import PAD

TEXT_WEIGHT = 0.05  # weight of the text's perplexity; the rest is the image's
QUANTILE = 0.5  # perplexities are scaled so that the lowest is 0 and this quantile is 1


@torch.inference_mode()
def pick_best(model: Rudolph, texts: Tensor, images: Sequence[Tensor], counts: Tensor, batch_size: int) -> int:
    """Return the index of the text that fits the images best on average; without images, of the likeliest text.

    texts: (texts, left) ids; images: codes (cells,) each; counts: (texts,), the number of drafts with each text;
    batch_size: sequences per forward pass.
    """
    if len(texts) == 1:
        return 0
    pairs = [
        compute_perplexities(model, part, None if image is None else image.expand(len(part), -1))
        for image in (images or (None,))
        for part in texts.split(batch_size)
    ]
    of_texts, of_images = (torch.cat(values).view(-1, len(texts)).mean(0) for values in zip(*pairs, strict=True))
    return int((compute_scores(of_texts, of_images, counts) if images else of_texts).argmin())


def compute_perplexities(model: Rudolph, texts: Tensor, images: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the perplexities of left texts (batch, left) and of images behind them (batch, cells), (batch,) each.

    As in ru-dolph, a perplexity is the mean of exp(cross-entropy) over tokens. Without images theirs is 0.
    """
    texts = texts.to(model.text_embeddings.weight.device)
    images = None if images is None else images.to(texts.device)
    states, _ = model.prefill(model.embed(texts, images))
    left = texts.shape[1]
    of_texts = _compute_perplexity(model.compute_text_logits(states[:, : left - 1]), texts[:, 1:], ignored=PAD)
    if images is None:
        return of_texts, torch.zeros_like(of_texts)
    # ru-dolph leaves out the first code of an image as well.
    return of_texts, _compute_perplexity(model.compute_code_logits(states[:, left:-1]), images[:, 1:], ignored=-1)


def compute_scores(of_texts: Tensor, of_images: Tensor, counts: Tensor) -> Tensor:
    """Return scores (texts,), lowest best, of perplexities (texts,) and numbers of drafts (texts,)."""
    return (TEXT_WEIGHT * _scale(of_texts) + (1 - TEXT_WEIGHT) * _scale(of_images)) / counts


def _scale(values: Tensor) -> Tensor:
    """Scale values so that the lowest is 0 and the quantile is 1."""
    above = values - values.min()
    return above / above.quantile(QUANTILE).clamp_min(torch.finfo(above.dtype).tiny)


def _compute_perplexity(logits: Tensor, ids: Tensor, ignored: int) -> Tensor:
    """Return perplexities (batch,) on the CPU of ids (batch, length) under logits (batch, length, vocab)."""
    losses = functional.cross_entropy(logits.transpose(1, 2), ids, ignore_index=ignored, reduction="none")
    counts = ids != ignored
    return (losses.exp().where(counts, 0.0).sum(1) / counts.sum(1)).cpu()
