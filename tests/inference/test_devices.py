"""Devices and dtypes for much and little memory, and the memory limit of a container."""

from __future__ import annotations

from pathlib import Path
from weakref import ref

import pytest
import torch

from inference import devices
from inference.devices import choose_device

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="about machines without a GPU, and this one has one")


@pytest.fixture(autouse=True)
def _no_apple_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_a_cpu_computes_in_float32_while_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_measure_memory", lambda: (5_000, 8_000))
    assert (choose_device(999).dtype, choose_device(1000).dtype) == (torch.float32, torch.bfloat16)
    assert (choose_device(999).itemsize, choose_device(1000).itemsize) == (4, 2)


def test_the_dtype_of_a_card_overrides_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_measure_memory", lambda: (4_000, 8_000))
    assert choose_device(10, "bfloat16").dtype == torch.bfloat16
    assert choose_device(5_000, "float32").dtype == torch.float32


def test_an_apple_gpu_computes_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gemma 3 and T5 overflow in float16."""
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert (choose_device(1).name, choose_device(1).dtype) == ("mps", torch.bfloat16)


def test_reference_cycles_are_freed() -> None:
    class Circle:
        def __init__(self) -> None:
            self.me = self

    circle = ref(Circle())
    devices.release_memory()
    assert circle() is None


@pytest.mark.parametrize(("limit", "free"), [("5000", 3600), ("max", None)])
def test_a_container_has_the_memory_of_its_limit(
    limit: str, free: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file cache, which holds its checkpoints, does not count as used."""
    (tmp_path / "max").write_text(f"{limit}\n")
    (tmp_path / "current").write_text("2000\n")
    (tmp_path / "stat").write_text("anon 1400\nfile 600\ninactive_file 500\nactive_file 100\n")
    monkeypatch.setattr(devices, "_CGROUP_LIMIT", tmp_path / "max")
    monkeypatch.setattr(devices, "_CGROUP_USAGE", tmp_path / "current")
    monkeypatch.setattr(devices, "_CGROUP_STAT", tmp_path / "stat")
    device = choose_device(1)
    assert (device.free == free and device.total == 5000) if free else device.free > 10_000
