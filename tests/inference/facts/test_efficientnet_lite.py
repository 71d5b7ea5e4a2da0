"""The trunk has the shapes of the published one and takes its names."""

from __future__ import annotations

import pytest
import torch

from inference.facts.efficientnet_lite import EfficientNetLite, EfficientNetLiteConfig, convert_state_dict

# Parameters of the published models without their classifiers.
PUBLISHED = {"lite0": ((1.0, 1.0), 3_371_008), "lite1": ((1.0, 1.1), 4_135_680), "lite2": ((1.1, 1.2), 4_811_072)}


@pytest.mark.parametrize(("size", "parameters"), PUBLISHED.values(), ids=PUBLISHED)
def test_the_number_of_parameters_is_the_published_one(size: tuple[float, float], parameters: int) -> None:
    trunk = EfficientNetLite(EfficientNetLiteConfig(*size))
    assert sum(weight.numel() for weight in trunk.parameters()) == parameters


@pytest.mark.parametrize(("size", "cells"), [(64, 2), (65, 3), (96, 3)])
def test_the_map_has_a_cell_for_every_32_pixels(size: int, cells: int) -> None:
    trunk = EfficientNetLite(EfficientNetLiteConfig(0.1, 0.1)).eval()
    assert trunk(torch.zeros(1, 3, size, size)).shape == (1, 1280, cells, cells)


def test_published_names_are_converted_and_the_classifier_is_left_out() -> None:
    published = dict.fromkeys(
        [
            "_conv_stem.weight",
            "_bn0.bias",
            "_blocks.3._expand_conv.weight",
            "_blocks.3._bn2.running_mean",
            "_fc.weight",
        ],
        torch.zeros(1),
    )
    expected = {"stem.1.weight", "stem.2.bias", "blocks.3.expand.1.weight", "blocks.3.project.1.running_mean"}
    assert set(convert_state_dict(published)) == expected
