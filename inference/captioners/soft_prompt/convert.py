"""Join a published ViT and a published language model to a soft-prompt model that is still to be trained."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from inference.captioners.rudolph import convert as rudolph
from inference.captioners.soft_prompt.model import MODEL_TYPE, PHOTO_VECTORS, create, save
from inference.checkpoints.card import Card

BILINEAR: Final = 2  # PIL's code; ViTs whose preprocessor_config.json has no `resample` use it


def convert(source: Path, folder: Path) -> Card:
    """Convert `vision/` and `language/`, published `transformers` folders, to a checkpoint with a random projection.

    `language/` may also be a published or converted ruDOLPH, whose short left text has place for one vector per photo.
    Until the model is trained its texts have nothing to do with the photos, as its card says. Raises `UnfitWeights`
    for incomplete weights, also such as are no numbers: they would be saved with valid hashes.
    """
    with TemporaryDirectory(dir=folder) as scratch:  # the system's may be in memory, and too small
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
    """Return a folder with a `config.json`; a published ruDOLPH is converted first."""
    if not (source / rudolph.TOKENIZER).is_file():
        return source
    rudolph.convert(source, scratch)
    return scratch
