"""Which of several texts fits a photo best: the one behind which ruDOLPH finds the photo's codes least surprising.

Source: `self_reranking_by_image` of ai-forever/ru-dolph.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from inference.captioners.rudolph.model import Rudolph
from inference.captioners.rudolph.tokenizer import PAD

TEXT_WEIGHT = 0.05  # of the text's own perplexity beside the image's
QUANTILE = 0.5  # of the perplexities: how far from the best one counts as 1


@torch.inference_mode()
def pick_best(model: Rudolph, texts: Tensor, images: Sequence[Tensor], counts: Tensor, at_once: int) -> int:
    """Which of the texts fits best: the mean over all images; without images the least surprising text.

    texts: (texts, left) ids; images: (cells,) codes each; counts: (texts,), how often each text was drawn; at_once: how
    many sequences are read at a time.
    """
    if len(texts) == 1:
        return 0
    pairs = [
        compute_perplexities(model, part, None if image is None else image.expand(len(part), -1))
        for image in (images or (None,))
        for part in texts.split(at_once)
    ]
    of_texts, of_images = (torch.cat(values).view(-1, len(texts)).mean(0) for values in zip(*pairs, strict=True))
    return int((compute_scores(of_texts, of_images, counts) if images else of_texts).argmin())


def compute_perplexities(model: Rudolph, texts: Tensor, images: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The perplexity of left texts, (rows, left) ids, and of images behind them, (rows, cells) codes: (rows,) each.

    A perplexity is the mean over tokens of each one's own, as the original has it. Without images theirs is zero.
    """
    texts = texts.to(model.text_embeddings.weight.device)
    images = None if images is None else images.to(texts.device)
    states, _ = model.read(model.embed(texts, images))
    left = texts.shape[1]
    of_texts = _compute_perplexity(model.text_logits(states[:, : left - 1]), texts[:, 1:], ignored=PAD)
    if images is None:
        return of_texts, torch.zeros_like(of_texts)
    # The first code of an image is no measure: the original leaves it out.
    return of_texts, _compute_perplexity(model.code_logits(states[:, left:-1]), images[:, 1:], ignored=-1)


def compute_scores(of_texts: Tensor, of_images: Tensor, counts: Tensor) -> Tensor:
    """(texts,) perplexities and how often each text was drawn → (texts,) scores, of which the lowest is the best."""
    return (TEXT_WEIGHT * _scale(of_texts) + (1 - TEXT_WEIGHT) * _scale(of_images)) / counts


def _scale(values: Tensor) -> Tensor:
    """0 for the lowest, 1 for the quantile."""
    above = values - values.min()
    return above / above.quantile(QUANTILE).clamp_min(torch.finfo(above.dtype).tiny)


def _compute_perplexity(logits: Tensor, ids: Tensor, ignored: int) -> Tensor:
    """(rows, length, ids) logits of (rows, length) ids → (rows,), on the CPU."""
    surprise = functional.cross_entropy(logits.transpose(1, 2), ids, ignore_index=ignored, reduction="none")
    counts = ids != ignored
    return (surprise.exp().where(counts, 0.0).sum(1) / counts.sum(1)).cpu()
