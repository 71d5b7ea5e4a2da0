"""The decoder: cached steps give the same states as one pass over everything."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from inference.captioners.prefix.model import Cache, Decoder
from tests.support.models import tiny

WORDS, SLOT, VECTORS = 50, 7, 10
LENGTHS = torch.tensor([5, 29, 17, 12])
MORE = torch.tensor([[3, 9, 4, 11], [8, 8, 2, 30], [1, 40, 6, 5], [22, 3, 3, 12]])


@pytest.fixture(scope="module")
def model() -> Decoder:
    return tiny.decoder(WORDS)


@pytest.fixture(scope="module")
def ids() -> Tensor:
    """Four right-padded rows; the second shows two photos, the third one."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(8, WORDS, (4, 29), generator=generator)
    rows[1, 2:12] = rows[1, 14:24] = rows[2, 3:13] = SLOT
    rows[torch.arange(29)[None] >= LENGTHS[:, None]] = 0
    return rows


@pytest.fixture(scope="module")
def photos() -> Tensor:
    return torch.randn(3, VECTORS, tiny.WIDTHS[-1], generator=torch.Generator().manual_seed(1))


def at_once(model: Decoder, ids: Tensor, photos: Tensor, row: int, more: int) -> Tensor:
    """The last state of one row alone, after `more` further tokens, without any cache."""
    first = int((ids[:row] == SLOT).sum()) // VECTORS
    shown = int((ids[row] == SLOT).sum()) // VECTORS
    whole = torch.cat((ids[row, : LENGTHS[row]], MORE[row, :more]))[None]
    states: Tensor = model(model.embed(whole, photos[first : first + shown], SLOT))
    return states[0, -1]


@torch.inference_mode()
def test_a_cache_changes_nothing(model: Decoder, ids: Tensor, photos: Tensor) -> None:
    """Rows of different lengths, padded on the right, give each the state that it has alone and in one go."""
    last, cache = model.prefill(model.embed(ids, photos, SLOT), LENGTHS)
    cache = cache.repeat(1, 4)
    for row in range(4):
        assert torch.allclose(last[row], at_once(model, ids, photos, row, 0), atol=1e-4)
    for number in range(4):
        state = model.step(MORE[:, number], cache)
        for row in range(4):
            assert torch.allclose(state[row], at_once(model, ids, photos, row, number + 1), atol=1e-4)
    assert cache.lengths.tolist() == (LENGTHS + 4).tolist()


@torch.inference_mode()
def test_repeated_rows_go_their_own_ways(model: Decoder, ids: Tensor, photos: Tensor) -> None:
    """Copies of a row are adjacent and independent of one another."""
    _, cache = model.prefill(model.embed(ids, photos, SLOT), LENGTHS)
    cache = cache.repeat(2, 2)
    other = torch.full((4,), 33)
    state = model.step(torch.stack((MORE[:, 0], other), 1).flatten(), cache)
    state = model.step(torch.stack((MORE[:, 1], other), 1).flatten(), cache)
    for row in range(4):
        assert torch.allclose(state[2 * row], at_once(model, ids, photos, row, 2), atol=1e-4)
        assert (state[2 * row] - state[2 * row + 1]).abs().max() > 0.01


@torch.inference_mode()
def test_selected_rows_continue_as_before(model: Decoder, ids: Tensor, photos: Tensor) -> None:
    """Rows may leave, and those that stay may change their order."""
    _, cache = model.prefill(model.embed(ids, photos, SLOT), LENGTHS)
    cache = cache.repeat(1, 2)
    model.step(MORE[:, 0], cache)
    kept = cache.select(torch.tensor([2, 1]))
    state = model.step(MORE[[2, 1], 1], kept)
    assert torch.allclose(state[0], at_once(model, ids, photos, 2, 2), atol=1e-4)
    assert torch.allclose(state[1], at_once(model, ids, photos, 1, 2), atol=1e-4)
    assert cache.lengths.tolist() == (LENGTHS + 1).tolist()


def test_a_repeated_cache_has_capacity_and_the_same_content() -> None:
    cache = Cache(torch.randn(2, 3, 2, 5, 4), torch.randn(2, 3, 2, 5, 4), torch.tensor([5, 3, 4]))
    grown = cache.repeat(2, 3)
    assert grown.keys.shape == grown.values.shape == (2, 6, 2, 8, 4)
    assert grown.lengths.tolist() == [5, 5, 3, 3, 4, 4]
    assert torch.equal(grown.keys[:, ::2, :, :5], cache.keys)
    assert torch.equal(grown.values[:, 1::2, :, :5], cache.values)


@torch.inference_mode()
def test_each_photo_fills_its_own_slots(model: Decoder, ids: Tensor, photos: Tensor) -> None:
    """Another second photo changes the places of the second photo alone."""
    changed = photos.clone()
    changed[1] += 1.0
    difference = (model.embed(ids, changed, SLOT) - model.embed(ids, photos, SLOT)).abs().amax(-1) > 0
    expected = torch.zeros_like(ids, dtype=torch.bool)
    expected[1, 14:24] = True
    assert torch.equal(difference, expected)


@torch.inference_mode()
def test_a_prompt_without_photos_is_read(model: Decoder) -> None:
    rows = torch.tensor([[3, 4, 5]])
    assert torch.isfinite(model(model.embed(rows, torch.zeros(0, VECTORS, tiny.WIDTHS[-1]), SLOT))).all()


@torch.inference_mode()
def test_attention_is_causal(model: Decoder) -> None:
    """A later token does not change the states before it."""
    rows = torch.tensor([[3, 4, 5, 6], [3, 4, 5, 20]])
    states = model(model.embed(rows, torch.zeros(0), SLOT))
    assert torch.allclose(states[0, :3], states[1, :3], atol=1e-6)
    assert not torch.allclose(states[0, 3], states[1, 3], atol=1e-2)
