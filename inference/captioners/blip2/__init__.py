"""BLIP-2 (Li et al., 2023) and mBLIP, which swaps its language model."""

from inference.checkpoints.formats import Architecture, Family, Format

FAMILY = Family(
    name="blip2",
    captioner="inference.captioners.blip2.captioner:Blip2Captioner",
    formats={
        "blip2": Format("captioner", "inference.captioners.blip2.convert:convert"),
        "blip2-swap": Format("captioner", "inference.captioners.blip2.convert:convert_swap", is_joined=True),
    },
    architectures={"blip-2": Architecture("captioner", "blip2", "blip2", max_photos=10)},
)
