"""Tests that the teacher computes what its public file computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.sources import ROOT
from training.drawings import Garment, draw
from training.teacher import FEATURES, MobileNetV2, SameConv, load_tflite

WEIGHTS = ROOT.parent / "shared" / "data" / "weights" / "mobilenet_v2_1.0_224_ptq.tflite"


def test_features_are_pooled_at_any_size() -> None:
    torch.manual_seed(0)
    teacher = MobileNetV2().eval()
    with torch.no_grad():
        assert [tuple(teacher(torch.zeros(2, 3, edge, edge)).shape) for edge in (40, 96)] == [(2, FEATURES)] * 2


@pytest.mark.parametrize(("size", "stride"), [(8, 1), (8, 2), (7, 2), (224, 2)])
def test_padding_is_that_of_tensorflow(size: int, stride: int) -> None:
    """The output has size / stride, rounded up, and where padding is uneven the end gets more of it."""
    convolution = SameConv(1, 1, 3, stride, bias=False)
    torch.nn.init.ones_(convolution.weight)
    seen = convolution(torch.ones(1, 1, size, size))[0, 0]
    assert seen.shape == (-(-size // stride),) * 2
    uneven = stride == 2 and size % 2 == 0
    assert (seen[0, 0].item(), seen[-1, -1].item()) == ((9.0, 4.0) if uneven else (4.0, 4.0))


def test_the_public_file_is_read_right() -> None:
    """Logits on a drawing go with those of the file's own interpreter, whose arithmetic is of eight bits."""
    if not WEIGHTS.is_file():
        pytest.skip(f"no weights at {WEIGHTS}")
    interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed")
    reader = interpreter.Interpreter(str(WEIGHTS))
    reader.allocate_tensors()
    taken, given = reader.get_input_details()[0], reader.get_output_details()[0]
    teacher = load_tflite(WEIGHTS).eval()
    for seed, item in enumerate(("джинсы", "кроссовки", "платье")):
        image = np.asarray(draw([Garment(item, "синий", "однотонный", None, 1)], seed, (224, 224)))
        reader.set_tensor(taken["index"], image[None].astype(taken["dtype"]))
        reader.invoke()
        expected = reader.get_tensor(given["index"])[0].astype(np.float32)
        pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None] / 127.5 - 1
        with torch.no_grad():
            logits = teacher.classifier(teacher(pixels)[:, :, None, None]).flatten().softmax(0).numpy()
        assert expected.argmax() in logits.argsort()[-3:]
