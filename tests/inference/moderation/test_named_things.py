"""What a seller's words say is sold."""

from __future__ import annotations

import pytest

from inference.listing.attributes import parse_attributes
from inference.moderation.named_things import NamedThings, read_named_things


def read(text: str) -> NamedThings:
    return read_named_things(parse_attributes(text))


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Пара кроссовок почти новая", {"shoes"}),
        ("Название: КУРТКУ отдам даром", {"outerwear"}),
        ("Предмет одежды: Платья\nЦена: 500", {"dress"}),
        ("Предмет одежды: Топы и футболки", {"tee"}),
        ("Предмет одежды: Верхняя одежда", {"outerwear"}),
        ("обмен на свитер", {"knitwear"}),
        ("Куртка: синяя\nЦена: 5", {"outerwear"}),
        ("Пинетки-туфельки джинсовые", {"shoes"}),
        ("Мини-юбка чёрная", {"skirt"}),
        ("Шортики, футболочка и шапочка", {"shorts", "tee", "hat"}),
        ("Джинсовка на парня", {"outerwear"}),
        ("Юбка-карандаш. Под белую блузку", {"skirt"}),
        ("Юбка прямая, к чёрным туфлям", {"skirt"}),
        ("Платье с котёнком на груди", {"dress"}),
        ("Кроссы ношеные", {"shoes"}),
        ("Тельняшка в полоску", {"tee"}),
    ],
)
def test_clothes_are_named_in_every_form(text: str, kinds: set[str]) -> None:
    """Case, number, capitals, diminutives, compounds, fields and categories; not what they go with."""
    assert read(text) == NamedThings(is_clothing=True, kinds=frozenset(kinds))


@pytest.mark.parametrize("text", ["Вид одежды: Женская", "Вид одежды: Детская\nПредмет одежды: Комплекты"])
def test_general_words_allow_any_clothes(text: str) -> None:
    assert read(text) == NamedThings(is_clothing=True)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Продам котят", {"animal"}),
        ("Щенок ищет дом", {"animal"}),
        ("Предмет одежды: Сумка", {"bag"}),
        ("Игрушка мишка в платье", {"toy"}),
        ("Шкаф для одежды и посуды", {"furniture"}),
        ("Гитара, чехол в подарок", {"instrument"}),
    ],
)
def test_the_first_thing_is_what_is_sold(text: str, kinds: set[str]) -> None:
    things = read(text)
    assert not things.is_clothing
    assert things.kinds >= kinds


@pytest.mark.parametrize(
    "text", ["Цена: 5000", "Размер: 44", "Отдам в хорошие руки", "Стойка для платьев", "курточный"]
)
def test_a_text_that_names_nothing_says_nothing(text: str) -> None:
    assert read(text) == NamedThings()


def test_texts_of_other_clothes_exclude_each_other() -> None:
    """A text that names nothing, or anything, excludes nothing."""
    assert read("Синяя куртка").excludes(read("пара кроссовок"))
    assert not read("Синяя куртка").excludes(read("куртки и свитер"))
    assert not read("Синяя куртка").excludes(read("дубовый табурет"))
    assert not read("Синяя куртка").excludes(read("Вид одежды: Женская"))
