"""Write a classifier of photos as a checkpoint folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from inference.checkpoints import weights
from inference.facts.photos import PhotoClassifier, PhotoClassifierConfig


def save_photo_classifier(classifier: PhotoClassifier, folder: Path) -> None:
    """Write the checkpoint: float16 weights and configuration, without the batch counters that only training reads."""
    folder.mkdir(parents=True, exist_ok=True)
    state = classifier.state_dict()
    tensors = {name: weight.half() for name, weight in state.items() if weight.is_floating_point()}
    weights.save_tensors(tensors, folder / "model.safetensors")
    save_config(classifier.config, folder)


def save_config(config: PhotoClassifierConfig, folder: Path) -> None:
    """Write `config.json`."""
    text = json.dumps(asdict(config), ensure_ascii=False, indent=1)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")
