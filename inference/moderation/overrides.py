"""The owner's thresholds, which replace those of the cards and of the code.

```toml
[photos.FEMALE_BREAST_EXPOSED]   # any label of the policy; a limit that is left out never applies
refuse = 0.5
warn = 0.3
[match]                          # the least fit, from -10 to 1
threshold = 0.12                 # of the photo that fits best: below it an album is refused
warn_threshold = 0.2             # of the same: below it an album is warned of
photo_threshold = -0.7           # minus what a photo loses for showing no clothes: below it the photo is warned of
[text]
threshold = 0.7                  # the risk from which on a text is refused
contacts = "erase"               # "off", "warn" or "erase"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge, Le, Predicate
from pydantic import BaseModel, ValidationError

from inference.checkpoints.schema import STRICT
from inference.errors import InvalidInput
from inference.moderation.contacts import ContactPolicy
from inference.moderation.nudity import LABELS
from inference.moderation.photos import Limits

# A photo of something else fits worse than not at all.
LEAST_FIT = -10.0

Score = Annotated[float, Ge(0), Le(1)]
Fit = Annotated[float, Ge(LEAST_FIT), Le(1)]
Label = Annotated[str, Predicate(frozenset(LABELS).__contains__)]


class _PhotoLimits(BaseModel):
    model_config = STRICT
    refuse: Score | None = None
    warn: Score | None = None


class _Match(BaseModel):
    model_config = STRICT
    threshold: Fit | None = None
    warn_threshold: Fit | None = None
    photo_threshold: Fit | None = None


class _Text(BaseModel):
    model_config = STRICT
    threshold: Score | None = None
    contacts: ContactPolicy = "warn"


class _Table(BaseModel):
    model_config = STRICT
    photos: dict[Label, _PhotoLimits] = {}
    match: _Match = _Match()
    text: _Text = _Text()


@dataclass(frozen=True, slots=True)
class Overrides:
    """The owner's thresholds; None and an absent label leave what the card or the table says."""

    photos: Mapping[str, Limits] = field(default_factory=dict)
    match: float | None = None
    match_warn: float | None = None
    match_photo: float | None = None
    text: float | None = None
    contacts: ContactPolicy = "warn"

    @classmethod
    def from_table(cls, table: Mapping[str, object]) -> Overrides:
        """Return the overrides of a parsed TOML file. Raises `InvalidInput` that names the first invalid key."""
        try:
            parsed = _Table.model_validate(table)
        except ValidationError as error:
            path = [str(part) for part in error.errors()[0]["loc"] if part != "[key]"]
            raise InvalidInput("moderation-setting", key=".".join(path)) from error
        return cls(
            photos={label: Limits(limits.refuse, limits.warn) for label, limits in parsed.photos.items()},
            match=parsed.match.threshold,
            match_warn=parsed.match.warn_threshold,
            match_photo=parsed.match.photo_threshold,
            text=parsed.text.threshold,
            contacts=parsed.text.contacts,
        )
