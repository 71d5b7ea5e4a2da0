"""LoRA adapters: merged weights are the base plus what the files say, and every weight of a file finds its place."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from transformers import ViTConfig, ViTModel
from transformers.pytorch_utils import Conv1D

from inference.checkpoints.adapters import merge_adapters
from inference.checkpoints.card import Card
from inference.checkpoints.weights import save_tensors
from inference.errors import CheckpointError

RANK, ALPHA, WIDTH = 3, 6, 8


class Port(nn.Module):
    """A model of our own: no configuration of `transformers`, linear layers of both kinds, a table of words."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(11, WIDTH)
        self.linear = nn.Linear(WIDTH, 5)
        self.inner = nn.ModuleDict({"linear": nn.Linear(WIDTH, 5)})
        self.mixed = Conv1D(7, WIDTH)
        self.mixed.weight.data.normal_()
        self.head = nn.Linear(5, 2)


def vit() -> nn.Module:
    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=12,
        image_size=8,
        patch_size=4,
    )
    return nn.ModuleDict({"encoder": ViTModel(config, add_pooling_layer=False)})


def pair(inputs: int = WIDTH, outputs: int = 5, rank: int = RANK) -> tuple[Tensor, Tensor]:
    """A (rank, inputs) and B (outputs, rank)."""
    return torch.randn(rank, inputs), torch.randn(outputs, rank)


def card(root: Path, *names: str) -> Card:
    folder = root / "captioner" / "tuned"
    folder.mkdir(parents=True, exist_ok=True)
    return Card(folder=folder, family="some", version="1", adapters=names)


def save_adapter(
    asked: Card,
    name: str,
    pairs: Mapping[str, tuple[Tensor, Tensor]],
    more: Mapping[str, Tensor] | None = None,
    **settings: object,
) -> None:
    """An adapter as PEFT writes it: names of modules → A and B."""
    weights = {f"base_model.model.{path}.lora_A.weight": a for path, (a, _) in pairs.items()}
    weights |= {f"base_model.model.{path}.lora_B.weight": b for path, (_, b) in pairs.items()}
    weights |= {f"base_model.model.{path}": weight for path, weight in (more or {}).items()}
    modules = sorted({path.rpartition(".")[2] for path in pairs})
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "target_modules": modules, "lora_dropout": 0.1}
    folder = asked.folder / name
    folder.mkdir()
    save_tensors(weights, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps(config | settings), "utf-8")


