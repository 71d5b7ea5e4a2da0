"""Scenes (pictures with everything that an ad may say about them) and the training samples composed of them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from inference.listing.types import DiversityToken
from inference.masking import mask
from training.data import ads
from training.data.examples import Example, PhotoLabels
from training.drawings import Garment, caption, random_garment

EQUAL_COPIES = (3, 4, 5)


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture: a photo, a collage of photos, or drawn garments.

    captions: as people describe it; things: «футболка; белый; надпись» for each different thing; group: pictures of one
    group may be sold together.
    """

    photos: tuple[Path, ...]
    garments: tuple[Garment, ...]
    seed: int
    captions: tuple[str, ...]
    things: tuple[str, ...]
    group: str

    @property
    def many(self) -> bool:
        """True if the picture shows different things."""
        return len(self.things) > 1


@dataclass(frozen=True, slots=True)
class Sample:
    """One training sample of the captioner: scene numbers, masked fields, visible things, and the target ad."""

    scenes: tuple[int, ...]
    token: DiversityToken
    masked: str
    things: str
    text: str


def format_item(item: str, colors: Sequence[str], pattern: str) -> str:
    """Describe a thing in the fixed order in which the captioner names it."""
    return f"{item}; {', '.join(colors[:2])}; {pattern}"


def build_photo_scenes(
    examples: Iterable[Example], labels: dict[str, PhotoLabels], senders: dict[str, str]
) -> list[Scene]:
    """Return one scene per photo of the data set."""
    scenes = []
    for example in examples:
        name = example.photos[0].stem
        row = labels[name]
        tags = (format_item(row.item, row.colors, row.pattern),)
        scenes.append(Scene(example.photos, (), 0, (row.caption,), tags, senders[name]))
    return scenes


def build_collages(scenes: Sequence[Scene], count: int, rnd: random.Random) -> list[Scene]:
    """Return collages of two to four different things of one sender side by side."""
    collages: list[Scene] = []
    while len(collages) < count:
        parts = sample_partners(rnd.choice(scenes), scenes, rnd.randint(2, 4), rnd)
        if len(parts) > 1:
            photos = tuple(photo for part in parts for photo in part.photos)
            captions = (ads.join_captions([ads.shorten(part.captions[0]) for part in parts], rnd) for _ in range(3))
            things = tuple(part.things[0] for part in parts)
            collages.append(Scene(photos, (), rnd.randrange(1 << 30), tuple(captions), things, ""))
    return collages


def sample_partners(first: Scene, scenes: Sequence[Scene], count: int, rnd: random.Random) -> list[Scene]:
    """Return up to `count` scenes of the first one's group that show different things, including the first."""
    partners = [first]
    same = [scene for scene in scenes if scene.group == first.group]
    for scene in rnd.sample(same, min(len(same), 3 * count)):
        if len(partners) < count and all(scene.things != other.things for other in partners):
            partners.append(scene)
    return partners


def _item(scene: Scene) -> str:
    return scene.things[0].split(";")[0]


def draw_scenes(singles: int, several: int, equal: int, seed: int) -> list[Scene]:
    """Return drawn scenes: of one thing, of two to four different things, and of several equal things."""
    rnd = random.Random(seed)
    scenes = [_draw_scene((random_garment(rnd),), rnd) for _ in range(singles)]
    for _ in range(several):
        garments = {garment.item: garment for garment in (random_garment(rnd) for _ in range(rnd.randint(2, 4)))}
        scenes.append(_draw_scene(tuple(garments.values()), rnd))
    return scenes + [_draw_scene((random_garment(rnd),) * rnd.choice(EQUAL_COPIES), rnd) for _ in range(equal)]


def _draw_scene(garments: tuple[Garment, ...], rnd: random.Random) -> Scene:
    different = tuple(dict.fromkeys(garments))
    tags = tuple(format_item(g.item, [c for c in (g.color, g.second_color) if c], g.pattern) for g in different)
    rows = [tuple(caption(garment, rnd) for garment in different) for _ in range(3)]
    captions = tuple(ads.join_captions([ads.shorten(c) for c in row], rnd) if len(row) > 1 else row[0] for row in rows)
    return Scene((), garments, rnd.randrange(1 << 30), captions, tags, "drawn" if len(garments) == 1 else "")


