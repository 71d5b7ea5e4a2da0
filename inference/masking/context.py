"""The words around a number: the clause before it, the label in it, and the name of its line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from inference.masking import words
from inference.masking.morphology import lemmatize
from inference.masking.numbers import Number

_WORD = r"[^\W\d_]+(?:-[^\W\d_]+)*|[%₽$€№+]"
_WORDS = re.compile(_WORD)
_WORD_AFTER = re.compile(rf"(?:-?(?:го|ого|ый|ой|й|х|ти|и|е)\b)?-?[^\S\n]*({_WORD})")
_CLAUSE_END = re.compile(r"[\n;!?]|\.(?=\s+[А-ЯЁA-Z])|(?<=[а-яё]{4})(?<!разм|обхв|глуб)\.(?=\s)")
# The name of a field, also where several stand in one line: «Размер: 44. Доставка — почтой, 300 руб.»
_NAME = re.compile(r"(?:\A|[.!?;]\s)([^\n.:!?;—]{2,40}?)(?::|\s[—–]\s)[^\n:]*\Z")
_NUMBERED = frozenset({"номер", "№"})  # «номер заказа 123456»
_SIDES = frozenset("ДШВГ")  # «Д 120 Ш 60 В 75»


@dataclass(frozen=True)
class Context:
    """A number of a text and what stands around it.

    line: where the line or the part after «;» begins. before: where the number before ends, or `line`.
    previous: the kind of the number before in the same line.
    """

    text: str
    number: Number
    line: int
    before: int
    previous: str | None = None

    @cached_property
    def between(self) -> str:
        """The text after the number before."""
        return self.text[self.before : self.number.start]

    @cached_property
    def left(self) -> str:
        """The same without the unit of the number before and without finished clauses."""
        between = self.between
        unit = _WORD_AFTER.match(between) if self.before > self.line else None
        kind = words.get_unit_kind(unit[1]) if unit else None
        if unit and kind and (kind not in ("SIZE", "HEIGHT") or _WORDS.search(between, unit.end(1))):
            between = between[unit.end(1) :]
        return _CLAUSE_END.split(between)[-1]

    @cached_property
    def starts_clause(self) -> bool:
        """Whether a clause ends between the number before and this one."""
        return _CLAUSE_END.search(self.between) is not None

    @cached_property
    def nearest(self) -> Sequence[str]:
        """The words of the clause before the number."""
        return _split_nearest_words(self.left)

    @cached_property
    def label(self) -> str | None:
        """The kind that the words before the number announce."""
        return find_label(self.nearest)

    @cached_property
    def name_label(self) -> str | None:
        """The kind that the name of the line announces: «Доставка: …»."""
        name = _NAME.search(self.text[self.line : self.number.start])
        return find_label(_WORDS.findall(name[1])) if name else None

    @cached_property
    def clause(self) -> str:
        """The clause that the number is in, up to the number."""
        return _CLAUSE_END.split(self.text[self.line : self.number.start])[-1]

    @cached_property
    def next_word(self) -> str:
        """The word behind the number, "" for none."""
        after = _WORD_AFTER.match(self.text, self.number.end)
        return after[1] if after else ""


def read_contexts(text: str, numbers: Sequence[Number]) -> Iterator[Context]:
    """Yield the context of each number, without the kinds of the numbers before."""
    end = 0
    for number in numbers:
        line = max(text.rfind("\n", 0, number.start), text.rfind(";", 0, number.start)) + 1
        yield Context(text, number, line, max(line, end))
        end = number.end


def find_words(text: str) -> list[str]:
    """Return the words and signs of a text."""
    return _WORDS.findall(text)


def are_fillers(nearest: Sequence[str]) -> bool:
    """Return True for words that may separate two numbers of one kind, and for none."""
    return all(word.lower() in words.FILLERS for word in nearest)


def find_label(nearest: Sequence[str]) -> str | None:
    """Return the kind of the nearest label; «ширина в груди» is a LENGTH, «стоимость доставки» a DELIVERY."""
    label: str | None = None
    for index in reversed(range(len(nearest))):
        kind = _get_label_kind(nearest, index)
        if kind in ("LENGTH", "GIRTH") and label in ("LENGTH", "GIRTH"):
            label = kind if words.MEASURES.intersection(lemmatize(nearest[index])) else label
        elif kind == "DELIVERY" and label == "PRICE":
            label = kind
        else:
            label = label or kind
    return label


def _get_label_kind(nearest: Sequence[str], index: int) -> str | None:
    if list(nearest) == ["ОТ"]:
        return "GIRTH"
    if nearest[index] in _SIDES and index == len(nearest) - 1:
        return "LENGTH"
    if "заказ" in lemmatize(nearest[index]):
        return "UNK_VAL" if _NUMBERED.intersection(word.lower() for word in nearest) else None
    kind = words.get_label_kind(nearest[index])
    is_included = index > 0 and nearest[index - 1].lower() in words.INCLUDING
    return None if kind in ("DELIVERY", "DISCOUNT") and is_included else kind


def _split_nearest_words(left: str) -> list[str]:
    """Return the words after the last comma or bracket, with those before if they are fillers: «доставка (от 150»."""
    *earlier, last = re.split(r"[,(]", re.sub(r"\([^()]*\)", " ", left))
    own = find_words(last)
    return find_words(earlier[-1]) + own if earlier and own and are_fillers(own) else own
