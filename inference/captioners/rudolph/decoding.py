"""Sample several drafts behind one prefix, which is run once for all of them.

The module knows ids and logits. It builds no prefixes and picks no drafts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inference.captioners.generation.processors import NEVER
from inference.captioners.rudolph.model import Cache, Rudolph, RudolphConfig
from inference.captioners.rudolph.tokenizer import EOS

LogitsProcessor = Callable[..., Tensor]


@dataclass(frozen=True, slots=True)
class Prefix:
    """The tokens before a generated text; each part is ids (length,) or vectors (length, width), as in a soft prompt.

    left: padded to `config.left` where images follow. images: codes of photos that one text describes together. right:
    the start of the right text; None without images, where the left text itself is continued.
    """

    left: Tensor
    images: tuple[Tensor, ...] = ()
    right: Tensor | None = None

    @property
    def rows(self) -> int:
        """Number of sequences of the one text: one for each photo."""
        return max(1, len(self.images))

    @property
    def length(self) -> int:
        """Number of positions of each sequence."""
        right = 0 if self.right is None else len(self.right)
        return len(self.left) + (len(self.images[0]) if self.images else 0) + right


@dataclass(frozen=True, slots=True)
class Sampling:
    """Parameters of top-k and nucleus sampling, and the least number of ids before the end."""

    top_k: int
    top_p: float
    temperature: float
    min_new_tokens: int = 0


@torch.inference_mode()
def generate_drafts(
    model: Rudolph,
    prefixes: Sequence[Prefix],
    uniforms: Tensor,
    sampling: Sampling,
    logits_processor: LogitsProcessor | None = None,
) -> list[list[list[int]]]:
    """Return the ids of each draft of each prefix, without EOS; all prefixes have one length.

    uniforms: (prefixes, drafts, max_tokens) in [0, 1), where 0 takes the likeliest id. logits_processor: maps the ids
    so far and the next log-probabilities, (prefixes · drafts, …) each, to new log-probabilities. Log-probabilities of
    several photos of one prefix are averaged.
    """
    prefix_ids = torch.tensor([number for number, prefix in enumerate(prefixes) for _ in range(prefix.rows)])
    states, key_values = model.prefill(torch.cat([_embed_prefix(model, prefix) for prefix in prefixes]))
    _, drafts, max_tokens = uniforms.shape
    cache = Cache(key_values, drafts, max_tokens)
    states = states[:, -1:].expand(-1, drafts, -1)
    generated = torch.empty(len(prefixes), drafts, 0, dtype=torch.long)
    while True:
        scores = _average_log_probs(
            model.compute_text_logits(states, padding=not prefixes[0].images), prefix_ids, len(prefixes)
        )
        if logits_processor is not None:
            scores = logits_processor(generated.flatten(0, 1), scores.flatten(0, 1)).view_as(scores)
        ids = sample(scores, uniforms[:, :, generated.shape[2]], sampling, model.config, generated.shape[2])
        generated = torch.cat([generated, ids[..., None]], dim=2)
        if generated.shape[2] == max_tokens or bool((generated == EOS).any(2).all()):
            return [[_cut_at_eos(draft) for draft in several] for several in generated.tolist()]
        states = model.step(_embed_next(model, prefixes[0], ids[prefix_ids], cache.used), cache)


def count_row_elements(config: RudolphConfig, length: int, drafts: int, max_tokens: int) -> int:
    """Return the number of elements that one sequence needs: cache, widest hidden states and logits."""
    cache = 2 * config.layers * config.width * (length + drafts * max_tokens)
    return cache + 12 * config.width * length + 2 * drafts * config.text_vocab_size


def _embed_prefix(model: Rudolph, prefix: Prefix) -> Tensor:
    """Embed a prefix once for each of its photos, (photos, length, width)."""
    weight = model.text_embeddings.weight

    def expand(part: Tensor) -> Tensor:
        part = part.to(weight.device, weight.dtype if part.is_floating_point() else torch.long)
        return part.expand(prefix.rows, *part.shape)

    if not prefix.images:
        return model.embed(expand(prefix.left))
    images = torch.stack([image.to(weight.device) for image in prefix.images])
    if images.is_floating_point():
        images = images.to(weight.dtype)
    return model.embed(expand(prefix.left), images, None if prefix.right is None else expand(prefix.right))


def _embed_next(model: Rudolph, prefix: Prefix, ids: Tensor, used: int) -> Tensor:
    """Embed ids (batch, drafts), sampled for one position, as (batch, drafts, width)."""
    part = ids.to(model.text_embeddings.weight.device).flatten()[:, None]
    if prefix.images:
        start = used + (0 if prefix.right is None else len(prefix.right))
        embedded = model.embed_right(part, start)
    else:
        embedded = model.embed_left(part, used + len(prefix.left))
    return embedded.view(*ids.shape, -1)


def _average_log_probs(logits: Tensor, prefix_ids: Tensor, prefixes: int) -> Tensor:
    """Return mean log-probabilities (prefixes, drafts, vocab), on the CPU, of logits (batch, drafts, vocab)."""
    scores = logits.cpu().log_softmax(-1)
    if len(prefix_ids) == prefixes:
        return scores
    sums = scores.new_zeros(prefixes, *scores.shape[1:]).index_add_(0, prefix_ids, scores)
    return sums / prefix_ids.bincount(minlength=prefixes)[:, None, None]


def sample(scores: Tensor, uniforms: Tensor, sampling: Sampling, config: RudolphConfig, generated: int) -> Tensor:
    """Sample ids (prefixes, drafts) from log-probabilities (prefixes, drafts, vocab); special ids become EOS.

    uniforms: (prefixes, drafts) in [0, 1). generated: the number of ids so far. Top-k, then the nucleus of top-p ("The
    Curious Case of Neural Text Degeneration", Holtzman et al., 2020).
    """
    if generated < sampling.min_new_tokens:
        scores = scores.clone()
        scores[..., config.words :] = scores[..., EOS : EOS + 1] = NEVER  # a special id ends the text, too
    top, ids = scores.topk(min(sampling.top_k, scores.shape[-1]), dim=-1)
    probabilities = (top / sampling.temperature).softmax(-1)
    before = probabilities.cumsum(-1) - probabilities
    sums = probabilities.masked_fill(before > sampling.top_p, 0.0).cumsum(-1)
    chosen = (sums < uniforms[..., None] * sums[..., -1:]).sum(-1, keepdim=True).clamp(max=ids.shape[-1] - 1)
    token_ids = ids.gather(-1, chosen)[..., 0]
    return torch.where(token_ids >= config.words, EOS, token_ids)


def _cut_at_eos(ids: list[int]) -> list[int]:
    return ids[: ids.index(EOS)] if EOS in ids else ids
