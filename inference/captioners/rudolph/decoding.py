"""Writing several drafts a text behind one prefix, which is read once for all of them.

It knows ids and logits; what the prefix says and which draft is kept is others' business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inference.captioners.generation.writer import NEVER
from inference.captioners.rudolph.model import Cache, Rudolph, RudolphConfig
from inference.captioners.rudolph.tokenizer import EOS

LogitsProcessor = Callable[..., Tensor]


@dataclass(frozen=True, slots=True)
class Prefix:
    """What one text is written behind; each part is ids, (length,), or vectors, (length, width), as a soft prompt has.

    left: padded to `config.left` where images follow. images: photos that are all described by the one text. right: the
    beginning of the right text; None where there is no image: then the left text itself goes on.
    """

    left: Tensor
    images: tuple[Tensor, ...] = ()
    right: Tensor | None = None

    @property
    def rows(self) -> int:
        """Sequences that are read for the one text: one for each photo."""
        return max(1, len(self.images))

    @property
    def length(self) -> int:
        """Places of each sequence."""
        right = 0 if self.right is None else len(self.right)
        return len(self.left) + (len(self.images[0]) if self.images else 0) + right


@dataclass(frozen=True, slots=True)
class Sampling:
    """How drafts are drawn: from how many likeliest ids, from which share of their chances, how boldly; `least` ids."""

    top_k: int
    top_p: float
    temperature: float
    least: int = 0


@torch.inference_mode()
def generate_drafts(
    model: Rudolph, readings: Sequence[Prefix], chances: Tensor, sampling: Sampling, held: LogitsProcessor | None = None
) -> list[list[list[int]]]:
    """The ids of each draft of each reading, without the end; all readings are of one length.

    chances: (readings, drafts, ids) uniform draws, of which 0 takes the likeliest id; it says how many drafts there are
    and how long they may be. held: gets the ids that were written and the scores of the next, (readings · drafts, …)
    each, and returns the scores. Several photos of a reading agree by the mean of their log-probabilities.
    """
    owners = torch.tensor([number for number, reading in enumerate(readings) for _ in range(reading.rows)])
    states, kept = model.read(torch.cat([_embed_prefix(model, reading) for reading in readings]))
    _, drafts, room = chances.shape
    cache = Cache(kept, drafts, room)
    states = states[:, -1:].expand(-1, drafts, -1)
    written = torch.empty(len(readings), drafts, 0, dtype=torch.long)
    while True:
        scores = _average_log_probs(model.text_logits(states, padding=not readings[0].images), owners, len(readings))
        if held is not None:
            scores = held(written.flatten(0, 1), scores.flatten(0, 1)).view_as(scores)
        ids = sample(scores, chances[:, :, written.shape[2]], sampling, model.config, written.shape[2])
        written = torch.cat([written, ids[..., None]], dim=2)
        if written.shape[2] == room or bool((written == EOS).any(2).all()):
            return [[_cut_at_eos(draft) for draft in several] for several in written.tolist()]
        states = model.step(_embed_next(model, readings[0], ids[owners], cache.used), cache)


def count_row_elements(config: RudolphConfig, length: int, drafts: int, room: int) -> int:
    """How many numbers a sequence needs while it is read and continued: cache, the widest states, the scores."""
    cache = 2 * config.layers * config.width * (length + drafts * room)
    return cache + 12 * config.width * length + 2 * drafts * config.written


def _embed_prefix(model: Rudolph, reading: Prefix) -> Tensor:
    """(rows, length, width): the reading once for each of its photos."""
    place = model.text_embeddings.weight

    def rows(part: Tensor) -> Tensor:
        part = part.to(place.device, place.dtype if part.is_floating_point() else torch.long)
        return part.expand(reading.rows, *part.shape)

    if not reading.images:
        return model.embed(rows(reading.left))
    images = torch.stack([image.to(place.device) for image in reading.images])
    if images.is_floating_point():
        images = images.to(place.dtype)
    return model.embed(rows(reading.left), images, None if reading.right is None else rows(reading.right))


def _embed_next(model: Rudolph, reading: Prefix, ids: Tensor, used: int) -> Tensor:
    """(rows, drafts) ids that were written at one place → (rows, drafts, width)."""
    part = ids.to(model.text_embeddings.weight.device).flatten()[:, None]
    if reading.images:
        start = used + (0 if reading.right is None else len(reading.right))
        embedded = model.embed_right(part, start)
    else:
        embedded = model.embed_left(part, used + len(reading.left))
    return embedded.view(*ids.shape, -1)


def _average_log_probs(logits: Tensor, owners: Tensor, readings: int) -> Tensor:
    """(rows, drafts, ids) logits → (readings, drafts, ids) mean log-probabilities, on the CPU."""
    scores = logits.cpu().log_softmax(-1)
    if len(owners) == readings:
        return scores
    sums = scores.new_zeros(readings, *scores.shape[1:]).index_add_(0, owners, scores)
    return sums / owners.bincount(minlength=readings)[:, None, None]


def sample(scores: Tensor, chances: Tensor, sampling: Sampling, config: RudolphConfig, written: int) -> Tensor:
    """(readings, drafts, ids) scores → (readings, drafts) ids; a special id that is drawn means the end.

    chances: (readings, drafts) uniform; written: how many ids stand before these. Top-k, then the nucleus of top-p
    ("The Curious Case of Neural Text Degeneration", Holtzman et al., 2020).
    """
    if written < sampling.least:
        scores = scores.clone()
        scores[..., config.words :] = scores[..., EOS : EOS + 1] = NEVER
    best, ids = scores.topk(min(sampling.top_k, scores.shape[-1]), dim=-1)
    shares = (best / sampling.temperature).softmax(-1)
    before = shares.cumsum(-1) - shares
    sums = shares.masked_fill(before > sampling.top_p, 0.0).cumsum(-1)
    chosen = (sums < chances[..., None] * sums[..., -1:]).sum(-1, keepdim=True).clamp(max=ids.shape[-1] - 1)
    found = ids.gather(-1, chosen)[..., 0]
    return torch.where(found >= config.words, EOS, found)


def _cut_at_eos(ids: list[int]) -> list[int]:
    return ids[: ids.index(EOS)] if EOS in ids else ids
