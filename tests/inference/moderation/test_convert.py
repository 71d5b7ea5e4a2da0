"""Published formats of toxicity classifiers: the same logits as their own code, and nothing unpickled."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)

from inference.checkpoints.convert import import_original
from inference.errors import CheckpointError
from inference.moderation.texts import ToxicityClassifier
from tests.support.models.originals import CLASSES, save_detoxify, save_rubert

TEXTS = ("привет, мир", "мир", "при вет ми р! " * 3)


def logits(moderation: ToxicityClassifier, texts: Sequence[str]) -> Tensor:
    return moderation.compute_logits([moderation.tokenizer.encode(text) for text in texts])


class TestDetoxify:
    def test_probabilities_are_those_of_the_package(self, tmp_path: Path) -> None:
        detoxify = pytest.importorskip("detoxify", reason="the oracle is not installed")
        source = save_detoxify(tmp_path / "source")
        oracle = detoxify.Detoxify(checkpoint=str(source / "multilingual.ckpt"))
        card = import_original("detoxify", source, tmp_path, "detoxify")
        expected = oracle.predict(list(TEXTS))
        mine = logits(ToxicityClassifier.load(card), TEXTS).sigmoid()
        assert mine.shape == (3, len(CLASSES))
        for number, label in enumerate(CLASSES):
            torch.testing.assert_close(mine[:, number], torch.tensor(expected[label]), atol=1e-5, rtol=0)

    def test_logits_are_those_of_the_state(self, tmp_path: Path) -> None:
        source = save_detoxify(tmp_path / "source")
        state = torch.load(source / "multilingual.ckpt", weights_only=True)["state_dict"]
        config = XLMRobertaConfig.from_pretrained(source, num_labels=16)
        original = XLMRobertaForSequenceClassification(config).eval()
        original.load_state_dict({name: weight for name, weight in state.items() if "position_ids" not in name})
        read = AutoTokenizer.from_pretrained(source)(list(TEXTS), padding=True, return_tensors="pt")
        expected = original(**read).logits[:, : len(CLASSES)]
        card = import_original("detoxify", source, tmp_path, "detoxify")
        moderation = ToxicityClassifier.load(card)
        assert moderation.labels == {label: number for number, label in enumerate(CLASSES)}
        torch.testing.assert_close(logits(moderation, TEXTS), expected, atol=1e-5, rtol=0)

    def test_the_risk_is_that_of_the_strongest_label(self, tmp_path: Path) -> None:
        card = import_original("detoxify", save_detoxify(tmp_path / "source"), tmp_path, "detoxify")
        moderation = ToxicityClassifier.load(card)
        assert moderation.predict_risks(["мир"]) == pytest.approx([float(logits(moderation, ["мир"]).sigmoid().max())])

    def test_a_long_text_is_read_in_windows(self, tmp_path: Path) -> None:
        """The package itself fails or forgets the end; here an end of its own counts."""
        card = import_original("detoxify", save_detoxify(tmp_path / "source"), tmp_path, "detoxify")
        moderation = ToxicityClassifier.load(card)
        long = "мир " * 600 + "привет"
        assert len(moderation.tokenizer.encode(long).overflowing) > 0
        assert 0 <= moderation.predict_risks([long])[0] <= 1

    def test_a_pickle_that_runs_code_is_refused_unread(self, tmp_path: Path) -> None:
        source = save_detoxify(tmp_path / "source")
        trap = tmp_path / "trap"

        class Trap:
            def __reduce__(self) -> tuple[Any, ...]:
                return (open, (str(trap), "w"))

        (source / "multilingual.ckpt").write_bytes(pickle.dumps({"state_dict": Trap()}))
        with pytest.raises(CheckpointError, match="import-code"):
            import_original("detoxify", source, tmp_path, "detoxify")
        assert not trap.exists()

    def test_a_state_that_lacks_weights_is_refused(self, tmp_path: Path) -> None:
        source = save_detoxify(tmp_path / "source")
        kept = torch.load(source / "multilingual.ckpt", weights_only=True)
        del kept["state_dict"]["classifier.dense.weight"]
        torch.save(kept, source / "multilingual.ckpt")
        with pytest.raises(CheckpointError, match=r"weights-missing.*classifier\.dense\.weight"):
            import_original("detoxify", source, tmp_path, "detoxify")


class TestRubert:
    def test_logits_are_those_of_transformers(self, tmp_path: Path) -> None:
        source = save_rubert(tmp_path / "source")
        original = AutoModelForSequenceClassification.from_pretrained(source).eval()
        read = AutoTokenizer.from_pretrained(source)(list(TEXTS), padding=True, return_tensors="pt")
        expected = original(**read).logits
        card = import_original("rubert-toxicity", source, tmp_path, "rubert")
        torch.testing.assert_close(logits(ToxicityClassifier.load(card), TEXTS), expected, atol=1e-5, rtol=0)

    def test_the_risk_is_that_of_its_card(self, tmp_path: Path) -> None:
        card = import_original("rubert-toxicity", save_rubert(tmp_path / "source"), tmp_path, "rubert")
        moderation = ToxicityClassifier.load(card)
        p = logits(moderation, ["мир"]).sigmoid()[0]
        assert moderation.predict_risks(["мир"]) == pytest.approx([float(1 - p[0] * (1 - p[4]))])

    def test_what_is_written_holds_no_pickle(self, tmp_path: Path) -> None:
        card = import_original("rubert-toxicity", save_rubert(tmp_path / "source"), tmp_path, "rubert")
        assert set(card.files) == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
        assert json.loads((card.folder / "tokenizer_config.json").read_text("utf-8")) == {"model_max_length": 512}
