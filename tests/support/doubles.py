"""Pretend parts at the outer edge: captioners, and what describes with them, that answer without models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from inference.errors import CheckpointError, InvalidInput, Message
from inference.listing.types import (
    Checked,
    Description,
    Diversity,
    Listing,
    Moderation,
    Numbers,
    Scores,
    Stage,
    Timings,
    Verdict,
)

if TYPE_CHECKING:
    from inference.captioners.base import Prompt

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


class PretendDescriber:
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
        draft=None if refused else "Куртка. <PRICE>",
        moderation=Moderation(
            (Verdict("photos", score=0.01), Verdict("text"), no_match if refused else Verdict("match", score=0.34567))
        ),
        scores=Scores(clipscore_mean=0.3123456) if listing.photos else Scores(),
        timings=Timings(0.01, 0.2, 0.3, 0.1, 0.61),
    )


@dataclass(frozen=True, slots=True)
class Gate:
    """A door that a thread waits at, until the test opens it."""

    reached: Event = field(default_factory=Event)
    opened: Event = field(default_factory=Event)

    def wait(self) -> None:
        """Say that somebody is here, and wait."""
        self.reached.set()
        assert self.opened.wait(20)


class PretendModels:
    """Captioners by name and size in bytes, which remember what they were asked, in order.

    They write the listing's text. Gates hold loads by the captioner's name, batches by the text of one of their
    listings; a text among `bad` spoils its batch; a load or a batch fails with what `broken` has for the captioner or
    for a text.
    """

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = dict(sizes)
        self.loads: list[str] = []
        self.batches: list[tuple[str, list[str]]] = []
        self.checked: list[Checked] = []
        self.gates: dict[str, Gate] = {}
        self.broken: dict[str, Exception] = {}
        self.bad: set[str] = set()

    def hold(self, name: str) -> Gate:
        """A gate for a load or a batch."""
        return self.gates.setdefault(name, Gate())

    def weigh(self, captioner: str) -> int:
        if captioner not in self.sizes:
            raise CheckpointError("checkpoint-missing", checkpoint=f"captioner/{captioner}", known="—")
        return self.sizes[captioner]

    def load(self, captioner: str) -> PretendModel:
        self.loads.append(captioner)
        self._wait_at(captioner)
        if captioner in self.broken:
            raise self.broken[captioner]
        return PretendModel(captioner, self)

    def written(self, captioner: str, checked: Sequence[Checked]) -> None:
        """A batch came."""
        texts = [each.listing.attributes.text for each in checked]
        self.checked += checked
        self.batches.append((captioner, texts))
        for text in texts:
            self._wait_at(text)
        for text in self.broken.keys() & set(texts):
            raise self.broken[text]
        if self.bad.intersection(texts):
            raise ArithmeticError(*self.bad.intersection(texts))

    def _wait_at(self, name: str) -> None:
        if name in self.gates:
            self.gates[name].wait()


@dataclass(frozen=True, slots=True)
class PretendModel:
    """One captioner of `PretendModels`."""

    name: str
    models: PretendModels

    def write(self, checked: Sequence[Checked], on_progress: Callable[[Stage], object]) -> list[Description]:
        on_progress("reading")
        on_progress("writing")
        self.models.written(self.name, checked)
        on_progress("scoring")
        return [_description(each.listing) for each in checked]
