"""The table `generation` of a card: how long a text may be and how far a seed may vary it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from inference.checkpoints.card import Card
from inference.checkpoints.schema import FieldError, validate
from inference.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class GenerationSettings:
    """The table `generation` of a card; the names are those of `transformers.GenerationConfig`.

    Seed 0 writes the most probable text, other seeds sample with temperature and top_k. The text ends after `stop`.
    """

    max_new_tokens: Annotated[int, Ge(1), Le(512)] = 120
    min_new_tokens: Annotated[int, Ge(0), Le(512)] = 0
    num_beams: Annotated[int, Ge(1), Le(8)] = 1
    length_penalty: Annotated[float, Ge(-5), Le(5)] = 1.0
    no_repeat_ngram_size: Annotated[int, Ge(0), Le(20)] = 5
    repetition_penalty: Annotated[float, Ge(1), Le(2)] = 1.0
    temperature: Annotated[float, Ge(0.1), Le(2)] = 0.8
    top_k: Annotated[int, Ge(1), Le(1000)] = 30
    stop: str = ""

    def cut_at_stop(self, text: str) -> str:
        """Return a generated text up to and including `stop`."""
        head, separator, _ = text.partition(self.stop) if self.stop else (text, "", "")
        return head + separator

    @classmethod
    def from_card(cls, card: Card) -> GenerationSettings:
        """Return the settings of a card. Raises `CheckpointError` for an unknown name or a value out of range."""
        try:
            return validate(cls, card.generation)
        except FieldError as error:
            if error.limits is None:
                raise card.field_error(f"generation.{error.field}") from error
            least, most = error.limits
            raise CheckpointError(
                "card-generation", checkpoint=card.id, field=error.field, least=least, most=most
            ) from error
