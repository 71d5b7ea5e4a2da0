"""Numbers of an ad as tokens and back, so that no model ever has to copy or invent a number."""

from __future__ import annotations

from inference.masking.kinds import TOKEN_KINDS
from inference.masking.mask import mask, mask_against, restore
from inference.masking.unmask import unmask

__all__ = ["TOKEN_KINDS", "mask", "mask_against", "restore", "unmask"]
