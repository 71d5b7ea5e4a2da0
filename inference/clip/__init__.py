"""Dual encoders of photos and texts: CLIP, SigLIP, ruCLIP and the embedded one."""

from collections.abc import Mapping

from inference.checkpoints.formats import Architecture, Format

# OpenCLIP's repositories contain the same weights a second time under the names of `transformers`.
_OPENAI_WEIGHTS = ("open_clip*.safetensors", "open_clip*.bin", "*.pt", "*.safetensors", "*.bin")

FORMATS: Mapping[str, Format] = {
    "clip": Format("clip", "inference.clip.convert:convert_transformers"),
    "openai-clip": Format("clip", "inference.clip.convert:convert_openai", weights=_OPENAI_WEIGHTS),
    "ruclip": Format("clip", "inference.clip.convert:convert_ruclip"),
}
ARCHITECTURES: Mapping[str, Architecture] = {
    "clip": Architecture("clip", "clip", "clip"),
    "siglip": Architecture("clip", "clip", "clip"),
}
