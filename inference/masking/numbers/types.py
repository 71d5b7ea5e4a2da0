"""A number of an ad, as the modules of this folder find it and the others classify it."""

from __future__ import annotations

from dataclasses import dataclass

from inference.masking.numbers.units import Unit

# Units that ads and models add themselves, so that they stay beside the token: «<PRICE> руб.», «<LENGTH> см».
OUTSIDE = frozenset({"₽", "см", "размер", "рост"})
YEARS = range(1950, 2040)


@dataclass(frozen=True, slots=True)
class Number:
    """One value of an ad.

    text: the phrase as it was typed, ad[start:end].
    shape: the pattern that found it («phone», «code», «amount» …), «range», «list», «sides», «free» or «words».
    amounts: the amounts of the phrase, multipliers included, in order; none for shapes without any.
    unit: the unit, be it a part of the phrase or the word behind it; of «40EU/26см» the first.
    has_unit: whether the unit is a part of the phrase.
    factor: of the multiplier, 1 without one.
    """

    start: int
    end: int
    text: str
    shape: str
    amounts: tuple[float, ...] = ()
    unit: Unit | None = None
    has_unit: bool = False
    factor: int = 1
