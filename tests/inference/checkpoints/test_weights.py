"""Tensors in files: what is written is what the library reads, and nothing of a pickle is executed."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from inference.checkpoints import weights
from tests.support.models.hollow import save_hollow

DTYPES = [
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float64,
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.bool,
]


@given(
    st.dictionaries(st.text(min_size=1, max_size=8), st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 4)))),
)
def test_what_is_written_is_what_the_library_reads(
    tmp_path_factory: pytest.TempPathFactory, wanted: dict[str, tuple[torch.dtype, list[int]]]
) -> None:
    wanted.pop("__metadata__", None)
    tensors = {name: torch.randint(0, 2, shape[:3]).to(dtype) for name, (dtype, shape) in wanted.items()}
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    weights.save_tensors(tensors, path)
    read = load_file(path)
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], each) and read[name].dtype == each.dtype for name, each in tensors.items())
    assert weights.load_tensors(path.parent).keys() == tensors.keys()
    assert weights.count_parameters(path.parent) == sum(each.numel() for each in tensors.values())


def test_numbers_that_no_memory_holds_are_counted(tmp_path: Path) -> None:
    save_hollow(tmp_path / "model.safetensors", 1 << 40)
    assert weights.count_parameters(tmp_path) == 1 << 40


def test_a_view_is_written_as_it_looks(tmp_path: Path) -> None:
    weights.save_tensors({"view": torch.arange(6).view(2, 3).T}, tmp_path / "model.safetensors")
    assert torch.equal(weights.load_tensors(tmp_path)["view"], torch.arange(6).view(2, 3).T)


def test_shards_are_read_as_one(tmp_path: Path) -> None:
    weights.save_tensors({"a": torch.ones(2)}, tmp_path / "model-1.safetensors")
    weights.save_tensors({"b": torch.zeros(3)}, tmp_path / "model-2.safetensors")
    assert weights.load_tensors(tmp_path).keys() == {"a", "b"}
    assert weights.count_parameters(tmp_path) == 5


def test_where_there_is_an_index_other_files_are_not_read(tmp_path: Path) -> None:
    """Some publishers keep the same weights once more in one file, under other names."""
    weights.save_tensors({"a": torch.ones(2)}, tmp_path / "model-1.safetensors")
    weights.save_tensors({"b": torch.zeros(3)}, tmp_path / "model-2.safetensors")
    weights.save_tensors({"one.a": torch.ones(2), "one.b": torch.zeros(3)}, tmp_path / "consolidated.safetensors")
    (tmp_path / "lora").mkdir()
    weights.save_tensors({"c": torch.ones(7)}, tmp_path / "lora" / "adapter_model.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert weights.load_tensors(tmp_path).keys() == {"a", "b"}
    assert weights.count_parameters(tmp_path) == 5 + 7
    assert weights.compute_size(tmp_path) < sum(path.stat().st_size for path in tmp_path.rglob("*.safetensors"))


def test_one_file_goes_before_an_index(tmp_path: Path) -> None:
    """A publisher may offer both, and what is pulled is the one file with the index of the others beside it."""
    weights.save_tensors({"a": torch.ones(2)}, tmp_path / "model.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert weights.load_tensors(tmp_path).keys() == {"a"}
    assert weights.count_parameters(tmp_path) == 2


def test_of_two_names_for_one_tensor_the_first_stays() -> None:
    words = torch.ones(2, 3)
    kept = weights.drop_tied({"words": words, "equal": words.clone(), "head": words.view(2, 3), "part": words[:1]})
    assert list(kept) == ["words", "equal", "part"]


def test_a_part_is_read_by_its_own_names() -> None:
    tensors = {"vision.head.weight": torch.ones(2), "head.weight": torch.zeros(1)}
    assert list(weights.select_prefix("vision.", tensors)) == ["head.weight"]


@pytest.mark.parametrize("is_zip", [True, False])
def test_pickles_of_new_and_old_versions_are_read(tmp_path: Path, is_zip: bool) -> None:
    path = tmp_path / "model.bin"
    torch.save({"weight": torch.arange(5.0)}, path, _use_new_zipfile_serialization=is_zip)
    read = weights.load_pickle(path)["weight"]
    assert isinstance(read, torch.Tensor)
    assert torch.equal(read, torch.arange(5.0))


@pytest.mark.filterwarnings("error")
def test_a_pickle_of_a_newer_protocol_is_read_without_a_word(tmp_path: Path) -> None:
    torch.save({"weight": torch.arange(5.0)}, tmp_path / "model.bin", pickle_protocol=3)
    assert weights.load_pickle(tmp_path / "model.bin").keys() == {"weight"}


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.mkdir, (self.path,)


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_pickle_that_does_something_is_refused(tmp_path: Path, is_zip: bool) -> None:
    torch.save({"weight": Bomb(tmp_path / "boom")}, tmp_path / "model.bin", _use_new_zipfile_serialization=is_zip)
    with pytest.raises(pickle.UnpicklingError):
        weights.load_pickle(tmp_path / "model.bin")
    assert not (tmp_path / "boom").exists()


def test_a_folder_without_weights_is_no_empty_model(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        weights.load_published(tmp_path)
