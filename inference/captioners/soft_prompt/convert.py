"""A published ViT and a published language model in one folder, which become a model that is still to be trained."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from inference.captioners.rudolph import convert as rudolph
from inference.captioners.soft_prompt.model import MODEL_TYPE, PHOTO_VECTORS, create, save
from inference.checkpoints.registry import Card

BILINEAR: Final = 2  # how a ViT's photos are resized where its preprocessor_config.json says nothing


def convert(source: Path, folder: Path) -> Card:
    """`vision/` and `language/`, `transformers` folders as they were published, → a checkpoint with a fresh projection.

    `language/` may also be a ruDOLPH as it was published or imported, whose short left text has room for one vector a
    photo. The texts say nothing of the photos before the model is trained; the card says so.
    """
    with TemporaryDirectory(dir=folder) as scratch:
        language = _prepare_language(source / "language", Path(scratch))
        kind = json.loads((language / "config.json").read_text("utf-8"))["model_type"]
        model, save_tokenizer = create(source / "vision", language, 1 if kind == "rudolph" else PHOTO_VECTORS)
        parameters = save(model, save_tokenizer, folder)
    rule = json.loads((source / "vision" / "preprocessor_config.json").read_text("utf-8"))
    rule = {"resample": BILINEAR, "size": model.vision.config.image_size} | rule
    (folder / "preprocessor_config.json").write_text(json.dumps(rule, indent=2), "utf-8")
    summary = {
        "ru": "Основа для обучения: связь между фото и текстом ещё случайна",
        "en": "A base to be trained: what ties photos to text is still random",
    }
    return Card(folder=folder, family=MODEL_TYPE, version="1", max_photos=10, parameters=parameters, summary=summary)


def _prepare_language(source: Path, scratch: Path) -> Path:
    """A folder that tells what it is: a published ruDOLPH has to be taken over first."""
    if not (source / rudolph.TOKENIZER).is_file():
        return source
    rudolph.convert(source, scratch)
    return scratch
