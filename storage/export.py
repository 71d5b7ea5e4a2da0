"""What users said, as lines of a data set (the format is the design's) and as pairs of a better and a worse text.

Preloaded cases are left out: they are the project's tests, not its lessons. Photos are named by their SHA-256 alone.
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
    """A line for each listing with a text that its seller corrected or voted for; `parse` reads attributes.

    A correction is better than a text that was liked, a later one better than an earlier one.
    """
    best: dict[int, Line] = {}
    lessons = await tx.feedback.list_training_examples()
    for lesson in sorted(lessons, key=lambda lesson: lesson.description.correction is not None):
        description = lesson.description
        text = description.correction or (description.generation.text if description.vote == 1 else None)
        if text is not None:
            best[description.listing_id] = {
                "id": f"listing-{description.listing_id}",
                **_given(lesson, parse),
                "description": text,
                "gpt_description": None,
                "diversity_score": description.generation.diversity,
                "split": "train",
                "source": "feedback",
            }
    return [best[listing_id] for listing_id in sorted(best)]


async def export_pairs(tx: Transaction, parse: Parse) -> list[Line]:
    """A line for each two texts about the same listing of which the seller liked one better; `parse` reads attributes.

    They come from blind comparisons, from corrections, and from votes.
    """
    lessons = {lesson.description.id: lesson for lesson in await tx.feedback.list_training_examples()}
    found = [*await _compared(tx, lessons, parse), *_corrected(lessons.values(), parse)]
    found += _voted(lessons.values(), parse)
    return [line for line in found if line["chosen"] != line["rejected"]]


async def _compared(tx: Transaction, lessons: dict[int, TrainingExample], parse: Parse) -> list[Line]:
    lines = []
    for comparison in await tx.feedback.list_decided_comparisons():
        shown = [lessons[number] for number in (comparison.first, comparison.second) if number in lessons]
        if len(shown) == 2:
            better, worse = shown if comparison.choice == "first" else reversed(shown)
            texts = better.description.generation.text, worse.description.generation.text
            lines.append(_pair(f"comparison-{comparison.id}", better, parse, *texts))
    return lines


def _corrected(lessons: Iterable[TrainingExample], parse: Parse) -> Iterator[Line]:
    for lesson in lessons:
        description = lesson.description
        if description.correction is not None:
            texts = description.correction, description.generation.text
            yield _pair(f"correction-{description.id}", lesson, parse, *texts)


def _voted(lessons: Iterable[TrainingExample], parse: Parse) -> Iterator[Line]:
    """Each liked text before each disliked one that was written from the same notes and photos."""
    alike: defaultdict[tuple[object, ...], list[TrainingExample]] = defaultdict(list)
    for lesson in lessons:
        description = lesson.description
        alike[description.listing_id, lesson.source, description.generation.photo_sha256].append(lesson)
    for together in alike.values():
        for liked, disliked in _opposed(together):
            better, worse = liked.description, disliked.description
            yield _pair(f"vote-{better.id}-{worse.id}", liked, parse, better.generation.text, worse.generation.text)


def _opposed(lessons: Sequence[TrainingExample]) -> Iterator[tuple[TrainingExample, TrainingExample]]:
    liked = [lesson for lesson in lessons if lesson.description.vote == 1]
    disliked = [lesson for lesson in lessons if lesson.description.vote == -1]
    return ((better, worse) for better in liked for worse in disliked)


def _pair(name: str, lesson: TrainingExample, parse: Parse, chosen: str | None, rejected: str | None) -> Line:
    source = name.partition("-")[0]
    return {"id": name, **_given(lesson, parse), "chosen": chosen, "rejected": rejected, "source": source}


def _given(lesson: TrainingExample, parse: Parse) -> Line:
    """What the text was written from; several values of one name stand behind each other."""
    attributes: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in parse(lesson.source):
        attributes[name].append(value)
    return {
        "photos": [],
        "photo_sha256": list(lesson.description.generation.photo_sha256),
        "attributes": {name: "; ".join(values) for name, values in attributes.items()},
    }
