"""The match threshold of a dual encoder: how unlike a right pair of photos and text may be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from PIL import Image, ImageOps

from inference.clip import Clip
from inference.listing import Attributes
from inference.masking.morphology import lemmas, part_of_speech
from inference.moderation.match import MatchRule
from inference.scoring import clipscore
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


def right_similarities(clip: Clip, rule: MatchRule, examples: Sequence[Example]) -> list[float]:
    """The similarity that `match` judges, of each listing whose fields, or whose caption, name something known."""
    similarities = []
    for example in examples:
        text = rule.judged_text(Attributes(tuple(example.attributes.items()) or (("", example.description or ""),)))
        if text and example.photos:
            images = [ImageOps.exif_transpose(Image.open(path)).convert("RGB") for path in example.photos]
            similarities.append(float(clipscore(clip.look(images).embeddings, clip.read([text]).embeddings[0]).max()))
    return similarities


def threshold(captions: Sequence[float], listings: Sequence[float]) -> float:
    """The threshold that refuses at most `REFUSED_SHARE` of captioned photos, and of listings with fields."""
    quantiles = [float(torch.tensor(values).quantile(REFUSED_SHARE)) for values in (captions, listings) if values]
    return round(min(quantiles), 4)
