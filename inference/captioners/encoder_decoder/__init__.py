"""vit-rugpt2 and other pairs of a vision encoder and a text decoder with cross-attention."""

from inference.checkpoints.formats import Architecture, Family, Format

FAMILY = Family(
    name="encoder-decoder",
    captioner="inference.captioners.encoder_decoder.captioner:EncoderDecoderCaptioner",
    formats={"encoder-decoder": Format("captioner", "inference.captioners.encoder_decoder.convert:convert")},
    architectures={
        "vision-encoder-decoder": Architecture("captioner", "encoder-decoder", "encoder-decoder", max_photos=1)
    },
)
