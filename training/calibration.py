"""The match threshold of a dual encoder: how unlike a right pair of photos and text may be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from PIL import Image, ImageOps

from inference.clip import Clip
from inference.masking.morphology import lemmas, part_of_speech
from inference.moderation.match import MatchRule
from training.examples import Example, PhotoLabels

# Of right listings, at most this share may be refused.
REFUSED_SHARE = 0.015


def known_nouns(labels: Iterable[PhotoLabels]) -> list[str]:
    """The nouns of everything that the training photos show, as dictionary forms."""
    nouns = {_noun(row.item.lower().split()) for row in labels if row.split == "train"}
    # The dictionary takes «лонгслив», «худи» and «поло» for other parts of speech, whose lemmas are of no use.
    return sorted({form for noun in nouns for form in lemmas(noun)[: None if part_of_speech(noun) == "NOUN" else 1]})


def _noun(item: Sequence[str]) -> str:
    """The word of an item that names it: not «спортивные» of «спортивные штаны», nor «молнии» of «кофта на молнии»."""
    return next((word for word in item if part_of_speech(word) == "NOUN"), item[0])


def right_similarities(clip: Clip, rule: MatchRule, examples: Sequence[Example], texts: Sequence[str]) -> list[float]:
    """The similarity that `match` judges, of each example's photos and its text, where it judges them."""
    similarities = []
    for example, text in zip(examples, texts, strict=True):
        images = [ImageOps.exif_transpose(Image.open(path)).convert("RGB") for path in example.photos]
        score = rule.judge(clip.look(images), text, clip.read([text]).embeddings[0]).score
        similarities += [] if score is None else [score]
    return similarities


def threshold(similarities: Iterable[Sequence[float]]) -> float:
    """The threshold that refuses at most `REFUSED_SHARE` of each kind of right pairs."""
    return round(min(float(torch.tensor(values).quantile(REFUSED_SHARE)) for values in similarities if values), 4)
