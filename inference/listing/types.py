"""The plain data that flows from a seller's submission to the description of the listing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from PIL import Image

from inference.errors import Message
from inference.facts.types import Claim, Fact

Mode = Literal["photos+text", "photos", "text"]
Numbers = Literal["values", "blanks"]
DiversityToken = Literal["<SINGLE>", "<VARIATIVE>"]
Stage = Literal["checking", "reading", "writing", "scoring"]
Question = Literal["item", "set"]  # which thing it is; whether these are different things
OnProgress = Callable[[Stage], object]  # is called with each stage before it begins


@dataclass(frozen=True, slots=True)
class Upload:
    """One file as it was sent: undecoded bytes, and its name where the sender gave one."""

    data: bytes
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """Everything that a seller sent, before validation."""

    uploads: tuple[Upload, ...] = ()
    attributes: str | Mapping[str, str] = ""


@dataclass(frozen=True, slots=True)
class Photo:
    """One decoded photo: upright sRGB, at most 1024 px on its longer side.

    is_blank: nothing can be seen on it, as on a white page or with a finger on the lens.
    """

    name: str
    sha256: str
    image: Image.Image
    is_blank: bool = False


@dataclass(frozen=True, slots=True)
class Attributes:
    """Ordered name → value pairs; free text has the empty name."""

    items: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """One `name: value` line per attribute, in the seller's order."""
        return "\n".join(f"{name}: {value}" if name else value for name, value in self.items)


@dataclass(frozen=True, slots=True)
class Listing:
    """A valid submission: at least one photo or one attribute."""

    photos: tuple[Photo, ...]
    attributes: Attributes

    @property
    def visible_photos(self) -> tuple[Photo, ...]:
        """The photos that show something; the models get no others."""
        return tuple(photo for photo in self.photos if not photo.is_blank)

    @property
    def mode(self) -> Mode:
        """The kinds of input that the listing has."""
        if not self.photos:
            return "text"
        return "photos+text" if self.attributes.items else "photos"


@dataclass(frozen=True, slots=True)
class Masked:
    """Text with mask tokens in place of numbers, and the number behind each token."""

    text: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one check.

    score: a risk in [0, 1] (for `match` a similarity in [0, 1]); None where the check does not apply.
    """

    name: Literal["photos", "text", "match"]
    passed: bool = True
    score: float | None = None
    reason: Message | None = None


# Reasons that say which photos gave nothing to the text.
_NO_DOUBTS: Final = frozenset({"photos-unknown", "photos-blank"})


@dataclass(frozen=True, slots=True)
class Moderation:
    """The verdicts on photos, text and match, in this order."""

    checks: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """True when every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def warnings(self) -> tuple[Message, ...]:
        """The reasons of the checks that passed with one."""
        return tuple(check.reason for check in self.checks if check.passed and check.reason is not None)

    @property
    def doubts(self) -> tuple[Message, ...]:
        """The warnings that the listing may be wrong, which a seller can confirm: those of its photos and of the match.

        A contact in the text is no doubt, and neither is a photo of which nothing is said: the text is written all the
        same.
        """
        found = Moderation(tuple(check for check in self.checks if check.name != "text")).warnings
        return tuple(warning for warning in found if warning.code not in _NO_DOUBTS)

    def name_photos(self, numbers: Sequence[int]) -> Moderation:
        """Return the verdicts with other photo numbers in their reasons: `numbers[0]` for photo 1, and so on."""
        return Moderation(tuple(replace(check, reason=_name_photos(check.reason, numbers)) for check in self.checks))

    def add_reason(self, name: str, reason: Message) -> Moderation:
        """Return the verdicts with a reason on the one of that name; it passes or fails as before."""
        return Moderation(
            tuple(replace(check, reason=reason) if check.name == name else check for check in self.checks)
        )


def _name_photos(reason: Message | None, numbers: Sequence[int]) -> Message | None:
    if reason is None or "numbers" not in reason.details:
        return reason
    found = [str(numbers[int(number) - 1]) for number in str(reason.details["numbers"]).split(", ")]
    return Message(reason.code, {**reason.details, "numbers": ", ".join(found)})


@dataclass(frozen=True, slots=True)
class Diversity:
    """The probability that the listing offers different things: 0 one thing, 1 many."""

    score: float

    @property
    def is_set(self) -> bool:
        """True for many things."""
        return self.score >= 0.5

    @property
    def token(self) -> DiversityToken:
        """The hidden token for the captioner."""
        return "<VARIATIVE>" if self.is_set else "<SINGLE>"


@dataclass(frozen=True, slots=True)
class Scores:
    """Quality of a description as similarities and shares in [0, 1]; None where there is nothing to compare.

    numbers_kept: the share of the seller's numbers that stand in the text under the right label. Similarities cannot
    tell 500 from 9000.
    """

    clipscore_mean: float | None = None
    clipscore_max: float | None = None
    photo_similarity_mean: float | None = None
    photo_similarity_max: float | None = None
    source_similarity: float | None = None
    bertscore: float | None = None
    numbers_kept: float | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds spent on a listing; its equal share where a step ran on a batch."""

    validate_s: float = 0.0
    moderate_s: float = 0.0
    generate_s: float = 0.0
    score_s: float = 0.0
    total_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Description:
    """The result for one listing.

    `text` is None when moderation rejected the listing or the generated text, when nothing is known of the thing, and
    when the warnings of moderation have to be confirmed first (`needs_confirmation`). `unsure` names what the photos
    leave open: a seller can be asked. The same `seed` gives the same text.
    `things`: the likeliest noun for each different thing.
    """

    text: str | None
    checkpoint: str
    mode: Mode
    diversity: Diversity | None
    masked: str | None
    draft: str | None
    moderation: Moderation
    scores: Scores
    timings: Timings
    facts: tuple[Fact, ...] = ()
    claims: tuple[Claim, ...] = ()
    needs_confirmation: bool = False
    unsure: tuple[Question, ...] = ()
    seed: int = 0
    things: tuple[str, ...] = ()
