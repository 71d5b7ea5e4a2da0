"""Turn what the classifier reads on the photos of an album into facts: of one thing, or of each thing of a set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Final, Protocol

from PIL import Image

from inference.facts.lexicon import find_category, find_items, fold, get_colour_families, get_specific_kinds
from inference.facts.seller import names_set
from inference.facts.sheet import FactSheet
from inference.facts.types import Fact

# Properties that are less likely are no facts. Unlikely items and colours are: a category may leave nothing else.
MIN_PROBABILITY: Final = 0.1
# A photo of a set shows a thing from this probability of its likeliest kind on; a part of a photo, which may cut a
# thing in two, needs more.
CLEAR: Final = 0.5
CLEAR_PART: Final = 0.65
# A thing of a set is none of the seller's category where all items of the category together are less likely than this.
FOREIGN: Final = 0.05
# Two photos show different things for sure from this probability that their kinds differ. No two views of one thing
# among 40 made from `val` photos reach it, and 34 of 40 albums of different things do.
SURELY_DIFFERENT: Final = 0.95
# Photos of the same kind and colour show two things from this probability on: one of 21 pairs of photos in which people
# found one garment reaches it. Photos that are less different show one thing whatever is read on them.
DIFFERENT: Final = 0.3
# Where the seller says that several things are sold less is needed.
STATED_DIFFERENT: Final = 0.1
INDISTINGUISHABLE: Final = 0.05
_PART: Final = 0.55  # of each side of a picture: parts overlap, so that one of them shows a thing whole
_ONE_VALUE: Final = ("item", "colour", "audience")
Differences = Sequence[Sequence[float]]


class PhotoFacts(Protocol):
    """The probabilities that the classifier gives for one photo: group → value → probability in [0, 1]."""

    @property
    def probabilities(self) -> Mapping[str, Mapping[str, float]]:
        """Return them."""
        ...


def build_sheets(
    seller: Sequence[Fact],
    photos: Sequence[PhotoFacts],
    thresholds: Mapping[str, float],
    *,
    is_set: bool,
    differences: Differences | None = None,
) -> tuple[FactSheet, ...]:
    """Return the merged facts of one thing, or of each thing of a set.

    A seller who names one thing sells one, however different the photos look. differences: the probability that two
    photos show different things; None where the photos are parts of one.
    """
    if not (photos and is_set and _allows_set(seller)):
        return (FactSheet.merge(seller, pool_photos(photos), thresholds),)
    things = split_things(photos, differences, STATED_DIFFERENT if names_set(seller) else DIFFERENT)
    sheets = [FactSheet.merge(seller, thing, thresholds) for thing in things]
    # The things of the seller's category lead, and the likeliest is one whatever the photo says.
    likeliest = max(sheets, key=_measure_category)
    own = [sheet for sheet in sheets if sheet is likeliest or _measure_category(sheet) >= FOREIGN]
    return (*own, *(replace(sheet, kinds=None) for sheet in sheets if sheet not in own))


def _measure_category(sheet: FactSheet) -> float:
    """Return the probability in [0, 1] that the photos show a thing of the seller's category."""
    items = [fact for fact in sheet.facts if fact.group == "item" and fact.source == "photo"]
    return sum(fact.probability for fact in items if sheet.allows_item(fact.value))


def measure_difference(seller: Sequence[Fact], photos: Sequence[PhotoFacts]) -> float:
    """Return the probability in [0, 1] that the two most different photos show things of different kinds.

    0 where the seller names one thing.
    """
    if not _allows_set(seller):
        return 0.0
    pairs = combinations([(photo.probabilities["item"], _sum_kinds(photo)) for photo in photos], 2)
    return max((1 - _measure_likeness(items, kinds) for (items, _), (_, kinds) in pairs), default=0.0)


def _measure_likeness(items: Mapping[str, float], kinds: Mapping[str, float]) -> float:
    """Return the probability that a thing with these items is of the same kind as one with these kinds."""
    return sum(
        probability * max((kinds.get(kind, 0.0) for kind in get_specific_kinds(item)), default=0.0)
        for item, probability in items.items()
    )


