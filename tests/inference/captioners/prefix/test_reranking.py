"""Reranking of drafts: supported claims first, then the photos, then consensus."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inference.captioners.base import Prompt
from inference.captioners.prefix.decoding import Draft
from inference.captioners.prefix.reranking import compute_consensus, pick_best
from inference.clip.dual_encoder import Clip
from inference.facts.sheet import FactSheet
from inference.facts.types import Fact
from tests.support.models import tiny

WORDS = st.sampled_from(["куртка", "синяя", "на", "молнии", "платье", "<PRICE>", "<SIZE_2>", "."])
TEXTS = st.lists(st.lists(WORDS, max_size=8).map(" ".join), min_size=1, max_size=6)


def prompt(clip: Clip, *tokens: str, photos: int = 0) -> Prompt:
    images = tuple(tiny.picture(number) for number in range(photos))
    return Prompt(images, clip.encode_images(images), " ".join(tokens), "<SINGLE>", frozenset(tokens))


def test_the_draft_whose_claims_the_facts_support_wins(tiny_clip: Clip) -> None:
    """A claim that nobody makes costs more than likelihood gains."""
    sheet = FactSheet.merge((), [Fact("item", "куртка", "photo", 0.9), Fact("hood", "есть", "photo", 0.9)], {})
    drafts = [Draft("Куртка на молнии.", -0.2), Draft("Куртка с капюшоном.", -1.5), Draft("Платье.", -0.1)]
    query = replace(prompt(tiny_clip), sheets=(sheet,))
    assert pick_best(tiny_clip, [query], [drafts]) == ["Куртка с капюшоном."]


def test_of_drafts_alike_in_the_rest_the_likelier_one_wins(tiny_clip: Clip) -> None:
    drafts = [Draft("Куртка.", -2.0), Draft("Платье.", -1.0), Draft("Шапка.", -3.0)]
    assert pick_best(tiny_clip, [prompt(tiny_clip)], [drafts]) == ["Платье."]


def test_of_drafts_alike_in_the_rest_the_one_that_fits_the_photos_wins(tiny_clip: Clip) -> None:
    query = prompt(tiny_clip, photos=3)
    texts = ["Куртка", "Платье", "Шапка", "Кроссовки", "Джинсы"]
    likeness = tiny_clip.encode_texts(texts).embeddings @ query.features.embeddings.mean(0)
    drafts = [Draft(text, -1.0) for text in texts]
    assert pick_best(tiny_clip, [query], [drafts]) == [texts[int(likeness.argmax())]]


def test_the_draft_that_the_others_agree_with_wins(tiny_clip: Clip) -> None:
    texts = ["Платье в горошек", "Куртка синяя тёплая", "Куртка синяя на молнии", "Шапка", "Куртка синяя"]
    drafts = [Draft(text, -1.0) for text in texts]
    assert pick_best(tiny_clip, [prompt(tiny_clip)], [drafts]) == ["Куртка синяя"]


def test_each_prompt_gets_its_own_draft(tiny_clip: Clip) -> None:
    """Prompts with different numbers of drafts and photos do not mix."""
    query = [prompt(tiny_clip, photos=1), prompt(tiny_clip, "<PRICE>", photos=2), prompt(tiny_clip)]
    drafts = [[Draft("Куртка", -1.0)], [Draft("Платье", -9.0), Draft("Юбка", -1.0)], [Draft("Шапка", -1.0)]]
    assert pick_best(tiny_clip, query, drafts) == ["Куртка", "Юбка", "Шапка"]


def test_equal_texts_agree_wholly_and_different_ones_not_at_all() -> None:
    assert compute_consensus(["Куртка синяя"] * 3).tolist() == pytest.approx([1.0] * 3)
    assert compute_consensus(["Куртка синяя", "Платье белое"]).tolist() == [0.0, 0.0]


def test_a_single_text_agrees_with_nobody() -> None:
    assert compute_consensus(["Куртка"]).tolist() == [0.0]


def test_endings_and_case_hardly_matter() -> None:
    """Words are compared by their beginnings."""
    assert compute_consensus(["Футболка синяя", "футболку СИНЯЯ!"]).tolist() == pytest.approx([1.0, 1.0])


def test_agreement_by_hand() -> None:
    """«a b» and «a c» share one of five: a, b, c and the two pairs."""
    assert compute_consensus(["а б", "а в"]).tolist() == pytest.approx([0.2, 0.2])


@given(TEXTS)
def test_agreement_is_a_share(texts: list[str]) -> None:
    shares = compute_consensus(texts)
    assert shares.shape == (len(texts),)
    assert bool(((shares >= 0) & (shares <= 1)).all())


@given(TEXTS, st.randoms(use_true_random=False))
def test_agreement_does_not_depend_on_the_order(texts: list[str], rnd: Random) -> None:
    order = list(range(len(texts)))
    rnd.shuffle(order)
    assert torch.allclose(compute_consensus([texts[n] for n in order]), compute_consensus(texts)[order])
