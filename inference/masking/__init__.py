"""Numbers of an ad as tokens and back, so that no model ever has to copy or invent a number."""

from __future__ import annotations

from inference.masking.kinds import TOKEN_KINDS
from inference.masking.mask import mask, mask_against, unmask
from inference.masking.unmask import fill

__all__ = ["TOKEN_KINDS", "fill", "mask", "mask_against", "unmask"]
