"""Run the three checks on a batch of listings: photos, text, and the match of photos and text.

Every model runs once per batch. The module reads no files of its own: `Checks.build` gets loaded models and cards. Each
verdict carries its own reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import torch
from PIL import Image
from torch import Tensor

from inference.checkpoints.card import Card
from inference.clip.dual_encoder import Clip
from inference.errors import Message
from inference.listing.types import Attributes, Moderation, Verdict
from inference.moderation import contacts
from inference.moderation.contacts import ContactPolicy
from inference.moderation.match import TYPICAL_LOG_ODDS, MatchPolicy
from inference.moderation.named_things import read_named_things
from inference.moderation.nudity import Detection, NudityDetector
from inference.moderation.out_of_domain import OutOfDomainDetector
from inference.moderation.overrides import Overrides
from inference.moderation.photo_index import PhotoEvidence
from inference.moderation.photos import DEFAULT_LIMITS, PhotoPolicy, ZeroShotNudityClassifier
from inference.moderation.texts import ToxicityClassifier

# The out-of-domain detector was trained on clothes that nobody wears. Where an upper body is detected with at least
# this score, clothes are likely, so its log-odds are capped.
PERSON_SCORE, PERSON_LABELS = 0.5, ("FACE", "ARMPITS", "BELLY", "FEMALE_BREAST", "MALE_BREAST")
PERSON_LOG_ODDS = TYPICAL_LOG_ODDS + 2


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the checks need to know of one listing.

    text_embedding: (dim,) float32, unit length, of `attributes.text`; None for an empty one. detections: body parts
    found, one list per photo.
    """

    attributes: Attributes
    text_embedding: Tensor | None
    photos: PhotoEvidence
    detections: Sequence[Sequence[Detection]]


@dataclass(frozen=True, slots=True)
class Checks:
    """All models and policies of moderation."""

    nudity_detector: NudityDetector
    photo_policy: PhotoPolicy
    toxicity_classifier: ToxicityClassifier
    match_policy: MatchPolicy
    out_of_domain_detector: OutOfDomainDetector | None = None
    contact_policy: ContactPolicy = "warn"
    # NudeNet runs in this thread while the dual encoder runs in the caller's: neither keeps all cores busy by itself.
    _executor: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "nudity"))

    @classmethod
    def build(
        cls,
        clip: Clip,
        card: Card,
        toxicity_classifier: ToxicityClassifier,
        out_of_domain_detector: OutOfDomainDetector | None,
        overrides: Overrides | None = None,
    ) -> Checks:
        """Build the checks from a dual encoder with its card and the other models, and load NudeNet."""
        overrides = overrides or Overrides()
        return cls(
            nudity_detector=NudityDetector.load(),
            photo_policy=PhotoPolicy(
                {**DEFAULT_LIMITS, **overrides.photos}, ZeroShotNudityClassifier.from_card(clip, card)
            ),
            toxicity_classifier=toxicity_classifier,
            match_policy=MatchPolicy.from_card(card).override(
                overrides.match, overrides.match_warn, overrides.match_photo
            ),
            out_of_domain_detector=out_of_domain_detector,
            contact_policy=overrides.contacts,
        )

    def detect_nudity(self, images: Sequence[Image.Image]) -> Future[list[list[Detection]]]:
        """Start nudity detection on RGB photos in a background thread and return its future, one list per photo."""
        return self._executor.submit(self.nudity_detector.detect, images)

    def judge(self, batch: Sequence[Evidence]) -> list[Moderation]:
        """Return the verdicts on each listing of a batch."""
        texts = self._judge_texts([evidence.attributes for evidence in batch])
        return [
            Moderation(
                (
                    self.photo_policy.judge(evidence.detections, evidence.photos.features),
                    text,
                    self._judge_match(evidence),
                )
            )
            for evidence, text in zip(batch, texts, strict=True)
        ]

    def find_out_of_domain(self, evidence: Evidence) -> tuple[bool, ...]:
        """Return for each photo of a listing whether it shows nothing that the models know."""
        return self.match_policy.find_out_of_domain(_cap(evidence), read_named_things(evidence.attributes))

    def apply_contact_policy(self, text: str) -> str:
        """Return a generated text as the seller gets it: without contacts where the policy is to erase them."""
        return contacts.erase(text) if self.contact_policy == "erase" else text

    def review(self, moderations: Sequence[Moderation], texts: Sequence[str]) -> list[Moderation]:
        """Return the verdicts after generation: a generated text that is toxic is refused."""
        verdicts = self.toxicity_classifier.judge(texts)
        return [_review(*each) for each in zip(moderations, verdicts, strict=True)]

    def _judge_match(self, evidence: Evidence) -> Verdict:
        things = read_named_things(evidence.attributes)
        return self.match_policy.judge(_cap(evidence), things, evidence.text_embedding)

    def _judge_texts(self, attributes: Sequence[Attributes]) -> list[Verdict]:
        texts = [each.text for each in attributes]
        verdicts = self.toxicity_classifier.judge(texts)
        return [self._add_warning(verdict, text) for verdict, text in zip(verdicts, texts, strict=True)]

    def _add_warning(self, verdict: Verdict, text: str) -> Verdict:
        """Give a passed verdict a reason, the warning, where the text holds a contact."""
        warnings = contacts.list_warnings(text) if verdict.passed and self.contact_policy == "warn" else []
        return replace(verdict, reason=warnings[0]) if warnings else verdict


def _cap(evidence: Evidence) -> PhotoEvidence:
    """Return the evidence of the photos with the out-of-domain log-odds capped where a person is seen."""
    log_odds = evidence.photos.out_of_domain
    if log_odds is None:
        return evidence.photos
    has_person = torch.tensor([_has_person(each) for each in evidence.detections], dtype=torch.bool)
    return replace(
        evidence.photos, out_of_domain=torch.where(has_person, log_odds.clamp(max=PERSON_LOG_ODDS), log_odds)
    )


def _has_person(detections: Sequence[Detection]) -> bool:
    return any(each.score >= PERSON_SCORE and each.label.startswith(PERSON_LABELS) for each in detections)


def _review(moderation: Moderation, verdict: Verdict) -> Moderation:
    if verdict.passed:
        return moderation
    refusal = replace(verdict, passed=False, reason=Message("written-refused"))
    return Moderation(tuple(refusal if check.name == "text" else check for check in moderation.checks))
