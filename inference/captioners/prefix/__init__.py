"""The embedded captioner: projected photo features and field texts before the text of a small language model."""

from inference.checkpoints.formats import Family

FAMILY = Family(name="prefix", captioner="inference.captioners.prefix.captioner:PrefixCaptioner")
