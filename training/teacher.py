"""MobileNetV2 with its public ImageNet weights, used as a teacher only and never shipped.

Source: "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (Sandler et al., 2018); weights from
google-coral/test_data (`mobilenet_v2_1.0_224_ptq.tflite`, Apache-2.0), int8, dequantised here to float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

FEATURES = 1280
# Expansion, output channels, repeats, stride of each stage (table 2 of the paper).
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding, which puts the larger half at the end."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in, height, width) → (batch, out, height / stride, width / stride)."""
        pads: list[int] = []
        for size in (x.shape[-1], x.shape[-2]):
            total = max((-(-size // self.stride[0]) - 1) * self.stride[0] + self.kernel_size[0] - size, 0)
            pads += [total // 2, total - total // 2]
        return functional.conv2d(functional.pad(x, pads), self.weight, self.bias, self.stride, groups=self.groups)


class InvertedResidual(nn.Module):
    """Expand, filter each channel separately, project; batch norm is folded into the weights."""

    def __init__(self, width: int, out: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner = width * expansion
        self.expand = SameConv(width, inner, 1) if expansion > 1 else None
        self.depthwise = SameConv(inner, inner, 3, stride, groups=inner)
        self.project = SameConv(inner, out, 1)
        self.residual = stride == 1 and width == out

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, width, height, height) → (batch, out, height / stride, height / stride)."""
        y = x if self.expand is None else functional.relu6(self.expand(x))
        y = self.project(functional.relu6(self.depthwise(y)))
        passed: Tensor = x + y if self.residual else y
        return passed


class MobileNetV2(nn.Module):
    """The teacher's trunk: pixels in [-1, 1] → 1,280 pooled features."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, 32, 3, 2)
        blocks: list[InvertedResidual] = []
        width = 32
        for expansion, out, repeats, stride in STAGES:
            for index in range(repeats):
                blocks.append(InvertedResidual(width, out, expansion, stride if index == 0 else 1))
                width = out
        self.blocks = nn.Sequential(*blocks)
        self.head = SameConv(width, FEATURES, 1)
        self.classifier = SameConv(FEATURES, 1001, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels (batch, 3, size, size) in [-1, 1] → features (batch, 1280)."""
        x = self.blocks(functional.relu6(self.stem(pixels)))
        pooled: Tensor = functional.relu6(self.head(x)).mean((2, 3))
        return pooled

    def convolutions(self) -> Iterator[SameConv]:
        """Yield all convolutions in forward order."""
        for module in self.modules():
            if isinstance(module, SameConv):
                yield module


def load_teacher(path: Path) -> MobileNetV2:
    """Load the teacher from a .tflite or a .safetensors file."""
    if path.suffix != ".safetensors":
        return load_tflite(path)
    teacher = MobileNetV2()
    teacher.load_state_dict(load_file(path))
    return teacher


def load_tflite(path: Path) -> MobileNetV2:
    """Load the teacher from the dequantised weights of a TensorFlow Lite file (needs `ai-edge-litert`)."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # Delegates would fuse operations and hide their weights.
    reader = Interpreter(str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    details = {detail["index"]: detail for detail in reader.get_tensor_details()}

    def floats(index: int) -> Tensor:
        quantised = details[index]["quantization_parameters"]
        values = reader.get_tensor(index).astype(np.float32) - quantised["zero_points"][0]
        scales = quantised["scales"]
        axis = quantised["quantized_dimension"]
        shape = [-1 if dim == axis else 1 for dim in range(values.ndim)] if len(scales) > 1 else [1] * values.ndim
        return torch.from_numpy(values * scales.reshape(shape))

    operations = [op for op in reader._get_ops_details() if "CONV_2D" in op["op_name"]]
    teacher = MobileNetV2()
    with torch.no_grad():
        for convolution, operation in zip(teacher.convolutions(), operations, strict=True):
            weight = floats(int(operation["inputs"][1]))
            # TensorFlow keeps (out, height, width, in), and (1, height, width, channels) for depthwise filters.
            order = (3, 0, 1, 2) if convolution.groups > 1 else (0, 3, 1, 2)
            convolution.weight.copy_(weight.permute(order))
            assert convolution.bias is not None
            convolution.bias.copy_(floats(int(operation["inputs"][2])))
    return teacher
