"""Pick the best of several drafts: first by the seller's numbers, then by likeness to the photos and consensus."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from inference.captioners.base import Prompt
from inference.captioners.prefix.decoding import Draft
from inference.captioners.prefix.grounding import (
    STEM_LENGTH,
    count_claims,
    extract_stems,
    find_misplaced_tokens,
    ground,
)
from inference.clip.dual_encoder import Clip

# Weights of a draft's mean log-probability, its similarity to the photos, and its overlap with the other drafts.
LIKELIHOOD, CLIPSCORE, CONSENSUS = 1.0, 20.0, 10.0
# Price and size must be in the text; omitting another token of the input costs less.
REQUIRED_TOKENS = ("<PRICE>", "<SIZE>")
REQUIRED_COST, OMISSION_COST = 50.0, 10.0
# A token behind a word of another field; a claim that no field makes; the gain of repeating the words of the fields.
MISPLACED_COST, CLAIM_COST, ECHO_GAIN = 10.0, 5.0, 10.0


def pick_best(clip: Clip, prompts: Sequence[Prompt], drafts: Sequence[Sequence[Draft]]) -> list[str]:
    """Return the best draft of each prompt; the dual encoder encodes the drafts of all prompts together."""
    embeddings = clip.encode_texts([draft.text for several in drafts for draft in several]).embeddings
    parts = embeddings.split([len(several) for several in drafts])
    return [_pick_best(*each) for each in zip(prompts, drafts, parts, strict=True)]


def _pick_best(prompt: Prompt, drafts: Sequence[Draft], embeddings: Tensor) -> str:
    scores = LIKELIHOOD * torch.tensor([draft.log_prob for draft in drafts])
    scores += CONSENSUS * compute_consensus([draft.text for draft in drafts])
    if len(prompt.features):
        scores += CLIPSCORE * (embeddings @ prompt.features.embeddings.mean(0))
    scores -= torch.tensor(
        [_compute_omission_cost(prompt, d.text) + compute_grounding_cost(prompt.masked, d.text) for d in drafts]
    )
    return ground(prompt.masked, drafts[int(scores.argmax())].text, has_photos=bool(len(prompt.features)))


def _compute_omission_cost(prompt: Prompt, text: str) -> float:
    missing = [token for token in prompt.mask_tokens if token not in text]
    return sum(REQUIRED_COST if token in REQUIRED_TOKENS else OMISSION_COST for token in missing)


def compute_grounding_cost(masked: str, text: str) -> float:
    """Return the cost of contradicting the fields, less the gain of repeating their words."""
    if not masked:
        return 0.0
    field_stems = frozenset(extract_stems(masked))
    echoed = len(field_stems.intersection(extract_stems(text))) / max(1, len(field_stems))
    return (
        MISPLACED_COST * len(find_misplaced_tokens(masked, text))
        + CLAIM_COST * count_claims(masked, text)
        - ECHO_GAIN * echoed
    )


def compute_consensus(texts: Sequence[str]) -> Tensor:
    """Return the mean overlap of each text's words and word pairs with the other texts, (texts,) in [0, 1].

    Minimum Bayes risk decoding (Kumar & Byrne, 2004) with the overlap of stems as the gain.
    """
    ngrams = [_extract_ngrams(text) for text in texts]
    shares = [
        sum(len(own & other) / max(1, len(own | other)) for other in ngrams[:n] + ngrams[n + 1 :])
        / max(1, len(ngrams) - 1)
        for n, own in enumerate(ngrams)
    ]
    return torch.tensor(shares)


def _extract_ngrams(text: str) -> frozenset[tuple[str, ...]]:
    stems = [word[:STEM_LENGTH] for word in re.findall(r"\w+|<\w+>", text.lower())]
    return frozenset([(stem,) for stem in stems] + list(pairwise(stems)))