def assert_close(got: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


class TestMerged:
    def test_weights_are_the_base_plus_the_scaled_product(self, tmp_path: Path) -> None:
        base, asked = Port(), card(tmp_path, "a")
        linear, mixed = pair(), pair(outputs=7)
        save_adapter(asked, "a", {"linear": linear, "mixed": mixed})
        merged = merge_adapters(deepcopy(base), asked)
        scale = ALPHA / RANK
        assert_close(
            merged.get_parameter("linear.weight"), base.get_parameter("linear.weight") + scale * linear[1] @ linear[0]
        )
        assert_close(
            merged.get_parameter("mixed.weight"), base.get_parameter("mixed.weight") + scale * (mixed[1] @ mixed[0]).T
        )
        assert_close(merged.get_parameter("inner.linear.weight"), base.get_parameter("inner.linear.weight"))

    def test_nothing_of_the_adapter_stays(self, tmp_path: Path) -> None:
        asked = card(tmp_path, "a")
        save_adapter(asked, "a", {"linear": pair()})
        merged = merge_adapters(Port(), asked)
        assert type(merged) is Port
        assert merged.state_dict().keys() == Port().state_dict().keys()

    def test_adapters_are_added_in_order(self, tmp_path: Path) -> None:
        base, asked = Port(), card(tmp_path, "first", "second")
        first, second, head = pair(), pair(), torch.randn(2, 5)
        save_adapter(asked, "first", {"linear": first}, {"head.weight": head, "head.bias": torch.ones(2)})
        config = asked.folder / "first" / "adapter_config.json"
        config.write_text(json.dumps(json.loads(config.read_text("utf-8")) | {"modules_to_save": ["head"]}), "utf-8")
        save_adapter(asked, "second", {"linear": second, "head": (torch.ones(RANK, 5), torch.ones(2, RANK))})
        merged = merge_adapters(deepcopy(base), asked)
        scale = ALPHA / RANK
        expected = base.get_parameter("linear.weight") + scale * (first[1] @ first[0] + second[1] @ second[0])
        assert_close(merged.get_parameter("linear.weight"), expected)
        assert_close(merged.get_parameter("head.weight"), head + scale * RANK)
        assert_close(merged.get_parameter("head.bias"), torch.ones(2))

    def test_a_model_without_adapters_is_itself(self, tmp_path: Path) -> None:
        model = Port()
        assert merge_adapters(model, card(tmp_path)) is model

    def test_ranks_and_factors_are_those_of_each_module(self, tmp_path: Path) -> None:
        base, asked = Port(), card(tmp_path, "a")
        outer, inner = pair(), pair(rank=2)
        pairs = {"linear": outer, "inner.linear": inner}
        save_adapter(asked, "a", pairs, rank_pattern={"inner.linear": 2}, alpha_pattern={"inner.linear": 9})
        merged = merge_adapters(deepcopy(base), asked)
        assert_close(
            merged.get_parameter("linear.weight"), base.get_parameter("linear.weight") + 2 * outer[1] @ outer[0]
        )
        expected = base.get_parameter("inner.linear.weight") + 9 / 2 * inner[1] @ inner[0]
        assert_close(merged.get_parameter("inner.linear.weight"), expected)

    def test_a_rank_stabilised_adapter_is_divided_by_the_root_of_its_rank(self, tmp_path: Path) -> None:
        base, asked = Port(), card(tmp_path, "a")
        a, b = pair()
        save_adapter(asked, "a", {"linear": (a, b)}, use_rslora=True)
        expected = base.get_parameter("linear.weight") + ALPHA / math.sqrt(RANK) * b @ a
        assert_close(merge_adapters(deepcopy(base), asked).get_parameter("linear.weight"), expected)

    def test_dora_keeps_the_length_of_each_row_as_it_was_learnt(self, tmp_path: Path) -> None:
        """The new weight is magnitude · direction ("DoRA", Liu et al., 2024)."""
        base, asked = Port(), card(tmp_path, "a")
        a, b = pair()
        magnitude = torch.rand(5) + 1
        save_adapter(asked, "a", {"linear": (a, b)}, {"linear.lora_magnitude_vector": magnitude}, use_dora=True)
        direction = base.get_parameter("linear.weight") + ALPHA / RANK * b @ a
        expected = magnitude[:, None] * direction / direction.norm(dim=1, keepdim=True)
        assert_close(merge_adapters(deepcopy(base), asked).get_parameter("linear.weight"), expected)

    def test_a_head_that_shares_its_weight_with_the_words_is_tuned_alone(self, tmp_path: Path) -> None:
        base, asked = Port(), card(tmp_path, "a")
        model = nn.ModuleDict({"words": base.words, "lm_head": nn.Linear(WIDTH, 11, bias=False)})
        cast(nn.Linear, model["lm_head"]).weight = base.words.weight
        words = base.words.weight.detach().clone()
        a, b = pair(outputs=11)
        save_adapter(asked, "a", {"lm_head": (a, b)})
        merged = merge_adapters(model, asked)
        assert_close(merged.get_parameter("lm_head.weight"), words + ALPHA / RANK * b @ a)
        assert torch.equal(merged.get_parameter("words.weight"), words)

    def test_words_are_tuned_too(self, tmp_path: Path) -> None:
        base, asked = Port(), card(tmp_path, "a")
        a, b = torch.randn(RANK, 11), torch.randn(WIDTH, RANK)
        save_adapter(asked, "a", {}, {"words.lora_embedding_A": a, "words.lora_embedding_B": b})
        expected = base.get_parameter("words.weight") + ALPHA / RANK * (b @ a).T
        assert_close(merge_adapters(deepcopy(base), asked).get_parameter("words.weight"), expected)


class TestOldNames:
    PATHS = (
        ("attention.attention.query", "attention.q_proj", WIDTH, WIDTH),
        ("attention.attention.key", "attention.k_proj", WIDTH, WIDTH),
        ("attention.attention.value", "attention.v_proj", WIDTH, WIDTH),
        ("attention.output.dense", "attention.o_proj", WIDTH, WIDTH),
        ("intermediate.dense", "mlp.fc1", WIDTH, 12),
        ("output.dense", "mlp.fc2", 12, WIDTH),
    )

    def test_every_module_of_a_vit_is_found_under_its_new_name(self, tmp_path: Path) -> None:
        base, asked = vit(), card(tmp_path, "a")
        pairs = {f"encoder.encoder.layer.1.{old}": pair(*sizes) for old, _, *sizes in self.PATHS}
        save_adapter(asked, "a", pairs, alpha_pattern={"attention.output.dense": 3, "query": 12})
        merged = merge_adapters(deepcopy(base), asked)
        alphas = {"attention.output.dense": 3, "attention.attention.query": 12}
        for old, new, *_ in self.PATHS:
            a, b = pairs[f"encoder.encoder.layer.1.{old}"]
            name = f"encoder.layers.1.{new}.weight"
            expected = base.get_parameter(name) + alphas.get(old, ALPHA) / RANK * b @ a
            assert_close(merged.get_parameter(name), expected)
            assert_close(merged.get_parameter(name.replace("1", "0", 1)), base.get_parameter(name.replace("1", "0", 1)))

    def test_a_model_that_kept_the_old_names_keeps_them(self, tmp_path: Path) -> None:
        model = nn.ModuleDict({"attention": nn.ModuleDict({"output": nn.ModuleDict({"dense": nn.Linear(4, 4)})})})
        asked = card(tmp_path, "a")
        a, b = pair(4, 4)
        name = "attention.output.dense.weight"
        expected = model.get_parameter(name) + ALPHA / RANK * b @ a
        save_adapter(asked, "a", {"attention.output.dense": (a, b)})
        assert_close(merge_adapters(model, asked).get_parameter(name), expected)


class TestRefused:
    def refused(self, asked: Card, code: str) -> None:
        with pytest.raises(CheckpointError) as caught:
            merge_adapters(Port(), asked)
        assert caught.value.message.code == code
        assert caught.value.message.details == {"checkpoint": "captioner/tuned", "adapter": "a"}

    def test_a_module_that_the_model_lacks(self, tmp_path: Path) -> None:
        asked = card(tmp_path, "a")
        save_adapter(asked, "a", {"linear": pair(), "missing": pair()})
        self.refused(asked, "adapter-unfit")

    def test_an_adapter_of_another_model(self, tmp_path: Path) -> None:
        asked = card(tmp_path, "a")
        save_adapter(asked, "a", {"encoder.encoder.layer.0.attention.attention.query": pair()})
        self.refused(asked, "adapter-unfit")

    def test_the_same_names_in_other_sizes(self, tmp_path: Path) -> None:
        asked = card(tmp_path, "a")
        save_adapter(asked, "a", {"linear": pair(WIDTH + 1)})
        self.refused(asked, "adapter-unfit")

    def test_a_rank_that_is_not_the_configuration_s(self, tmp_path: Path) -> None:
        asked = card(tmp_path, "a")
        save_adapter(asked, "a", {"linear": pair(rank=RANK + 1)})
        self.refused(asked, "adapter-unfit")

    def test_half_of_a_pair(self, tmp_path: Path) -> None:
        asked = card(tmp_path, "a")
        save_adapter(asked, "a", {"linear": pair()}, {"mixed.lora_A.weight": torch.randn(RANK, WIDTH)})
        self.refused(asked, "adapter-unfit")

    def test_another_kind_of_adapter(self, tmp_path: Path) -> None:
        asked = card(tmp_path, "a")
        save_adapter(asked, "a", {"linear": pair()}, peft_type="LOHA")
        self.refused(asked, "adapter-unfit")

    def test_a_pickle_is_not_read(self, tmp_path: Path) -> None:
        asked = card(tmp_path, "a")
        save_adapter(asked, "a", {"linear": pair()})
        (asked.folder / "a" / "adapter_model.safetensors").rename(asked.folder / "a" / "adapter_model.bin")
        self.refused(asked, "adapter-pickled")

    @pytest.mark.parametrize("file", ["adapter_config.json", "adapter_model.safetensors"])
    def test_a_folder_that_lacks_a_file(self, tmp_path: Path, file: str) -> None:
        asked = card(tmp_path, "a")
        save_adapter(asked, "a", {"linear": pair()})
        (asked.folder / "a" / file).unlink()
        self.refused(asked, "adapter-missing")
