"""A listing on its way through the pipeline. Importing this module needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inference.facts.types import Claim
from inference.listing.types import Diversity, Listing, Masked, Moderation, Numbers, Question, Scores, Timings

if TYPE_CHECKING:
    from torch import Tensor

    from inference.clip.dual_encoder import ImageFeatures
    from inference.facts.photos import PhotoFacts
    from inference.facts.sheet import FactSheet
    from inference.scoring import EncodedText


@dataclass(slots=True, eq=False)
class Job:
    """A valid listing, how its text is to be written, and the results of the pipeline's steps so far.

    numbers: whether the text holds the seller's numbers or blanks.
    seed: makes the text repeatable, independent of the other jobs of a batch.
    item: the thing as the seller named it when asked, "" otherwise; it outranks fields and photos.
    is_set: whether these are different things, as the seller said when asked; None leaves it to the classifier.
    only_facts: the listing is judged and its facts are read, but nothing is written.
    accepts_warnings: False stops the job before anything is written where moderation doubts that the listing is right.
    timings: seconds; validation fills in its own.
    features: of the visible photos; set together with `photo_facts`, `source`, `out_of_domain` and `moderation` by the
        first step.
    photo_facts: what the classifier reads on each visible photo.
    out_of_domain: for each visible photo, whether the detectors find nothing on it that the models know.
    differences: the probabilities (photos, photos) that two visible photos show different things.
    shows_known: whether facts were read from any photo.
    source: the encoded attributes, None where there are none.
    sheets: the facts of the one thing, or of each thing of a set.
    unsure: what the photos leave open.
    """

    listing: Listing
    numbers: Numbers = "values"
    seed: int = 0
    item: str = ""
    only_facts: bool = False
    accepts_warnings: bool = True
    is_set: bool | None = None
    timings: Timings = field(default_factory=Timings)
    features: ImageFeatures = field(init=False, repr=False)
    photo_facts: tuple[PhotoFacts, ...] = field(init=False, repr=False, default=())
    source: EncodedText | None = field(init=False, repr=False)
    moderation: Moderation = field(init=False, repr=False)
    out_of_domain: tuple[bool, ...] = field(init=False, repr=False, default=())
    differences: Tensor | None = field(init=False, repr=False, default=None)
    shows_known: bool = field(init=False, repr=False, default=False)
    masked: Masked | None = field(init=False, repr=False, default=None)
    diversity: Diversity | None = field(init=False, repr=False, default=None)
    sheets: tuple[FactSheet, ...] = field(init=False, repr=False, default=())
    unsure: tuple[Question, ...] = field(init=False, repr=False, default=())
    claims: tuple[Claim, ...] = field(init=False, repr=False, default=())
    draft: str | None = field(init=False, repr=False, default=None)
    text: str | None = field(init=False, repr=False, default=None)
    scores: Scores = field(init=False, repr=False, default_factory=Scores)

    @property
    def needs_confirmation(self) -> bool:
        """True where the seller has to confirm the warnings of moderation before a text is written."""
        return not self.accepts_warnings and self.moderation.passed and bool(self.moderation.doubts)

    @property
    def is_out_of_domain(self) -> bool:
        """True where no photo shows anything that the models know; False without photos."""
        return bool(self.out_of_domain) and all(self.out_of_domain)
