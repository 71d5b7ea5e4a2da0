"""Settle the kinds that only the whole ad tells: old prices, sizes written «46 р.», numbers without a word."""

from __future__ import annotations

import re
from collections.abc import Sequence

from inference.masking.numbers import Number
from inference.masking.numbers.shapes import ARROW, ROUBLES
from inference.masking.words import get_hint_kind, is_short_rouble

# Words before a price that is not asked, with nothing but a few words between.
_OLD_BEFORE = re.compile(
    r"(?<!\w)(?:был[аои]?|раньше|прежде|прежн\w+|стар\w+\s(?:цен\w+|стоимост\w+)|старая|до\sскидки|вместо|изначальн\w+"
    r"|первоначальн\w+|(?:на|по)\s(?:бирк\w+|ценник\w+|чек\w*)|в\s(?:магазин\w+|рознице|бутике|салоне|тц|цум\w*|гум\w*)"
    r"|на\s(?:сайте|wb|вб|озон\w*|ozon|вайлдбер\w+)|розни[цч]\w+|бирки|рыночн\w+|магазинн\w+|стоил[аои]?|обошл[аио]\w*"
    r"|купил\w*|куплен\w*|покупал\w*|приобр\w+|брал[аи]?|взял[аи]?|заказывал\w*|закупочн\w+|себестоимость|(?:за)?плати\w+|заплачен\w*|was|old\sprice|retail)(?!\w)"
    r"[^\n;!?]{0,30}\Z"
    r"|при\sпокупке\s\Z|(?:сни[жз]|уцен|сбав|скину|скид|упал|подешев)\w*[^\n;!?\d]{0,25}\sс\s\Z",
    re.IGNORECASE,
)
_OLD_AFTER = re.compile(
    rf"{ROUBLES}?(?:\s?\(?(?:был[аои]?|раньше|стоил[аои]?|брал[аи]?|покупал\w*|купил\w*|в\s(?:магазин\w+|рознице|бутике)|на\sсайте|по\sчеку"
    rf"|на\sбирке|до\sскидки|стар\w+\sцен\w+)(?!\w)(?![\s—–:-]{{0,3}}(?:за\s)?\d)|\s(?:сни[жз]|уцен)\w+\sдо\s|{ARROW})",
    re.IGNORECASE,
)
# A word that opens a new statement about the price, after which the words before no longer count.
_ASKED = re.compile(
    r"(?<!\w)(?:сейчас|теперь|отда\w+|прошу|прода[юмё]\w*|стало|нов\w+\sцен\w+|уступ\w+|моя|моей|итого|now)(?!\w)",
    re.IGNORECASE,
)
# «Новые 8900» is the price of new ones only where another price is asked: «новая, 3500» is the state and the price.
_NEW_BEFORE = re.compile(
    r"(?<!\w)(?:нов(?:ая|ые|ое|ый|ых|ого|ой)|аналог\w*|так(?:ие|ая|ой)\sже)(?:\s(?!цен)\w+){0,2}[\s—–:-]{1,3}\Z",
    re.IGNORECASE,
)
_NEW_AFTER = re.compile(
    rf"{ROUBLES}?\s?(?:(?:за|сто[ия]т|стоил\w)\s)?нов(?:ая|ые|ое|ый|ую)(?!\w)(?![\s—–:-]{{0,3}}(?:за\s)?\d)",
    re.IGNORECASE,
)
# Between an old price and the one asked: «2̶5̶0̶0̶ 1800», «снизила с 3000 до 2000», «старая 2000, новая 1200».
_THEN_ASKED = re.compile(
    r"[^\S\n]?(?:руб\w*|р|₽)?(?:[\s.,;:/>→➡⇒=—–-]|(?<!\w)(?:а|и|до|за|цена|нов\w+|сейчас|теперь|стало|мо[яей]+|отда\w+|прода\w+"
    r"|прошу|уступ\w+|у\sменя|стоит)(?!\w))*",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[\n;!?,(]|\.\s")
_MONEY_WORD = re.compile(
    r"(?<!\w)(?:цен\w*|стои\w*|отда\w+|прода\w+|прошу|за|по|торг\w*|price)\W{1,3}\Z", re.IGNORECASE
)

_SIZES = frozenset({*range(16, 75), *range(80, 177, 6)})
_COMMON_SIZES = frozenset(range(38, 65, 2))
_CHILD_SIZES = frozenset(range(80, 177, 6))
_ITEM_BEFORE = re.compile(r"[^\W\d_][^\n]*[,;.)]\s?\Z|[^\W\d_][^\n]*\s[—–-]\s\Z")
_ITEM_AFTER = re.compile(r"\s?(?:[,;.!?)]|торг|\n|\Z)")
_CHEAPEST = 50
_LEAST_PRICE = 100


def settle_kinds(text: str, numbers: Sequence[Number], kinds: Sequence[str]) -> list[str]:
    """Return the kinds with every price that is not asked as an UNK_VAL, so that nobody writes it as the price.

    «37 р.» becomes a SIZE where it is one. Numbers that are items of their own become the SIZE of a garment and the
    PRICE of an ad that names none: «Парка, 50-52, 8 000».
    """
    settled = list(kinds)
    _settle_short_roubles(text, numbers, settled)
    _settle_old_prices(text, numbers, settled)
    for kind, may_be in (("SIZE", _may_be_lone_size), ("PRICE", _may_be_lone_price)):
        lone = [
            index
            for index, number in enumerate(numbers)
            if settled[index] == "UNK_VAL" and may_be(text, number) and _is_item(text, number)
        ]
        if len(lone) == 1 and kind not in settled:
            settled[lone[0]] = kind
    return settled


def tells_old_price(text: str, number: Number, before: str) -> bool:
    """Return True where the words around a number tell of a price that is not asked: «было», «в магазине»."""
    before = _ASKED.split(_CLAUSE.split(before)[-1])[-1]
    return _OLD_BEFORE.search(before) is not None or _OLD_AFTER.match(text, number.end) is not None


def _settle_short_roubles(text: str, numbers: Sequence[Number], kinds: list[str]) -> None:
    """Turn «46-48 р.» into sizes; a single number that may be either is one only beside another price."""
    prices = [index for index, kind in enumerate(kinds) if kind == "PRICE"]
    doubtful = [index for index in prices if _may_be_size(text, numbers[index])]
    for index in doubtful:
        amounts = numbers[index].amounts
        is_pair = len(amounts) == 2 and 0 < amounts[1] - amounts[0] <= 6
        if is_pair or len(prices) > len(doubtful) or amounts[0] % 10:
            kinds[index] = "SIZE"


def _may_be_size(text: str, number: Number) -> bool:
    has_money_word = _MONEY_WORD.search(text[max(0, number.start - 20) : number.start])
    return (
        bool(number.amounts)
        and _SIZES.issuperset(number.amounts)
        and is_short_rouble(text, number.end)
        and not has_money_word
    )


def _settle_old_prices(text: str, numbers: Sequence[Number], kinds: list[str]) -> None:
    weak: list[int] = []
    end = 0  # of the last price
    after_old = False
    for index, number in enumerate(numbers):
        follows_old = after_old and _THEN_ASKED.fullmatch(text, end, number.start) is not None
        after_old = number.shape == "struck"
        if follows_old and _may_be_price(number):
            kinds[index] = "PRICE"
        elif kinds[index] in ("PRICE", "DISCOUNT", "UNK_VAL") and _may_be_price(number):
            before = text[end : number.start]
            after_old = tells_old_price(text, number, before)
            if after_old:
                kinds[index] = "UNK_VAL"
            elif kinds[index] == "PRICE" and _tells_price_of_new(text, number, before):
                weak.append(index)
        if kinds[index] == "PRICE" or after_old:
            end = number.end
    if kinds.count("PRICE") > len(weak):
        for index in weak:
            kinds[index] = "UNK_VAL"


def _tells_price_of_new(text: str, number: Number, before: str) -> bool:
    clause = _CLAUSE.split(before)[-1]
    return _NEW_BEFORE.search(clause) is not None or _NEW_AFTER.match(text, number.end) is not None


def _may_be_price(number: Number) -> bool:
    is_money = number.unit is None or number.unit.kind == "PRICE"
    return (
        bool(number.amounts) and number.shape not in ("sides", "free") and is_money and number.amounts[0] >= _CHEAPEST
    )


def _is_item(text: str, number: Number) -> bool:
    """Return True for a number between commas of a free text, with words before it: «Куртка, 50-52, 7 500»."""
    before = text[text.rfind("\n", 0, number.start) + 1 : number.start]
    return ":" not in before and bool(_ITEM_BEFORE.search(before)) and bool(_ITEM_AFTER.match(text, number.end))


def _may_be_lone_size(text: str, number: Number) -> bool:
    is_garment = number.shape == "range" or any(
        get_hint_kind(word) == "SIZE" for word in re.findall(r"[^\W\d_]+", text[: number.start])[:8]
    )
    sizes = _COMMON_SIZES | _CHILD_SIZES if number.shape == "range" else _COMMON_SIZES
    return is_garment and not number.unit and bool(number.amounts) and sizes.issuperset(number.amounts)


def _may_be_lone_price(text: str, number: Number) -> bool:
    if number.shape != "amount" or number.unit or not text[number.end - 1].isdigit():
        return False
    is_grouped = re.search(r"\d\D\d{3}\Z", number.text) is not None
    return number.amounts[0] >= _LEAST_PRICE and (is_grouped or number.amounts[0] % 50 == 0)
