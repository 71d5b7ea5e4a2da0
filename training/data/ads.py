"""Compose ads for training: the visible part first, then the seller's fields, in many wordings.

The visible part is a caption that a person wrote for the photo; the rest comes from the masked fields, so every fact of
the text is in the input and the model has nothing to invent from. The wordings are in `ads.toml`.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

_TABLE: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("ads.toml").read_text("utf-8"))
WORDINGS: Mapping[str, Sequence[str]] = _TABLE["wordings"]
CONDITIONS: Mapping[str, Sequence[str]] = _TABLE["conditions"]
AUDIENCES: Mapping[str, Sequence[str]] = _TABLE["audiences"]
MORE_FIELDS: Sequence[tuple[str, Sequence[str]]] = tuple(_TABLE["more_fields"].items())
MONEY = ("цена", "доставка", "скидка", "стоимость")
# Fields that name the thing: with a photo the text begins with its description instead.
NAMES = ("название", "товар", "вещь", "предмет одежды")
SILENT = ("вид объявления",)
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
        wordings = WORDINGS.get(key, _TABLE["generic"])
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
        [_capital(rnd.choice(_TABLE["categories"]).format(v=value.rstrip("."))) for _, value in named]
        if with_category
        else []
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
    wording: str = rnd.choice(_TABLE["sets"])
    return wording.format(l=listed)


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
