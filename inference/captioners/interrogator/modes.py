"""The modes of the interrogator: add phrases of open traits to a caption, by rank or by a chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from torch import Tensor

from inference.captioners.interrogator.advert import Advert
from inference.captioners.interrogator.chain import Limits, build_chain
from inference.captioners.interrogator.labels import EncodeTexts, encode_normalized
from inference.captioners.interrogator.settings import Settings


@dataclass(frozen=True, slots=True)
class PhraseMatch:
    """A phrase in agreement with the thing, its trait, and its similarity to the album."""

    phrase: str
    trait: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Query:
    """An album with its caption, the phrases that may be added, by descending similarity, and the text encoder.

    album: (dim,) float32, the mean of the photos' embeddings; traits: those that the caption leaves open, in the order
    of a sentence.
    """

    album: Tensor
    advert: Advert
    traits: Sequence[str]
    matches: Sequence[PhraseMatch]
    encode: EncodeTexts
    settings: Settings

    def best_matches(self) -> list[PhraseMatch]:
        """Return the best phrase of every open trait, by descending similarity."""
        firsts: dict[str, PhraseMatch] = {}
        for each in self.matches:
            firsts.setdefault(each.trait, each)
        return list(firsts.values())


@dataclass(frozen=True, slots=True)
class EnrichedText:
    """A text about the photos, its similarity to them, and the number of texts encoded to find it."""

    text: str
    similarity: float
    encoded: int


def compose_classic(query: Query) -> EnrichedText:
    """Add the best phrases of open traits to the caption's sentence, in the order of traits."""
    matches = sorted(query.best_matches(), key=lambda each: query.traits.index(each.trait))
    return pick_most_similar(
        query.album, query.encode, [query.advert.compose([each.phrase for each in matches[: query.settings.details]])]
    )


def compose_fast(query: Query) -> EnrichedText:
    """Add the best phrases of open traits as a sentence of their own."""
    matches = query.best_matches()[: query.settings.details]
    return pick_most_similar(
        query.album, query.encode, [query.advert.compose([each.phrase for each in matches], "interrogator-fast")]
    )


def compose_best(query: Query) -> EnrichedText:
    """Return the most similar of the caption, its chain, and the texts of the other modes."""
    chain = compose_chain(query)
    texts = [query.advert.visible, compose_classic(query).text, compose_fast(query).text, chain.text]
    best = pick_most_similar(query.album, query.encode, [text for text in texts if text])
    return EnrichedText(best.text, best.similarity, chain.encoded + best.encoded + 2)


def compose_chain(query: Query) -> EnrichedText:
    """Build the chain that starts from the caption, with one phrase per trait."""
    settings = query.settings
    trait = {each.phrase: each.trait for each in query.matches[: settings.candidates]}
    best = build_chain(
        query.encode,
        query.album,
        query.advert.compose,
        list(trait),
        Limits(most=settings.most, gain=settings.gain),
        lambda first, second: trait[first] == trait[second],
    )
    return EnrichedText(query.advert.compose(best.phrases), best.similarity, best.encoded)


def pick_most_similar(album: Tensor, encode: EncodeTexts, texts: Sequence[str]) -> EnrichedText:
    """Return the text that is most similar to the album (dim,), the first of equals."""
    similarities = encode_normalized(encode, texts) @ album
    first = int(similarities.argsort(descending=True, stable=True)[0])
    return EnrichedText(texts[first], float(similarities[first]), len(texts))


MODE_FUNCTIONS: Final[Mapping[str, Callable[[Query], EnrichedText]]] = {
    "classic": compose_classic,
    "fast": compose_fast,
    "best": compose_best,
}
