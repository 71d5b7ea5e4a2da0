"""The image encoder against ai-forever/ru-dalle@0255cec with CompVis/taming-transformers@3ba01b2.

They answered `tests/support/recorded/rudolph/answers.json`, with the photos cropped and scaled by torchvision.
"""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from inference.captioners.rudolph.vqgan import Vqgan, VqganConfig, infer_config, preprocess
from tests.support.models import rudolph


def vqgan() -> Vqgan:
    state = rudolph.encoder_state()
    state = {name: weight for name, weight in state.items() if not name.startswith(("decoder.", "quantize.embed"))}
    model = Vqgan(infer_config({name: weight.shape for name, weight in state.items()}))
    model.load_state_dict(state)
    return model.eval()


@pytest.mark.parametrize("layout", rudolph.LAYOUTS)
def test_codes_of_photos_equal_those_of_ru_dalle(layout: str) -> None:
    edge = 8 * rudolph.LAYOUTS[layout]["image_tokens_per_dim"]
    with torch.inference_mode():
        codes = vqgan()(preprocess(rudolph.photos(), edge))
    assert codes.tolist() == rudolph.answers()[layout]["codes"]


def test_sizes_are_inferred_from_the_shapes() -> None:
    with torch.device("meta"):
        published = Vqgan(VqganConfig())
    shapes = {name: weight.shape for name, weight in published.state_dict().items()}
    assert infer_config(shapes) == VqganConfig()
    # What the published configuration makes of some of the names.
    assert shapes["encoder.conv_in.weight"] == (128, 3, 3, 3)
    assert shapes["encoder.down.2.block.0.nin_shortcut.weight"] == (256, 128, 1, 1)
    assert shapes["encoder.down.3.attn.1.proj_out.weight"] == (512, 512, 1, 1)
    assert shapes["encoder.conv_out.weight"] == (256, 512, 3, 3)
    assert shapes["quantize.proj.weight"] == (8192, 256, 1, 1)
    assert "encoder.down.3.downsample.conv.weight" not in shapes
    assert sum(weight.numel() for weight in published.parameters()) == 28_516_864


def test_a_photo_is_cropped_to_its_central_square() -> None:
    wide = Image.new("RGB", (60, 20), "red")
    wide.paste("blue", (20, 0, 40, 20))
    pixels = preprocess([wide], 8)
    assert pixels.shape == (1, 3, 8, 8)
    assert pixels[0, 2].min() == 1
    assert pixels[0, 0].max() == 0
