"""The families of captioners by name. Importing them does not import torch."""

from __future__ import annotations

from collections.abc import Mapping

from inference.captioners import (
    blip2,
    chat,
    clipcap,
    encoder_decoder,
    flamingo,
    interrogator,
    prefix,
    rudolph,
    soft_prompt,
)
from inference.checkpoints.formats import Family

FAMILIES: Mapping[str, Family] = {
    package.FAMILY.name: package.FAMILY
    for package in (blip2, chat, clipcap, encoder_decoder, flamingo, interrogator, prefix, rudolph, soft_prompt)
}
