"""The processor of a vision-language model, for photos alone.

Most processors also read films, and that part of `transformers` needs torchvision, which this project does without.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoImageProcessor, AutoTokenizer, ProcessorMixin
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING


def load_processor(folder: Path) -> ProcessorMixin:
    """The processor that belongs to the model of a folder, its tokenizer and image processor as they lie there.

    Raises `KeyError` for a model that has no processor, and whatever `transformers` raises for files it cannot read.
    """
    kind: Any = PROCESSOR_MAPPING[type(AutoConfig.from_pretrained(folder, local_files_only=True))]
    parts: dict[str, Any] = {"tokenizer": AutoTokenizer, "image_processor": AutoImageProcessor}
    loaded = {name: part.from_pretrained(folder, local_files_only=True) for name, part in parts.items()}
    stored, _ = kind.get_processor_dict(folder, local_files_only=True)
    processor: ProcessorMixin = _for_photos(kind).from_args_and_dict(
        [loaded.get(name) for name in kind.get_attributes()], stored
    )
    return processor


def _for_photos(kind: Any) -> Any:
    """The class of processors, with nothing in the place of what reads films."""

    def check(self: ProcessorMixin, name: str, part: object) -> object:
        return None if part is None else kind.check_argument_for_proper_class(self, name, part)

    return type(kind.__name__, (kind,), {"check_argument_for_proper_class": check})
