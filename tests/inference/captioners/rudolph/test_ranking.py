"""Ranking of texts by photos: the perplexities and scores of ai-forever/ru-dolph@f01ac62."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from inference.captioners.rudolph.ranking import compute_perplexities, compute_scores, pick_best
from inference.captioners.rudolph.tokenizer import pad_ids
from tests.inference.captioners.rudolph.test_decoding import model, tokenizer
from tests.support.models import rudolph


def texts(layout: str) -> Tensor:
    tokenizer_, length = tokenizer(layout), rudolph.LAYOUTS[layout]["l_text_seq_length"]
    return torch.stack([pad_ids(tokenizer_.encode(text, "<LT_T2I>"), length) for text in rudolph.TEXTS])


@pytest.mark.parametrize("layout", rudolph.LAYOUTS)
def test_perplexities_and_scores_equal_those_of_ru_dolph(layout: str) -> None:
    answers = rudolph.answers()[layout]
    for codes, expected in zip(answers["codes"], answers["ranks"], strict=True):
        image = torch.tensor(codes).expand(len(rudolph.TEXTS), -1)
        with torch.inference_mode():
            of_texts, of_images = compute_perplexities(model(layout), texts(layout), image)
        torch.testing.assert_close(of_texts, torch.tensor(expected["text"]), atol=0, rtol=1e-4)
        torch.testing.assert_close(of_images, torch.tensor(expected["image"]), atol=0, rtol=1e-4)
        mine = compute_scores(of_texts, of_images, torch.ones(len(rudolph.TEXTS)))
        torch.testing.assert_close(mine, torch.tensor(expected["scores"]), atol=1e-3, rtol=1e-3)


class TestPickBest:
    def test_one_photo_picks_as_ru_dolph_does(self) -> None:
        answers = rudolph.answers()["350M"]
        expected = torch.tensor(answers["ranks"][2]["scores"])
        image = torch.tensor(answers["codes"][2])
        assert pick_best(model(), texts("350M"), (image,), torch.ones(4), 3) == int(expected.argmin())

    def test_all_photos_count(self) -> None:
        answers = rudolph.answers()["1.3B"]
        images = tuple(torch.tensor(codes) for codes in answers["codes"])
        of_texts = torch.tensor([rank["text"] for rank in answers["ranks"]]).mean(0)
        of_images = torch.tensor([rank["image"] for rank in answers["ranks"]]).mean(0)
        together = int(compute_scores(of_texts, of_images, torch.ones(4)).argmin())
        assert pick_best(model("1.3B"), texts("1.3B"), images, torch.ones(4), 2) == together

    def test_without_a_photo_the_least_surprising_text_is_best(self) -> None:
        of_texts = torch.tensor(rudolph.answers()["350M"]["ranks"][0]["text"])
        assert pick_best(model(), texts("350M"), (), torch.ones(4), 8) == int(of_texts.argmin())


class TestScores:
    def test_a_text_that_was_drawn_more_often_is_better(self) -> None:
        scores_ = compute_scores(torch.tensor([1.0, 1.0, 1.0]), torch.tensor([1.0, 3.0, 3.0]), torch.tensor([1, 1, 2]))
        assert scores_.tolist() == pytest.approx([0, 0.95, 0.475])

    def test_texts_that_are_alike_in_all_have_scores_all_the_same(self) -> None:
        assert compute_scores(torch.ones(3), torch.ones(3), torch.ones(3)).tolist() == [0, 0, 0]
