"""Which of several drafts to keep: the seller's numbers first, then what fits the photos and what the drafts share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from inference.captioners.base import Prompt
from inference.captioners.prefix.decoding import Draft
from inference.captioners.prefix.grounding import STEM, claims, grounded, stems, strangers
from inference.clip.dual_encoder import Clip

# Weights of a draft's mean log-probability, of its likeness to the photos, and of what the other drafts agree with.
LIKELIHOOD, CLIPSCORE, CONSENSUS = 1.0, 20.0, 10.0
# Price and size must stand in the text; another token of the input left out costs less.
NEEDED = ("<PRICE>", "<SIZE>")
NEEDED_COST, LEFT_OUT_COST = 50.0, 10.0
# A token behind a word of another field, a claim that no field makes; words of the fields repeated in the text.
STRANGER_COST, CLAIM_COST, ECHO = 10.0, 5.0, 10.0


def best(clip: Clip, prompts: Sequence[Prompt], drafts: Sequence[Sequence[Draft]]) -> list[str]:
    """The best draft of each prompt; the texts of all prompts are read by the dual encoder as one batch."""
    embeddings = clip.encode_texts([draft.text for several in drafts for draft in several]).embeddings
    likeness = embeddings.split([len(several) for several in drafts])
    return [_best(*each) for each in zip(prompts, drafts, likeness, strict=True)]


def _best(prompt: Prompt, drafts: Sequence[Draft], embeddings: Tensor) -> str:
    scores = LIKELIHOOD * torch.tensor([draft.likelihood for draft in drafts])
    scores += CONSENSUS * agreement([draft.text for draft in drafts])
    if len(prompt.features):
        scores += CLIPSCORE * (embeddings @ prompt.features.embeddings.mean(0))
    scores -= torch.tensor([_left_out(prompt, d.text) + unfounded(prompt.masked, d.text) for d in drafts])
    return grounded(prompt.masked, drafts[int(scores.argmax())].text, seen=bool(len(prompt.features)))


def _left_out(prompt: Prompt, text: str) -> float:
    missing = [token for token in prompt.mask_tokens if token not in text]
    return sum(NEEDED_COST if token in NEEDED else LEFT_OUT_COST for token in missing)


def unfounded(masked: str, text: str) -> float:
    """The cost of what a draft says against the fields, less the gain of repeating their words."""
    if not masked:
        return 0.0
    given = frozenset(stems(masked))
    echoed = len(given.intersection(stems(text))) / max(1, len(given))
    return STRANGER_COST * len(strangers(masked, text)) + CLAIM_COST * claims(masked, text) - ECHO * echoed


def agreement(texts: Sequence[str]) -> Tensor:
    """How much of each text's words and word pairs the other texts share: (texts,) in [0, 1].

    Minimum Bayes risk decoding (Kumar & Byrne, 2004) with the overlap of stems as the gain.
    """
    bags = [_bag(text) for text in texts]
    shares = [
        sum(len(bag & other) / max(1, len(bag | other)) for other in bags[:n] + bags[n + 1 :]) / max(1, len(bags) - 1)
        for n, bag in enumerate(bags)
    ]
    return torch.tensor(shares)


def _bag(text: str) -> frozenset[tuple[str, ...]]:
    stems = [word[:STEM] for word in re.findall(r"\w+|<\w+>", text.lower())]
    return frozenset([(stem,) for stem in stems] + list(pairwise(stems)))
