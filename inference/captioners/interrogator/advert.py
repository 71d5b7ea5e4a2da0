"""An ad around what was found: phrases go into the sentence that says what is seen, the seller's numbers stay."""

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
    """A caption in three parts: the sentence that names what is seen, more that is seen, and what the fields said.

    thing: what the first sentence names; None where the caption names nothing of the tables.
    """

    lead: str
    more: str
    rest: str
    thing: Thing | None

    @classmethod
    def of(cls, caption: str, phrases: Phrases) -> Advert:
        """Split a caption; what is seen ends before the first sentence with a mask token."""
        found = _SENTENCE.split(caption.strip()) if caption.strip() else []
        end = next((number for number, sentence in enumerate(found) if _TOKEN.search(sentence)), len(found))
        lead = found[0].rstrip(" .,;") if end else ""
        named = phrases.named(lead)
        return cls(lead, " ".join(found[1:end]), " ".join(found[end:]), named[0] if named else None)

    @property
    def seen(self) -> str:
        """What the caption says of the photos."""
        return self.saying(())

    def saying(self, phrases: Sequence[str], template: str = "interrogator-chain") -> str:
        """What is seen, phrases behind the lead as `prompts.po` has it; without a lead, a sentence of theirs."""
        said = [part for part in (self.lead, ", ".join(phrases)) if part]
        if len(said) == 2:
            first = load_prompts()[template].format(caption=said[0], phrases=said[1])
        else:
            first = f"{said[0][:1].upper()}{said[0][1:]}." if said else ""
        return " ".join(part for part in (first, self.more) if part)

    def whole(self, seen: str) -> str:
        """The caption with another text in the place of what is seen."""
        return " ".join(part for part in (seen, self.rest) if part)


def inflect(phrase: str, trait: str, thing: Thing | None) -> str:
    """A phrase as it is said of a thing: «белые» of «кроссовки»."""
    return inflect_adjective(phrase, thing.noun) if trait == COLOURS and thing else phrase


def parse_thing(phrase: str, area: str) -> Thing:
    """What a phrase of a table of things names: «кроссовки» of «белые кроссовки»."""
    lemma = get_head_noun(phrase)
    nouns = [word for word in phrase.split() if get_head_noun(word) == lemma]
    return Thing((nouns or phrase.split())[0], lemma, area)


def append_missing_fields(text: str, prompt: Prompt) -> str:
    """The text, and below it the seller's own line for every mask token that it lacks."""
    missing = [token for token in prompt.mask_tokens if token not in text]
    parts = [part.strip(" .") for part in re.split(r"[\n;]", prompt.masked)]
    lines = [part for part in parts if any(token in _TOKEN.findall(part) for token in missing)]
    return "\n".join([text, *lines]).strip()
