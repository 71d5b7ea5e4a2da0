"""Sample several drafts per prompt from one prefill: first the list of things, then the text.

The module knows token ids and which of them are allowed; it knows no photos and no checkpoint folders.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from inference.captioners.base import Prompt
from inference.captioners.prefix.format import END, MASK_TOKENS, SPECIAL_TOKENS, TEXT, describe_things, get_token_ids
from inference.captioners.prefix.model import CACHE_STRIDE, Cache, Decoder

NEVER = float("-inf")
_LATIN = re.compile(r"[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Sampling:
    """Number of drafts per prompt, top-k sampling parameters, and limits in tokens of the two parts."""

    drafts: int = 6
    top_k: int = 30
    temperature: float = 0.5
    max_things_tokens: int = 120
    max_text_tokens: int = 200


@dataclass(frozen=True, slots=True)
class Draft:
    """A generated text and the mean log-probability of its tokens."""

    text: str
    log_prob: float


class DraftTokenizer:
    """A tokenizer with the biases that keep digits, brackets and special tokens out of drafts."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.text_id, self.end_id = get_token_ids(tokenizer, (TEXT, END))
        words = range(tokenizer.get_vocab_size())
        self.banned = torch.zeros(len(words))
        spelled = [tokenizer.decode([word]).strip() for word in words]
        self.banned[[word for word, text in enumerate(spelled) if any(c.isdigit() or c in "<>" for c in text)]] = NEVER
        self.banned[get_token_ids(tokenizer, (*SPECIAL_TOKENS, "[PAD]"))] = NEVER
        # All Latin letters but the V of «V-образный вырез», which the training captions contain.
        self._latin = torch.zeros(len(words))
        self._latin[[word for word, text in enumerate(spelled) if _LATIN.search(text) and text != "V"]] = NEVER
        self._mask_ids = dict(zip(MASK_TOKENS, get_token_ids(tokenizer, MASK_TOKENS), strict=True))
        self.mask_token_ids = frozenset(self._mask_ids.values())

    def build_bias(self, prompt: Prompt, row: Sequence[int]) -> Tensor:
        """Return what to add to the logits, (words,) float32: -inf for tokens that are not allowed, else 0.

        The prompt's own mask tokens are allowed. Latin letters are allowed only where its ids `row` hold them, as brand
        names do: the model cannot read what is printed on cloth.
        """
        bias = self.banned + self._latin
        bias[[word for word in row if self._latin[word] < 0 and self.banned[word] == 0]] = 0.0
        bias[self.end_id] = 0.0
        bias[[self._mask_ids[name] for name in prompt.mask_tokens if name in self._mask_ids]] = 0.0
        return bias

    def encode_things(self, prompt: Prompt) -> list[int]:
        """Return the ids of the list of things that a prompt's facts give, with [TEXT]; none where they give none."""
        things = describe_things(prompt.sheets) if prompt.sheets else ""
        return [*self.tokenizer.encode(things).ids, self.text_id] if things else []

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids, mask tokens included."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=False).strip()


