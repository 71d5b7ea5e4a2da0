"""Split a caption and put phrases into its sentence about the photos; the seller's numbers stay."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from inference.captioners.base import Prompt
from inference.captioners.generation.prompts import load_prompts
from inference.captioners.interrogator.phrases import COLOURS, Phrases, Thing, get_head_noun
from inference.masking.morphology import inflect_adjective

_TOKEN = re.compile(r"<[A-Z_]+\d*>")
_SENTENCE = re.compile(r"(?<=[.!?…])\s+")


@dataclass(frozen=True, slots=True)
class Advert:
    """A caption in three parts: first sentence about the photos, more about them, and the seller's fields.

    thing: named by the first sentence; None where that names nothing in the tables.
    """

    lead: str
    more: str
    rest: str
    thing: Thing | None

    @classmethod
    def from_caption(cls, caption: str, phrases: Phrases) -> Advert:
        """Split a caption; the part about the photos ends before the first sentence with a mask token."""
        sentences = _SENTENCE.split(caption.strip()) if caption.strip() else []
        end = next((number for number, sentence in enumerate(sentences) if _TOKEN.search(sentence)), len(sentences))
        lead = sentences[0].rstrip(" .,;") if end else ""
        things = phrases.find_things(lead)
        return cls(lead, " ".join(sentences[1:end]), " ".join(sentences[end:]), things[0] if things else None)

    @property
    def visible(self) -> str:
        """The part of the caption about the photos."""
        return self.compose(())

    def compose(self, phrases: Sequence[str], template: str = "interrogator-chain") -> str:
        """Return the part about the photos, with phrases behind the lead, or as a sentence where there is none."""
        parts = [part for part in (self.lead, ", ".join(phrases)) if part]
        if len(parts) == 2:
            first = load_prompts()[template].format(caption=parts[0], phrases=parts[1])
        else:
            first = f"{parts[0][:1].upper()}{parts[0][1:]}." if parts else ""
        return " ".join(part for part in (first, self.more) if part)

    def replace_visible(self, visible: str) -> str:
        """Return the caption with another text about the photos."""
        return " ".join(part for part in (visible, self.rest) if part)


def inflect(phrase: str, trait: str, thing: Thing | None) -> str:
    """Return a phrase in agreement with a thing: «белые» for «кроссовки»."""
    return inflect_adjective(phrase, thing.noun) if trait == COLOURS and thing else phrase


def parse_thing(phrase: str, area: str) -> Thing:
    """Return the thing that a phrase names: «кроссовки» for «белые кроссовки»."""
    lemma = get_head_noun(phrase)
    nouns = [word for word in phrase.split() if get_head_noun(word) == lemma]
    return Thing((nouns or phrase.split())[0], lemma, area)


def append_missing_fields(text: str, prompt: Prompt) -> str:
    """Append the seller's own line for every mask token that a text lacks."""
    missing = [token for token in prompt.mask_tokens if token not in text]
    parts = [part.strip(" .") for part in re.split(r"[\n;]", prompt.masked)]
    lines = [part for part in parts if any(token in _TOKEN.findall(part) for token in missing)]
    return "\n".join([text, *lines]).strip()
