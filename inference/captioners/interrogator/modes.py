"""The ways to a richer caption: phrases of the open traits, put behind it by rank or by a chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from torch import Tensor

from inference.captioners.interrogator.advert import Advert
from inference.captioners.interrogator.chain import Limits, chained
from inference.captioners.interrogator.labels import Read, embed
from inference.captioners.interrogator.settings import Settings


@dataclass(frozen=True, slots=True)
class Found:
    """A phrase, spelled as it is said of the thing, the trait that it belongs to, and its similarity."""

    phrase: str
    trait: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Asked:
    """One album and its caption: what may be added, the likest first, and the encoder that compares.

    album: (dim,), the mean of the photos' embeddings; traits: those that the caption leaves open, in the order in
    which a sentence names them.
    """

    album: Tensor
    advert: Advert
    traits: Sequence[str]
    found: Sequence[Found]
    read: Read
    settings: Settings

    def first_of_each(self) -> list[Found]:
        """The likest phrase of every open trait, the likest first."""
        firsts: dict[str, Found] = {}
        for each in self.found:
            firsts.setdefault(each.trait, each)
        return list(firsts.values())


@dataclass(frozen=True, slots=True)
class Seen:
    """What is said of the photos, how like them it is, and how many texts were encoded to find it."""

    text: str
    similarity: float
    encoded: int


def classic(asked: Asked) -> Seen:
    """The best phrases of the first open traits, in their order, in the sentence of the caption."""
    named = sorted(asked.first_of_each(), key=lambda each: asked.traits.index(each.trait))
    return likest(
        asked.album, asked.read, [asked.advert.saying([each.phrase for each in named[: asked.settings.details]])]
    )


def fast(asked: Asked) -> Seen:
    """The likest phrases of all open traits, in a sentence of their own."""
    named = asked.first_of_each()[: asked.settings.details]
    return likest(asked.album, asked.read, [asked.advert.saying([each.phrase for each in named], "interrogator-fast")])


def best(asked: Asked) -> Seen:
    """The likest of the caption, its chain, and the texts of the other modes."""
    chain = chained_seen(asked)
    texts = [asked.advert.seen, classic(asked).text, fast(asked).text, chain.text]
    found = likest(asked.album, asked.read, [text for text in texts if text])
    return Seen(found.text, found.similarity, chain.encoded + found.encoded + 2)


def chained_seen(asked: Asked) -> Seen:
    """The chain that starts from the caption; a trait is said once."""
    settings = asked.settings
    trait = {each.phrase: each.trait for each in asked.found[: settings.candidates]}
    found = chained(
        asked.read,
        asked.album,
        asked.advert.saying,
        list(trait),
        Limits(most=settings.most, gain=settings.gain),
        lambda first, second: trait[first] == trait[second],
    )
    return Seen(asked.advert.saying(found.phrases), found.similarity, found.encoded)


def likest(album: Tensor, read: Read, texts: Sequence[str]) -> Seen:
    """The text that is most like the album, the first of equals."""
    likeness = embed(read, texts) @ album
    first = int(likeness.argsort(descending=True, stable=True)[0])
    return Seen(texts[first], float(likeness[first]), len(texts))


WAYS: Final[Mapping[str, Callable[[Asked], Seen]]] = {"classic": classic, "fast": fast, "best": best}
