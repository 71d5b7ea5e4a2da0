"""The plain data that flows from a seller's submission to the description of the listing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from PIL import Image

from inference.errors import Message

Mode = Literal["photos+text", "photos", "text"]
Numbers = Literal["values", "blanks"]
DiversityToken = Literal["<SINGLE>", "<VARIATIVE>"]
Stage = Literal["checking", "reading", "writing", "scoring"]


@dataclass(frozen=True, slots=True)
class Upload:
    """One file as it was sent: undecoded bytes, and its name where the sender gave one."""

    data: bytes
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """What a seller sent, before anything is checked."""

    uploads: tuple[Upload, ...] = ()
    attributes: str | Mapping[str, str] = ""


@dataclass(frozen=True, slots=True)
class Photo:
    """One decoded photo: upright RGB, at most 1024 px on its longer side."""

    name: str
    sha256: str
    image: Image.Image


@dataclass(frozen=True, slots=True)
class Attributes:
    """Ordered name → value pairs; free text has the empty name."""

    items: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """One `name: value` line an attribute, in the seller's order."""
        return "\n".join(f"{name}: {value}" if name else value for name, value in self.items)


@dataclass(frozen=True, slots=True)
class Listing:
    """A checked submission: there is at least one photo or one attribute."""

    photos: tuple[Photo, ...]
    attributes: Attributes

    @property
    def mode(self) -> Mode:
        """Which road of the pipeline the listing takes."""
        if not self.photos:
            return "text"
        return "photos+text" if self.attributes.items else "photos"


@dataclass(frozen=True, slots=True)
class Checked:
    """A listing that passed validation, the seconds that its checking and decoding took, and how it is to be written.

    seed: makes the text repeatable, whatever else is described with it.
    """

    listing: Listing
    seconds: float
    numbers: Numbers = "values"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Masked:
    """Text whose numbers are tokens, and the value of the input behind each token."""

    text: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one check. `score` is a risk in [0, 1] (a similarity for `match`), None where nothing applied."""

    name: Literal["photos", "text", "match"]
    passed: bool = True
    score: float | None = None
    reason: Message | None = None


@dataclass(frozen=True, slots=True)
class Moderation:
    """The verdicts on photos, text and match, in this order."""

    checks: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)


@dataclass(frozen=True, slots=True)
class Diversity:
    """How surely the listing is many different things: 0 one thing, 1 many."""

    score: float

    @property
    def token(self) -> DiversityToken:
        """The hidden token that tells the captioner."""
        return "<VARIATIVE>" if self.score >= 0.5 else "<SINGLE>"


@dataclass(frozen=True, slots=True)
class Scores:
    """What the result is worth; None where there is nothing to compare. Similarities are in [0, 1]."""

    clipscore_mean: float | None = None
    clipscore_max: float | None = None
    photo_similarity_mean: float | None = None
    photo_similarity_max: float | None = None
    source_similarity: float | None = None
    bertscore: float | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds spent on a listing: its share where a step ran as a batch."""

    validate_s: float = 0.0
    moderate_s: float = 0.0
    generate_s: float = 0.0
    score_s: float = 0.0
    total_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Description:
    """The result for one listing. `text` is None when moderation said no or the captioner wrote nothing."""

    text: str | None
    checkpoint: str
    mode: Mode
    diversity: Diversity | None
    masked: str | None
    draft: str | None
    moderation: Moderation
    scores: Scores
    timings: Timings
