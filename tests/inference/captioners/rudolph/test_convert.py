"""Conversion of the published format: kept weights, dropped weights and refused files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from inference.captioners.rudolph.convert import build
from inference.captioners.rudolph.masks import build_mask
from inference.captioners.rudolph.model import RudolphConfig
from inference.checkpoints.convert import import_original
from inference.errors import CheckpointError
from tests.support.models import rudolph


@pytest.mark.parametrize("layout", rudolph.LAYOUTS)
def test_sizes_are_inferred_from_the_shapes(tmp_path: Path, layout: str) -> None:
    source = rudolph.save(tmp_path / "source", layout)
    told = {name: rudolph.LAYOUTS[layout][name] for name in ("num_attention_heads", "kernel_size", "last_kernel_size")}
    (source / "config.json").write_text(json.dumps(told), "utf-8")
    card = import_original("rudolph", source, tmp_path, "rudolph")
    config = json.loads((card.folder / "config.json").read_text("utf-8"))
    assert RudolphConfig(**config["model"]) == build(rudolph.arguments(layout)).config
    assert card.parameters == sum(weight.numel() for weight in rudolph.state(layout).values())


class TestConvert:
    def test_weights_are_the_publishers_and_halves_stay_halves(self, tmp_path: Path) -> None:
        card = import_original("rudolph", rudolph.save(tmp_path / "source"), tmp_path, "rudolph")
        weights = load_file(card.folder / "model.safetensors")
        expected = rudolph.state("350M")
        assert weights.keys() == expected.keys()
        assert all(torch.equal(weights[name], weight.half()) for name, weight in expected.items())

    def test_the_decoder_of_images_is_left_out(self, tmp_path: Path) -> None:
        card = import_original("rudolph", rudolph.save(tmp_path / "source"), tmp_path, "rudolph")
        names = load_file(card.folder / "vqgan.safetensors").keys()
        assert {name.split(".")[0] for name in names} == {"encoder", "quant_conv", "quantize"}
        assert set(card.files) == {"config.json", "model.safetensors", "tokenizer.json", "vqgan.safetensors"}

    @pytest.mark.parametrize("dtype", [torch.bool, torch.float16])
    def test_masks_in_the_file_are_left_out(self, tmp_path: Path, dtype: torch.dtype) -> None:
        source = rudolph.save(tmp_path / "source")
        self.add_masks(source, 3, dtype)
        card = import_original("rudolph", source, tmp_path, "rudolph")
        assert not any("mask" in name for name in load_file(card.folder / "model.safetensors"))

    def test_masks_of_another_kernel_are_refused(self, tmp_path: Path) -> None:
        source = rudolph.save(tmp_path / "source")
        self.add_masks(source, 5, torch.bool)
        with pytest.raises(CheckpointError, match="import-failed"):
            import_original("rudolph", source, tmp_path, "rudolph")

    def test_an_unknown_size_needs_a_config(self, tmp_path: Path) -> None:
        source = rudolph.save(tmp_path / "source")
        (source / "config.json").unlink()
        with pytest.raises(CheckpointError, match="import-failed") as refused:
            import_original("rudolph", source, tmp_path, "rudolph")
        assert "8 layers of 32" in str(refused.value.__cause__)

    def test_a_missing_weight_is_refused(self, tmp_path: Path) -> None:
        source = rudolph.save(tmp_path / "source")
        state = torch.load(source / "pytorch_model.bin", weights_only=True)
        del state["transformer.layers.3.mlp.dense_h_to_4h.bias"]
        torch.save(state, source / "pytorch_model.bin")
        with pytest.raises(CheckpointError, match=r"weights-missing.*layers\.3\.mlp\.dense_h_to_4h\.bias"):
            import_original("rudolph", source, tmp_path, "rudolph")

    def add_masks(self, source: Path, kernel: int, dtype: torch.dtype) -> None:
        """As ru-dolph saves them, with squares of `kernel` in the layers between."""
        sizes = rudolph.LAYOUTS["350M"]
        edges = sizes["l_text_seq_length"], sizes["image_tokens_per_dim"], sizes["r_text_seq_length"]
        masks = {
            "row_mask": build_mask(*edges, "row", 0),
            "col_mask": build_mask(*edges, "column", 0),
            "conv_mask": build_mask(*edges, "neighbourhood", kernel),
            "last_conv_mask": build_mask(*edges, "last", 5),
        }
        state = torch.load(source / "pytorch_model.bin", weights_only=True)
        torch.save(
            state | {f"transformer.{name}": mask.to(dtype) for name, mask in masks.items()},
            source / "pytorch_model.bin",
        )
