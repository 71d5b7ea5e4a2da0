"""Every code has its sentence in both languages, and every sentence is used."""

import ast
import string
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

_ROOT = Path(__file__).parents[2]
_ROOMS = ["bot", "cli", "evaluation", "inference", "locales", "sandbox", "storage", "training"]
_MAKERS = {"InvalidInput", "CheckpointError", "UserError", "StorageError", "Message"}
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
