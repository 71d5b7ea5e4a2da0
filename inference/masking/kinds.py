"""Which kind of value a number is, told by the words before it and by the unit after it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

import pymorphy3

TOKEN_KINDS: tuple[str, ...] = (
    "PRICE",
    "SIZE",
    "LENGTH",
    "GIRTH",
    "HEIGHT",
    "WEIGHT",
    "AGE",
    "YEAR",
    "QUANTITY",
    "PERCENT",
    "DISCOUNT",
    "DELIVERY",
    "PHONE",
    "ARTICLE",
    "UNK_VAL",
)


def _table(rows: Mapping[str, str]) -> dict[str, str]:
    return {word: kind for kind, words in rows.items() for word in words.split()}


# HEIGHT is a person's; the height of a heel is a measure of the thing and so a LENGTH.
LABELS = _table(
    {
        "PRICE": "цена ценник стоимость стоить сумма прайс price",
        "SIZE": "размер размерчик р-р р size",
        "LENGTH": "длина ширина высота стелька рукав шов каблук плечо платформа голенище подошва спинка",
        "GIRTH": "обхват объем объём полуобхват окружность грудь талия бедро ог об пог параметр бюст пояс",
        "HEIGHT": "рост ростовка",
        "WEIGHT": "вес весить масса",
        "AGE": "возраст",
        "YEAR": "год",
        "QUANTITY": "количество кол-во",
        "PERCENT": "состав хлопок эластан полиэстер вискоза шерсть лен лён акрил лайкра спандекс полиамид нейлон шёлк шелк",
        "DISCOUNT": "скидка скинуть уступить минус",
        "DELIVERY": "доставка доставить доставлять пересылка отправка отправить отправлять почта сдэк курьер",
        "PHONE": "телефон тел звонить позвонить whatsapp ватсап вотсап",
        "ARTICLE": "артикул арт art код sku номер №",
        "UNK_VAL": "этаж дом квартира",
    }
)
HEADS = frozenset("длина ширина высота обхват объем объём полуобхват окружность".split())
WEAK = _table(
    {
        "PRICE": "за отдать отдавать продать продавать просить торг уступлю",
        "YEAR": "купить куплено покупать приобрести коллекция сезон",
    }
)
UNITS = _table(
    {
        "PRICE": "руб рубль р ₽ rub $ € тыс тысяча к k т.р доллар евро",
        "LENGTH": "см мм м cm mm сантиметр метр дюйм",
        "WEIGHT": "кг г гр грамм килограмм",
        "AGE": "год лет мес месяц годик годовалый летний",
        "QUANTITY": "шт штука штучка вещь пара предмет комплект единица упаковка",
        "PERCENT": "% процент",
        "SIZE": "размер р-р",
        "HEIGHT": "рост",
        "UNK_VAL": "раз день неделя час минута ч мин км этаж",
    }
)
_ACCEPTS: Mapping[str, frozenset[str]] = {
    "PRICE": frozenset({"PRICE"}),
    "SIZE": frozenset({"SIZE", "LENGTH", "HEIGHT"}),
    "LENGTH": frozenset({"LENGTH"}),
    "GIRTH": frozenset({"LENGTH"}),
    "HEIGHT": frozenset({"LENGTH", "HEIGHT"}),
    "WEIGHT": frozenset({"WEIGHT"}),
    "AGE": frozenset({"AGE"}),
    "YEAR": frozenset({"AGE", "YEAR"}),
    "QUANTITY": frozenset({"QUANTITY"}),
    "PERCENT": frozenset({"PERCENT"}),
    "DISCOUNT": frozenset({"PRICE", "PERCENT"}),
    "DELIVERY": frozenset({"PRICE"}),
}
_PLAUSIBLE = {"SIZE": 200, "HEIGHT": 230, "AGE": 120, "PERCENT": 100, "LENGTH": 300, "GIRTH": 300, "QUANTITY": 100}

WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*|[%₽$€№+]")
_NEXT_WORD = re.compile(r"-?[^\S\n]*(%|[₽$€]|[^\W\d_]+(?:-[^\W\d_]+)*)")
_CLAUSE_END = re.compile(r"[\n;!?]|\.(?=\s+[А-ЯЁA-Z])|(?<=[а-яё]{4})\.(?=\s)")
_FILLERS = frozenset("и или до по на от примерно около где-то либо о в".split())
_YEAR = re.compile(r"(?:19|20)\d\d(?:\W(?:19|20)?\d\d)?$")


@cache
def _morphology() -> pymorphy3.MorphAnalyzer:
    return pymorphy3.MorphAnalyzer()


@lru_cache(maxsize=20_000)
def lemmas(word: str) -> tuple[str, ...]:
    """The word in lower case and every lemma that it can have."""
    word = word.lower()
    return (word, *dict.fromkeys(parse.normal_form for parse in _morphology().parse(word)))


@lru_cache(maxsize=20_000)
def _look_up(word: str, table: str) -> str | None:
    words = {"labels": LABELS, "weak": WEAK, "units": UNITS}[table]
    return next((words[lemma] for lemma in lemmas(word) if lemma in words), None)


def label_of(word: str) -> str | None:
    """The kind that a word before a number announces («цене» → PRICE), or None."""
    return _look_up(word, "labels")


def unit_of(word: str) -> str | None:
    """The kind of a number that the word follows («рублей» → PRICE), or None."""
    return _look_up(word, "units")


def kinds(text: str, numbers: Sequence[re.Match[str]]) -> list[str]:
    """The kind of each number, one of TOKEN_KINDS; `numbers` are matches of `numbers.find` in their order."""
    found: list[str] = []
    for index, number in enumerate(numbers):
        before = numbers[index - 1].end() if index else 0
        line = text.rfind("\n", 0, number.start()) + 1
        previous = found[-1] if found and before > line else None
        found.append(_kind(text, number, before, line, previous))
    return found


def _kind(text: str, number: re.Match[str], before: int, line: int, previous: str | None) -> str:
    if number.lastgroup == "token":
        return "UNK_VAL"
    left = _left(text[max(before, line) : number.start()], previous is not None)
    unit = _unit(text, number)
    label = _label(left)
    if number.lastgroup == "phone" and label != "ARTICLE":
        return "PHONE"
    if number.lastgroup in ("latin", "loose", "jeans"):
        return "SIZE"
    if label and (unit is None or unit in _ACCEPTS.get(label, ())) and _plausible(label, number[0]):
        return label
    if unit:
        return _refined(unit, text, number, line)
    weak = _weak(left, number[0])
    if weak:
        return weak
    return _inherited(text[line : number.start()], left, number[0], previous)


def _left(between: str, after_number: bool) -> str:
    """What stands before a number, without the unit of the number before it and without earlier clauses."""
    if after_number:
        unit = _NEXT_WORD.match(between)
        if unit and unit_of(unit[1]):
            between = between[unit.end() :]
    ends = list(_CLAUSE_END.finditer(between))
    return between[ends[-1].end() :] if ends else between


def _label(left: str) -> str | None:
    words = WORD.findall(re.split(r"[,(]", left)[-1])
    nearest: str | None = None
    for index in range(len(words) - 1, -1, -1):
        kind = _announced(words, index)
        if kind is None:
            continue
        if nearest is None:
            nearest = kind
        if nearest in ("LENGTH", "GIRTH") and HEADS.intersection(lemmas(words[index])):
            return kind
        if nearest == "PRICE" and kind == "DELIVERY":
            return kind
    return nearest


def _announced(words: list[str], index: int) -> str | None:
    word = words[index]
    if word == "ОТ":
        return "GIRTH"
    kind = label_of(word)
    included = index and words[index - 1].lower() in ("с", "со", "без", "включая", "учетом", "учётом")
    return None if kind in ("DELIVERY", "DISCOUNT") and included else kind


def _unit(text: str, number: re.Match[str]) -> str | None:
    word = _NEXT_WORD.match(text, number.end())
    if word is None:
        return None
    kind = unit_of(word[1])
    if kind in ("AGE", "WEIGHT") and _YEAR.match(number[0]) and {"год", "г"}.intersection(lemmas(word[1])):
        return "YEAR"
    return kind


def _refined(unit: str, text: str, number: re.Match[str], line: int) -> str:
    if unit not in ("PERCENT", "PRICE"):
        return unit
    clause = _CLAUSE_END.split(text[line : number.start()])[-1]
    rest = re.split(r"[\n,;.!?(\d]", text[number.end() : number.end() + 60])[0]
    if unit == "PERCENT":
        return "DISCOUNT" if "DISCOUNT" in map(label_of, WORD.findall(clause + rest)) else unit
    return "DELIVERY" if re.search(r"(?:за|на|стоимость|стоит|составит) (?:доставк|пересылк|отправк)", rest) else unit


def _weak(left: str, number: str) -> str | None:
    for word in reversed(WORD.findall(re.split(r"[,(]", left)[-1])):
        kind = "PRICE" if word in "₽$€" else _look_up(word, "weak")
        if kind == "PRICE" or (kind == "YEAR" and _YEAR.match(number)):
            return kind
    return None


def _inherited(line: str, left: str, number: str, previous: str | None) -> str:
    bare = all(word.lower() in _FILLERS for word in WORD.findall(left))
    by_comma = "," in left and previous in ("PRICE", "DELIVERY", "DISCOUNT", "YEAR", "PHONE")
    if previous and bare and not by_comma and _plausible(previous, number):
        return previous
    head, colon, _ = line.partition(":")
    kind = _label(head) if colon else None
    return kind if kind and _plausible(kind, number) else "UNK_VAL"


def _plausible(kind: str, number: str) -> bool:
    digits = re.sub(r"\D", "", re.split(r"[^\w.,]", number)[0].split(",")[0].split(".")[0]) or "0"
    if kind == "YEAR":
        return _YEAR.match(number) is not None
    if kind == "PHONE":
        return len(re.sub(r"\D", "", number)) >= 5
    return int(digits) <= _PLAUSIBLE.get(kind, 10**30)
