"""OpenFlamingo (Awadalla et al., 2023): a frozen language model with gated cross-attention to photos."""

from inference.checkpoints.formats import Family, Format

FAMILY = Family(
    name="flamingo",
    captioner="inference.captioners.flamingo.captioner:FlamingoCaptioner",
    formats={"flamingo": Format("captioner", "inference.captioners.flamingo.convert:convert", is_joined=True)},
)
