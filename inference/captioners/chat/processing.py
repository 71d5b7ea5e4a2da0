"""Load a vision-language model, and its processor without its video part.

Most processors also handle video, which in `transformers` needs torchvision; this project does not depend on it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, cast

from transformers import AutoConfig, AutoImageProcessor, AutoModelForImageTextToText, ProcessorMixin
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

from inference.captioners.parts import load_pretrained
from inference.checkpoints.tokenizers import load_tokenizer

# Tiling cuts a photo into a dozen tiles or more, each of which costs as many tokens as a photo.
_TILING: Final = ("do_image_splitting", "crop_to_patches", "do_pan_and_scan")


def load_model(folder: Path, **more: Any) -> Any:
    """Load the model of a folder with safetensors; `more` as for `load_pretrained`. Raises `UnfitWeights`."""
    return load_pretrained(AutoModelForImageTextToText, folder, trust_remote_code=False, use_safetensors=True, **more)


def load_processor(folder: Path) -> ProcessorMixin:
    """Load the processor of a model folder with its tokenizer and image processor.

    Photos are never cut into tiles by SmolVLM, Idefics 3, InternVL and Gemma 3, whatever the published settings are.
    LLaVA-NeXT, LLaVA-OneVision and Llama 3.2 Vision always tile. A missing chat template is taken from the tokenizer,
    and a tokenizer without a padding token pads with its end token.

    Raises `KeyError` for a model without a processor, and whatever `transformers` raises for invalid files. Code in the
    folder is never run.
    """
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    processor_class: Any = PROCESSOR_MAPPING[type(AutoConfig.from_pretrained(folder, **local))]
    tokenizer, images = load_tokenizer(folder), AutoImageProcessor.from_pretrained(folder, **local)
    loaded = {"tokenizer": tokenizer, "image_processor": images}
    stored, _ = processor_class.get_processor_dict(folder, local_files_only=True)
    processor: Any = _without_video(processor_class).from_args_and_dict(
        [loaded.get(name) for name in processor_class.get_attributes()], stored
    )
    untiled = {name: False for name in _TILING if hasattr(processor.image_processor, name)}
    # Not set on the image processor itself, because the processor's `images_kwargs` take precedence.
    processor.images_kwargs = getattr(processor, "images_kwargs", {}) | untiled
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    processor.chat_template = processor.chat_template or tokenizer.chat_template
    return cast(ProcessorMixin, processor)


def _without_video(processor_class: Any) -> Any:
    """Return a subclass of a processor class that accepts None in place of the video processor."""

    def check(self: ProcessorMixin, name: str, part: object) -> object:
        return None if part is None else processor_class.check_argument_for_proper_class(self, name, part)

    return type(processor_class.__name__, (processor_class,), {"check_argument_for_proper_class": check})
