"""Three checks of a listing: its photos, its text, and whether the two belong together."""

from collections.abc import Mapping

from inference.checkpoints.formats import Format

FORMATS: Mapping[str, Format] = {
    "detoxify": Format("toxicity", "inference.moderation.convert:convert_detoxify", weights=("*.ckpt",)),
    "rubert-toxicity": Format("toxicity", "inference.moderation.convert:convert_rubert"),
}
