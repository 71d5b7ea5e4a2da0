"""Vocabulary for classifying numbers: lemmas and fixed abbreviations, in lower case, with `е` for `ё`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from inference.masking.morphology import lemmatize
from inference.masking.numbers.units import get_unit, is_multiplier


def _invert(rows: Mapping[str, str]) -> dict[str, str]:
    return {word: kind for kind, words in rows.items() for word in words.split()}


def _split(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words before a number. HEIGHT is the height of a person; that of a heel measures the thing and is a LENGTH.
_LABELS = _invert(
    {
        "PRICE": "цена ценник стоимость стоить сумма прайс оплата стать price cost",
        "SIZE": "размер разм р-р рр р size eu eur ru us uk int рос российский европейский",
        "LENGTH": "длина дл ширина высота глубина стелька рукав шов шаговый каблук плечо платформа голенище подошва"
        " спинка диагональ диаметр толщина глубь габарит ди др дс шп шг length",
        "GIRTH": "обхват объем полуобхват окружность грудь талия бедро ог об пог пот поб параметр бюст пояс",
        "HEIGHT": "рост ростовка height",
        "WEIGHT": "вес весить масса weight",
        "AGE": "возраст age",
        "YEAR": "год year",
        "QUANTITY": "количество кол-во quantity",
        "PERCENT": "состав хлопок эластан полиэстер вискоза шерсть лен акрил лайкра спандекс полиамид нейлон шелк",
        "DISCOUNT": "скидка скинуть уступить минус discount",
        "DELIVERY": "доставка доставить доставлять пересылка пересыл переслать отправка отправить отправлять почта"
        " сдэк курьер город область регион delivery",
        "PHONE": "телефон тел звонить позвонить whatsapp ватсап вотсап viber вайбер phone",
        "ARTICLE": "артикул арт art код sku article",
        "UNK_VAL": "этаж дом квартира пробег улица ул проспект метро корпус подъезд штрихкод штрих-код ean isbn imei"
        " инн регистрационный накладная отправление партия лот трек серийный проба мощность память",
    }
)
# Words before a number that count only without stronger evidence around it.
_HINTS = _invert(
    {
        "PRICE": "за по отдать отдавать продать продавать просить хотеть торг сейчас теперь итого рубль руб ₽ $ €",
        "YEAR": "с в дата производство носить зима лето осень весна винтаж"
        " купить покупать приобрести брать взять коллекция сезон выпуск",
        "SIZE": "куртка пальто пуховик плащ платье юбка блузка рубашка футболка майка свитер кофта худи толстовка"
        " джинсы брюки штаны шорты костюм комбинезон жилет пиджак кроссовки кеды ботинки сапоги туфли"
        " босоножки сандалии боди слип песочник ползунки лонгслив водолазка кардиган свитшот бомбер ветровка парка шуба"
        " дубленка жакет сарафан топ туника легинсы лосины колготки шапка купальник пижама халат мокасины балетки угги"
        " валенки тапочки полусапоги ботильоны лоферы слипоны",
    }
)
# The first measure named decides: «ширина в груди» is a width.
MEASURES = _split("длина ширина высота глубина обхват объем полуобхват окружность")
# «цена с доставкой» and «без скидки» name no fee and no discount.
INCLUDING = _split("с со без включая учетом")
# Words that may separate two numbers of one kind.
FILLERS = _split("№ номер и или до по на от примерно около где-то либо")
# Words that cannot remain before an erased number.
DEPENDENT = FILLERS | _split(
    "за в с со из всего лишь только при покупка не более менее больше меньше ровно приблизительно это составлять равный"
    " внутр дл выс шир обхв кол ~"
)
# Words whose whole phrase is erased with a number: «стоимость комплекта <PRICE>».
PHRASE_HEADS = _split(
    "цена стоимость стоить размер рост артикул обхват длина ширина высота вес возраст количество объем за"
)


def get_label_kind(word: str) -> str | None:
    """Return the kind of number that the word introduces («цене» → PRICE), or None."""
    return _look_up(word, _LABELS)


def get_hint_kind(word: str) -> str | None:
    """Return the kind of number that the word makes likely («отдам» → PRICE), or None."""
    return _look_up(word, _HINTS)


def get_unit_kind(word: str) -> str | None:
    """Return the kind of number that the word is a unit of («рублей» → PRICE), or None."""
    unit = get_unit(word)
    return unit.kind if unit else ("PRICE" if is_multiplier(word) else None)


def _look_up(word: str, table: Mapping[str, str]) -> str | None:
    return next((table[lemma] for lemma in lemmatize(word) if lemma in table), None)


def is_short_rouble(text: str, start: int) -> bool:
    """Return True where a number is followed by «р» or «р.», which also means «размер»."""
    return re.match(r"[^\S\n]?[рР](?![\w₽])", text[start : start + 3]) is not None
