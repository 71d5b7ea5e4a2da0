"""Tests of the toxicity corpus: labels, and a split without near duplicates."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.comments import save_folders
from training.data.comments import Corpus, assign_part, load_corpus, split_words
from training.data.duplicates import jaccard_similarity


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    return save_folders(tmp_path)


@pytest.fixture
def corpus(folders: tuple[Path, Path, Path]) -> Corpus:
    return load_corpus(*folders)


def test_a_comment_is_toxic_and_its_rewrite_is_not(corpus: Corpus) -> None:
    pairs = [each for each in corpus.comments if each.source == "pair"]
    assert {each.toxic for each in pairs if "дурак" in each.text} == {True}
    assert {each.toxic for each in pairs if "неправ" in each.text} == {False}


def test_the_rest_of_a_broken_line_is_no_comment(corpus: Corpus) -> None:
    assert not any("остаток" in each.text for each in corpus.comments)


def test_names_in_replies_are_left_out(corpus: Corpus) -> None:
    assert not any("Имя" in each.text or "[id" in each.text for each in corpus.comments)
    assert "согласен, хорошая погода" in {each.text for each in corpus.comments}


def test_disguised_comments_and_their_likes_are_for_measuring_alone(corpus: Corpus) -> None:
    disguised = [each for each in corpus.comments if each.source == "disguised"]
    assert len(disguised) == 2
    assert {each.part for each in disguised} == {"test"}
    assert all(each.toxic for each in disguised)
    assert [each.part for each in corpus.comments if "несчастный" in each.text] == ["test", "test"]


def test_no_part_of_a_split_holds_a_near_duplicate_of_another(corpus: Corpus) -> None:
    comments = [each for each in corpus.comments if each.source != "ad"]
    for first in comments:
        for second in comments:
            assert first.part == second.part or jaccard_similarity(first.text, second.text) < 0.6


def test_rewordings_of_an_ad_stay_together(corpus: Corpus) -> None:
    parts = {each.text: each.part for each in corpus.comments}
    assert parts["юбка мини"] == parts["мини юбка"]
    assert parts["куртка новая"] == parts["новая куртка"]


def test_the_split_of_the_clothes_is_kept(corpus: Corpus) -> None:
    assert {each.part for each in corpus.comments if each.text in ("Юбка.", "Цена: 5")} == {"test"}


def test_generated_rude_words_that_ads_use_are_none(corpus: Corpus) -> None:
    assert corpus.rude == {"балбесина", "балбес"}


def test_a_part_depends_on_the_text_alone() -> None:
    parts = [assign_part(f"текст {n}") for n in range(2000)]
    assert parts == [assign_part(f"текст {n}") for n in range(2000)]
    assert 150 < parts.count("test") < 250
    assert 150 < parts.count("val") < 250


def test_words_are_lower_case_without_yo() -> None:
    assert split_words("Ёж, ПЁС и x 5") == ["еж", "пес", "и"]
