"""Short Russian captions of drawn garments: only what the drawing shows, with gender, number and case right."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.drawings.garments import ITEMS, Details, Garment, Gender, get_details

Endings = Mapping[Gender, tuple[str, str]]  # after a hard and after a soft stem
NOMINATIVE: Endings = {"m": ("ый", "ий"), "f": ("ая", "яя"), "n": ("ое", "ее"), "p": ("ые", "ие")}
ACCUSATIVE: Endings = {"m": ("ый", "ий"), "f": ("ую", "юю"), "n": ("ое", "ее"), "p": ("ые", "ие")}
INSTRUMENTAL: Endings = {"m": ("ым", "им"), "f": ("ой", "ей"), "n": ("ым", "им"), "p": ("ыми", "ими")}
GENITIVE: Endings = {"m": ("ого", "его"), "f": ("ой", "ей"), "n": ("ого", "его"), "p": ("ых", "их")}

Phrases = tuple[str, str]  # standing alone after a comma, and hung onto the noun
_TABLE: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("captions.toml").read_text("utf-8"))


def decline(color: str, gender: Gender, endings: Endings = NOMINATIVE) -> str:
    """A colour, or any adjective given in the masculine, in the wanted form; «хаки» never changes."""
    if color == "хаки" or (color.endswith("ой") and gender == "m" and endings in (NOMINATIVE, ACCUSATIVE)):
        return color
    return color[:-2] + endings[gender][color.endswith("ий")]


def caption(garment: Garment, rnd: random.Random) -> str:
    """Describe the drawing in one or two Russian sentences without any number."""
    details = get_details(garment)
    marks = _marks(garment, details)
    rnd.shuffle(marks)
    marks = marks[: rnd.randint(1, 3)]
    head = " ".join(part for part in (_head(garment, details, rnd), _pattern(garment, details, rnd)) if part)
    text = _join(head, marks, rnd)
    if garment.item in ITEMS and rnd.random() < 0.15:
        text = f"{text} {rnd.choice(_TABLE['remarks'])}"
    return text[0].upper() + text[1:]


def _join(head: str, marks: list[Phrases], rnd: random.Random) -> str:
    """The details after the head: in a row, hung onto the noun, or as a sentence of their own."""
    rest, way = [alone for alone, _ in marks], rnd.randrange(4)
    if way == 0:
        row = ", ".join(rest)
        return f"{head}. {row[0].upper()}{row[1:]}."
    # «с рисунком с воротником» reads badly: after one preposition the next detail follows a comma.
    if way == 1 or " с " in head or " со " in head:
        return ", ".join([head, *rest]) + "."
    return ", ".join([f"{head} {marks[0][1]}", *rest[1:]]) + "."


def _head(garment: Garment, details: Details, rnd: random.Random) -> str:
    """The item with its colour, and often with an adjective for its cloth."""
    gender, item = details.item.gender, garment.item
    if details.texture in _TABLE["textures"] and item != "джинсы" and rnd.random() < 0.5:
        item = f"{decline(_TABLE['textures'][details.texture], gender)} {item}"
    elif garment.pattern == "однотонный" and not details.contrast and rnd.random() < 0.15:
        item = f"{decline('однотонный', gender)} {item}"
    if garment.color == "хаки":
        return rnd.choice((f"{item} цвета хаки", f"{item} хаки"))
    color = decline(garment.color, gender)
    of_color = f"{decline(garment.color, 'm', GENITIVE)} цвета"
    return rnd.choice(
        (f"{color} {item}", f"{color} {item}", f"{color} {item}", f"{item} {color}", f"{item} {of_color}")
    )


def _pattern(garment: Garment, details: Details, rnd: random.Random) -> str:
    """The pattern with the second colour, or nothing for a plain cloth."""
    return rnd.choice(_pattern_phrases(garment, details))


def _pattern_phrases(garment: Garment, details: Details) -> tuple[str, ...]:
    color = garment.second_color
    feminine, masculine = _before(color, "f", ACCUSATIVE), _before(color, "m", ACCUSATIVE)
    by_feminine, by_masculine = _before(color, "f", INSTRUMENTAL), _before(color, "m", INSTRUMENTAL)
    motif = _TABLE["scattered" if details.is_all_over_print else "motifs"][details.motif]
    return {
        "полоска": (f"в {feminine}полоску", f"в {feminine}полоску", f"с {by_feminine}полоской"),
        "клетка": (f"в {feminine}клетку", f"в {feminine}клетку", f"в {feminine}клеточку"),
        "горошек": (f"в {masculine}горошек",),
        "цветочный": (f"в {masculine}цветочек", f"с {by_masculine}цветочным рисунком"),
        "принт": (motif, f"с {by_masculine}рисунком", f"с {by_masculine}принтом"),
        "надпись": (f"с {by_feminine}надписью {details.words.title()}", f"с {by_feminine}надписью"),
        "камуфляж": ("с камуфляжным рисунком", "в камуфляжной расцветке"),
    }.get(garment.pattern, ("",))


def _before(color: str | None, gender: Gender, endings: Endings) -> str:
    """The second colour before a noun; nothing for none, and for «хаки», which only stands after it."""
    return "" if color in (None, "хаки") else f"{decline(str(color), gender, endings)} "


def _marks(garment: Garment, details: Details) -> list[Phrases]:
    """Every detail that the drawing shows, in words."""
    shape, bottom = details.item.shape, details.item.bottom
    options = {
        "closures": details.closure,
        "pockets": details.pocket,
        "trims": details.trim,
        "bottoms": bottom,
        "shapes": shape,
    }
    marks = [_TABLE[group][name] for group, name in options.items() if name in _TABLE[group]]
    if shape == "top":
        marks += [_TABLE["sleeves"][details.sleeve]]
        marks += [_TABLE["necks"][details.neck]] if details.neck in _TABLE["necks"] else []
    if shape == "skirt" or bottom == "skirt":
        marks += [_flare(details), _length(details)]
    if shape == "legs" and details.length > 3:
        marks.append(("зауженные", "зауженного кроя") if details.flare < -0.04 else ("прямые", "прямого кроя"))
    if details.contrast and garment.second_color and shape in _TABLE["edged"]:
        marks.append(_edging(garment.second_color, *_TABLE["edged"][shape]))
    return marks


def _flare(details: Details) -> Phrases:
    flared = details.flare > 0.4
    return ("расклёшенный низ", "с расклёшенным низом") if flared else ("прямой силуэт", "прямого силуэта")


def _length(details: Details) -> Phrases:
    short, long = details.item.length
    share = (details.length - short) / (long - short)
    if share > 0.7:
        return "длина макси", "длины макси"
    return ("длина до колена", "до колена") if share > 0.3 else ("короткая длина", "короткой длины")


def _edging(color: str, alone: str, hung: str, gender: Gender) -> Phrases:
    if color == "хаки":
        return f"{alone} цвета хаки", f"с {hung} цвета хаки"
    return f"{decline(color, gender)} {alone}", f"с {decline(color, gender, INSTRUMENTAL)} {hung}"
