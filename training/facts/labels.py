"""Label photos with facts: what the notes and captions of a photo say, as target distributions of each head."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from inference.facts.lexicon import WORD, find_items, find_values, load_groups
from inference.masking.morphology import lemmatize
from training.data.examples import PhotoLabels

# A class needs this many training photos.
MIN_ITEMS: Final = 4
MIN_COLOURS: Final = 12
MIN_WORDS: Final = 12
# Weights of the first, second and third colour of a note: people agree on the first two, but not on their order.
_COLOUR_WEIGHTS: Final = (1.0, 0.35, 0.2)
_SYNONYMS: Final = {"штаны": "брюки", "штанишки": "брюки", "бейсболка": "кепка"}


class Targets(NamedTuple):
    """Targets of a batch of photos, each (batch, labels) float32.

    Rows of `item`, `colour` and `audience` sum to 1, or to 0 where the value is unknown or has no class; `properties`
    are in [0, 1].
    """

    item: Tensor
    colour: Tensor
    audience: Tensor
    properties: Tensor

    def select(self, rows: Tensor) -> Targets:
        """Return the targets of some photos; rows: int64 (n,)."""
        return Targets(*(values[rows] for values in self))

    def join(self, others: Targets) -> Targets:
        """Return these targets with those of other photos behind them."""
        return Targets(*(torch.cat(pair) for pair in zip(self, others, strict=True)))


def build_labels(photos: Iterable[PhotoLabels]) -> dict[str, tuple[str, ...]]:
    """Return group → values: items, colours and audiences of the photos, the most frequent first, and the lexicon's."""
    rows = list(photos)
    items = Counter(name_item(row) for row in rows)
    colours = Counter(colour for row in rows for colour in row.colors)
    audiences = Counter(row.audience for row in rows)
    return {
        "item": tuple(item for item, count in items.most_common() if count >= MIN_ITEMS),
        "colour": tuple(colour for colour, count in colours.most_common() if count >= MIN_COLOURS),
        "audience": tuple(audience for audience, _ in audiences.most_common()),
        **{name: tuple(group.values) for name, group in load_groups().items() if not group.is_seller_only},
    }


def encode_targets(rows: Sequence[PhotoLabels], labels: Mapping[str, Sequence[str]]) -> Targets:
    """Return the targets of photos over the values of `labels`."""
    visible = [name for name, group in load_groups().items() if not group.is_seller_only]
    properties = [(group, value) for group in visible for value in labels.get(group, ())]
    said = [_find_properties(row) for row in rows]
    return Targets(
        item=_distribute([{name_item(row): 1.0} for row in rows], labels["item"]),
        colour=_distribute([dict(zip(row.colors, _COLOUR_WEIGHTS, strict=False)) for row in rows], labels["colour"]),
        audience=_distribute([{row.audience: 1.0} for row in rows], labels["audience"]),
        properties=torch.tensor([[float(each in stated) for each in properties] for stated in said]).view(
            len(rows), len(properties)
        ),
    )


def encode_words(rows: Sequence[PhotoLabels]) -> Tensor:
    """Return which lemmas the notes and captions of each photo hold, (photos, lemmas) float32.

    Lemmas that few photos or most photos share are left out.
    """
    spoken = [{lemmatize(word)[:2][-1] for word in WORD.findall(_join_notes(row)) if len(word) > 2} for row in rows]
    counts = Counter(lemma for lemmas in spoken for lemma in lemmas)
    kept = [lemma for lemma, count in counts.most_common() if MIN_WORDS <= count <= len(rows) / 2]
    table = torch.tensor([[float(lemma in lemmas) for lemma in kept] for lemmas in spoken])
    return table.view(len(rows), len(kept))


def _join_notes(row: PhotoLabels) -> str:
    return " . ".join((row.item, row.pattern, row.features, row.caption, row.second_caption))


def name_item(row: PhotoLabels) -> str:
    """Return the noun of the noted item: «футболка» of «футболка-поло детская»."""
    noun = next((mention.value for mention in find_items(row.item)), row.item.split()[0].lower())
    return _SYNONYMS.get(noun, noun)


def _find_properties(row: PhotoLabels) -> set[tuple[str, str]]:
    """Return (group, value) of everything that note or captions state."""
    return {(mention.group, mention.value) for mention in find_values(_join_notes(row))}


def _distribute(weights: Sequence[Mapping[str, float]], values: Sequence[str]) -> Tensor:
    table = torch.tensor([[row.get(value, 0.0) for value in values] for row in weights]).view(len(weights), len(values))
    return table / table.sum(1, keepdim=True).clamp(min=1e-6)
