"""Try to make the writer lie: adversarial drafts and photo facts beside a seller's fields, and a judge of the texts.

The judge shares nothing with the writer but the dictionary: its table of contradictions is written by hand.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

from inference.facts.album import build_sheets
from inference.facts.photos import PhotoFacts
from inference.facts.seller import read_seller_facts
from inference.facts.writer import write_text
from inference.listing.attributes import parse_attributes
from inference.masking.morphology import is_dictionary_word

_TABLE: Final = Path(__file__).with_name("truth.toml")
_WORD: Final = re.compile(r"[^\W\d_]+")
_JOINERS: Final = (", ", ". ", " и ", ", ", " ")


@dataclass(frozen=True, slots=True)
class Trial:
    """A seller's fields, what a classifier claims to see on one photo, and what a captioner wrote about it."""

    fields: Mapping[str, str]
    photo: PhotoFacts
    draft: str
    seed: int


@cache
def load_table() -> dict[str, Any]:
    """Return the table of `truth.toml`: values of fields, parts of drafts, and what contradicts what."""
    return tomllib.loads(_TABLE.read_text("utf-8"))


def draw_trial(seed: int) -> Trial:
    """Return a random trial; the same seed gives the same one."""
    draw = Random(f"trial {seed}")
    return Trial(_draw_fields(draw), _draw_photo(draw), _draw_draft(draw), seed)


def _draw_fields(draw: Random) -> dict[str, str]:
    table: Mapping[str, Sequence[str]] = load_table()["fields"]
    names = draw.sample(sorted(table), draw.randint(1, len(table)))
    fields = {name: draw.choice(table[name]) for name in names}
    fields.setdefault("Предмет одежды", draw.choice(table["Предмет одежды"]))
    return fields


def _draw_photo(draw: Random) -> PhotoFacts:
    """Return confident nonsense: each group's probabilities are drawn without regard to the others."""
    groups: Mapping[str, Sequence[str]] = load_table()["photo"]
    # The fourth power leaves few likely items and colours, as a softmax does.
    return PhotoFacts(
        {
            group: {value: draw.random() ** (1 if group not in ("item", "colour") else 4) for value in values}
            for group, values in groups.items()
        }
    )


def _draw_draft(draw: Random) -> str:
    parts: Mapping[str, Sequence[str]] = load_table()["draft"]
    pieces = [draw.choice(parts[draw.choice(sorted(parts))]) for _ in range(draw.randint(0, 9))]
    text = "".join(piece + draw.choice(_JOINERS) for piece in pieces)
    return text[: draw.randint(0, len(text))] if draw.random() < 0.2 else text


def write_trial(trial: Trial) -> str:
    """Return the text that the writer makes of a trial."""
    attributes = parse_attributes(trial.fields)
    sheets = build_sheets(read_seller_facts(attributes), [trial.photo], {}, is_set=trial.seed % 5 == 0)
    return write_text(trial.draft, sheets, attributes, trial.seed).text


def find_faults(trial: Trial, text: str) -> Iterator[str]:
    """Yield what is false in a text: contradictions of a field, values that are missing, words that are none."""
    if not text:
        yield "no text"
    own = _strip_values(trial, text)
    for name, value in trial.fields.items():
        forbidden: Sequence[str] = load_table()["contradictions"].get(name, {}).get(value, ())
        yield from (f"{name}: {value} / {stem}" for stem in forbidden if re.search(rf"\b{stem}", own))
        if name not in ("Предмет одежды", "Вид объявления") and not _holds(text, value):
            yield f"lost: {name}: {value}"
    sellers = {word.lower() for word in _WORD.findall(" ".join((*trial.fields, *trial.fields.values())))}
    known = sellers | set(load_table()["known"]["words"])
    yield from (f"no word: {word}" for word in _WORD.findall(text) if not _is_known(word.lower(), known))


def _strip_values(trial: Trial, text: str) -> str:
    """Return the text in small letters without the seller's own phrases, in which nothing contradicts."""
    for value in sorted(trial.fields.values(), key=len, reverse=True):
        text = re.sub(re.escape(value), " ", text, flags=re.IGNORECASE)
    return text.lower().replace("ё", "е")


def _holds(text: str, value: str) -> bool:
    """Return True if a text holds every number of a value and the beginning of every word."""
    folded = text.lower().replace("ё", "е")
    pieces = re.findall(r"\d+|[^\W\d_]+", value.lower().replace("ё", "е"))
    return all(
        re.search(
            rf"(?<!\d){piece}(?!\d)" if piece.isdigit() else rf"(?<![^\W\d_]){piece[: max(2, len(piece) - 2)]}", folded
        )
        for piece in pieces
    )


def _is_known(word: str, known: set[str]) -> bool:
    return word in known or is_dictionary_word(word) or any(len(stem) > 3 and word.startswith(stem) for stem in known)
