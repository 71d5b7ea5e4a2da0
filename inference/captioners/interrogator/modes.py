"""The ways to a richer caption: phrases of the open traits, put behind it by rank or by a chain."""

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
    """A phrase, spelled as it is said of the thing, the trait that it belongs to, and its similarity."""

    phrase: str
    trait: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Query:
    """One album and its caption: what may be added, the likest first, and the encoder that compares.

    album: (dim,), the mean of the photos' embeddings; traits: those that the caption leaves open, in the order in
    which a sentence names them.
    """

    album: Tensor
    advert: Advert
    traits: Sequence[str]
    found: Sequence[PhraseMatch]
    read: EncodeTexts
    settings: Settings

    def first_of_each(self) -> list[PhraseMatch]:
        """The likest phrase of every open trait, the likest first."""
        firsts: dict[str, PhraseMatch] = {}
        for each in self.found:
            firsts.setdefault(each.trait, each)
        return list(firsts.values())


@dataclass(frozen=True, slots=True)
class EnrichedText:
    """What is said of the photos, how like them it is, and how many texts were encoded to find it."""

    text: str
    similarity: float
    encoded: int


def compose_classic(asked: Query) -> EnrichedText:
    """The best phrases of the first open traits, in their order, in the sentence of the caption."""
    named = sorted(asked.first_of_each(), key=lambda each: asked.traits.index(each.trait))
    return pick_most_similar(
        asked.album, asked.read, [asked.advert.saying([each.phrase for each in named[: asked.settings.details]])]
    )


def compose_fast(asked: Query) -> EnrichedText:
    """The likest phrases of all open traits, in a sentence of their own."""
    named = asked.first_of_each()[: asked.settings.details]
    return pick_most_similar(
        asked.album, asked.read, [asked.advert.saying([each.phrase for each in named], "interrogator-fast")]
    )


def compose_best(asked: Query) -> EnrichedText:
    """The likest of the caption, its chain, and the texts of the other modes."""
    chain = compose_chain(asked)
    texts = [asked.advert.seen, compose_classic(asked).text, compose_fast(asked).text, chain.text]
    found = pick_most_similar(asked.album, asked.read, [text for text in texts if text])
    return EnrichedText(found.text, found.similarity, chain.encoded + found.encoded + 2)


def compose_chain(asked: Query) -> EnrichedText:
    """The chain that starts from the caption; a trait is said once."""
    settings = asked.settings
    trait = {each.phrase: each.trait for each in asked.found[: settings.candidates]}
    found = build_chain(
        asked.read,
        asked.album,
        asked.advert.saying,
        list(trait),
        Limits(most=settings.most, gain=settings.gain),
        lambda first, second: trait[first] == trait[second],
    )
    return EnrichedText(asked.advert.saying(found.phrases), found.similarity, found.encoded)


def pick_most_similar(album: Tensor, read: EncodeTexts, texts: Sequence[str]) -> EnrichedText:
    """The text that is most like the album, the first of equals."""
    likeness = encode_normalized(read, texts) @ album
    first = int(likeness.argsort(descending=True, stable=True)[0])
    return EnrichedText(texts[first], float(likeness[first]), len(texts))


MODE_FUNCTIONS: Final[Mapping[str, Callable[[Query], EnrichedText]]] = {
    "classic": compose_classic,
    "fast": compose_fast,
    "best": compose_best,
}
