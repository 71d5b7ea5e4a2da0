"""A folder without a vocabulary has no tokenizer, whatever `transformers` makes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import GPT2Tokenizer

from inference.checkpoints.convert import import_original
from inference.checkpoints.tokenizers import load_tokenizer
from inference.errors import CheckpointError
from tests.support.models import blip2, clipcap, dual_encoders, encoder_decoder, flamingo, originals, vision_language

WORDS = ("vocab.json", "merges.txt", "tokenizer.json", "spiece.model")
TOLD = ("tokenizer_config.json", "special_tokens_map.json")


# What is published, and its format.
SOURCES: dict[str, tuple[Callable[[Path], object], str]] = {
    "openai": (dual_encoders.save_openai, "openai-clip"),
    "blip2-opt": (lambda folder: blip2.save_published("opt", folder), "blip2"),
    "blip2-mt5": (lambda folder: blip2.save_published("mt5", folder), "blip2"),
    "clipcap": (lambda folder: clipcap.save(folder, "mlp"), "clipcap"),
    "pair": (encoder_decoder.save_published, "encoder-decoder"),
    "flamingo": (lambda folder: flamingo.save_published("mpt", folder), "flamingo"),
    "chat": (vision_language.save_qwen2_5_vl, "chat-vlm"),
    "detoxify": (originals.save_detoxify, "detoxify"),
    "rubert": (originals.save_rubert, "rubert-toxicity"),
}


@pytest.mark.parametrize("gone", [WORDS, WORDS + TOLD], ids=["words", "all"])
@pytest.mark.parametrize("name", SOURCES)
def test_a_model_without_its_tokenizer_is_not_taken_over(tmp_path: Path, name: str, gone: tuple[str, ...]) -> None:
    save, family = SOURCES[name]
    save(tmp_path / "source")
    for path in (tmp_path / "source").rglob("*"):
        if path.name in gone:
            path.unlink()
    with pytest.raises(CheckpointError, match="import-f"):
        import_original(family, tmp_path / "source", tmp_path / "root", "model")


def test_what_is_missing_has_a_name(tmp_path: Path) -> None:
    dual_encoders.save_openai(tmp_path / "source")
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / "source" / name).unlink()
    with pytest.raises(CheckpointError, match=r"import-file-missing.*tokenizer\.json"):
        import_original("openai-clip", tmp_path / "source", tmp_path / "root", "model")


def test_a_vocabulary_of_special_tokens_alone_is_none(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text('{"<|endoftext|>": 0}')
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    with pytest.raises(FileNotFoundError):
        load_tokenizer(tmp_path, GPT2Tokenizer)


def test_a_small_vocabulary_is_one_and_has_a_row_for_every_word(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text('{"<|endoftext|>": 0, "a": 1}')
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    assert load_tokenizer(tmp_path, GPT2Tokenizer, vocab_size=2)("a").input_ids == [1]
    with pytest.raises(ValueError, match="more words"):
        load_tokenizer(tmp_path, GPT2Tokenizer, vocab_size=1)
