"""Pick the best of several drafts: by the claims that the facts support, likeness to the photos, and consensus."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from inference.captioners.base import Prompt
from inference.captioners.prefix.decoding import Draft
from inference.clip.dual_encoder import Clip
from inference.facts.claims import count_support

# Weights of a draft's supported claims, its mean log-probability, its similarity to the photos, and its overlap with
# the other drafts.
SUPPORT, LIKELIHOOD, CLIPSCORE, CONSENSUS = 2.0, 1.0, 20.0, 10.0
STEM_LENGTH = 5  # letters: drafts that say the same differ in endings


def pick_best(clip: Clip, prompts: Sequence[Prompt], drafts: Sequence[Sequence[Draft]]) -> list[str]:
    """Return the best draft of each prompt; the dual encoder encodes the drafts of all prompts together."""
    embeddings = clip.encode_texts([draft.text for several in drafts for draft in several]).embeddings
    parts = embeddings.split([len(several) for several in drafts])
    return [_pick_best(*each) for each in zip(prompts, drafts, parts, strict=True)]


def _pick_best(prompt: Prompt, drafts: Sequence[Draft], embeddings: Tensor) -> str:
    texts = [draft.text for draft in drafts]
    scores = LIKELIHOOD * torch.tensor([draft.log_prob for draft in drafts])
    scores += CONSENSUS * compute_consensus(texts)
    if len(prompt.features):
        scores += CLIPSCORE * (embeddings @ prompt.features.embeddings.mean(0))
    if prompt.sheets:
        scores += SUPPORT * torch.tensor([count_support(text, prompt.sheets) for text in texts], dtype=torch.float)
    return texts[int(scores.argmax())]


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
