"""Facts about the thing for sale and the claims of a text, with where they come from and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["field", "text", "photo"]
Decision = Literal["seller", "seen", "unsure", "contradicts"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One value of one group, such as sleeve: «короткий».

    probability: 1.0 for what the seller says, a calibrated probability in [0, 1] for what a photo shows.
    words: the words of the seller that state it; empty for photos.
    """

    group: str
    value: str
    source: Source
    probability: float = 1.0
    words: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """A clause of a text that says something about the thing.

    verdict: the seller said it, the photo shows it, nobody knows, or it contradicts. kept: whether the text has it.
    """

    text: str
    group: str
    value: str
    verdict: Decision
    kept: bool
