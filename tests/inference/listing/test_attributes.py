"""Attributes are parsed in every form that sellers type, without losing a digit."""

import json
import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import InvalidInput, Message
from inference.listing.attributes import parse_attributes


def _refusal(value: str | Mapping[str, object]) -> Message:
    with pytest.raises(InvalidInput) as caught:
        parse_attributes(value)
    return caught.value.message


class TestText:
    @pytest.mark.parametrize(
        ("text", "items"),
        [
            ("Цена: 5000\nРазмер: 30 (19 см)", [("Цена", "5000"), ("Размер", "30 (19 см)")]),
            ("Цена: 5000\r\nЦвет:синий\r\n", [("Цена", "5000"), ("Цвет", "синий")]),
            ("Цена: 5000; Размер : 30;Цвет: синий;", [("Цена", "5000"), ("Размер", "30"), ("Цвет", "синий")]),
            ("Куртка зимняя; почти новая", [("", "Куртка зимняя; почти новая")]),
            ("Цена: 5000; торг; Цвет: синий", [("Цена", "5000; торг"), ("Цвет", "синий")]),
            ("Тёплая куртка\nЦена: 5000", [("", "Тёплая куртка"), ("Цена", "5000")]),
            ("- Цена: 5000\n• Обхват груди (см): 98", [("Цена", "5000"), ("Обхват груди (см)", "98")]),
            ("Цена:\n5000\nЦвет:\nРазмер: 30", [("Цена", "5000"), ("Размер", "30")]),
            ("Цена в руб.: 5000", [("Цена в руб.", "5000")]),
            ("Состав: хлопок: 95%", [("Состав", "хлопок: 95%")]),
        ],
    )
    def test_lines_pairs_and_mixtures(self, text: str, items: list[tuple[str, str]]) -> None:
        assert parse_attributes(text).items == tuple(items)

    @pytest.mark.parametrize(
        "text",
        [
            "звонить с 9:00 до 21:00",
            "12:30",
            "https://example.com/a?b=1",
            "Подробнее https://example.com",
            "соотношение 3:4",
            "Отдам в хорошие руки :)",
            "Смотрите, вот что важно: новая",
            "Хочу сказать вам сразу честно: новая",
            "Куртка новая. Цена: 5000",
            ":",
        ],
    )
    def test_a_colon_does_not_always_follow_a_name(self, text: str) -> None:
        """Times, ratios, addresses, smiles and sentences stay free text, character by character."""
        assert parse_attributes(text).items == (("", text),)

    def test_an_address_may_be_a_value(self) -> None:
        assert parse_attributes("Сайт: https://example.com").items == (("Сайт", "https://example.com"),)

    def test_odd_characters_are_cleaned(self) -> None:
        """No-break and zero-width spaces, tabs, controls, half surrogates and decomposed letters («й» as и + ̆)."""
        text = "\ufeffЦена\u00a0:\t5\u200b000\u202f₽\u2028И\u0306од\x00овый: да\ud800"
        assert parse_attributes(text).items == (("Цена", "5000 ₽"), ("Йод овый", "да"))

    def test_the_same_name_is_one_attribute(self) -> None:
        text = "Объём: 5 л\nобъем : 5 Л\nЦвет: синий\nОБЪЁМ: 6 л"
        assert parse_attributes(text).items == (("Объём", "5 л, 6 л"), ("Цвет", "синий"))

    def test_repeated_free_text_is_kept_once_and_different_free_texts_stay_separate(self) -> None:
        assert parse_attributes("Новая\nТёплая\nновая").items == (("", "Новая"), ("", "Тёплая"))

    @pytest.mark.parametrize("text", ["", " \n\t", "Цвет:", "Цвет: -", "Цвет: —; Размер: ...", "-", "\u200b"])
    def test_empty_values_are_omitted(self, text: str) -> None:
        assert parse_attributes(text).items == ()

    def test_4000_characters_are_the_limit(self) -> None:
        assert len(parse_attributes("а" * 4000).text) == 4000
        assert _refusal("а" * 4001) == Message("attributes-too-long", {"count": 4001, "limit": 4000})
        assert _refusal({"a": "b" * 2000, "c": "d" * 2000}).code == "attributes-too-long"

    @given(st.text(st.sampled_from('аб 12.5:;,-\n/(){}[]"%ё\u00a0'), max_size=60).filter(lambda text: "{" not in text))
    def test_every_number_survives(self, text: str) -> None:
        assert set(re.findall(r"\d+", parse_attributes(text).text)) == set(re.findall(r"\d+", text))

    @given(st.text(st.sampled_from("аб 12.5:;,-\n/()ё\u00a0\u200b"), max_size=60))
    def test_parsing_the_text_of_attributes_again_changes_nothing(self, text: str) -> None:
        attributes = parse_attributes(text)
        assert parse_attributes(attributes.text) == attributes


class TestJson:
    def test_an_object_with_values_of_all_kinds(self) -> None:
        """Digits stay as typed (1234.50), null and empty values go, lists and objects become phrases."""
        text = """ {"Цена": 1234.50, "Размеры": [30, "32", null], "Новое": true, "Торг": false, "Цвет": null,
            "Замеры": {"длина": 60, "плечи": [], "ширина": {"груди": 98}}, "Номер": 100000000000000000000001} """
        assert parse_attributes(text).items == (
            ("Цена", "1234.50"),
            ("Размеры", "30, 32"),
            ("Новое", "да"),
            ("Торг", "нет"),
            ("Замеры", "длина 60, ширина груди 98"),
            ("Номер", "100000000000000000000001"),
        )

    def test_a_repeated_name_loses_no_value(self) -> None:
        assert parse_attributes('{"Цвет": "синий", "Цвет": "белый", "цвет": "алый"}').items == (
            ("Цвет", "синий, белый, алый"),
        )

    def test_line_breaks_within_a_string_are_spaces(self) -> None:
        assert parse_attributes('{"Цвет": "синий\nи белый"}').items == (("Цвет", "синий и белый"),)

    @pytest.mark.parametrize("text", ['{"Цена": 5000', "{'Цена': 5000}", '{"Цена": 5000} срочно', "{Цена: 5000}"])
    def test_broken_json_is_refused_with_the_place(self, text: str) -> None:
        refusal = _refusal(text)
        assert refusal.code == "attributes-bad-json"
        assert refusal.details["line"] == 1
        assert refusal.details["column"] in range(2, len(text) + 2)

    def test_braces_alone_do_not_make_json(self) -> None:
        assert parse_attributes("{новая} куртка").items == (("", "{новая} куртка"),)

    def test_brackets_without_end_are_refused(self) -> None:
        assert _refusal('{"a":' + "[" * 1900 + "]" * 1900 + "}").code == "attributes-too-nested"
        endless: dict[str, object] = {}
        endless["a"] = endless
        assert _refusal(endless).code == "attributes-too-nested"

    @given(
        st.dictionaries(
            st.text(max_size=5),
            st.recursive(
                st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
                max_leaves=8,
            ),
            max_size=5,
        )
    )
    def test_an_object_is_parsed_alike_as_text_and_as_a_mapping(self, value: dict[str, object]) -> None:
        names = [name for name, _ in parse_attributes(value).items]
        assert [name for name, _ in parse_attributes(json.dumps(value)).items] == names


def test_a_mapping_is_not_split() -> None:
    """Its values may hold separators of text; the empty name is free text."""
    value = {" Цена:": "5000; Торг: да", "": "Новая", "Цвет": " ", "цена ": 5000}
    assert parse_attributes(value).items == (("Цена", "5000; Торг: да, 5000"), ("", "Новая"))
