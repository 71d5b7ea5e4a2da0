"""TorchScript archives in PyTorch's format."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn


def save(state: Mapping[str, Tensor], path: Path) -> None:
    """Save an archive with modules of these names and no code."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        torch.jit.save(torch.jit.script(_tree(state)), path)


def _tree(state: Mapping[str, Tensor]) -> nn.Module:
    top = nn.Module()
    for name, tensor in state.items():
        *path, last = name.split(".")
        module = top
        for part in path:
            if part not in module._modules:
                module.add_module(part, nn.Module())
            module = module.get_submodule(part)
        module.register_buffer(last, tensor)
    return top
