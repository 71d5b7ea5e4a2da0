"""A published folder may bring code of its own: it is never run, and nobody is asked whether it should be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from inference.captioners.blip2 import convert as blip2
from inference.captioners.flamingo import model as flamingo
from inference.captioners.generation.settings import GenerationSettings
from inference.captioners.soft_prompt import decoders
from inference.captioners.soft_prompt import model as soft_prompt
from inference.clip import convert as clip
from inference.clip.dual_encoder import Clip
from inference.moderation import convert as moderation

CODE = """
from pathlib import Path

Path({marker!r}).write_text("run")
"""
READERS: dict[str, Callable[[Path, Path], object]] = {
    "blip2": blip2.convert,
    "clip": clip.convert_transformers,
    "clip, converted": lambda source, folder: Clip.load(source),
    "detoxify": moderation.convert_detoxify,
    "flamingo": lambda source, folder: flamingo.init_from_pretrained(source, source, 1),
    "rubert-toxicity": moderation.convert_rubert,
    "soft-prompt, vision": lambda source, folder: soft_prompt.create(source, source),
    "soft-prompt, words": lambda source, folder: decoders.build_decoder(None, source, GenerationSettings(), None),
}


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """What the folder's code would write."""
    return tmp_path / "it-was-run"


@pytest.fixture
def source(tmp_path: Path, marker: Path) -> Path:
    """A folder whose configuration and tokenizer are classes of a module inside it."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "theirs.py").write_text(CODE.format(marker=str(marker)), "utf-8")
    names = ("AutoConfig", "AutoModel", "AutoModelForCausalLM", "AutoModelForSequenceClassification")
    config = {"model_type": "of-our-own", "auto_map": dict.fromkeys(names, "theirs.Theirs")}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    words = {"tokenizer_class": "Theirs", "auto_map": {"AutoTokenizer": ["theirs.Theirs", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(words), "utf-8")
    torch.save({"config": {}, "state_dict": {}}, folder / "theirs.ckpt")
    return folder


@pytest.mark.parametrize("name", READERS)
def test_it_is_refused_and_not_run(
    name: str, source: Path, marker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda question: "yes")
    with pytest.raises(ValueError, match="custom code"):
        READERS[name](source, tmp_path)
    assert not marker.exists()
