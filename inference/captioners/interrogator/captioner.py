"""The interrogator: enriches another captioner's text with phrases that a dual encoder finds in the photos.

CLIP-Interrogator (pharmapsychotic/clip-interrogator) rebuilt for Russian classifieds: its caption comes from any other
checkpoint, its tables are ours, and its modes are

- `classic`: adds the best phrases of traits that the caption leaves open to its sentence;
- `fast`: adds them as a sentence of their own;
- `best`: a chain of phrases that grows while the text becomes more similar, then the best of all these texts.

It has no weights of its own. Without photos it returns the other captioner's text.
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
from inference.checkpoints.card import Card
from inference.checkpoints.registry import get_card
from inference.clip.dual_encoder import Clip, ImageFeatures
from inference.scoring import select_photos

__all__ = ["Interrogation", "Interrogator"]

THRESHOLDS: Final = "thresholds.json"
NEVER: Final = float("inf")

# Beside the folders of checkpoint kinds, where no cards are searched for; it may be deleted at any time.
_CACHE: Final = ".cache"
# A caption that names at least as many things is taken to name all of them.
_MIN_SEVERAL: Final = 2


@dataclass(frozen=True, slots=True)
class Interrogation:
    """The result for one prompt.

    phrases: the best allowed phrase of every table with its similarity, in descending order, empty without photos;
    similarity: mean over photos of the cosine to the part of `text` about them, None without photos; encoded: number
    of texts encoded.
    """

    caption: str
    phrases: tuple[tuple[str, float], ...]
    text: str
    similarity: float | None
    encoded: int = 0


@dataclass(frozen=True, slots=True)
class Tables:
    """The phrases of a language, and embeddings by table of the areas that a checkpoint uses.

    thresholds: phrase → least similarity at which the encoder is reliable; phrases without one are never used. Empty
    where nothing was measured: then all phrases are allowed.
    """

    phrases: Phrases
    areas: tuple[str, ...]
    labels: Mapping[str, Labels]
    thresholds: Mapping[str, float]

    def find_thing(self, album: Tensor) -> tuple[str, str, float]:
        """Return phrase, area and similarity of the thing most similar to the album (dim,)."""
        ranked = [(*self.labels[area].rank(album, 1)[0], area) for area in self.areas]
        phrase, similarity, area = max(ranked, key=lambda each: each[1])
        return phrase, area, similarity

    def summarize(self, album: Tensor, named: Thing | None) -> tuple[tuple[str, float], ...]:
        """Return the best thing and the best allowed phrase of each trait of its area, by descending similarity.

        named: the thing of the caption, which takes precedence over the best match; its best phrase is used.
        """
        phrase, area, similarity = self.find_thing(album)
        if named and named.area in self.areas:
            area = named.area
            ranked = self.labels[area].rank(album, len(self.labels[area].phrases))
            phrase, similarity = next((row for row in ranked if get_head_noun(row[0]) == named.lemma), ranked[0])
        traits = (*self.phrases.areas[area], *self.phrases.seller)
        firsts = (next(iter(self._rank(album, trait)), None) for trait in traits)
        return tuple(sorted([(phrase, similarity), *filter(None, firsts)], key=lambda row: -row[1]))

    def find_matches(self, album: Tensor, traits: Sequence[str], thing: Thing | None, count: int) -> list[PhraseMatch]:
        """Return the `count` best allowed phrases of some traits, by descending similarity."""
        rows = [
            PhraseMatch(inflect(phrase, trait, thing), trait, similarity)
            for trait in traits
            for phrase, similarity in self._rank(album, trait)
        ]
        return sorted(rows, key=lambda each: -each.similarity)[:count]

    def _rank(self, album: Tensor, trait: str) -> list[tuple[str, float]]:
        """Return the allowed phrases of a trait, by descending similarity."""
        ranked = self.labels[trait].rank(album, len(self.labels[trait].phrases))
        if not self.thresholds:
            return ranked
        return [(phrase, value) for phrase, value in ranked if value >= self.thresholds.get(phrase, NEVER)]


class Interrogator:
    """A captioner of the family `interrogator`: another captioner and a dual encoder.

    reuse_features: True where the prompts' image features come from this encoder.
    """

    reads_attributes = True

    def __init__(
        self, card: Card, captioner: Captioner, clip: Clip, tables: Tables, settings: Settings, *, reuse_features: bool
    ) -> None:
        self.name = card.name
        self.max_photos = card.max_photos
        self.settings = settings
        self.captioner = captioner
        self._clip = clip
        self.tables = tables
        self._reuse_features = reuse_features

    @classmethod
    def load(cls, card: Card, context: LoadContext) -> Interrogator:
        """Load the interrogator of a card; phrase embeddings are cached on disk.

        Raises `CheckpointError`, also for a card with adapters or generation settings: there are no weights or tokens.
        """
        for field in ("adapters", "generation"):
            if getattr(card, field):
                raise card.field_error(field)
        phrases = load_phrases(next(iter(card.languages), "ru"))
        settings = Settings.from_card(card, phrases.areas)
        clip = context.load_clip(settings.clip)
        captioner = context.load_captioner(settings.captioner)
        root, tables = card.folder.parent.parent, phrases.select_tables(settings.areas)
        labels = load_or_encode(
            root / _CACHE / f"{card.name}.safetensors",
            get_card(root, "clip", settings.clip).files,
            clip.project_texts,
            tables,
            load_templates(tables, settings.areas),
        )
        loaded_tables = Tables(phrases, settings.areas, labels, _load_thresholds(card))
        return cls(card, captioner, clip, loaded_tables, settings, reuse_features=clip is context.clip)

    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        """Return one text per prompt: the captioner's, with more about the photos."""
        return [each.text for each in self.interrogate(prompts)]

    def interrogate(self, prompts: Sequence[Prompt], mode: str = "") -> list[Interrogation]:
        """Return the result for each prompt; `mode` overrides the card's."""
        captions = self.captioner.generate([self._limit_photos(prompt) for prompt in prompts]) if prompts else []
        return [self._interrogate(*each, mode or self.settings.mode) for each in zip(prompts, captions, strict=True)]

    def _limit_photos(self, prompt: Prompt) -> Prompt:
        """Return the prompt with at most as many photos as the captioner takes."""
        if len(prompt.images) <= self.captioner.max_photos:
            return prompt
        kept = select_photos(prompt.features.embeddings, None, self.captioner.max_photos)
        features = ImageFeatures(prompt.features.embeddings[kept], prompt.features.states[kept])
        return replace(prompt, images=tuple(prompt.images[number] for number in kept), features=features)

    def _interrogate(self, prompt: Prompt, caption: str, mode: str) -> Interrogation:
        photos = (
            prompt.features.embeddings if self._reuse_features else self._clip.encode_images(prompt.images).embeddings
        )
        if not len(photos):
            return Interrogation(caption, (), append_missing_fields(caption, prompt), None)
        album, advert = average_embeddings(photos), Advert.from_caption(caption, self.tables.phrases)
        phrases = self.tables.summarize(album, advert.thing)
        if prompt.token == "<VARIATIVE>":  # a word of the pipeline, not a secret  # noqa: S105
            enriched = self._name_all(photos, advert)
        else:
            enriched = MODE_FUNCTIONS[mode](self._build_query(album, advert))
        text = append_missing_fields(advert.replace_visible(enriched.text), prompt)
        return Interrogation(caption, phrases, text, enriched.similarity, enriched.encoded)

    def _build_query(self, album: Tensor, advert: Advert) -> Query:
        """Return the query of a caption; one that names no thing gets the best match."""
        phrase, area, _ = self.tables.find_thing(album)
        if advert.thing is None and not advert.lead:
            advert = replace(advert, lead=f"{phrase[:1].upper()}{phrase[1:]}", thing=parse_thing(phrase, area))
        phrases = self.tables.phrases
        area = advert.thing.area if advert.thing else area
        # A caption may name a thing of an area that this checkpoint leaves out.
        known = [trait for trait in phrases.areas[area] if trait in self.tables.labels]
        traits = [trait for trait in known if not phrases.mentions(trait, advert.visible)]
        matches = self.tables.find_matches(album, traits, advert.thing, self.settings.candidates)
        return Query(album, advert, traits, matches, self._clip.project_texts, self.settings)

    def _name_all(self, photos: Tensor, advert: Advert) -> EnrichedText:
        """Name the best thing of each photo of different things, unless the caption names several.

        Traits are left to the caption: as phrases they would apply to all the things.
        """
        named = {thing.lemma for thing in self.tables.phrases.find_things(advert.visible)}
        things: dict[str, str] = {}
        for phrase, _, _ in map(self.tables.find_thing, photos):
            if get_head_noun(phrase) not in named:
                things.setdefault(get_head_noun(phrase), phrase)
        more = list(things.values()) if len(named) < _MIN_SEVERAL else []
        text = advert.compose(more, "interrogator-several") if more else advert.visible
        return pick_most_similar(average_embeddings(photos), self._clip.project_texts, [text])


def _load_thresholds(card: Card) -> Mapping[str, float]:
    path = card.folder / THRESHOLDS
    thresholds: dict[str, float] = json.loads(path.read_text("utf-8")) if THRESHOLDS in card.files else {}
    return thresholds


def load_templates(tables: Mapping[str, object], areas: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return table → the sentences of `prompts.po` in which its phrases are encoded."""
    kinds = {table: "thing" if table in areas else "colour" if table == COLOURS else "trait" for table in tables}
    return {table: tuple(load_prompts()[f"interrogator-{kind}"].split("\n")) for table, kind in kinds.items()}
