"""Tests of the detection of near-duplicate texts."""

from __future__ import annotations

import random

from training.data.duplicates import group_duplicates, jaccard_similarity

ALPHABET = "абвгдежзиклмнопрстуф"


def sentence(rnd: random.Random) -> str:
    return " ".join("".join(rnd.choices(ALPHABET, k=6)) for _ in range(8))


def test_case_and_punctuation_make_no_difference() -> None:
    assert jaccard_similarity("Тёплая куртка!", "тЕплая, куртка") == 1.0
    assert jaccard_similarity("тёплая куртка", "мокрый зонтик") == 0.0


def test_rewordings_are_in_one_group() -> None:
    rnd = random.Random(0)
    texts = [sentence(rnd) for _ in range(300)]
    nearly = [text.replace(text.split()[3], "совсем", 1) for text in texts]
    found = group_duplicates([*texts, *nearly])
    together = sum(found[n] == found[n + 300] for n in range(300))
    assert together >= 290
    assert len(set(found[:300])) == 300


def test_what_belongs_together_pulls_its_likes_along() -> None:
    """A comment, its rewrite, and a copy of the rewrite elsewhere are one group."""
    texts = [
        "какая же ерунда этот фильм",
        "фильм мне не понравился совсем",
        "Фильм мне не понравился совсем!!",
        "о погоде",
    ]
    found = group_duplicates(texts, [(0, 1)])
    assert found[0] == found[1] == found[2] != found[3]


def test_groups_do_not_depend_on_the_run() -> None:
    rnd = random.Random(1)
    texts = [sentence(rnd) for _ in range(50)] * 2
    assert group_duplicates(texts) == group_duplicates(texts) == [*range(50), *range(50)]
