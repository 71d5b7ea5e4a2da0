"""Say the seller's own facts in Russian sentences: by rule, repeatably by seed, every word and number kept.

A wording holds the seller's value as it was typed, apart from the case of its first letter and from the endings of a
few known values («Хорошее» → «в хорошем состоянии»).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from random import Random
from typing import Final

from inference.facts.compose import capitalize, lower_first
from inference.facts.lexicon import WORD, fold, load_fields, translate_value
from inference.facts.prose import end_sentence, tidy_value
from inference.facts.seller import get_group
from inference.masking.morphology import inflect, lemmatize

_SUM: Final = re.compile(
    r"(?P<sum>\d[\d\u00a0\u202f .,'’`_]*?)\s*"
    r"(?P<unit>(?:тыс|млн|т|к)?\.?\s?(?:руб\w*|рэ|р|₽|евро|€|usd|\$|долл\w*|тенге|₸)?\.?)",
    re.IGNORECASE,
)
_FOLLOWS_LABEL: Final = re.compile(r"[\d№$€₽]|(?:от|до|с|по|из|на|за|в|для|при)\s", re.IGNORECASE)
_IS_OFFER: Final = re.compile(r"\b(?:отда|прош|прода|сейчас|теперь|уступ|хочу)", re.IGNORECASE)
_IS_GIFT: Final = re.compile(r"(?:бесплатно|даром|в подарок)\W*", re.IGNORECASE)
_NEUTER: Final = re.compile(r"[А-ЯЁа-яё]+(?:ое|ее)")
_PREPOSITION: Final = re.compile(r"\s(?:в|на|с|от|до|для|за|из|по)$", re.IGNORECASE)

# What stands between the name of a field and its value: one of these in a text, as one hand writes it.
_SEPARATORS: Final = (" ", ": ", " — ")
_BRIEF: Final = frozenset({"size", "brand"})  # «Размер 44» reads as well as «Размер: 44»
_LONG: Final = frozenset(
    {"condition", "defects", "composition", "material", "delivery", "colour", "season", "age", "quantity"}
)
_OFFERS: Final = ("Цена", "Цена", "Цена", "Отдам за", "Прошу")
_AUDIENCES: Final[Mapping[str, tuple[str, ...]]] = {
    "мужская": ("Мужская модель", "Модель мужская"),
    "женская": ("Женская модель", "Модель женская"),
    "детская": ("Детская модель", "Модель детская"),
    "унисекс": ("Модель унисекс",),
}
_SET_AUDIENCES: Final[Mapping[str, str]] = {
    "мужская": "Вещи мужские",
    "женская": "Вещи женские",
    "детская": "Вещи детские",
    "унисекс": "Вещи унисекс",
}
# The order in which a buyer reads: the thing, whose it is, how big, in which state; money and delivery last.
_ORDER: Final = (
    *("item", "audience", "brand", "size", "age", "colour", "", "composition", "material", "season", "condition"),
    *("defects", "quantity", "price", "торг", "discount", "delivery", "самовывоз", "артикул", "телефон"),
)
_OTHERS: Final = _ORDER.index("")


def realise_fields(
    items: Sequence[tuple[str, str]],
    seed: int,
    *,
    said: str = "",
    groups: Collection[str] = (),
    is_set: bool = False,
) -> list[str]:
    """Return sentences that say the named fields, in the order in which a buyer reads.

    items: name → value in the seller's order. said: the text before, whose words are not said again. groups: those
    whose fields the text before has said already. is_set: the fields are of several things. The same fields and
    seed give the same wording.
    """
    draw = Random(f"{seed} {items}")
    rows = [(get_group(name), name, translate_value(tidy_value(value))) for name, value in items]
    rows = [row for row in rows if row[0] not in ("text", "bookkeeping", *groups) and row[2]]
    rows = [row for row in rows if not is_said(row[2], row[1], said)]
    if is_set:
        rows = [(g, n, _SET_AUDIENCES.get(fold(v), v) if g == "audience" else v) for g, n, v in rows]
    rows.sort(key=lambda row: _ORDER.index(row[0]) if row[0] in _ORDER else _OTHERS)
    separator = draw.choice(_SEPARATORS)
    said_fields = [(group, _say(group, name, value, draw, separator)) for group, name, value in rows]
    return [end_sentence(sentence) for sentence in _join_measures(said_fields)]


def is_said(value: str, name: str, text: str) -> bool:
    """Return True if a text holds all words and numbers of a value, and for numbers a word of the field's name."""
    numbers, held = re.findall(r"\d+", value), _collect_lemmas(text)
    if not text or (numbers and not _share_lemmas(name, text)):
        return False
    has_words = all(_collect_lemmas(word) & held for word in WORD.findall(value))
    return has_words and all(re.search(rf"(?<!\d){number}(?!\d)", text) for number in numbers)


def _share_lemmas(first: str, second: str) -> bool:
    return not _collect_lemmas(first).isdisjoint(_collect_lemmas(second))


def _collect_lemmas(text: str) -> set[str]:
    return {lemma for word in WORD.findall(text) for lemma in lemmatize(word)}


def _say(group: str, name: str, value: str, draw: Random, separator: str) -> str:
    if group == "item":
        return capitalize(value)
    if group == "price":
        return _say_price(value, draw, separator)
    if group == "audience":
        return draw.choice(_AUDIENCES.get(fold(value), (capitalize(value),)))
    if group == "condition" and _NEUTER.fullmatch(value):
        located = inflect(value.lower(), {"neut", "loct"}) or ""
        is_new = fold(value) == "новое"  # «в новом состоянии» is said of no thing
        plain = f"Состояние {value.lower()}"
        return plain if is_new or not located else draw.choice((plain, f"В {located} состоянии"))
    label = str(load_fields()["russian"].get(fold(name).strip(), capitalize(name.strip())))
    if group == "size" and value[1:2].islower():  # «Единый», but not «М»
        value = lower_first(value)
    if group in _BRIEF:
        return f"{label}{separator}{value}"
    if group == "discount" or (group in _LONG and not (group == "delivery" and _FOLLOWS_LABEL.match(value))):
        unlike, instead = (": ", " ") if group == "discount" else (" ", ": ")
        return f"{label}{instead if separator == unlike else separator}{lower_first(value)}"
    colon = "" if _PREPOSITION.search(label) or _FOLLOWS_LABEL.match(value) else ":"
    return f"{label}{colon} {value}"


def _say_price(value: str, draw: Random, separator: str) -> str:
    if amount := _SUM.fullmatch(value):
        offer = draw.choice(_OFFERS)
        return f"{offer}{separator if offer == 'Цена' else ' '}{value if amount['unit'] else f'{value} руб.'}"
    if _IS_GIFT.fullmatch(value):
        return f"Отдам {value.lower()}"
    # «4500 в магазине, отдам за 2000» behind «Цена» would ask for the first sum.
    return capitalize(value) if _IS_OFFER.search(value) else f"Цена: {lower_first(value)}"


def _join_measures(said: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Join neighbouring measures («Рост 164 см», «Обхват груди 92 см») by commas, at most four to a sentence."""
    pending: list[str] = []
    for group, sentence in said:
        is_measure = group not in _ORDER and re.search(r"\s\d+(?:[.,]\d+)?(?:\s?[а-яё]{1,3})?$", sentence) is not None
        if pending and (not is_measure or len(pending) == 4):
            yield ", ".join(pending)
            pending = []
        if is_measure:
            pending.append(lower_first(sentence) if pending else sentence)
        else:
            yield sentence
    if pending:
        yield ", ".join(pending)
