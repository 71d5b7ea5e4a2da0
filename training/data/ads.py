"""Compose ads for training: the visible part first, then the seller's fields, in many wordings.

The visible part is a caption that a person wrote for the photo; the rest comes from the masked fields, so every fact of
the text is in the input and the model has nothing to invent from.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

WORDINGS: dict[str, tuple[str, ...]] = {
    "цена": (
        "Цена {v} руб.",
        "Цена: {v} руб.",
        "Отдам за {v} руб.",
        "Прошу {v} руб.",
        "Стоимость {v} руб.",
        "{v} руб.",
    ),
    "размер": ("Размер {v}.", "Размер: {v}.", "Размер {v}.", "Размер на бирке {v}.", "Р-р {v}."),
    "бренд": ("Бренд {v}.", "Фирма {v}.", "{v}.", "Бренд: {v}."),
    "артикул": ("Артикул {v}.", "Арт. {v}.", "Артикул: {v}."),
    "состав": ("Состав: {v}.", "Ткань: {v}.", "Состав {v}."),
    "доставка": ("Доставка {v}.", "Доставка: {v}.", "Могу отправить, доставка {v}."),
    "скидка": ("Скидка {v}.", "Сделаю скидку {v}.", "Скидка: {v}."),
    "количество": ("Количество: {v}.", "В наличии {v}.", "Количество {v}."),
    "куплено в": ("Куплено в {v}.", "Покупали в {v}."),
    "рост": ("Рост {v}.", "На рост {v}.", "Рост: {v}."),
    "возраст": ("Возраст {v}.", "На возраст {v}.", "Примерно на {v}."),
}
CONDITIONS: dict[str, tuple[str, ...]] = {
    "новое с биркой": ("Новое, с биркой.", "Новая вещь с биркой.", "Не носили, бирка на месте."),
    "новое": ("Новое.", "Новая вещь.", "Состояние новое."),
    "отличное": ("Состояние отличное.", "В отличном состоянии.", "Отличное состояние."),
    "хорошее": ("Состояние хорошее.", "В хорошем состоянии.", "Хорошее состояние."),
    "удовлетворительное": ("Состояние удовлетворительное.", "В удовлетворительном состоянии."),
}
AUDIENCES: dict[str, tuple[str, ...]] = {
    "женская": ("Женская вещь.", "Женский вариант."),
    "мужская": ("Мужская вещь.", "Мужской вариант."),
    "детская": ("Детская вещь.", "Для ребёнка."),
    "для девочек": ("На девочку.", "Для девочки."),
    "для мальчиков": ("На мальчика.", "Для мальчика."),
}
GENERIC = ("{n}: {v}.", "{n} — {v}.", "{n} {v}.")
SETS = (
    "Продаю комплектом: {l}.",
    "Пакет вещей: {l}.",
    "Комплект: {l}.",
    "В наборе {l}.",
    "Продаю вместе: {l}.",
    "Несколько вещей: {l}.",
)
# Names of categories, for listings without a photo.
CATEGORIES = ("Продаю: {v}.", "{v}.", "Продаётся: {v}.", "Предлагаю: {v}.")
MONEY = ("цена", "доставка", "скидка", "стоимость")
# Fields that name the thing: with a photo the text begins with its description instead.
NAMES = ("название", "товар", "вещь", "предмет одежды")
SILENT = ("вид объявления",)
MORE_FIELDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Материал",
        ("кожа", "замша", "хлопок", "шерсть", "лён", "полиэстер", "джинса", "флис", "вискоза", "дерево", "металл"),
    ),
    ("Сезон", ("лето", "зима", "демисезон", "весна", "осень", "всесезон")),
    ("Страна", ("Турция", "Китай", "Италия", "Россия", "Беларусь", "Узбекистан", "Германия")),
    ("Торг", ("уместен", "возможен", "при осмотре")),
    ("Самовывоз", ("метро Сокол", "центр города", "у станции", "в любой день", "вечером")),
    ("Обмен", ("не интересует", "возможен", "на размер больше")),
    ("Глубина", ("# см", "#")),
    ("Ширина", ("# см", "#")),
    ("Вес", ("# г", "# кг", "#")),
    ("Застёжка", ("молния", "пуговицы", "кнопки", "липучка", "шнуровка")),
    ("Подкладка", ("есть", "нет", "флис", "искусственный мех")),
    ("Телефон", ("+7 9#",)),
    ("Год", ("20#", "20# г.")),
    ("Город", ("Москва", "Казань", "Пермь", "Самара", "Омск", "Тула")),
)
_BARE = re.compile(r"^<[A-Z_0-9]+>$")


def write_clause(name: str, value: str, rnd: random.Random) -> str:
    """Return one field in words, or an empty string for a field that a living seller would not repeat."""
    key, value = name.lower().strip(), value.strip().rstrip(".")
    if key in SILENT:
        return ""
    if key == "состояние":
        wordings = CONDITIONS.get(value.lower(), ("Состояние: {v}.",))
    elif key == "вид одежды":
        wordings = (*AUDIENCES.get(value.lower(), ("{v} одежда.",)), "", "")
    elif not name:
        wordings = ("{v}.",)
    else:
        wordings = WORDINGS.get(key, GENERIC)
    wording = rnd.choice(wordings)
    if key in ("цена", "стоимость") and not _BARE.match(value):
        wording = wording.replace(" руб.", ".")
    return _capital(wording.format(n=name, v=value))


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def write_clauses(fields: Sequence[tuple[str, str]], rnd: random.Random, with_category: bool) -> list[str]:
    """Return the clauses of all fields, usually money last; the category comes first if no photo shows the thing."""
    named = [field for field in fields if field[0].lower() in NAMES]
    leads = (
        [_capital(rnd.choice(CATEGORIES).format(v=value.rstrip("."))) for _, value in named] if with_category else []
    )
    return leads + _clauses([field for field in fields if field not in named], rnd)


def _clauses(fields: Sequence[tuple[str, str]], rnd: random.Random) -> list[str]:
    first = [field for field in fields if field[0].lower() not in MONEY]
    money = [field for field in fields if field[0].lower() in MONEY]
    rnd.shuffle(first)
    if rnd.random() < 0.15:
        first, money = money, first
    return [text for name, value in (*first, *money) if (text := write_clause(name, value, rnd))]


def sample_extra_fields(rnd: random.Random) -> list[tuple[str, str]]:
    """Return a few fields that the example listings do not have."""
    count = rnd.choice((0, 0, 0, 1, 1, 2, 3))
    chosen = rnd.sample(MORE_FIELDS, count)
    return [(name, rnd.choice(values).replace("#", str(rnd.randint(10, 99)))) for name, values in chosen]


def join_captions(parts: Sequence[str], rnd: random.Random) -> str:
    """Return a sentence that names all things of a set."""
    if rnd.random() < 0.3:
        return _capital("; ".join(parts)) + rnd.choice((". Всё вместе.", ". Продаю вместе.", "."))
    listed = ", ".join(parts[:-1]) + (" и " if rnd.random() < 0.7 else ", ") + parts[-1]
    return rnd.choice(SETS).format(l=listed)


def shorten(caption: str) -> str:
    """Return the first phrase of a caption, for use in a list: «футболка с мелкими розочками на тёмном»."""
    words = re.split(r"[.,;:!?(]", caption, maxsplit=1)[0].split()[:9]
    while words and words[-1].lower() in ("с", "со", "на", "в", "из", "и", "под", "по", "для", "без", "от", "за", "к"):
        words.pop()
    phrase = " ".join(words)
    return phrase if phrase[1:2].isupper() else phrase[:1].lower() + phrase[1:]


def join_fields(fields: Sequence[tuple[str, str]], rnd: random.Random) -> str:
    """Return the fields as a seller notes them in one go instead of line by line."""
    clauses = [write_clause(name, value, rnd).rstrip(".") for name, value in fields]
    cased: Callable[[str], str] = str.lower if rnd.random() < 0.5 else str
    return ", ".join(part if "<" in part else cased(part) for part in clauses if part)
