"""Writing several drafts a prompt with one cache: first what is seen, then the text, both sampled.

It knows token ids and which of them may follow; it knows no photo and no checkpoint folder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from inference.captioners.base import Prompt
from inference.captioners.prefix.format import END, MASK_TOKENS, SPECIAL_TOKENS, TEXT, get_token_ids
from inference.captioners.prefix.model import CACHE_STRIDE, Cache, Decoder

NEVER = float("-inf")
_LATIN = re.compile(r"[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How drafts are drawn: how many a prompt, from how many likeliest words, how boldly, how long at most (tokens)."""

    drafts: int = 6
    top_k: int = 30
    temperature: float = 0.5
    things_length: int = 120
    text_length: int = 200


@dataclass(frozen=True, slots=True)
class Draft:
    """A written text and the mean log-probability of its tokens."""

    text: str
    likelihood: float


class DraftTokenizer:
    """A tokenizer with the ids that a draft may never hold: digits, tokens that are no words, and their brackets."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.text, self.end = get_token_ids(tokenizer, (TEXT, END))
        words = range(tokenizer.get_vocab_size())
        self.banned = torch.zeros(len(words))
        spelled = [tokenizer.decode([word]).strip() for word in words]
        self.banned[[word for word, text in enumerate(spelled) if any(c.isdigit() or c in "<>" for c in text)]] = NEVER
        self.banned[get_token_ids(tokenizer, (*SPECIAL_TOKENS, "[PAD]"))] = NEVER
        self._latin = torch.zeros(len(words))
        self._latin[[word for word, text in enumerate(spelled) if _LATIN.search(text) and text != "V"]] = NEVER
        self._mask_ids = dict(zip(MASK_TOKENS, get_token_ids(tokenizer, MASK_TOKENS), strict=True))
        self.masks = frozenset(self._mask_ids.values())

    def bias(self, prompt: Prompt, row: Sequence[int]) -> Tensor:
        """What to add to the logits, (words,): zero for words and for the prompt's own mask tokens.

        Latin letters are for the brands of the prompt's ids `row`: the model cannot read what is printed on cloth.
        """
        bias = self.banned + self._latin
        bias[[word for word in row if self._latin[word] < 0 and self.banned[word] == 0]] = 0.0
        bias[self.end] = 0.0
        bias[[self._mask_ids[name] for name in prompt.mask_tokens if name in self._mask_ids]] = 0.0
        return bias

    def spell(self, ids: Sequence[int]) -> str:
        """The text of ids."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=False).strip()


