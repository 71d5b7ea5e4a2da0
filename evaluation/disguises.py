"""Disguise words as people do to pass a filter, to measure whether the filter recognises them.

Each function takes a word and a random generator and returns another spelling. None of these is used in training.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

VOWELS = "аеёиоуыэюя"
_TABLE: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("disguises.toml").read_text("utf-8"))
_LOOKS: Mapping[str, str] = _TABLE["looks"]
_SOUNDS: Mapping[str, Sequence[str]] = _TABLE["sounds"]
_NEAR: Mapping[str, str] = _TABLE["near"]
_WORD = re.compile(r"[А-ЯЁа-яё]{3,}")

Way = Callable[[str, random.Random], str]


def build_disguised_sets(texts: Sequence[str], rude: Collection[str], seed: int = 0) -> dict[str, list[str]]:
    """Return the texts with a rude word, all rude words disguised, by name of the disguise."""
    rnd = random.Random(seed)
    holding = [text for text in texts if any(_plain(word) in rude for word in _WORD.findall(text))]
    return {name: [_spell(text, way, rnd, rude) for text in holding] for name, way in WAYS.items()}


def _spell(text: str, way: Way, rnd: random.Random, rude: Collection[str]) -> str:
    return _WORD.sub(lambda match: way(match[0], rnd) if _plain(match[0]) in rude else match[0], text)


def _plain(word: str) -> str:
    return word.lower().replace("ё", "е")


def mask_letters(word: str, rnd: random.Random) -> str:
    """Hide one to three inner letters: «бл*ть», «х..ня», «п***ц»."""
    # Most people hide one letter: a word must stay readable.
    count = rnd.choice((1, 1, 1, 1, 2, 2, 3)) if len(word) > 4 else 1
    start = rnd.randint(1, max(1, len(word) - 1 - count))
    sign = rnd.choice("****..%#@-_?$&…✱•+!")
    middle = word[start : start + count]
    if count == 1 and rnd.random() < 0.5 and (places := [n for n in range(1, len(word)) if word[n].lower() in VOWELS]):
        start = rnd.choice(places)
        middle = word[start]
    mask = sign * (len(middle) if rnd.random() < 0.8 else rnd.randint(1, 4))
    return word[:start] + mask + word[start + len(middle) :]


def replace_lookalikes(word: str, rnd: random.Random) -> str:
    """Replace letters by Latin letters, digits and signs that look like them."""
    share = rnd.choice((0.3, 0.6, 1.0))
    return "".join(
        rnd.choice(_LOOKS[each.lower()]) if each.lower() in _LOOKS and rnd.random() < share else each for each in word
    )


def transliterate(word: str, rnd: random.Random) -> str:
    """Spell the word in Latin letters, as it sounds."""
    return "".join(rnd.choice(_SOUNDS[each]) for each in word.lower())


def separate_letters(word: str, rnd: random.Random) -> str:
    """Space out all letters or one or two places: «б л я т ь», «бл ять», «е.ба.нат»."""
    sign = rnd.choice((" ", " ", " ", ".", "-", "_", "*", ",", "/"))
    if rnd.random() < 0.5:
        return sign.join(word)
    for place in sorted(rnd.sample(range(1, len(word)), min(len(word) - 1, rnd.choice((1, 1, 2)))), reverse=True):
        word = word[:place] + sign + word[place:]
    return word


def repeat_letters(word: str, rnd: random.Random) -> str:
    """Repeat a letter or two: «бляяять»."""
    places = {rnd.randrange(len(word)) for _ in range(rnd.choice((1, 1, 2, len(word))))}
    return "".join(each * (rnd.choice((2, 2, 3, 4, 6)) if n in places else 1) for n, each in enumerate(word))


def misspell(word: str, rnd: random.Random) -> str:
    """Replace, drop, double or transpose a letter."""
    place = rnd.randrange(len(word))
    letter = word[place].lower()
    kind = rnd.random()
    if kind < 0.5 and letter in _NEAR:
        return word[:place] + rnd.choice(_NEAR[letter]) + word[place + 1 :]
    if kind < 0.75 or place + 1 == len(word):
        return word[:place] + word[place + 1 :]
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def insert_invisible(word: str, rnd: random.Random) -> str:
    """Insert invisible characters or combining marks."""
    sign = rnd.choice("\u200b\u200d\u00ad\u2060\u0336\u0301\ufe0f")
    return sign.join(word)


def alternate_case(word: str, rnd: random.Random) -> str:
    """Capitalise letters at random."""
    return "".join(each.upper() if rnd.random() < 0.5 else each.lower() for each in word)


def combine(word: str, rnd: random.Random) -> str:
    """Apply two disguises at once."""
    first, second = rnd.sample((replace_lookalikes, mask_letters, repeat_letters, misspell, alternate_case), 2)
    return second(first(word, rnd), rnd)


# The names are keys of the report that `opisalka evaluate toxicity` prints.
WAYS: Mapping[str, Way] = {
    "masked": mask_letters,
    "looking_alike": replace_lookalikes,
    "transliterated": transliterate,
    "apart": separate_letters,
    "repeated": repeat_letters,
    "misspelt": misspell,
    "invisible": insert_invisible,
    "cased": alternate_case,
    "mixed": combine,
}
