import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evaluation.ranking import roc_auc

_scores = st.lists(st.integers(-5, 5), min_size=1, max_size=20)


@given(_scores, _scores)
def test_auc_is_the_share_of_pairs_in_the_right_order(right: list[int], wrong: list[int]) -> None:
    """Equal to counting every right score against every wrong one, ties as half."""
    counted = sum((r > w) + (r == w) / 2 for r in right for w in wrong) / len(right) / len(wrong)
    assert roc_auc(torch.tensor(right).float(), torch.tensor(wrong).float()) == pytest.approx(counted)


def test_auc_of_perfectly_separated_pairs_is_one() -> None:
    """Every right pair above every wrong one."""
    assert roc_auc(torch.tensor([0.9, 0.8]), torch.tensor([0.1, 0.2, 0.3])) == 1.0
