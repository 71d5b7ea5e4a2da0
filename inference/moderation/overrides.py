"""What the owner decides against the cards and the tables: thresholds, as a table of plain values.

```toml
[photos.FEMALE_BREAST_EXPOSED]   # any label of the policy; a limit that is left out never applies
refuse = 0.5
warn = 0.3
[match]                          # the least fit, from -10 to 1: of the photo that fits best, of each photo
threshold = 0.12
photo_threshold = -0.2
[text]
threshold = 0.7                  # the risk from which on a text is refused
contacts = "erase"               # "off", "warn" or "erase"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeGuard, get_args

from inference.errors import InvalidInput
from inference.moderation.contacts import ContactPolicy
from inference.moderation.nudity import LABELS
from inference.moderation.photos import Limits

# A photo of something else fits worse than not at all.
LEAST_FIT = -10.0
_KEYS: Mapping[str, frozenset[str]] = {
    "photos": frozenset(LABELS),
    "match": frozenset({"threshold", "photo_threshold"}),
    "text": frozenset({"threshold", "contacts"}),
}


@dataclass(frozen=True, slots=True)
class Overrides:
    """The owner's thresholds; None and an absent label leave what the card or the table says."""

    photos: Mapping[str, Limits] = field(default_factory=dict)
    match: float | None = None
    match_photo: float | None = None
    text: float | None = None
    contacts: ContactPolicy = "warn"

    @classmethod
    def read(cls, table: Mapping[str, object]) -> Overrides:
        """The overrides in a parsed TOML file. Raises `InvalidInput` that names the key that cannot be used."""
        for name, section in table.items():
            if not isinstance(section, Mapping) or name not in _KEYS:
                raise _unusable(name)
            for key in section.keys() - _KEYS[name]:
                raise _unusable(f"{name}.{key}")
        photos, match, text = (_section(table, name) for name in ("photos", "match", "text"))
        return cls(
            photos={label: _limits(f"photos.{label}", limits) for label, limits in photos.items()},
            match=_number("match.threshold", match.get("threshold"), LEAST_FIT),
            match_photo=_number("match.photo_threshold", match.get("photo_threshold"), LEAST_FIT),
            text=_number("text.threshold", text.get("threshold")),
            contacts=_contacts(text.get("contacts", "warn")),
        )


def _section(table: Mapping[str, object], name: str) -> Mapping[str, object]:
    section = table.get(name, {})
    return section if isinstance(section, Mapping) else {}


def _limits(key: str, value: object) -> Limits:
    if not isinstance(value, Mapping) or not value.keys() <= {"refuse", "warn"}:
        raise _unusable(key)
    return Limits(*(_number(f"{key}.{name}", value.get(name)) for name in ("refuse", "warn")))


def _number(key: str, value: object, least: float = 0.0) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= 1:
        raise _unusable(key)
    return float(value)


def _contacts(value: object) -> ContactPolicy:
    if not _is_rule(value):
        raise _unusable("text.contacts")
    return value


def _is_rule(value: object) -> TypeGuard[ContactPolicy]:
    return value in get_args(ContactPolicy)


def _unusable(key: str) -> InvalidInput:
    return InvalidInput("moderation-setting", key=key)
