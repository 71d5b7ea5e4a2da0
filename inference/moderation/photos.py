"""Whether photos may be shown: what NudeNet finds, held against a small table, and a second opinion.

The rule: a finding at its label's `refuse` limit is refused. A finding at its `warn` limit is warned of, and refused
when the dual encoder, asked zero-shot, says nudity as well; it is asked only where its card has a threshold for that,
for a weak encoder has nothing to add. It knows no threads and loads nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from inference.checkpoints.registry import Card
from inference.clip.dual_encoder import LOGIT_SCALE, Clip, ImageFeatures
from inference.errors import Message
from inference.listing.types import Verdict
from inference.moderation.nudity import LABELS, Detection

# The dual encoder's logits are cosines times this when phrases compete.
_PHRASES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ru": (
        ("голое тело", "обнажённая женщина", "обнажённый мужчина", "порнография"),
        ("одежда на полу", "одежда на вешалке", "обувь", "человек в одежде", "вещь на продажу"),
    ),
    "en": (
        ("a naked body", "a nude woman", "a nude man", "pornography"),
        ("clothes on the floor", "clothes on a hanger", "shoes", "a dressed person", "a thing for sale"),
    ),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """From which score on a label is refused and warned of; None: never."""

    refuse: float | None = None
    warn: float | None = None


# Underwear and swimwear are sold here: what is covered is never refused, and bare arms, feet, bellies and a man's
# chest are how clothes are worn. A man's genitals are what the detector most often sees in folds of cloth.
POLICY: Mapping[str, Limits] = {label: Limits() for label in LABELS} | {
    "FEMALE_BREAST_EXPOSED": Limits(0.4, 0.25),
    "FEMALE_GENITALIA_EXPOSED": Limits(0.4, 0.25),
    "MALE_GENITALIA_EXPOSED": Limits(0.5, 0.3),
    "BUTTOCKS_EXPOSED": Limits(0.4, 0.25),
    "ANUS_EXPOSED": Limits(0.4, 0.25),
}


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What nude and other photos are like in the dual encoder's space, and how sure it has to be."""

    phrases: Tensor  # (phrases, dim), those of nudity first
    nude: int
    threshold: float

    @classmethod
    def of(cls, clip: Clip, card: Card) -> SecondOpinion | None:
        """The opinion of a dual encoder; None where its card has no `nudity_threshold`, so that it is not asked."""
        threshold = card.calibration.get("nudity_threshold")
        return None if threshold is None else cls.asked(clip, card.languages, threshold)

    @classmethod
    def asked(cls, clip: Clip, languages: Sequence[str], threshold: float) -> SecondOpinion:
        """The opinion in the first of the languages that there are phrases in, Russian where there is none."""
        language = next((each for each in languages if each in _PHRASES), "ru")
        nude, other = _PHRASES[language]
        return cls(clip.encode_texts((*nude, *other)).embeddings, len(nude), threshold)

    def risks(self, views: ImageFeatures) -> list[float]:
        """How much nearer each photo is to phrases of nudity than to the others, (photos,) in [0, 1]."""
        likeness = (LOGIT_SCALE * views.embeddings @ self.phrases.T).softmax(1)
        risks: list[float] = likeness[:, : self.nude].sum(1).tolist()
        return risks


@dataclass(frozen=True, slots=True)
class PhotoRule:
    """The table of limits and the second opinion."""

    policy: Mapping[str, Limits]
    second: SecondOpinion | None = None

    def judge(self, found: Sequence[Sequence[Detection]], views: ImageFeatures | None = None) -> Verdict:
        """The verdict on an album from what is found in each photo; no photo passes.

        views: of the same photos, for the second opinion; without them the detector decides alone. The score is the
        surest finding that could be refused. A verdict that passes may have a reason: a warning.
        """
        if not found:
            return Verdict("photos")
        warned = [self._reached(each, "warn") for each in found]
        refused = [self._reached(each, "refuse") for each in found]
        if self.second and views is not None:
            sure = [risk >= self.second.threshold for risk in self.second.risks(views)]
            refused = [
                refuses or (warns and agrees) for refuses, warns, agrees in zip(refused, warned, sure, strict=True)
            ]
        score = max(self.risk(each) for each in found)
        if any(refused):
            return Verdict("photos", passed=False, score=score, reason=Message("photos-refused", _numbers(refused)))
        return Verdict(
            "photos", score=score, reason=Message("photos-warned", _numbers(warned)) if any(warned) else None
        )

    def risk(self, found: Sequence[Detection]) -> float:
        """The surest finding of one photo among the labels that could be refused, 0 where there is none."""
        return max((each.score for each in found if self._limits(each).refuse is not None), default=0.0)

    def _reached(self, found: Sequence[Detection], limit: str) -> bool:
        limits = [(each.score, getattr(self._limits(each), limit)) for each in found]
        return any(least is not None and score >= least for score, least in limits)

    def _limits(self, found: Detection) -> Limits:
        return self.policy.get(found.label, Limits())


def _numbers(photos: Sequence[bool]) -> dict[str, str | int]:
    """Which photos are meant, for a sentence."""
    numbers = [str(number) for number, meant in enumerate(photos, start=1) if meant]
    return {"count": len(numbers), "numbers": ", ".join(numbers)}
