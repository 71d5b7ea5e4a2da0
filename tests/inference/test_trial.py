"""A checkpoint of any kind is used once, and one that does not work is said to."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from inference.checkpoints import KINDS, Card, get, seal
from inference.errors import CheckpointError
from inference.trial import try_out
from tests import tiny


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    tiny.save_root(root)
    return root


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_used_once(root: Path, kind: str) -> None:
    try_out(root, get(root, kind, "mini"))


def test_weights_that_do_not_fit_are_one_sentence(root: Path) -> None:
    """Files that are whole by their hashes may still be no model."""
    folder = root / "diversity" / "odd"
    folder.mkdir()
    mini = get(root, "diversity", "mini").folder
    (folder / "config.json").write_bytes((mini / "config.json").read_bytes())
    weights = load_file(mini / "model.safetensors")
    save_file({name: weight for name, weight in weights.items() if name != "text.bias"}, folder / "model.safetensors")
    card = seal(Card(folder=folder, family="album", version="1"))
    with pytest.raises(CheckpointError) as caught:
        try_out(root, card)
    assert caught.value.message.code == "checkpoint-unusable"
    assert "\n" not in str(caught.value.message.details["reason"])


def test_files_that_make_no_model_are_not_sent_to_where_they_were_tried(root: Path) -> None:
    """Loading says «verify it»; trying it out says what is wrong."""
    folder = root / "captioner" / "odd"
    folder.mkdir()
    for name in ("model.safetensors", "tokenizer.json"):
        (folder / name).write_bytes((root / "captioner" / "mini" / name).read_bytes())
    (folder / "config.json").write_text("{")
    card = seal(Card(folder=folder, family="prefix", version="1", max_photos=1))
    with pytest.raises(CheckpointError) as caught:
        try_out(root, card)
    assert caught.value.message.code == "checkpoint-unfit"
    assert caught.value.message.details["reason"]
