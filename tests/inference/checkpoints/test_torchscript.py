"""TorchScript archives: every tensor comes out, nothing runs."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from inference.checkpoints import torchscript
from tests.support.models import programs


def rewritten(path: Path, name: str, data: bytes, compression: int = zipfile.ZIP_STORED) -> Path:
    """The archive with other bytes in one of its entries."""
    target = path.with_name("rewritten.pt")
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, "w", compression) as copy:
        for entry in archive.namelist():
            copy.writestr(entry, data if entry.endswith(f"/{name}") else archive.read(entry))
    return target


def test_every_tensor_of_a_program_comes_out(tmp_path: Path) -> None:
    """Halves and whole numbers, parts of one storage, turned ones, empty ones, under the names of the state dict."""
    both = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    state = {
        "visual.layers.0.weight": torch.randn(2, 3).half(),
        "visual.layers.10.turned": both.T,
        "part": both[1:, 2:],
        "empty": torch.zeros(0, 4),
        "count": torch.tensor(77),
        "flags": torch.tensor([True, False]),
        "brain": torch.randn(3).bfloat16(),
    }
    programs.save(state, tmp_path / "program.pt")
    read = torchscript.load_state_dict(tmp_path / "program.pt")
    assert read.keys() == state.keys()
    for name, tensor in state.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor)


def test_a_real_program_is_read_as_torch_reads_it(tmp_path: Path) -> None:
    """Traced code, parameters beside buffers, plain attributes."""
    path = tmp_path / "program.pt"
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2)).eval()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        torch.jit.save(torch.jit.trace(model, torch.randn(1, 3, 4, 4)), path)
        expected = torch.jit.load(path).state_dict()
    read = torchscript.load_state_dict(path)
    assert read.keys() == expected.keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in expected.items())


def test_a_plain_file_of_weights_is_no_program(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(2)}, tmp_path / "weights.pt")
    torch.save({"weight": torch.ones(2)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert not torchscript.is_torchscript(tmp_path / "weights.pt")
    assert not torchscript.is_torchscript(tmp_path / "old.pt")
    programs.save({"weight": torch.ones(2)}, tmp_path / "program.pt")
    assert torchscript.is_torchscript(tmp_path / "program.pt")


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (exec, ("raise SystemExit('it ran')",))


@pytest.mark.parametrize("what", [Evil(), Path("x"), {"__torch__x": torch.Size([1])}])
def test_anything_else_in_the_pickle_is_refused_and_does_not_run(tmp_path: Path, what: object) -> None:
    programs.save({"weight": torch.ones(2)}, tmp_path / "program.pt")
    with pytest.raises(pickle.UnpicklingError, match="does not belong in a state dict"):
        torchscript.load_state_dict(rewritten(tmp_path / "program.pt", "data.pkl", pickle.dumps(what)))


@pytest.mark.parametrize(
    ("data", "compression"), [(bytes(1_000_000), zipfile.ZIP_STORED), (bytes(8), zipfile.ZIP_DEFLATED)]
)
def test_a_storage_is_as_long_as_the_archive_says(tmp_path: Path, data: bytes, compression: int) -> None:
    """Nothing of a small file becomes large in memory: PyTorch packs no storage."""
    programs.save({"weight": torch.ones(2)}, tmp_path / "program.pt")
    with pytest.raises(pickle.UnpicklingError, match="storage"):
        torchscript.load_state_dict(rewritten(tmp_path / "program.pt", "data/0", data, compression))


class Expanded:
    """A tensor of one number, seen many times."""

    def __reduce__(self) -> tuple[object, ...]:
        return torch._utils._rebuild_tensor_v2, (Storage(), 0, (10**10,), (0,), False, {})


class Storage:
    """The first storage of an archive, of which one number is told."""


class Described(pickle.Pickler):
    def persistent_id(self, each: object) -> object:
        return ("storage", torch.FloatStorage, "0", "cpu", 1) if isinstance(each, Storage) else None


def test_a_tensor_is_no_larger_than_its_storage(tmp_path: Path) -> None:
    programs.save({"weight": torch.ones(1)}, tmp_path / "program.pt")
    described = io.BytesIO()
    Described(described, 2).dump(Expanded())
    with pytest.raises(pickle.UnpicklingError, match="storage"):
        torchscript.load_state_dict(rewritten(tmp_path / "program.pt", "data.pkl", described.getvalue()))
