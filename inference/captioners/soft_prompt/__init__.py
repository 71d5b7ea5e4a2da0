"""A projection of photo features as a soft prompt of a frozen language model."""

from inference.checkpoints.formats import Family, Format

FAMILY = Family(
    name="soft-prompt",
    captioner="inference.captioners.soft_prompt.captioner:SoftPromptCaptioner",
    formats={"soft-prompt": Format("captioner", "inference.captioners.soft_prompt.convert:convert", is_joined=True)},
    loads_published_dtype=True,
)
