"""Vocabulary for classifying numbers: lemmas and fixed abbreviations, in lower case, with `е` for `ё`."""

from __future__ import annotations

from collections.abc import Mapping

from inference.masking.morphology import lemmatize


def _invert(rows: Mapping[str, str]) -> dict[str, str]:
    return {word: kind for kind, words in rows.items() for word in words.split()}


def _split(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words before a number. HEIGHT is the height of a person; that of a heel measures the thing and is a LENGTH.
_LABELS = _invert(
    {
        "PRICE": "цена ценник стоимость стоить сумма прайс оплата price cost",
        "SIZE": "размер р-р рр р size eu eur ru us uk int рос российский европейский",
        "LENGTH": "длина дл ширина высота глубина стелька рукав шов шаговый каблук плечо платформа голенище подошва"
        " спинка length",
        "GIRTH": "обхват объем полуобхват окружность грудь талия бедро ог об пог параметр бюст пояс",
        "HEIGHT": "рост ростовка height",
        "WEIGHT": "вес весить масса weight",
        "AGE": "возраст age",
        "YEAR": "год year",
        "QUANTITY": "количество кол-во quantity",
        "PERCENT": "состав хлопок эластан полиэстер вискоза шерсть лен акрил лайкра спандекс полиамид нейлон шелк",
        "DISCOUNT": "скидка скинуть уступить минус discount",
        "DELIVERY": "доставка доставить доставлять пересылка пересыл переслать отправка отправить отправлять почта"
        " сдэк курьер delivery",
        "PHONE": "телефон тел звонить позвонить whatsapp ватсап вотсап viber вайбер phone",
        "ARTICLE": "артикул арт art код sku № article",
        "UNK_VAL": "этаж дом квартира пробег",
    }
)
# Words before a number that count only without stronger evidence around it.
_HINTS = _invert(
    {
        "PRICE": "за по отдать отдавать продать продавать просить хотеть торг ₽ $ €",
        "YEAR": "купить покупать приобрести брать взять коллекция сезон выпуск",
        "SIZE": "куртка пальто пуховик плащ платье юбка блузка рубашка футболка майка свитер кофта худи толстовка"
        " джинсы брюки штаны шорты костюм комбинезон жилет пиджак кроссовки кеды ботинки сапоги туфли"
        " босоножки сандалии",
    }
)
# Words after a number. A garment is a QUANTITY too when the number is small.
_UNITS = _invert(
    {
        "PRICE": "руб рубль р ₽ rub $ € тыс тысяча т к k доллар евро",
        "LENGTH": "см мм м cm mm сантиметр метр дюйм",
        "WEIGHT": "кг г гр грамм килограмм",
        "AGE": "год лет мес месяц годик летний",
        "QUANTITY": "шт штука штучка вещь пара предмет комплект единица упаковка капсула таблетка",
        "PERCENT": "% процент",
        "SIZE": "размер р-р",
        "HEIGHT": "рост",
        "UNK_VAL": "раз день неделя час минута ч мин км этаж мл л литр гб мб вт ватт",
    }
)
# The first measure named decides: «ширина в груди» is a width.
MEASURES = _split("длина ширина высота глубина обхват объем полуобхват окружность")
# «цена с доставкой» and «без скидки» name no fee and no discount.
INCLUDING = _split("с со без включая учетом")
# Words that may separate two numbers of one kind.
FILLERS = _split("и или до по на от примерно около где-то либо")
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
    return _look_up(word, _UNITS)


def _look_up(word: str, table: Mapping[str, str]) -> str | None:
    return next((table[lemma] for lemma in lemmatize(word) if lemma in table), None)
