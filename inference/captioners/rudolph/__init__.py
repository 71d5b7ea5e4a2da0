"""ruDOLPH (Shonenkov et al., 2022): photos as codes in one transformer with the texts around them."""

from inference.checkpoints.formats import Family, Format

FAMILY = Family(
    name="rudolph",
    captioner="inference.captioners.rudolph.captioner:RudolphCaptioner",
    formats={"rudolph": Format("captioner", "inference.captioners.rudolph.convert:convert", is_joined=True)},
    merge_dtype="float32",
)
