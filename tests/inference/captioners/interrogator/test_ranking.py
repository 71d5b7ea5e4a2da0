"""Ranking is exact however the table is read, also turned round.

The rules of the original, pharmapsychotic/clip-interrogator@bc07ce6, are written down here a second time from reading
its code; its package needs downloaded models. Where both differ, the difference is one of its two slips.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from inference.captioners.interrogator.ranking import Labels, average_embeddings


def unit(*shape: int, seed: int) -> Tensor:
    rows = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(rows, dim=-1)


def labels(count: int, seed: int = 0) -> Labels:
    return Labels(tuple(f"phrase {number}" for number in range(count)), unit(count, 16, seed=seed))


def exhaustive(table: Labels, album: Tensor, count: int) -> list[str]:
    likeness = table.embeddings @ album
    return [table.phrases[int(place)] for place in likeness.sort(descending=True).indices[:count]]


def originals(table: Labels, album: Tensor, count: int, chunk: int, sign: float = 1.0) -> list[str]:
    """An equal share of every chunk is kept, whatever the others hold; the last round ranks by likeness, unturned."""
    if len(table.phrases) <= chunk:
        return exhaustive(table, sign * album, count)
    chunks = math.ceil(len(table.phrases) / chunk)
    kept: list[int] = []
    for start in range(0, len(table.phrases), chunk):
        part = sign * (table.embeddings[start : start + chunk] @ album)
        kept += (start + part.topk(min(chunk // chunks, len(part))).indices).tolist()
    best = (table.embeddings[kept] @ album).topk(min(count, len(kept))).indices.tolist()
    return [table.phrases[kept[place]] for place in best]


@pytest.mark.parametrize("chunk", [1, 7, 64, 100, 1000])
@pytest.mark.parametrize("count", [1, 5, 64, 200])
def test_the_best_are_found_whatever_the_chunks(chunk: int, count: int) -> None:
    table, album = labels(150), unit(16, seed=1)
    ranked = table.rank(album, count, chunk)
    assert [phrase for phrase, _ in ranked] == exhaustive(table, album, count)
    torch.testing.assert_close(
        torch.tensor([value for _, value in ranked]), (table.embeddings @ album).sort(descending=True).values[:count]
    )


def test_a_short_table_ranks_as_in_the_original() -> None:
    table, album = labels(90), unit(16, seed=2)
    for sign in (1.0, -1.0):
        mine = [phrase for phrase, _ in table.rank(sign * album, 20)]
        assert mine == originals(table, album, 20, chunk=100, sign=sign)


def test_the_original_loses_the_best_of_a_full_chunk() -> None:
    """Its chunks keep an equal share each, so that the tenth best of one is dropped for worse ones of another."""
    near, far = unit(16, seed=3), unit(40, 16, seed=4)
    close = torch.nn.functional.normalize(near + 0.1 * far[:10], dim=-1)
    table = Labels(tuple(map(str, range(40))), torch.cat((close, far[10:])))
    mine = [phrase for phrase, _ in table.rank(near, 10, chunk=10)]
    assert mine == exhaustive(table, near, 10)
    assert set(mine) == set(map(str, range(10)))
    assert set(originals(table, near, 10, chunk=10)) & set(mine) < set(mine)


def test_the_original_ends_a_long_reverse_ranking_with_the_likest() -> None:
    table, album = labels(100), unit(16, seed=5)
    least = [phrase for phrase, _ in table.rank(-album, 4, chunk=50)]
    assert least == exhaustive(table, -album, 4)
    theirs = originals(table, album, 4, chunk=50, sign=-1.0)
    assert theirs != least
    likeness = {phrase: float(value) for phrase, value in zip(table.phrases, table.embeddings @ album, strict=True)}
    assert min(likeness[phrase] for phrase in theirs) > max(likeness[phrase] for phrase in least)


def test_equals_keep_their_order_in_every_chunk() -> None:
    table = Labels(tuple("абвгд"), torch.ones(5, 4) / 2)
    for chunk in (1, 2, 5):
        assert [phrase for phrase, _ in table.rank(torch.ones(4), 3, chunk)] == ["а", "б", "в"]


def test_an_album_is_ranked_by_the_mean_over_its_photos() -> None:
    photos, table = unit(5, 16, seed=6), labels(30)
    means = (table.embeddings @ photos.T).mean(1)
    ranked = dict(table.rank(average_embeddings(photos), 30))
    for phrase, mean in zip(table.phrases, means.tolist(), strict=True):
        assert ranked[phrase] == pytest.approx(mean, abs=1e-6)
