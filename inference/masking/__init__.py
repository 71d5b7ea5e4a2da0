"""Replace the numbers of an ad with tokens and back, so that no model has to copy or can invent a number."""

from __future__ import annotations

from inference.masking.kept import measure_kept
from inference.masking.kinds import TOKEN_KINDS
from inference.masking.mask import find_of_kind, mask, mask_against, restore
from inference.masking.numbers.plain import write_plainly
from inference.masking.unmask import unmask

__all__ = ["TOKEN_KINDS", "find_of_kind", "mask", "mask_against", "measure_kept", "restore", "unmask", "write_plainly"]
