"""Attention masks among the cells of the image and with the texts."""

from __future__ import annotations

import pytest
import torch

from inference.captioners.rudolph.masks import Pattern, build_mask, choose_pattern

LEFT, SIDE, RIGHT = 2, 4, 3
CELLS = SIDE**2


def seen_by(cell: int, name: Pattern, kernel: int = 3) -> list[int]:
    mask = build_mask(LEFT, SIDE, RIGHT, name, kernel)[LEFT + cell]
    return [place - LEFT for place in torch.nonzero(mask)[:, 0].tolist() if place >= LEFT]


class TestBuildMask:
    @pytest.mark.parametrize(
        ("name", "cell", "attended"),
        [
            ("row", 10, [6, 7, 8, 9, 10]),
            ("row", 2, [0, 1, 2]),
            ("column", 14, [2, 6, 10, 14]),
            ("column", 3, [3]),
            ("neighbourhood", 10, [5, 6, 7, 9, 10]),
            ("neighbourhood", 12, [8, 9, 12]),
            ("neighbourhood", 11, [6, 7, 10, 11]),
        ],
    )
    def test_a_cell_attends_to_its_pattern_of_earlier_cells(
        self, name: Pattern, cell: int, attended: list[int]
    ) -> None:
        assert seen_by(cell, name) == attended

    def test_a_larger_kernel_reaches_further(self) -> None:
        assert seen_by(10, "last", 5) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

    @pytest.mark.parametrize("name", ["row", "column", "neighbourhood", "last"])
    def test_attention_with_texts_is_causal(self, name: Pattern) -> None:
        mask = build_mask(LEFT, SIDE, RIGHT, name, 3)
        causal = torch.ones_like(mask).tril()
        assert torch.equal(mask[:LEFT], causal[:LEFT])
        assert torch.equal(mask[LEFT + CELLS :], causal[LEFT + CELLS :])
        assert mask[LEFT:, :LEFT].all()


class TestChoosePattern:
    def test_layers_take_turns_and_the_last_has_its_own(self) -> None:
        turns = [choose_pattern(layer, 8) for layer in range(8)]
        assert turns == ["row", "column", "row", "neighbourhood", "row", "column", "row", "last"]

    def test_a_last_layer_whose_turn_is_the_column_keeps_it(self) -> None:
        assert choose_pattern(5, 6) == "column"