def _allows_set(seller: Sequence[Fact]) -> bool:
    """Return False where the seller names one thing, in the words of no category."""
    stated = [fact for fact in seller if fact.group == "item" and fact.source == "field"]
    names = {fold(item.value) for fact in stated for item in find_items(fact.words)}
    return len(names) != 1 or find_category(stated[0].words) is not None


def cut_parts(image: Image.Image) -> list[Image.Image]:
    """Return nine overlapping parts of an RGB picture of several things, row by row, and last the whole picture."""
    width, height = round(image.width * _PART), round(image.height * _PART)
    corners = [
        (round((image.width - width) * column / 2), round((image.height - height) * row / 2))
        for row in range(3)
        for column in range(3)
    ]
    return [*(image.crop((x, y, x + width, y + height)) for x, y in corners), image]


def pool_photos(photos: Sequence[PhotoFacts]) -> list[Fact]:
    """Return the facts of one thing that all photos show, the likeliest of each group first.

    Item, colour and audience take the mean of the photos. Of other properties the mean of the two surest photos counts:
    a hood is seen from the front or from behind, seldom in every view.
    """
    if not photos:
        return []
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for photo in photos:
        for group, row in photo.probabilities.items():
            for value, probability in row.items():
                values[group, value].append(probability)
    facts = [Fact(group, value, "photo", _pool(group, each, len(photos))) for (group, value), each in values.items()]
    facts.sort(key=lambda fact: -fact.probability)
    return [fact for fact in facts if fact.probability >= MIN_PROBABILITY or fact.group in _ONE_VALUE]


def _pool(group: str, probabilities: Sequence[float], photos: int) -> float:
    if group in _ONE_VALUE:
        return sum(probabilities) / photos
    best = sorted(probabilities)[-2:]
    return sum(best) / len(best)


def split_things(
    photos: Sequence[PhotoFacts], differences: Differences | None = None, different: float = DIFFERENT
) -> list[list[Fact]]:
    """Return the facts of each different thing of a set, in the order of the photos.

    Photos whose likeliest kind of thing is not clear show none. Others show one thing where they look alike, and are
    of the same kind and colour or hardly to be told apart; of the parts of one photo, those of the same kind do.
    differences: as for `build_sheets`; different: the probability from which photos of the same kind and colour show
    two things.
    """
    clear = CLEAR_PART if differences is None else CLEAR
    numbers = [number for number, photo in enumerate(photos) if max(_sum_kinds(photo).values()) >= clear]
    things: list[list[int]] = []

    def show_one(first: int, second: int) -> bool:
        if differences is None:  # overlapping parts show one thing in several colours
            return _share_kind(photos[first], photos[second])
        alike = _are_alike(photos[first], photos[second])
        return differences[first][second] < (different if alike else INDISTINGUISHABLE)

    for number in numbers or range(len(photos))[:1]:
        same = next((thing for thing in things if show_one(thing[0], number)), None)
        if same is None:
            things.append([number])
        else:
            same.append(number)
    return [pool_photos([photos[number] for number in thing]) for thing in things]


def _sum_kinds(photo: PhotoFacts) -> Mapping[str, float]:
    """Return kind of thing → probability that the photo shows one."""
    kinds: dict[str, float] = defaultdict(float)
    for item, probability in photo.probabilities["item"].items():
        for kind in get_specific_kinds(item):
            kinds[kind] += probability
    return kinds


def _are_alike(first: PhotoFacts, second: PhotoFacts) -> bool:
    """Return True where the likeliest things are of one kind and in one colour."""
    colour, other = _get_likeliest(first, "colour"), _get_likeliest(second, "colour")
    is_same_colour = colour == other or bool(get_colour_families(colour) & get_colour_families(other))
    return is_same_colour and _share_kind(first, second)


def _share_kind(first: PhotoFacts, second: PhotoFacts) -> bool:
    kinds, others = (get_specific_kinds(_get_likeliest(photo, "item")) for photo in (first, second))
    return not kinds.isdisjoint(others)


def _get_likeliest(photo: PhotoFacts, group: str) -> str:
    return max(photo.probabilities[group].items(), key=lambda pair: pair[1])[0]
