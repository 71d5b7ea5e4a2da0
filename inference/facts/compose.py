"""Say the look of a thing from the facts alone: its name, its colour, and what the photos surely show."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from random import Random
from typing import Final

from inference.facts.lexicon import (
    find_category,
    find_items,
    find_noun,
    fold,
    get_colour_families,
    get_gender,
    is_adjective,
    load_groups,
)
from inference.facts.sheet import FactSheet
from inference.facts.types import Claim, Fact
from inference.masking.morphology import get_gender as find_gender
from inference.masking.morphology import inflect, inflect_adjective

MAX_CLAIMS: Final = 4
# Nouns that stand in for those whose gender the dictionary does not know.
_STAND_INS: Final = {"masc": "предмет", "femn": "вещь", "neut": "изделие", "plur": "вещи"}
_SET_BEGINNINGS: Final = ("Продаю вместе", "В наборе", "Комплектом")
_NUMERALS: Final = ("", "", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять", "десять")
_FEW: Final = 4  # up to here a numeral takes the singular, behind it the plural
_AUDIENCE_ADJECTIVES: Final = {"мужская": "мужской", "женская": "женский", "детская": "детский"}
_AUDIENCE_TAILS: Final = ("для девочек", "для мальчиков", "унисекс")


def name_thing(sheet: FactSheet) -> str:
    """Return the name of the thing with its colour: «Тёмно-синяя футболка», «Платье летнее, красное».

    The seller's own words stay; a category gives way to the noun that the photos show. "" where nothing is known.
    """
    stated = [fact.words for fact in sheet.get_stated("item") if fact.source == "field"]
    names = [words for words in stated if find_category(words) is None]
    item, colours = sheet.item, sheet.colours
    if not names:
        return capitalize(_name_category(stated[0] if stated else "", sheet))
    main, *others = sorted(names, key=lambda name: not any(find_items(name)))
    models = [name for name in dict.fromkeys(others) if fold(name) not in fold(main)]
    if not models and find_noun(main):  # a single word
        return capitalize(_add_colour(find_noun(main), colours))
    # «Куртка The North Face», but «Куртка, пальто зимнее»: two names are not run together.
    name = main + "".join(f", {lower_first(each)}" if any(find_items(each)) else f" {each}" for each in models)
    said = colours[:1] if not _has_colour(name) else ()
    return capitalize(", ".join((name, *(agree(colour, item or main) for colour in said))))


def _name_category(words: str, sheet: FactSheet) -> str:
    """Return the name of a thing of a category: «белая футболка», «Пакет вещей: белая футболка»."""
    category = find_category(words) if words else None
    item = _add_colour(sheet.item, sheet.colours)
    if category is None or category.kinds or category.says_nothing:
        return item or (category.noun if category else "") or words
    beginning = category.noun or words
    return f"{beginning}: {item}" if item and sheet.item not in fold(words) else beginning


def _has_colour(text: str) -> bool:
    return any(get_colour_families(word) for word in text.split())


def _add_colour(name: str, colours: Sequence[str]) -> str:
    """Return a noun with its colours: «чёрная футболка», «футболка чёрная с белым»."""
    if not find_noun(name) or not colours or _has_colour(name):
        return name
    first, second = agree(colours[0], name), next((inflect(colour, {"neut", "ablt"}) for colour in colours[1:2]), None)
    if second:
        return f"{name} {first} с {second}"
    stays = len({agree(colours[0], noun) for noun in _STAND_INS.values()}) == 1  # «куртка хаки»
    return f"{name} {first}" if stays else f"{first} {name}"


def agree(adjective: str, noun: str) -> str:
    """Return the adjective in the gender and number of a noun, also of one that the dictionary lacks."""
    return inflect_adjective(adjective, _STAND_INS.get(get_gender(noun), noun))


def phrase_fact(fact: Fact, item: str) -> str:
    """Return how a fact is said of an item: «платье», «тёмно-синее», «короткий рукав»; its value where nothing fits."""
    group = load_groups().get(fact.group)
    words = next(iter(group.say.get(fact.value, ())), fact.value) if group is not None else fact.value
    return agree(words, item) if find_noun(item) and " " not in words and is_adjective(words) else words


def compose_look(
    sheet: FactSheet, clauses: Sequence[str] = (), claims: Sequence[Claim] = (), seed: int = 0
) -> tuple[str, list[Claim]]:
    """Return a sentence, without its full stop, that names the thing and says what the photos surely show.

    clauses, claims: what a captioner wrote and the check left, the first clause with the name. Further clauses say what
    is sure and not said yet, until there are `MAX_CLAIMS`. seed: varies the wording.
    """
    name = name_thing(sheet)
    head = clauses[0] if clauses else name
    if not head:
        return "", list(claims)
    said = frozenset((claim.group, claim.value) for claim in claims if claim.kept)
    room = MAX_CLAIMS - sum(group not in ("item", "colour") for group, _ in said)
    added = list(list_clauses(sheet, said, seed))[: max(0, room)]
    rest = [*clauses[1:], *(clause for clause, _ in added)]
    if rest and head == name and rest[0].startswith(("с ", "в ", "на ", "без ")) and " с " not in head:
        head = f"{head} {rest.pop(0)}"
    return ", ".join((head, *map(lower_first, rest))), [*claims, *(claim for _, claim in added)]


def list_clauses(sheet: FactSheet, said: Collection[tuple[str, str]], seed: int = 0) -> Iterator[tuple[str, Claim]]:
    """Yield clauses for what the photos surely show and the text has not said yet, the surest first.

    seed: chooses the wording.
    """
    draw = Random(f"clauses {seed}")
    groups = {group for group, _ in said}
    for fact in sheet.list_sure():
        group = load_groups()[fact.group]
        wordings = group.say.get(fact.value, ())
        is_new = (fact.group not in groups) if group.is_exclusive else (fact.group, fact.value) not in said
        words = {word for wording in wordings for word in fold(wording).split() if len(word) > 4}
        is_named = any(word[:5] in fold(sheet.item) for word in words)  # «из джинсовой ткани» of «джинсы»
        if wordings and is_new and not is_named and not sheet.get_stated(fact.group):
            groups.add(fact.group)
            wording = draw.choices(wordings, range(len(wordings), 0, -1))[0]  # the commonest stands first
            clause = wording if " " in wording else agree(wording, sheet.item)
            yield clause, Claim(clause, fact.group, fact.value, "seen", kept=True)


def add_audience(look: str, sheet: FactSheet) -> str:
    """Return the look with whose the thing is, beside the noun: «Чёрная мужская футболка», «Куртка для девочек».

    The look stays as it is where the seller says it in other words or names the thing by a title.
    """
    stated = [fold(fact.words) for fact in sheet.get_stated("audience") if fact.source == "field"][:1]
    noun = next(find_items(look), None)
    if not stated or noun is None or ":" in look or (sheet.get_stated("item") and sheet.category is None):
        return look
    if stated[0] in _AUDIENCE_TAILS:
        return f"{look[: noun.end]} {stated[0]}{look[noun.end :]}"
    adjective = _AUDIENCE_ADJECTIVES.get(stated[0])
    if adjective is None:
        return look
    words = f"{agree(adjective, noun.value)} {lower_first(look[noun.start : noun.end])}"
    return capitalize(f"{look[: noun.start]}{words}{look[noun.end :]}")


def count_things(sheet: FactSheet, count: int) -> str:
    """Return the name of equal things with their number, 2 to 10: «две чёрные футболки», «пять пар синих джинсов»."""
    noun, colours = sheet.item, sheet.colours[:1]
    gender = find_gender(noun)
    is_few = count <= _FEW
    form = inflect(noun, {"gent", "sing" if is_few and gender != "plur" else "plur"})
    adjectives = [
        inflect(colour, {"plur", "nomn" if is_few and gender == "femn" else "gent"}) or colour for colour in colours
    ]
    if form is None or not gender:
        return f"{lower_first(name_thing(sheet))} ({count} шт.)"
    is_feminine = gender in ("femn", "plur")
    numeral = "две" if count == 2 and is_feminine else _NUMERALS[count]
    pairs = ["пары" if is_few else "пар"] if gender == "plur" else []
    return " ".join((numeral, *pairs, *adjectives, form))


def compose_set(phrases: Sequence[str], beginning: str, seed: int) -> str:
    """Return a sentence, without its full stop, that lists the things of a set.

    phrases: one for each kind of thing. beginning: the seller's words for the set, "" without.
    """
    *first, last = phrases
    listed = f"{', '.join(first)} и {last}" if first else last
    category = find_category(beginning)
    opening = "" if category and category.says_nothing else capitalize(_name_set(beginning))
    return f"{opening or _SET_BEGINNINGS[seed % len(_SET_BEGINNINGS)]}: {listed}"


def _name_set(words: str) -> str:
    """Return the seller's words for a set, in the singular where a category has them in the plural («Комплекты»)."""
    category = find_category(words)
    return category.noun if category and category.noun and not category.kinds else words


def capitalize(text: str) -> str:
    """Return the text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    """Return the text with the first letter of an ordinary word in lower case; abbreviations and names stay."""
    first = text.split(maxsplit=1)[0] if text else ""
    is_ordinary = (first[1:].islower() and not first[:1].isascii()) or len(first) == 1
    return text[:1].lower() + text[1:] if is_ordinary else text
