"""The three checks together: what each of them needs is looked at once for a whole batch of listings.

It knows no file: `load` gets cards, everything else the models. Which of the checks said no, and why, the verdicts say.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import torch
from PIL import Image
from torch import Tensor

from inference.checkpoints.registry import Card
from inference.clip.dual_encoder import Clip, ImageFeatures
from inference.errors import Message
from inference.listing.types import Moderation, Verdict
from inference.moderation import contacts
from inference.moderation.contacts import ContactRule
from inference.moderation.match import USUAL, MatchRule
from inference.moderation.nudity import Detection, NudityDetector
from inference.moderation.out_of_domain import OutOfDomainDetector
from inference.moderation.overrides import Overrides
from inference.moderation.photos import POLICY, PhotoRule, SecondOpinion
from inference.moderation.texts import TextModeration

# Where an upper body is seen so surely, clothes are likely: the detector of foreign photos learned from clothes that
# nobody wears, so its doubts count up to this much and no more.
WORN, WEARER = 0.5, ("FACE", "ARMPITS", "BELLY", "FEMALE_BREAST", "MALE_BREAST")
WORN_FOREIGN = USUAL + 2


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a listing before it is judged.

    source: the embedding (dim,) of a text that is not empty; foreign: log-odds that a photo shows no clothes.
    """

    text: str
    source: Tensor | None
    views: ImageFeatures
    foreign: Tensor | None
    found: Sequence[Sequence[Detection]]


@dataclass(frozen=True, slots=True)
class Checks:
    """Everything that judges a listing."""

    nudity: NudityDetector
    photos: PhotoRule
    texts: TextModeration
    match: MatchRule
    foreign: OutOfDomainDetector | None = None
    contacts: ContactRule = "warn"
    # NudeNet's network runs here while the dual encoder looks: neither keeps all cores busy by itself.
    _beside: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "nudity"))

    @classmethod
    def of(
        cls,
        clip: Clip,
        card: Card,
        texts: TextModeration,
        foreign: OutOfDomainDetector | None,
        overrides: Overrides | None = None,
    ) -> Checks:
        """The checks that stand on a dual encoder with its card and on a text classifier; NudeNet is loaded here."""
        own, rule = overrides or Overrides(), MatchRule.of(card)
        match = replace(
            rule,
            threshold=rule.threshold if own.match is None else own.match,
            photo_threshold=rule.photo_threshold if own.match_photo is None else own.match_photo,
        )
        photos = PhotoRule({**POLICY, **own.photos}, SecondOpinion.of(clip, card))
        return cls(NudityDetector.load(), photos, texts, match, foreign, own.contacts)

    def look(self, images: Sequence[Image.Image]) -> Future[list[list[Detection]]]:
        """Begin to look for nudity in all photos of a batch; others may look at them meanwhile."""
        return self._beside.submit(self.nudity.look, images)

    def judge(self, seen: Sequence[Evidence]) -> list[Moderation]:
        """The verdicts on a batch of listings, all texts judged together."""
        texts = self._judged([each.text for each in seen])
        return [
            Moderation((self.photos.judge(each.found, each.views), text, self._matched(each)))
            for each, text in zip(seen, texts, strict=True)
        ]

    def published(self, text: str) -> str:
        """The text that the seller gets: without contacts and the like where the owner wants them erased."""
        return contacts.erase(text) if self.contacts == "erase" else text

    def review(self, moderations: Sequence[Moderation], texts: Sequence[str]) -> list[Moderation]:
        """The verdicts after the texts were written: what a model wrote may be refused as well, and so is no text."""
        verdicts = self.texts.judge(texts)
        return [_reviewed(*each) for each in zip(moderations, texts, verdicts, strict=True)]

    def _matched(self, seen: Evidence) -> Verdict:
        foreign = seen.foreign
        if foreign is not None:
            worn = [any(p.score >= WORN and p.label.startswith(WEARER) for p in found) for found in seen.found]
            foreign = torch.where(torch.tensor(worn, dtype=torch.bool), foreign.clamp(max=WORN_FOREIGN), foreign)
        return self.match.judge(seen.views, seen.text, seen.source, foreign)

    def _judged(self, texts: Sequence[str]) -> list[Verdict]:
        return [self._warned(verdict, text) for verdict, text in zip(self.texts.judge(texts), texts, strict=True)]

    def _warned(self, verdict: Verdict, text: str) -> Verdict:
        """A text that passes and holds a contact has a reason all the same: a warning."""
        found = contacts.warnings(text) if verdict.passed and self.contacts == "warn" else []
        return replace(verdict, reason=found[0]) if found else verdict


def _reviewed(before: Moderation, text: str, verdict: Verdict) -> Moderation:
    has_words = any(map(str.isalnum, text))
    if verdict.passed and has_words:
        return before
    reason = Message("written-refused" if has_words else "written-empty")
    refused = replace(verdict, passed=False, reason=reason)
    return Moderation(tuple(refused if check.name == "text" else check for check in before.checks))
