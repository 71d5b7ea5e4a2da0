"""Every code has its sentence in both languages, and every sentence is used."""

import ast
import string
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from cli.messages import render
from inference.errors import Message

_ROOT = Path(__file__).parents[2]
_ROOMS = ["bot", "cli", "evaluation", "inference", "sandbox", "storage", "training"]
_MAKERS = {"InvalidInput", "CheckpointError", "UserError", "Message"}
_LANGUAGES = ["en", "ru"]


@cache
def _sentences(language: str) -> dict[str, tuple[str, ...]]:
    """All forms of each sentence of a catalogue."""
    with (_ROOT / "locales" / language / "LC_MESSAGES" / "opisalka.po").open("rb") as source:
        catalogue = read_po(source, locale=language, abort_invalid=True)
    sentences = {}
    for message in catalogue:
        code = message.id if isinstance(message.id, str) else message.id[0]
        forms = [message.string] if isinstance(message.string, str) else message.string or []
        sentences[code] = tuple(form or "" for form in forms)
    del sentences[""]  # the header
    return sentences


def _placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def _sources() -> Iterator[ast.AST]:
    for room in _ROOMS:
        for path in sorted((_ROOT / room).rglob("*.py")):
            yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def _texts(node: ast.AST) -> set[str]:
    return {inner.value for inner in ast.walk(node) if isinstance(inner, ast.Constant) and isinstance(inner.value, str)}


def _given_details(call: ast.Call) -> set[str] | None:
    """The details that a call surely gives; None where it hands on a mapping."""
    mappings = [argument for argument in call.args[1:] if not isinstance(argument, ast.Dict)]
    if mappings or any(keyword.arg is None or keyword.arg == "details" for keyword in call.keywords):
        return None
    keys = {
        text
        for argument in call.args[1:]
        if isinstance(argument, ast.Dict)
        for key in argument.keys
        if key
        for text in _texts(key)
    }
    return keys | {keyword.arg for keyword in call.keywords if keyword.arg}


@cache
def _calls() -> dict[str, list[set[str] | None]]:
    """The codes that the source uses, each with the details that its calls give."""
    calls: defaultdict[str, list[set[str] | None]] = defaultdict(list)
    for node in _sources():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _MAKERS and node.args:
            for code in _texts(node.args[0]):
                calls[code].append(_given_details(node))
    return dict(calls)


class TestCatalogues:
    @pytest.mark.parametrize("language", _LANGUAGES)
    def test_every_code_of_the_source_has_a_sentence(self, language: str) -> None:
        assert "photo-damaged" in _calls()
        assert set(_calls()) - set(_sentences(language)) == set()

    @pytest.mark.parametrize("language", _LANGUAGES)
    def test_every_sentence_is_used(self, language: str) -> None:
        used = {text for node in _sources() for text in _texts(node)}
        assert set(_sentences(language)) - used == set()

    def test_both_languages_speak_of_the_same(self) -> None:
        """The same codes, and the same placeholders in every form of each."""
        english, russian = _sentences("en"), _sentences("ru")
        assert set(english) == set(russian)
        for code in english:
            assert len({frozenset(_placeholders(form)) for form in english[code] + russian[code]}) == 1, code

    @pytest.mark.parametrize("language", _LANGUAGES)
    def test_no_form_is_empty(self, language: str) -> None:
        assert [code for code, forms in _sentences(language).items() if not all(forms)] == []

    def test_every_call_gives_what_its_sentence_needs(self) -> None:
        for code, calls in _calls().items():
            needed = set().union(*(_placeholders(form) for form in _sentences("ru")[code]))
            needed = needed - {"photo"} | ({"number"} if "photo" in needed else set())
            assert [details for details in calls if details is not None and needed - details] == [], code


class TestRender:
    @pytest.mark.parametrize(
        ("count", "language", "start"),
        [
            (11, "ru", "Пришло 11 фотографий,"),
            (21, "ru", "Пришла 21 фотография,"),
            (22, "ru", "Пришло 22 фотографии,"),
            (12_345, "ru", "Пришло 12\u00a0345 фотографий,"),
            (21, "en", "21 photos came,"),
            (1, "en", "1 photo came,"),
        ],
    )
    def test_counts_take_the_right_form(self, count: int, language: str, start: str) -> None:
        assert render(Message("too-many-photos", {"count": count, "limit": 10}), language).startswith(start)

    @pytest.mark.parametrize(
        ("name", "language", "photo"),
        [("", "ru", " фото 3:"), ("", "en", " photo 3:"), ("IMG 1.jpg", "ru", " «IMG 1.jpg»:"), ("a", "en", " “a”:")],
    )
    def test_a_photo_is_called_by_its_name_or_its_number(self, name: str, language: str, photo: str) -> None:
        assert photo in render(Message("photo-damaged", {"name": name, "number": 3}), language)

    def test_numbers_are_written_as_the_language_does(self) -> None:
        message = Message("photo-too-big", {"name": "", "number": 1, "megabytes": 25.1, "limit": 25})
        assert "весит 25,1 МБ, а принимается до 25 МБ" in render(message)
        assert "has 25.1 MB, and up to 25 MB" in render(message, "en")

    def test_a_name_with_braces_is_no_placeholder(self) -> None:
        assert "«{limit}»" in render(Message("photo-empty", {"name": "{limit}", "number": 1}))

    def test_an_unknown_code_is_a_bug(self) -> None:
        with pytest.raises(KeyError, match="no-such-code"):
            render(Message("no-such-code"))

    def test_a_missing_detail_is_a_bug(self) -> None:
        with pytest.raises(KeyError, match="limit"):
            render(Message("nothing-sent"))
