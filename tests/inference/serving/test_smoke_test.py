"""The smoke test runs a checkpoint of any kind once, and raises when it does not work."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPTokenizer

from inference.captioners.prefix.captioner import PrefixCaptioner
from inference.checkpoints.card import Card, save_card
from inference.checkpoints.registry import KINDS, get_card, is_installed, list_cards
from inference.errors import CheckpointError, first_line
from inference.serving.smoke_test import run_smoke_test
from tests.support.models import encoder_decoder, tiny
from tests.support.models.hollow import save_hollow
from tests.support.sources import ROOT

Weights = dict[str, Tensor]
Change = Callable[[Weights], Weights]

EMBEDDED = ROOT / "checkpoints"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    tiny.save_root(root)
    return root


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_runs_once(root: Path, kind: str) -> None:
    run_smoke_test(root, get_card(root, kind, "mini"))


@pytest.mark.parametrize("name", [card.name for card in list_cards(EMBEDDED, "captioner")[0] if is_installed(card)])
def test_every_embedded_captioner_works(name: str) -> None:
    run_smoke_test(EMBEDDED, get_card(EMBEDDED, "captioner", name))


@contextmanager
def refused(code: str) -> Iterator[pytest.ExceptionInfo[CheckpointError]]:
    with pytest.raises(CheckpointError) as caught:
        yield caught
    assert caught.value.message.code == code


def odd(root: Path, kind: str, change: Change, **fields: Any) -> Card:
    """Save a copy of a working checkpoint with changed weights and other fields on its card."""
    mini = get_card(root, kind, "mini")
    folder = root / kind / "odd"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(mini.folder, folder)
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors")
    return save_card(replace(mini, folder=folder, **fields))


def same(weights: Weights) -> Weights:
    return weights


def nan(weights: Weights) -> Weights:
    return {
        name: torch.full_like(each, torch.nan) if each.is_floating_point() else each for name, each in weights.items()
    }


def half(weights: Weights) -> Weights:
    return dict(list(weights.items())[: len(weights) // 2])


def narrow(weights: Weights) -> Weights:
    return {name: each[..., :1].contiguous() if each.dim() else each for name, each in weights.items()}


@pytest.mark.parametrize(("change", "code"), [(half, "weights-missing"), (narrow, "weights-misshapen")])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_do_not_fit_raise(root: Path, kind: str, change: Change, code: str) -> None:
    """Files with correct hashes may still make no model."""
    card = odd(root, kind, change)
    with refused(code):
        run_smoke_test(root, card)


@pytest.mark.parametrize("kind", KINDS)
def test_nan_weights_raise(root: Path, kind: str) -> None:
    card = odd(root, kind, nan)
    with refused("weights-nan"):
        run_smoke_test(root, card)


def test_a_truncated_file_raises(root: Path) -> None:
    card = odd(root, "captioner", same)
    path = card.folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with refused("import-file-broken"):
        run_smoke_test(root, save_card(card))


def test_a_model_too_large_for_the_memory_is_not_broken(root: Path) -> None:
    card = odd(root, "captioner", same)
    save_hollow(card.folder / "model.safetensors", 1 << 40)
    with refused("memory-short"):
        run_smoke_test(root, card)


def test_a_captioner_that_generates_nothing_raises(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PrefixCaptioner, "generate", lambda self, prompts: [" " for _ in prompts])
    with refused("checkpoint-silent"):
        run_smoke_test(root, get_card(root, "captioner", "mini"))


def test_an_encoder_with_equal_embeddings_of_all_texts_raises(root: Path) -> None:
    """`transformers` creates such a tokenizer when its files are missing."""
    card = odd(root, "clip", same)
    CLIPTokenizer().backend_tokenizer.save(str(card.folder / "tokenizer.json"))
    with refused("checkpoint-alike"):
        run_smoke_test(root, save_card(card))


def test_a_card_of_another_family_than_its_files_raises(root: Path) -> None:
    with refused("checkpoint-family-other") as caught:
        run_smoke_test(root, odd(root, "captioner", same, family="rudolph"))
    assert caught.value.message.details["family"] == "prefix"


def test_a_file_that_is_missing_is_named(root: Path) -> None:
    card = odd(root, "captioner", same)
    (card.folder / "config.json").unlink()
    with refused("checkpoint-file-missing") as caught:
        run_smoke_test(root, card)
    assert caught.value.message.details["file"] == "config.json"


def test_the_generation_settings_of_the_card_are_tested(root: Path) -> None:
    with refused("card-generation"):
        run_smoke_test(root, odd(root, "captioner", same, generation={"max_new_tokens": 0}))


def test_a_text_too_long_for_the_model_raises_as_on_loading(root: Path) -> None:
    """The model has 256 positions."""
    card = encoder_decoder.imported(root, generation={"max_new_tokens": 256})
    with refused("card-field") as caught:
        run_smoke_test(root, card)
    assert caught.value.message.details["field"] == "generation.max_new_tokens"


def test_a_reason_is_one_short_line() -> None:
    assert first_line(ValueError("short\nand more")) == "short"
    assert len(first_line(ValueError("key, " * 1000))) == 200


def test_texts_that_differ_with_the_same_seed_raise(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that are in no file are random."""
    texts = iter(("Куртка.", "Платье."))
    monkeypatch.setattr(PrefixCaptioner, "generate", lambda self, prompts: [next(texts)])
    with refused("checkpoint-unsteady"):
        run_smoke_test(root, get_card(root, "captioner", "mini"))


def test_the_error_does_not_recommend_the_smoke_test(root: Path) -> None:
    """Loading recommends verifying; the smoke test names the reason."""
    card = odd(root, "captioner", same)
    (card.folder / "config.json").write_text('{"model_type": "prefix"}')
    with refused("checkpoint-unfit") as caught:
        run_smoke_test(root, save_card(card))
    assert caught.value.message.details["reason"]
