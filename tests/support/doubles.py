"""Test doubles at the outer edge: captioners, describers and loaders that answer without models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from inference.errors import CheckpointError, Message
from inference.facts.photos import PhotoFacts
from inference.listing.job import Job
from inference.listing.types import (
    Description,
    Diversity,
    Listing,
    Moderation,
    OnProgress,
    Scores,
    Timings,
    Verdict,
)

if TYPE_CHECKING:
    from PIL.Image import Image

    from inference.captioners.base import Prompt

NOUN = "Куртка"
REFUSED = "котлета"


class KnownCaptioner:
    """Generates `draft` for every prompt; records the prompts and the number of batches."""

    reads_attributes = True

    def __init__(self) -> None:
        self.name, self.max_photos = "known", 10
        self.draft = "Тёплая куртка."
        self.prompts: list[Prompt] = []
        self.batches = 0

    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        self.batches += 1
        self.prompts += prompts
        return [self.draft] * len(prompts)


class KnownClassifier:
    """Reads the same facts on every photo: a blue jacket with a hood."""

    thresholds: Mapping[str, float] = {}
    sure_item = 0.75

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.facts = {
            "item": {"куртка": 0.9, "платье": 0.1},
            "colour": {"синий": 0.8, "белый": 0.1},
            "hood": {"есть": 0.95},
            "sleeve": {"длинный": 0.2},
        }

    def knows(self, facts: PhotoFacts, *, doubted: bool) -> bool:
        return not doubted

    def predict(self, images: Sequence[Image]) -> list[PhotoFacts]:
        self.batches.append(len(images))
        return [PhotoFacts(self.facts)] * len(images)


class PretendDescriber:
    """Generates `NOUN` and the attributes; a listing with `REFUSED` does not match. Records the jobs of its calls."""

    def __init__(self, root: Path, captioner: str = "mini", overrides: object = None) -> None:
        if captioner != "mini":
            raise CheckpointError("checkpoint-missing", checkpoint=f"captioner/{captioner}", known="captioner/mini")
        self.root, self.overrides = root, overrides
        self.calls: list[list[Job]] = []

    def describe(self, jobs: Sequence[Job]) -> list[Description]:
        self.calls.append(list(jobs))
        return [_build_description(job.listing) for job in jobs]


def _build_description(listing: Listing) -> Description:
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
    """Blocks a thread until the test opens it."""

    reached: Event = field(default_factory=Event)
    opened: Event = field(default_factory=Event)

    def wait(self) -> None:
        """Set `reached`, and wait until the gate is opened."""
        self.reached.set()
        assert self.opened.wait(20)


class PretendLoader:
    """Loads captioners, given by name and size in bytes, that return the listing's text; records loads and batches.

    Gates hold loads by the captioner's name, and batches by the text of one of their listings. A text in `bad` fails
    its batch with a bug; a load or a batch fails with the error that `broken` has for the captioner or for a text.
    """

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = dict(sizes)
        self.loads: list[str] = []
        self.batches: list[tuple[str, list[str]]] = []
        self.jobs: list[Job] = []
        self.gates: dict[str, Gate] = {}
        self.broken: dict[str, Exception] = {}
        self.bad: set[str] = set()

    def hold(self, name: str) -> Gate:
        """Return a gate for a load or a batch."""
        return self.gates.setdefault(name, Gate())

    def estimate_bytes(self, captioner: str) -> int:
        if captioner not in self.sizes:
            raise CheckpointError("checkpoint-missing", checkpoint=f"captioner/{captioner}", known="—")
        return self.sizes[captioner]

    def load(self, captioner: str) -> PretendCaptioner:
        self.loads.append(captioner)
        self._wait_at(captioner)
        if captioner in self.broken:
            raise self.broken[captioner]
        return PretendCaptioner(captioner, self)

    def run_batch(self, captioner: str, jobs: Sequence[Job]) -> None:
        """Record a batch, wait at its gates, and raise its errors."""
        texts = [job.listing.attributes.text for job in jobs]
        self.jobs += jobs
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
class PretendCaptioner:
    """One captioner of a `PretendLoader`."""

    name: str
    loader: PretendLoader

    def describe(self, jobs: Sequence[Job], on_progress: OnProgress) -> list[Description]:
        on_progress("reading")
        on_progress("writing")
        self.loader.run_batch(self.name, jobs)
        on_progress("scoring")
        return [_build_description(job.listing) for job in jobs]
