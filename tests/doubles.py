"""Pretend parts at the outer edge: an engine and a captioner that answer without models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from inference.errors import CheckpointError, InvalidInput, Message
from inference.listing import (
    Checked,
    Description,
    Diversity,
    Listing,
    Moderation,
    Numbers,
    Scores,
    Timings,
    Verdict,
)

if TYPE_CHECKING:
    from inference.captioners import Prompt

NOUN = "Куртка"
REFUSED = "котлета"


class KnownCaptioner:
    """Writes `draft` whatever it is shown; remembers the prompts and how many batches they came in."""

    def __init__(self) -> None:
        self.name, self.max_photos = "known", 10
        self.draft = "Тёплая куртка."
        self.prompts: list[Prompt] = []
        self.batches = 0

    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        self.batches += 1
        self.prompts += prompts
        return [self.draft] * len(prompts)


class PretendEngine:
    """Writes `NOUN` and the attributes; listings that hold the word `REFUSED` do not match. Remembers its calls."""

    def __init__(self, root: Path, captioner: str = "mini", overrides: object = None) -> None:
        if captioner != "mini":
            raise CheckpointError("checkpoint-missing", checkpoint=f"captioner/{captioner}", known="captioner/mini")
        self.root, self.overrides = root, overrides
        self.calls: list[tuple[int, Numbers, int]] = []

    def describe(
        self, checked: Sequence[Checked | InvalidInput], numbers: Numbers = "values", seed: int = 0
    ) -> list[Description | InvalidInput]:
        self.calls.append((len(checked), numbers, seed))
        return [each if isinstance(each, InvalidInput) else _description(each.listing) for each in checked]


def _description(listing: Listing) -> Description:
    text = listing.attributes.text
    refused = REFUSED in text
    no_match = Verdict("match", passed=False, score=0.05, reason=Message("listing-malformed"))
    return Description(
        text=None if refused else f"{NOUN}. {text}".strip(),
        checkpoint="mini",
        mode=listing.mode,
        diversity=Diversity(0.0712345) if listing.photos else None,
        masked="Цена: <PRICE>" if text else None,
        draft="Куртка. <PRICE>",
        moderation=Moderation(
            (Verdict("photos", score=0.01), Verdict("text"), no_match if refused else Verdict("match", score=0.34567))
        ),
        scores=Scores(clipscore_mean=0.3123456) if listing.photos else Scores(),
        timings=Timings(0.01, 0.2, 0.3, 0.1, 0.61),
    )
