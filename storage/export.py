"""Export feedback as lines of a data set and as pairs of a better and a worse text.

Preloaded cases are left out, because they are tests. Photos are named by their SHA-256 only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from storage.records import TrainingExample
from storage.store import Transaction

Line: TypeAlias = dict[str, Any]
Parse: TypeAlias = Callable[[str], Iterable[tuple[str, str]]]


async def export_listings(tx: Transaction, parse: Parse) -> list[Line]:
    """Return a line for each listing with a text that its seller corrected or liked; `parse` parses attributes.

    A correction takes precedence over a liked text, a later one over an earlier one.
    """
    best: dict[int, Line] = {}
    lessons = await tx.feedback.list_training_examples()
    for lesson in sorted(lessons, key=lambda lesson: lesson.description.correction is not None):
        description = lesson.description
        text = description.correction or (description.generation.text if description.vote == 1 else None)
        if text is not None:
            best[description.listing_id] = {
                "id": f"listing-{description.listing_id}",
                **_build_attributes(lesson, parse),
                "description": text,
                "gpt_description": None,
                "diversity_score": description.generation.diversity,
                "split": "train",
                "source": "feedback",
            }
    return [best[listing_id] for listing_id in sorted(best)]


async def export_pairs(tx: Transaction, parse: Parse) -> list[Line]:
    """Return a line for each pair of texts about one listing of which the seller preferred one; `parse` parses
    attributes.

    Pairs come from blind comparisons, corrections and votes.
    """
    lessons = {lesson.description.id: lesson for lesson in await tx.feedback.list_training_examples()}
    found = [*await _pairs_of_comparisons(tx, lessons, parse), *_pairs_of_corrections(lessons.values(), parse)]
    found += _pairs_of_votes(lessons.values(), parse)
    return [line for line in found if line["chosen"] != line["rejected"]]


async def _pairs_of_comparisons(tx: Transaction, lessons: dict[int, TrainingExample], parse: Parse) -> list[Line]:
    lines = []
    for comparison in await tx.feedback.list_decided_comparisons():
        shown = [lessons[number] for number in (comparison.first, comparison.second) if number in lessons]
        if len(shown) == 2:
            better, worse = shown if comparison.choice == "first" else reversed(shown)
            texts = better.description.generation.text, worse.description.generation.text
            lines.append(_pair(f"comparison-{comparison.id}", better, parse, *texts))
    return lines


def _pairs_of_corrections(lessons: Iterable[TrainingExample], parse: Parse) -> Iterator[Line]:
    for lesson in lessons:
        description = lesson.description
        if description.correction is not None:
            texts = description.correction, description.generation.text
            yield _pair(f"correction-{description.id}", lesson, parse, *texts)


def _pairs_of_votes(lessons: Iterable[TrainingExample], parse: Parse) -> Iterator[Line]:
    """Pair each liked text with each disliked one that was generated from the same notes and photos."""
    alike: defaultdict[tuple[object, ...], list[TrainingExample]] = defaultdict(list)
    for lesson in lessons:
        description = lesson.description
        alike[description.listing_id, lesson.source, description.generation.photo_sha256].append(lesson)
    for together in alike.values():
        for liked, disliked in _pair_up(together):
            better, worse = liked.description, disliked.description
            yield _pair(f"vote-{better.id}-{worse.id}", liked, parse, better.generation.text, worse.generation.text)


def _pair_up(lessons: Sequence[TrainingExample]) -> Iterator[tuple[TrainingExample, TrainingExample]]:
    liked = [lesson for lesson in lessons if lesson.description.vote == 1]
    disliked = [lesson for lesson in lessons if lesson.description.vote == -1]
    return ((better, worse) for better in liked for worse in disliked)


def _pair(name: str, lesson: TrainingExample, parse: Parse, chosen: str | None, rejected: str | None) -> Line:
    source = name.partition("-")[0]
    return {"id": name, **_build_attributes(lesson, parse), "chosen": chosen, "rejected": rejected, "source": source}


def _build_attributes(lesson: TrainingExample, parse: Parse) -> Line:
    """Return the attributes that a text was generated from; several values of one name are joined."""
    attributes: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in parse(lesson.source):
        attributes[name].append(value)
    return {
        "photos": [],
        "photo_sha256": list(lesson.description.generation.photo_sha256),
        "attributes": {name: "; ".join(values) for name, values in attributes.items()},
    }
