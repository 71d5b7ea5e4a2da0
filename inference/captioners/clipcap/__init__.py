"""ruClipCap: CLIP features that a mapper turns into a prefix of a language model (ClipCap, Mokady et al., 2021)."""

from inference.checkpoints.formats import Family, Format

FAMILY = Family(
    name="clipcap",
    captioner="inference.captioners.clipcap.captioner:ClipCapCaptioner",
    formats={"clipcap": Format("captioner", "inference.captioners.clipcap.convert:convert", weights=("*.pt",))},
)
