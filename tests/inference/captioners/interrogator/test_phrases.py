"""The phrases are many, spelled right, told apart, and hold nothing that only the seller may say."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from pymorphy3 import MorphAnalyzer

import inference.captioners.interrogator.phrases
from inference.captioners.interrogator.phrases import COLOURS, Phrases, get_head_noun, load_phrases
from inference.masking import mask, unmask
from inference.masking.morphology import inflect_adjective

FOLDER = Path(inference.captioners.interrogator.phrases.__file__).parent / "phrases" / "ru"
# Words of shops and sellers that the dictionary does not have yet.
NEW_WORDS = frozenset(
    (Path(__file__).parent / "new_words.txt").read_text("utf-8").split(),
)
BRANDS = ("адидас", "найк", "пума", "рибок", "зара", "гуччи", "айфон", "самсунг", "лего", "барби", "икеа", "бош")
ANALYZER = MorphAnalyzer()


@pytest.fixture(scope="module")
def phrases() -> Phrases:
    return load_phrases()


def every(phrases: Phrases) -> list[str]:
    tables = [*phrases.things.values(), *phrases.traits.values()]
    return [phrase for table in tables for phrase in table]


def test_there_are_many_and_clothes_come_first(phrases: Phrases) -> None:
    assert len(every(phrases)) >= 2_500
    assert sum(len(table) for table in phrases.things.values()) >= 1_500
    assert list(phrases.things)[:4] == ["tops", "bottoms", "dresses", "outerwear"]
    assert min(len(table) for table in phrases.things.values()) >= 35
    assert min(len(table) for table in phrases.traits.values()) >= 8


def test_no_phrase_stands_twice_in_any_form(phrases: Phrases) -> None:
    lemmas = Counter(
        " ".join(ANALYZER.parse(word)[0].normal_form for word in phrase.split()) for phrase in every(phrases)
    )
    assert [phrase for phrase, count in lemmas.items() if count > 1] == []


def test_every_word_is_spelled_as_the_dictionary_has_it(phrases: Phrases) -> None:
    """But for a short list of new words, each of which is used."""
    words = {word for phrase in every(phrases) for word in re.findall("[а-яё]+", phrase)}
    assert {word for word in words if not ANALYZER.word_is_known(word)} == NEW_WORDS


def test_there_is_no_number_no_brand_and_nothing_but_small_russian_letters(phrases: Phrases) -> None:
    assert [phrase for phrase in every(phrases) if not re.fullmatch("[а-яё]+(?:[ -][а-яё]+)*", phrase)] == []
    assert [phrase for phrase in every(phrases) for word in phrase.split() if word.startswith(BRANDS)] == []
    assert [phrase for phrase in every(phrases) if mask(phrase).values or unmask(phrase, {}) != phrase] == []


def test_every_table_belongs_to_something(phrases: Phrases) -> None:
    used = {trait for traits in phrases.areas.values() for trait in traits} | set(phrases.seller)
    assert used == set(phrases.traits)
    assert {path.stem for path in (FOLDER / "things").iterdir()} == set(phrases.areas)


def test_a_trait_reads_behind_a_noun_of_any_gender(phrases: Phrases) -> None:
    """«куртка на молнии»: a trait begins with a preposition, or is a genitive; only colours are adjectives."""
    prepositions = ("без", "в", "во", "до", "для", "из", "на", "под", "с", "со", "выше", "ниже", "крупным")
    genitives = re.compile(".+(?:ого|его) кроя|.+ой расцветки")
    odd = [
        phrase
        for trait, table in phrases.traits.items()
        if trait != COLOURS
        for phrase in table
        if phrase.split()[0] not in prepositions and not genitives.fullmatch(phrase)
    ]
    assert odd == []


def test_a_colour_agrees_with_what_it_is_said_of(phrases: Phrases) -> None:
    for colour in phrases.traits[COLOURS]:
        forms = [inflect_adjective(colour, noun) for noun in ("пиджак", "куртка", "платье", "джинсы")]
        assert len(set(forms)) == (1 if colour.startswith("цвета ") else 4), forms
        assert forms[0] == colour
    assert inflect_adjective("тёмно-синий", "кроссовки") == "тёмно-синие"


@pytest.mark.parametrize(
    ("text", "nouns", "areas"),
    [
        ("Белая рубашка с коротким рукавом, карман на груди", ["рубашка"], ["tops"]),
        ("Джинсы синие, на резинке", ["джинсы"], ["bottoms"]),
        ("Комплект: чёрная футболка и серые брюки", ["футболка", "брюки"], ["tops", "bottoms"]),
        ("Лонгслив в полоску", ["лонгслив"], ["tops"]),
        ("Что-то красивое", [], []),
    ],
)
def test_the_things_of_a_text_are_found(phrases: Phrases, text: str, nouns: list[str], areas: list[str]) -> None:
    named = phrases.find_things(text)
    assert [thing.noun for thing in named] == nouns
    assert [thing.area for thing in named] == areas


@pytest.mark.parametrize(
    ("trait", "text", "said"),
    [
        ("sleeves", "Белая рубашка, рукав короткий", True),
        ("sleeves", "Белая рубашка с карманом", False),
        ("colours", "тёмно-синие джинсы", True),
        ("colours", "джинсы на молнии", False),
        ("patterns", "полосатая кофта", True),
        ("patterns", "кофта поло чёрного цвета", False),
        ("fabrics", "хлопковая футболка", True),
    ],
)
def test_what_a_text_speaks_of_is_known(phrases: Phrases, trait: str, text: str, said: bool) -> None:
    assert phrases.mentions(trait, text) == said


def test_the_noun_of_a_phrase_is_not_its_adjective() -> None:
    assert [get_head_noun(phrase) for phrase in ("белые кроссовки", "рабочая куртка", "поло с длинным рукавом")] == [
        "кроссовок", "куртка", "поло",
    ]  # fmt: skip
