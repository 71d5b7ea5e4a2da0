"""Decide whether photos may be shown, from NudeNet's detections, a table of limits and a zero-shot classifier.

A detection at its label's `refuse` limit is refused where it has the colours of skin: pockets of a shirt have the shape
of a breast, folds of cloth that of other parts. One in other colours, and one on skin at its `warn` limit, gives a
warning, and is refused where the dual encoder, as a zero-shot classifier, says nudity as well. The encoder is used only
where its card has a threshold for that: a weak one would add nothing. The module loads no models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from inference.checkpoints.card import Card
from inference.clip.dual_encoder import LOGIT_SCALE, Clip, ImageFeatures
from inference.errors import Message
from inference.listing.types import Verdict
from inference.moderation.nudity import LABELS, Detection

# Language → phrases of nudity and phrases of anything else.
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
    """The least score in [0, 1] at which a label is refused and warned of; None: never."""

    refuse: float | None = None
    warn: float | None = None


# Underwear and swimwear are sold here: covered parts are never refused, and bare arms, feet, bellies and a man's chest
# are part of how clothes are worn. Male genitals are the detector's most frequent mistake, in folds of cloth.
DEFAULT_LIMITS: Mapping[str, Limits] = {label: Limits() for label in LABELS} | {
    "FEMALE_BREAST_EXPOSED": Limits(0.55, 0.4),
    "FEMALE_GENITALIA_EXPOSED": Limits(0.55, 0.4),
    "MALE_GENITALIA_EXPOSED": Limits(0.6, 0.5),
    "BUTTOCKS_EXPOSED": Limits(0.55, 0.4),
    "ANUS_EXPOSED": Limits(0.55, 0.4),
}
# The least share of a detection's box in the colours of skin. Without it nothing is certain.
MIN_SKIN = 0.5


@dataclass(frozen=True, slots=True)
class ZeroShotNudityClassifier:
    """Phrases in the dual encoder's space and the probability from which a photo counts as nudity.

    phrase_embeddings: (phrases, dim) float32, unit length; the first `num_nude` are phrases of nudity.
    """

    phrase_embeddings: Tensor
    num_nude: int
    threshold: float

    @classmethod
    def from_card(cls, clip: Clip, card: Card) -> ZeroShotNudityClassifier | None:
        """Build the classifier of a dual encoder, or return None where its card has no `nudity_threshold`."""
        threshold = card.calibration.get("nudity_threshold")
        return None if threshold is None else cls.from_languages(clip, card.languages, threshold)

    @classmethod
    def from_languages(cls, clip: Clip, languages: Sequence[str], threshold: float) -> ZeroShotNudityClassifier:
        """Build the classifier with phrases in the first language that has some, by default Russian."""
        language = next((each for each in languages if each in _PHRASES), "ru")
        nude, other = _PHRASES[language]
        return cls(clip.encode_texts((*nude, *other)).embeddings, len(nude), threshold)

    def predict_risks(self, features: ImageFeatures) -> list[float]:
        """Return the probability of nudity of each photo, in [0, 1]."""
        probabilities = (LOGIT_SCALE * features.embeddings @ self.phrase_embeddings.T).softmax(1)
        risks: list[float] = probabilities[:, : self.num_nude].sum(1).tolist()
        return risks


@dataclass(frozen=True, slots=True)
class PhotoPolicy:
    """Limits by label and an optional zero-shot classifier."""

    limits: Mapping[str, Limits]
    zero_shot: ZeroShotNudityClassifier | None = None

    def judge(self, detections: Sequence[Sequence[Detection]], features: ImageFeatures | None = None) -> Verdict:
        """Return the verdict on an album from the detections in each photo; an album without photos passes.

        features: of the same photos, for the zero-shot classifier; without them the detector decides alone. The score
        is the highest one among labels that can be refused. A verdict that passes may have a reason: a warning.
        """
        if not detections:
            return Verdict("photos")
        on_skin = [[part for part in each if part.skin >= MIN_SKIN] for each in detections]
        refused = [self._reaches_limit(each, "refuse") for each in on_skin]
        warned = [
            self._reaches_limit(bare, "warn") or self._reaches_limit(each, "refuse")
            for bare, each in zip(on_skin, detections, strict=True)
        ]
        if self.zero_shot and features is not None:
            confirmed = [risk >= self.zero_shot.threshold for risk in self.zero_shot.predict_risks(features)]
            refused = [r or (w and c) for r, w, c in zip(refused, warned, confirmed, strict=True)]
        score = max(self.compute_risk(each) for each in detections)
        if any(refused):
            return Verdict("photos", passed=False, score=score, reason=Message("photos-refused", _list_photos(refused)))
        reason = Message("photos-warned", _list_photos(warned)) if any(warned) else None
        return Verdict("photos", score=score, reason=reason)

    def compute_risk(self, detections: Sequence[Detection]) -> float:
        """Return the highest score in one photo among labels that can be refused, 0 without any."""
        return max((each.score for each in detections if self._get_limits(each).refuse is not None), default=0.0)

    def _reaches_limit(self, detections: Sequence[Detection], name: str) -> bool:
        limits = [(each.score, getattr(self._get_limits(each), name)) for each in detections]
        return any(limit is not None and score >= limit for score, limit in limits)

    def _get_limits(self, detection: Detection) -> Limits:
        return self.limits.get(detection.label, Limits())


def _list_photos(flags: Sequence[bool]) -> dict[str, str | int]:
    """Return count and numbers, from 1, of the flagged photos, as parameters of a message."""
    numbers = [str(number) for number, flagged in enumerate(flags, start=1) if flagged]
    return {"count": len(numbers), "numbers": ", ".join(numbers)}