@dataclass
class Composer:
    """Compose random samples from scenes and from the fields of real listings."""

    scenes: Sequence[Scene]
    listings: Sequence[Example]
    rnd: random.Random
    _by_group: dict[str, list[int]] = field(default_factory=dict)
    _fields: dict[str, list[Example]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, scene in enumerate(self.scenes):
            if scene.group:
                self._by_group.setdefault(scene.group, []).append(number)
        for listing in self.listings:
            self._fields.setdefault(listing.photos[0].stem, []).append(listing)

    def sample(self) -> Sample:
        """Compose the next sample: one picture, views of one thing, a set of things, or no picture at all."""
        kind = self.rnd.random()
        if kind < 0.08:
            return self._without_photos()
        first = self.rnd.randrange(len(self.scenes))
        if kind < 0.28 and self.scenes[first].group:
            return self._set(first)
        times = self.rnd.choice((2, 3, 4)) if kind > 0.9 else 1
        scene = self.scenes[first]
        return self._build(
            (first,) * times, "<VARIATIVE>" if scene.many else "<SINGLE>", scene.things, self.rnd.choice(scene.captions)
        )

    def _set(self, first: int) -> Sample:
        count = self.rnd.choice((2, 2, 3, 3, 4, 5, 6))
        numbers, distinct = [first], {self.scenes[first].things}
        group = self._by_group[self.scenes[first].group]
        for number in self.rnd.sample(group, min(len(group), 3 * count)):
            if len(numbers) < count and self.scenes[number].things not in distinct:
                numbers.append(number)
                distinct.add(self.scenes[number].things)
        parts = [self.scenes[number] for number in numbers]
        if len(parts) == 1:
            return self._build((first,), "<SINGLE>", parts[0].things, parts[0].captions[0])
        text = ads.join_captions([ads.shorten(self.rnd.choice(part.captions)) for part in parts], self.rnd)
        return self._build(tuple(numbers), "<VARIATIVE>", tuple(part.things[0] for part in parts), text)

    def _build(self, numbers: tuple[int, ...], token: DiversityToken, things: Sequence[str], text: str) -> Sample:
        if self.rnd.random() < 0.55:
            return Sample(numbers, token, "", " | ".join(things), text)
        masked, clauses = self._fields_in_words(self._fields_of(numbers[0]))
        return Sample(numbers, token, masked, " | ".join(things), " ".join((text, *clauses)))

    def _without_photos(self) -> Sample:
        listing = self.rnd.choice(self.listings)
        fields = list(listing.attributes.items())
        name = self.rnd.choice(("Название", "Товар", "Вещь", "Предмет одежды"))
        scene = self.rnd.choice(self.scenes)
        if self.rnd.random() < 0.6 and not scene.many:
            fields = [f for f in fields if f[0] != "Предмет одежды"]
            fields.insert(0, (name, self.rnd.choice((_item(scene), ads.shorten(scene.captions[0])))))
        masked, clauses = self._fields_in_words(fields, with_category=True)
        return Sample((), "<SINGLE>", masked, "", " ".join(clauses))

    def _fields_of(self, number: int) -> list[tuple[str, str]]:
        scene = self.scenes[number]
        own = self._fields.get(scene.photos[0].stem, []) if scene.photos else []
        listing = self.rnd.choice(own or self.listings)
        fields = [f for f in listing.attributes.items() if own or f[0] not in ("Предмет одежды", "Вид одежды")]
        if self.rnd.random() < 0.1:
            fields.append(("Цвет", scene.things[0].split("; ")[1]))
        return fields

    def _fields_in_words(self, fields: Sequence[tuple[str, str]], with_category: bool = False) -> tuple[str, list[str]]:
        """Return the fields as a seller may type them, masked, and what the ad says about them."""
        keep = self.rnd.choice((1.0, 1.0, 0.7, 0.4))
        chosen = [f for f in fields if self.rnd.random() < keep or f[0] in ("Название", "Товар", "Вещь")]
        chosen = [self._respell(f) for f in (*chosen, *ads.sample_extra_fields(self.rnd))] or [
            ("Цена", str(self.rnd.randint(2, 90) * 50))
        ]
        lines = mask("\n".join(f"{name}: {value}" for name, value in chosen)).text.split("\n")
        masked = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
        typed = ads.join_fields(masked, self.rnd) if self.rnd.random() < 0.12 else "\n".join(lines)
        return typed, ads.write_clauses(masked, self.rnd, with_category)

    def _respell(self, pair: tuple[str, str]) -> tuple[str, str]:
        name, value = pair
        if name == "Цена" and value.isdigit():
            value = self.rnd.choice(("{}", "{}", "{}", "{} руб.", "{} ₽", "{}р", "{} рублей")).format(value)
        return name, value
