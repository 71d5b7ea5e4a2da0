"""The processor of a vision-language model, for photos alone.

Most processors also read films, and that part of `transformers` needs torchvision, which this project does without.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, cast

from transformers import AutoConfig, AutoImageProcessor, ProcessorMixin
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

from inference.checkpoints.tokenizers import read_tokenizer

# What cuts a photo into tiles, a dozen and more, each of which costs as many tokens as a photo.
_TILING: Final = ("do_image_splitting", "crop_to_patches", "do_pan_and_scan")


def load_processor(folder: Path) -> ProcessorMixin:
    """The processor that belongs to the model of a folder, its tokenizer and image processor as they lie there.

    SmolVLM, Idefics 3, InternVL and Gemma 3 cut no photo into tiles, whatever was published. LLaVA-NeXT,
    LLaVA-OneVision and Llama 3.2 Vision know no other way, and still do. Where the processor has no chat template it is
    the tokenizer's, and a tokenizer without padding pads with its end.

    Raises `KeyError` for a model that has no processor, and whatever `transformers` raises for files it cannot read;
    code that lies in the folder is never run.
    """
    here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    kind: Any = PROCESSOR_MAPPING[type(AutoConfig.from_pretrained(folder, **here))]
    tokenizer, images = read_tokenizer(folder), AutoImageProcessor.from_pretrained(folder, **here)
    loaded = {"tokenizer": tokenizer, "image_processor": images}
    stored, _ = kind.get_processor_dict(folder, local_files_only=True)
    processor: Any = _for_photos(kind).from_args_and_dict([loaded.get(name) for name in kind.get_attributes()], stored)
    whole = {name: False for name in _TILING if hasattr(processor.image_processor, name)}
    # Not the image processor's own: what a kind of processors says of images comes before it.
    processor.images_kwargs = getattr(processor, "images_kwargs", {}) | whole
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    processor.chat_template = processor.chat_template or tokenizer.chat_template
    return cast(ProcessorMixin, processor)


def _for_photos(kind: Any) -> Any:
    """The class of processors, with nothing in the place of what reads films."""

    def check(self: ProcessorMixin, name: str, part: object) -> object:
        return None if part is None else kind.check_argument_for_proper_class(self, name, part)

    return type(kind.__name__, (kind,), {"check_argument_for_proper_class": check})
