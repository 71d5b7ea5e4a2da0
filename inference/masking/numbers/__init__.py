"""Find the numbers of an ad as whole phrases, and compare them by what they mean."""

from __future__ import annotations

from inference.masking.numbers.find import find_numbers
from inference.masking.numbers.keys import Key, make_key, parse_key
from inference.masking.numbers.types import YEARS, Number

__all__ = ["YEARS", "Key", "Number", "find_numbers", "make_key", "parse_key"]
