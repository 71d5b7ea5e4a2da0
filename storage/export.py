"""Export feedback as lines of a data set and as pairs of a better and a worse text.

Preloaded cases are left out, because they are tests. Photos are named by their SHA-256 only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from storage.records import Answer, DescriptionRecord
from storage.store import Transaction

Line: TypeAlias = dict[str, Any]
Parse: TypeAlias = Callable[[str], Iterable[tuple[str, str]]]


async def export_listings(tx: Transaction, parse: Parse) -> list[Line]:
    """Return a line for each listing with a text that its seller corrected or liked; `parse` parses attributes.

    A correction takes precedence over a liked text, a later one over an earlier one.
    """
    best: dict[int, Line] = {}
    examples = await tx.feedback.list_training_examples()
    for description in sorted(examples, key=lambda example: example.correction is not None):
        text = description.correction or (description.generation.text if description.vote == 1 else None)
        if text is not None:
            best[description.listing_id] = {
                "id": f"listing-{description.listing_id}",
                **_build_attributes(description, parse),
                "description": text,
                "gpt_description": None,
                "diversity_score": description.generation.diversity,
                "split": "train",
                "source": "feedback",
            }
    return [best[listing_id] for listing_id in sorted(best)]


async def export_answers(tx: Transaction, parse: Parse) -> list[Line]:
    """Return a line for each answer about a thing, with what was offered by probability; `parse` parses attributes."""
    return [
        {
            "id": f"answer-{answer.id}",
            "photos": [],
            "photo_sha256": list(answer.understanding.photo_sha256),
            "attributes": _join_attributes(answer.source, parse),
            "question": answer.question,
            "answer": answer.value,
            "offered": _list_offered(answer),
            "source": "answer",
        }
        for answer in await tx.facts.list_answers()
    ]


def _list_offered(answer: Answer) -> dict[str, float]:
    """Return the values that the photos suggested, with their probabilities."""
    understanding = answer.understanding
    if answer.question == "set":
        return {} if understanding.diversity is None else {"many": understanding.diversity}
    items = [fact for fact in understanding.facts if fact.group == "item" and fact.source == "photo"]
    return {fact.value: fact.probability for fact in items}


async def export_pairs(tx: Transaction, parse: Parse) -> list[Line]:
    """Return a line for each pair of texts about one listing of which the seller preferred one; `parse` parses
    attributes.

    Pairs come from blind comparisons, corrections and votes.
    """
    examples = {example.id: example for example in await tx.feedback.list_training_examples()}
    found = [*await _pairs_of_comparisons(tx, examples, parse), *_pairs_of_corrections(examples.values(), parse)]
    found += _pairs_of_votes(examples.values(), parse)
    return [line for line in found if line["chosen"] != line["rejected"]]


async def _pairs_of_comparisons(tx: Transaction, examples: dict[int, DescriptionRecord], parse: Parse) -> list[Line]:
    lines = []
    for comparison in await tx.feedback.list_decided_comparisons():
        shown = [examples[number] for number in (comparison.first, comparison.second) if number in examples]
        if len(shown) == 2:
            better, worse = shown if comparison.choice == "first" else reversed(shown)
            name = f"comparison-{comparison.id}"
            lines.append(_pair(name, better, parse, better.generation.text, worse.generation.text))
    return lines


def _pairs_of_corrections(examples: Iterable[DescriptionRecord], parse: Parse) -> Iterator[Line]:
    for example in examples:
        if example.correction is not None:
            name = f"correction-{example.id}"
            yield _pair(name, example, parse, example.correction, example.generation.text)


def _pairs_of_votes(examples: Iterable[DescriptionRecord], parse: Parse) -> Iterator[Line]:
    """Pair each liked text with each disliked one that was generated from the same notes and photos."""
    alike: defaultdict[tuple[object, ...], list[DescriptionRecord]] = defaultdict(list)
    for example in examples:
        alike[example.listing_id, example.source, example.generation.photo_sha256].append(example)
    for together in alike.values():
        for better, worse in _pair_up(together):
            name = f"vote-{better.id}-{worse.id}"
            yield _pair(name, better, parse, better.generation.text, worse.generation.text)


def _pair_up(examples: Sequence[DescriptionRecord]) -> Iterator[tuple[DescriptionRecord, DescriptionRecord]]:
    liked = [example for example in examples if example.vote == 1]
    disliked = [example for example in examples if example.vote == -1]
    return ((better, worse) for better in liked for worse in disliked)


def _pair(name: str, example: DescriptionRecord, parse: Parse, chosen: str | None, rejected: str | None) -> Line:
    source = name.partition("-")[0]
    return {"id": name, **_build_attributes(example, parse), "chosen": chosen, "rejected": rejected, "source": source}


def _build_attributes(example: DescriptionRecord, parse: Parse) -> Line:
    """Return what a text was generated from."""
    return {
        "photos": [],
        "photo_sha256": list(example.generation.photo_sha256),
        "attributes": _join_attributes(example.source, parse),
    }


def _join_attributes(source: str, parse: Parse) -> dict[str, str]:
    """Return the attributes of notes; several values of one name are joined."""
    attributes: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in parse(source):
        attributes[name].append(value)
    return {name: "; ".join(values) for name, values in attributes.items()}