def generate_drafts(
    model: Decoder,
    tokenizer: DraftTokenizer,
    rows: Sequence[Sequence[int]],
    states: Tensor,
    image_token_id: int,
    prompts: Sequence[Prompt],
    sampling: Sampling,
) -> list[list[Draft]]:
    """Sample `sampling.drafts` drafts per prompt.

    rows: the token ids of each prompt; states: (photos, photo_vectors, photo_width) of all photos in order, which fill
    the places of `image_token_id`. The list of things is the one that the facts give, generated where they give none.
    """
    lengths = torch.tensor([len(row) for row in rows])
    input_ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    last, cache = model.prefill(model.embed(input_ids, states, image_token_id), lengths)
    count = sampling.drafts
    # The limit of a row depends on its own length alone, so that its text does not depend on the rest of the batch.
    max_things = ((model.config.length - lengths) // 2).clamp(max=sampling.max_things_tokens).repeat_interleave(count)
    uniforms = torch.cat([_draw_uniforms(prompt.seed, count, sampling) for prompt in prompts])
    cache = cache.repeat(count, CACHE_STRIDE)
    things_uniforms, text_uniforms = uniforms.split((sampling.max_things_tokens, sampling.max_text_tokens), dim=1)
    given = [tokenizer.encode_things(prompt) for prompt in prompts for _ in range(count)]
    last = last.repeat_interleave(count, 0)
    state = _generate_things(model, tokenizer, last, cache, max_things, things_uniforms, given, sampling)
    bias = torch.stack([tokenizer.build_bias(prompt, row) for prompt, row in zip(prompts, rows, strict=True)])
    sampler = _TextSampler(model, tokenizer, sampling, bias.repeat_interleave(count, 0), text_uniforms)
    drafts = sampler.run(state, cache)
    return [drafts[start : start + count] for start in range(0, len(drafts), count)]


def _draw_uniforms(seed: int, count: int, sampling: Sampling) -> Tensor:
    """Draw the uniform numbers of one prompt, (count, max_things_tokens + max_text_tokens), from its own seed.

    The first draft takes the likeliest things, for which its numbers are 0.
    """
    length = sampling.max_things_tokens + sampling.max_text_tokens
    uniforms = torch.rand(count, length, generator=torch.Generator().manual_seed(seed))
    uniforms[0, : sampling.max_things_tokens] = 0.0
    return uniforms


def _sample(logits: Tensor, uniforms: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """Sample one token per row among the top k of logits (batch, words); return ids and logits, (batch,) each.

    uniforms: (batch,) in [0, 1).
    """
    top, ids = logits.topk(sampling.top_k, dim=1)
    cumulative = (top / sampling.temperature).softmax(1).cumsum(1)
    chosen = (cumulative < uniforms[:, None]).sum(1, keepdim=True).clamp(max=sampling.top_k - 1)
    return ids.gather(1, chosen)[:, 0], top.gather(1, chosen)[:, 0]


def _generate_things(
    model: Decoder,
    tokenizer: DraftTokenizer,
    state: Tensor,
    cache: Cache,
    max_things: Tensor,
    uniforms: Tensor,
    given: Sequence[Sequence[int]],
    sampling: Sampling,
) -> Tensor:
    """Write the list of things of each row, including [TEXT], and return the states (batch, width) behind it.

    max_things: (batch,), the limit of each row before its [TEXT]. given: the ids of each row's list, including [TEXT];
    the model generates a list for a row without.
    """
    bias = tokenizer.banned.clone()
    bias[tokenizer.text_id] = 0.0
    starts, ended = torch.empty_like(state), torch.zeros(len(state), dtype=torch.bool)
    number = 0
    while not bool(ended.all()):
        ids, _ = _sample(
            model.compute_logits(state).add_(bias), uniforms[:, min(number, uniforms.shape[1] - 1)], sampling
        )
        for row, forced in enumerate(given):
            if forced:
                ids[row] = forced[min(number, len(forced) - 1)]
        ids[ended | (max_things <= number)] = tokenizer.text_id
        state = model.step(ids, cache)
        # A finished row still takes part in the batch, but its cache does not advance.
        cache.lengths = cache.lengths - ended.long()
        ending = ~ended & (ids == tokenizer.text_id)
        starts[ending] = state[ending]
        ended |= ending
        number += 1
    return starts


class _TextSampler:
    """The texts of a batch while they are sampled."""

    def __init__(
        self, model: Decoder, tokenizer: DraftTokenizer, sampling: Sampling, bias: Tensor, uniforms: Tensor
    ) -> None:
        self._model, self._tokenizer, self._sampling = model, tokenizer, sampling
        self._bias, self._uniforms = bias, uniforms
        self._ids: list[list[int]] = [[] for _ in range(len(bias))]
        self._log_probs = torch.zeros(len(bias))

    def run(self, state: Tensor, cache: Cache) -> list[Draft]:
        """Sample from the states of the last positions, (rows, width), until every row has ended or is full."""
        active, ended = torch.arange(len(state)), torch.zeros(len(state), dtype=torch.bool)
        max_tokens = self._model.config.length - cache.lengths
        for number in range(self._uniforms.shape[1]):
            ids = self._draw(state, active, ended, number)
            full = max_tokens[active] <= number
            ended = ended | full | (ids == self._tokenizer.end_id)
            if bool(ended.all()):
                break
            self._append(active, ids, ended)
            # Dropping rows copies the cache: worth it for a quarter of them, and needed for a row that is full.
            if 4 * int(ended.sum()) >= len(ended) or bool(full.any()):
                cache = cache.select(torch.nonzero(~ended)[:, 0])
                self._bias = self._bias[~ended]
                active, ids, ended = active[~ended], ids[~ended], ended[~ended]
            state = self._model.step(ids, cache)
        return [
            Draft(self._tokenizer.decode(ids), float(total) / (len(ids) + 1))
            for ids, total in zip(self._ids, self._log_probs, strict=True)
        ]

    def _append(self, active: Tensor, ids: Tensor, ended: Tensor) -> None:
        rows = zip(active.tolist(), ids.tolist(), ended.tolist(), strict=True)
        for place, (row, token_id, is_done) in enumerate(rows):
            if not is_done:
                self._ids[row].append(token_id)
            if token_id in self._tokenizer.mask_token_ids:
                self._bias[place, token_id] = NEVER

    def _draw(self, state: Tensor, active: Tensor, ended: Tensor, number: int) -> Tensor:
        """Sample the next token (active,) of each active row and add its log-probability."""
        logits = self._model.compute_logits(state).add_(self._bias)
        ids, scores = _sample(logits, self._uniforms[active, number], self._sampling)
        self._log_probs[active] += (scores - logits.logsumexp(1)).masked_fill(ended, 0.0)
        return ids
