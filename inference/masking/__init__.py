"""Numbers of an ad as tokens and back, so that no model ever has to copy or invent a number."""

from __future__ import annotations

from inference.masking.filling import fill
from inference.masking.kinds import TOKEN_KINDS
from inference.masking.tokens import mask, mask_against, unmask

__all__ = ["TOKEN_KINDS", "fill", "mask", "mask_against", "unmask"]
