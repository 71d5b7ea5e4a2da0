"""The interrogator: another captioner's text, made richer by the phrases that a dual encoder finds in the photos.

CLIP-Interrogator (pharmapsychotic/clip-interrogator) rebuilt for Russian classifieds: its caption comes from any other
checkpoint, its tables are ours, and its modes are

- `classic`: in the caption's sentence the best phrases of the traits that it leaves open;
- `fast`: the likest phrases of all open traits in a sentence of their own;
- `best`: a chain of phrases that grows while the text becomes more like the photos, then the likest of all these texts.

It has no weights of its own. Without photos it says what the other captioner says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from torch import Tensor

from inference.captioners.base import Captioner, LoadContext, Prompt
from inference.captioners.generation.prompts import load_prompts
from inference.captioners.interrogator.advert import Advert, append_missing_fields, inflect, parse_thing
from inference.captioners.interrogator.labels import load_or_encode
from inference.captioners.interrogator.modes import MODE_FUNCTIONS, EnrichedText, PhraseMatch, Query, pick_most_similar
from inference.captioners.interrogator.phrases import COLOURS, Phrases, Thing, get_head_noun, load_phrases
from inference.captioners.interrogator.ranking import Labels, average_embeddings
from inference.captioners.interrogator.settings import Settings
from inference.checkpoints.registry import Card, get_card
from inference.clip.dual_encoder import Clip, ImageFeatures
from inference.scoring import select_photos

__all__ = ["Interrogation", "Interrogator"]

THRESHOLDS: Final = "thresholds.json"
NEVER: Final = float("inf")

# Beside the kinds of checkpoints, where no card is looked for; it may be deleted at any time.
_CACHE: Final = ".cache"
# A caption that names as many things speaks of them all.
_MIN_SEVERAL: Final = 2


@dataclass(frozen=True, slots=True)
class Interrogation:
    """What was found in the photos of one prompt.

    phrases: the likest phrase of every table that may be said, with its similarity, the likest first, empty without
    photos; similarity: that of the part of `text` that speaks of the photos, their mean, None without photos; encoded:
    how many texts the encoder read for it.
    """

    caption: str
    phrases: tuple[tuple[str, float], ...]
    text: str
    similarity: float | None
    encoded: int = 0


@dataclass(frozen=True, slots=True)
class Tables:
    """The phrases of a language and, of the areas that a checkpoint uses, their embeddings by table.

    thresholds: phrase → the similarity from which on the encoder is right often enough to say it; a phrase that is not
    there is not said. Empty where nothing was measured: then everything may be said.
    """

    phrases: Phrases
    areas: tuple[str, ...]
    labels: Mapping[str, Labels]
    thresholds: Mapping[str, float]

    def thing(self, album: Tensor) -> tuple[str, str, float]:
        """The thing that is likest: phrase, area, similarity."""
        ranked = [(*self.labels[area].rank(album, 1)[0], area) for area in self.areas]
        phrase, similarity, area = max(ranked, key=lambda each: each[1])
        return phrase, area, similarity

    def summary(self, album: Tensor, named: Thing | None) -> tuple[tuple[str, float], ...]:
        """The likest thing and the likest phrase of every trait of its area that may be said, the likest first.

        named: the thing of the caption, which sees more than whole photos; the likest phrase of its noun is taken.
        """
        phrase, area, similarity = self.thing(album)
        if named and named.area in self.areas:
            area = named.area
            ranked = self.labels[area].rank(album, len(self.labels[area].phrases))
            phrase, similarity = next((row for row in ranked if get_head_noun(row[0]) == named.lemma), ranked[0])
        traits = (*self.phrases.areas[area], *self.phrases.seller)
        firsts = (next(iter(self._ranked(album, trait)), None) for trait in traits)
        return tuple(sorted([(phrase, similarity), *filter(None, firsts)], key=lambda row: -row[1]))

    def found(self, album: Tensor, traits: Sequence[str], thing: Thing | None, count: int) -> list[PhraseMatch]:
        """The `count` likest phrases of some traits that may be said, the likest first."""
        rows = [
            PhraseMatch(inflect(phrase, trait, thing), trait, similarity)
            for trait in traits
            for phrase, similarity in self._ranked(album, trait)
        ]
        return sorted(rows, key=lambda each: -each.similarity)[:count]

    def _ranked(self, album: Tensor, trait: str) -> list[tuple[str, float]]:
        """The phrases of a trait that may be said, the likest first."""
        ranked = self.labels[trait].rank(album, len(self.labels[trait].phrases))
        if not self.thresholds:
            return ranked
        return [(phrase, value) for phrase, value in ranked if value >= self.thresholds.get(phrase, NEVER)]


class Interrogator:
    """A captioner and a dual encoder that together write more than the captioner alone.

    views_fit: whether the encoder is the one that made the prompts' views.
    """

    def __init__(
        self, card: Card, captioner: Captioner, clip: Clip, tables: Tables, settings: Settings, *, views_fit: bool
    ) -> None:
        self.name = card.name
        self.max_photos = card.max_photos
        self.settings = settings
        self.captioner = captioner
        self._clip = clip
        self.tables = tables
        self._views_fit = views_fit

    @classmethod
    def load(cls, card: Card, context: LoadContext) -> Interrogator:
        """The interrogator of a card; its tables are read anew when they are not remembered.

        Raises `CheckpointError` for adapters and ways of writing, too: it has no weights and writes no tokens.
        """
        for field in ("adapters", "generation"):
            if getattr(card, field):
                raise card.field_error(field)
        phrases = load_phrases(next(iter(card.languages), "ru"))
        settings = Settings.of(card, phrases.areas)
        clip = context.load_clip(settings.clip)
        captioner = context.load_captioner(settings.captioner)
        root, tables = card.folder.parent.parent, phrases.of(settings.areas)
        labels = load_or_encode(
            root / _CACHE / f"{card.name}.safetensors",
            get_card(root, "clip", settings.clip).files,
            clip.project_texts,
            tables,
            load_templates(tables, settings.areas),
        )
        found = Tables(phrases, settings.areas, labels, _load_thresholds(card))
        return cls(card, captioner, clip, found, settings, views_fit=clip is context.clip)

    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        """One draft a prompt: what the captioner says of the fields, and more than it says of the photos."""
        return [each.text for each in self.interrogate(prompts)]

    def interrogate(self, prompts: Sequence[Prompt], mode: str = "") -> list[Interrogation]:
        """What is found in each prompt's photos; `mode`: another than the card's."""
        captions = self.captioner.generate([self._readable(prompt) for prompt in prompts]) if prompts else []
        return [self._asked(*each, mode or self.settings.mode) for each in zip(prompts, captions, strict=True)]

    def _readable(self, prompt: Prompt) -> Prompt:
        """The prompt with no more photos than the captioner reads."""
        if len(prompt.images) <= self.captioner.max_photos:
            return prompt
        kept = select_photos(prompt.features.embeddings, None, self.captioner.max_photos)
        views = ImageFeatures(prompt.features.embeddings[kept], prompt.features.states[kept])
        return replace(prompt, images=tuple(prompt.images[number] for number in kept), features=views)

    def _asked(self, prompt: Prompt, caption: str, mode: str) -> Interrogation:
        photos = prompt.features.embeddings if self._views_fit else self._clip.encode_images(prompt.images).embeddings
        if not len(photos):
            return Interrogation(caption, (), append_missing_fields(caption, prompt), None)
        album, advert = average_embeddings(photos), Advert.of(caption, self.tables.phrases)
        phrases = self.tables.summary(album, advert.thing)
        if prompt.token == "<VARIATIVE>":  # a word of the pipeline, not a secret  # noqa: S105
            found = self._several(photos, advert)
        else:
            found = MODE_FUNCTIONS[mode](self._open(album, advert))
        text = append_missing_fields(advert.whole(found.text), prompt)
        return Interrogation(caption, phrases, text, found.similarity, found.encoded)

    def _open(self, album: Tensor, advert: Advert) -> Query:
        """What a caption leaves open; one that names no thing is given the likest."""
        phrase, area, _ = self.tables.thing(album)
        if advert.thing is None and not advert.lead:
            advert = replace(advert, lead=f"{phrase[:1].upper()}{phrase[1:]}", thing=parse_thing(phrase, area))
        phrases = self.tables.phrases
        area = advert.thing.area if advert.thing else area
        # A caption may name a thing of an area that this checkpoint leaves out.
        known = [trait for trait in phrases.areas[area] if trait in self.tables.labels]
        traits = [trait for trait in known if not phrases.is_said(trait, advert.seen)]
        found = self.tables.found(album, traits, advert.thing, self.settings.candidates)
        return Query(album, advert, traits, found, self._clip.project_texts, self.settings)

    def _several(self, photos: Tensor, advert: Advert) -> EnrichedText:
        """Of different things sold together, the likest of each photo is named, unless the caption names several.

        Pockets and fastenings would be said of all of them; they are left to the caption.
        """
        named = {thing.lemma for thing in self.tables.phrases.named(advert.seen)}
        things: dict[str, str] = {}
        for phrase, _, _ in map(self.tables.thing, photos):
            if get_head_noun(phrase) not in named:
                things.setdefault(get_head_noun(phrase), phrase)
        more = list(things.values()) if len(named) < _MIN_SEVERAL else []
        text = advert.saying(more, "interrogator-several") if more else advert.seen
        return pick_most_similar(average_embeddings(photos), self._clip.project_texts, [text])


def _load_thresholds(card: Card) -> Mapping[str, float]:
    path = card.folder / THRESHOLDS
    thresholds: dict[str, float] = json.loads(path.read_text("utf-8")) if THRESHOLDS in card.files else {}
    return thresholds


def load_templates(tables: Mapping[str, object], areas: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Table → the sentences of `prompts.po` in which its phrases are read."""
    kinds = {table: "thing" if table in areas else "colour" if table == COLOURS else "trait" for table in tables}
    return {table: tuple(load_prompts()[f"interrogator-{kind}"].split("\n")) for table, kind in kinds.items()}
