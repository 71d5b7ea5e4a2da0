"""A folder of `transformers` is recognised by its own files, on the hub and when it is copied into place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from inference.checkpoints.card import Card, save_card
from inference.checkpoints.convert import copy_transformers
from inference.checkpoints.download import pull
from inference.checkpoints.registry import get_card, verify
from inference.errors import CheckpointError
from inference.serving.smoke_test import run_smoke_test
from tests.support.hub import the_hub
from tests.support.models import blip2, encoder_decoder, tiny, vision_language

Save = Callable[[Path], object]
CAPTIONERS: dict[str, tuple[Save, str]] = {
    "chat": (vision_language.save_qwen2_5_vl, "chat-vlm"),
    "blip2": (lambda folder: blip2.save_published("opt", folder), "blip2"),
    "pair": (encoder_decoder.save_published, "encoder-decoder"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tiny dual encoder, which the smoke test of a captioner needs. Each test has its own: they add captioners."""
    root = tmp_path / "root"
    folder = root / "clip" / "mini"
    tiny.save_dual_encoder(tiny.student(tiny.reading_tokenizer().get_vocab_size()), folder)
    save_card(Card(folder=folder, family="vision-text-dual-encoder", version="1"))
    return root


@pytest.mark.parametrize("name", CAPTIONERS)
def test_a_repository_is_pulled_by_its_name_alone(root: Path, tmp_path: Path, name: str) -> None:
    save, family = CAPTIONERS[name]
    save(tmp_path / "published")
    with the_hub() as served:
        served.repos[f"people/{name}"] = tmp_path / "published"
        card = pull(root, f"people/{name}", lambda message: None)
    assert (card.id, card.family) == (f"captioner/{name}", family)
    verify(card)
    run_smoke_test(root, card)


@pytest.mark.parametrize("name", CAPTIONERS)
def test_a_copied_folder_needs_no_card(root: Path, tmp_path: Path, name: str) -> None:
    save, family = CAPTIONERS[name]
    save(tmp_path / "published")
    folder = root / "captioner" / name
    folder.mkdir(parents=True)
    copy_transformers(tmp_path / "published", folder)
    card = get_card(root, "captioner", folder.name)
    assert (card.family, card.files) == (family, {})
    run_smoke_test(root, card)


def test_a_folder_without_a_vocabulary_is_refused(root: Path, tmp_path: Path) -> None:
    encoder_decoder.save_published(tmp_path / "published")
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / "published" / name).unlink()
    folder = root / "captioner" / "no-vocabulary"
    folder.mkdir(parents=True)
    copy_transformers(tmp_path / "published", folder)
    with pytest.raises(CheckpointError, match=r"checkpoint-file-missing.*tokenizer\.json"):
        run_smoke_test(root, get_card(root, "captioner", folder.name))