def generate_drafts(
    model: Decoder,
    speller: DraftTokenizer,
    rows: Sequence[Sequence[int]],
    states: Tensor,
    slot: int,
    prompts: Sequence[Prompt],
    sampling: Sampling,
) -> list[list[Draft]]:
    """`sampling.drafts` drafts a prompt; rows: the prompts' ids, states: their photos' vectors in order."""
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.long)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
    last, cache = model.read(model.embed(ids, states, slot), lengths)
    count = sampling.drafts
    # A row's room depends on its own length alone: its text must not depend on its neighbours.
    room = ((model.config.length - lengths) // 2).clamp(max=sampling.things_length).repeat_interleave(count)
    chances = torch.cat([_draw_uniforms(prompt.seed, count, sampling) for prompt in prompts])
    cache = cache.repeat(count, CACHE_STRIDE)
    naming, texting = chances.split((sampling.things_length, sampling.text_length), dim=1)
    state = _generate_things(model, speller, last.repeat_interleave(count, 0), cache, room, naming, sampling)
    bias = torch.stack([speller.bias(prompt, row) for prompt, row in zip(prompts, rows, strict=True)])
    writing = _TextSampler(model, speller, sampling, bias.repeat_interleave(count, 0), texting)
    drafts = writing.run(state, cache)
    return [drafts[start : start + count] for start in range(0, len(drafts), count)]


def _draw_uniforms(seed: int, count: int, sampling: Sampling) -> Tensor:
    """Uniform draws of one prompt, (count, things and text): its own, whatever else is in the batch.

    The first draft names the things that are likeliest.
    """
    length = sampling.things_length + sampling.text_length
    chances = torch.rand(count, length, generator=torch.Generator().manual_seed(seed))
    chances[0, : sampling.things_length] = 0.0
    return chances


def _sample(logits: Tensor, chances: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """A word of the likeliest a row, (rows, words) logits and (rows,) chances: its id and its logit, (rows,) each."""
    best, words = logits.topk(sampling.top_k, dim=1)
    shares = (best / sampling.temperature).softmax(1).cumsum(1)
    chosen = (shares < chances[:, None]).sum(1, keepdim=True).clamp(max=sampling.top_k - 1)
    return words.gather(1, chosen)[:, 0], best.gather(1, chosen)[:, 0]


def _generate_things(
    model: Decoder,
    speller: DraftTokenizer,
    state: Tensor,
    cache: Cache,
    room: Tensor,
    chances: Tensor,
    sampling: Sampling,
) -> Tensor:
    """Let each row say what it sees, up to and with [TEXT]; returns the states from which the text starts.

    room: (rows,), how many tokens each row may write before its [TEXT].
    """
    bias = speller.banned.clone()
    bias[speller.text] = 0.0
    starts, ended = torch.empty_like(state), torch.zeros(len(state), dtype=torch.bool)
    number = 0
    while not bool(ended.all()):
        words, _ = _sample(model.logits(state).add_(bias), chances[:, min(number, chances.shape[1] - 1)], sampling)
        words[ended | (room <= number)] = speller.text
        state = model.step(words, cache)
        # A row that has ended is stepped along with the others, but its cache stays where it was.
        cache.lengths = cache.lengths - ended.long()
        ending = ~ended & (words == speller.text)
        starts[ending] = state[ending]
        ended |= ending
        number += 1
    return starts


class _TextSampler:
    """The sampled texts of a batch while they grow."""

    def __init__(
        self, model: Decoder, speller: DraftTokenizer, sampling: Sampling, bias: Tensor, chances: Tensor
    ) -> None:
        self._model, self._speller, self._sampling = model, speller, sampling
        self._bias, self._chances = bias, chances
        self._ids: list[list[int]] = [[] for _ in range(len(bias))]
        self._likelihoods = torch.zeros(len(bias))

    def run(self, state: Tensor, cache: Cache) -> list[Draft]:
        """Write until every row has ended or is full."""
        active, ended = torch.arange(len(state)), torch.zeros(len(state), dtype=torch.bool)
        room = self._model.config.length - cache.lengths
        for number in range(self._chances.shape[1]):
            words = self._draw(state, active, ended, number)
            full = room[active] <= number
            ended = ended | full | (words == self._speller.end)
            if bool(ended.all()):
                break
            self._append(active, words, ended)
            # Dropping rows copies the cache: worth it for a quarter of them, and needed for a row that is full.
            if 4 * int(ended.sum()) >= len(ended) or bool(full.any()):
                cache = cache.keep(torch.nonzero(~ended)[:, 0])
                self._bias = self._bias[~ended]
                active, words, ended = active[~ended], words[~ended], ended[~ended]
            state = self._model.step(words, cache)
        return [
            Draft(self._speller.spell(ids), float(total) / (len(ids) + 1))
            for ids, total in zip(self._ids, self._likelihoods, strict=True)
        ]

    def _append(self, active: Tensor, words: Tensor, ended: Tensor) -> None:
        rows = zip(active.tolist(), words.tolist(), ended.tolist(), strict=True)
        for place, (row, word, done) in enumerate(rows):
            if not done:
                self._ids[row].append(word)
            if word in self._speller.masks:
                self._bias[place, word] = NEVER

    def _draw(self, state: Tensor, active: Tensor, ended: Tensor, number: int) -> Tensor:
        """The next word of each active row, by its own chance, from the likeliest words."""
        logits = self._model.logits(state).add_(self._bias)
        words, scores = _sample(logits, self._chances[active, number], self._sampling)
        self._likelihoods[active] += (scores - logits.logsumexp(1)).masked_fill(ended, 0.0)
        return words
