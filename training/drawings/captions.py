"""Short Russian captions of drawn garments, with gender and number right."""

from __future__ import annotations

import random

from training.drawings.garments import Details, Garment, Gender, details_of

NOMINATIVE = {"m": ("ый", "ий"), "f": ("ая", "яя"), "n": ("ое", "ее"), "p": ("ые", "ие")}
ACCUSATIVE = {"m": ("ый", "ий"), "f": ("ую", "юю"), "n": ("ое", "ее"), "p": ("ые", "ие")}
INSTRUMENTAL = {"m": ("ым", "им"), "f": ("ой", "ей"), "n": ("ым", "им"), "p": ("ыми", "ими")}


def adjective(color: str, gender: Gender, endings: dict[str, tuple[str, str]] = NOMINATIVE) -> str:
    """The colour as an adjective of the wanted gender and case; «хаки» never changes."""
    if color == "хаки":
        return "хаки"
    soft = color.endswith("ий")
    if color.endswith("ой") and gender == "m" and endings is not INSTRUMENTAL:
        return color
    return color[:-2] + endings[gender][soft]


def caption(garment: Garment, rnd: random.Random) -> str:
    """What is seen in the drawing, in one Russian sentence or two, without any number."""
    details = details_of(garment)
    head = _head(garment, details, rnd)
    marks = _marks(garment, details)
    rnd.shuffle(marks)
    chosen = marks[: rnd.randint(1, 3)]
    body = ", ".join([head, *chosen])
    return (body[0].upper() + body[1:] + rnd.choice((".", ".", _remark(details, rnd)))).replace("..", ".")


def _head(garment: Garment, details: Details, rnd: random.Random) -> str:
    """The item with its colour and pattern."""
    gender = details.item.gender
    color = adjective(garment.color, gender)
    pattern = _pattern(garment, details, rnd)
    if garment.color == "хаки":
        return f"{garment.item} {rnd.choice(('цвета хаки', 'хаки'))} {pattern}".strip()
    order = rnd.choice((f"{color} {garment.item}", f"{color} {garment.item}", f"{garment.item} {color}"))
    return f"{order} {pattern}".strip()


def _pattern(garment: Garment, details: Details, rnd: random.Random) -> str:
    other = garment.second_color

    def tinted(endings: dict[str, tuple[str, str]], gender: Gender) -> str:
        return adjective(other, gender, endings) + " " if other and other != "хаки" else ""

    words = {
        "полоска": f"в {tinted(ACCUSATIVE, 'f')}полоску",
        "клетка": f"в {tinted(ACCUSATIVE, 'f')}{rnd.choice(('клетку', 'клетку', 'клеточку'))}",
        "горошек": f"в {tinted(ACCUSATIVE, 'm')}горошек",
        "цветочный": rnd.choice(
            (f"в {tinted(ACCUSATIVE, 'm')}цветочек", f"с {tinted(INSTRUMENTAL, 'm')}цветочным рисунком")
        ),
        "принт": rnd.choice(
            (f"с {tinted(INSTRUMENTAL, 'm')}рисунком: {details.motif}", f"{MOTIF_PHRASES[details.motif]}")
        ),
        "надпись": f"с {tinted(INSTRUMENTAL, 'f')}надписью {details.words.capitalize()}",
        "камуфляж": rnd.choice(("с камуфляжным рисунком", "в камуфляжной расцветке")),
    }
    return words.get(garment.pattern, "")


MOTIF_PHRASES = {
    "сердце": "с сердечком", "звезда": "со звездой", "кот": "с котиком", "мишка": "с мишкой",
    "солнце": "с солнышком", "машинка": "с машинкой", "цветок": "с крупным цветком", "кораблик": "с корабликом",
}  # fmt: skip
SLEEVES = {"short": "короткий рукав", "long": "длинный рукав", "three_quarter": "рукав три четверти",
           "none": "без рукавов", "strap": "на бретелях"}  # fmt: skip
NECKS = {
    "round": "круглый вырез", "v": "V-образный вырез", "boat": "вырез лодочкой", "polo": "воротник поло",
    "shirt": "отложной воротник", "stand": "воротник-стойка", "hood": "с капюшоном", "turtle": "высокий ворот",
    "lapel": "лацканы", "cardigan": "глубокий вырез", "tank": "широкая горловина", "strap": "прямой вырез",
    "envelope": "запах на плечах",
}  # fmt: skip
CLOSURES = {"zip": "на молнии", "buttons": "на пуговицах", "elastic": "пояс на резинке", "fly": "застёжка на пуговицу",
            "laces": "на шнуровке"}  # fmt: skip
POCKETS = {
    "chest": "нагрудный карман", "chests": "два нагрудных кармана", "kangaroo": "карман-кенгуру",
    "slant": "боковые карманы", "flaps": "карманы с клапанами", "patch": "накладные карманы", "jeans": "карманы спереди",
}  # fmt: skip
TEXTURES = {"knit": "вязка", "cable": "вязка косами", "denim": "джинса", "quilt": "стёжка", "leather": "гладкая кожа",
            "fleece": "мягкий трикотаж", "pleats": "в складку"}  # fmt: skip


def _marks(garment: Garment, details: Details) -> list[str]:
    """Every detail that the drawing shows, in words."""
    marks: list[str] = []
    shape = details.item.shape
    if shape == "top":
        marks += [SLEEVES[details.sleeve], NECKS[details.neck]]
    marks += [words[key] for words, key in (
        (CLOSURES, details.closure), (POCKETS, details.pocket), (TEXTURES, details.texture)) if key in words]  # fmt: skip
    marks += _cut_marks(details)
    if details.contrast and garment.second_color and shape in ("top", "cap", "hat", "skirt"):
        marks.append(
            f"{adjective(garment.second_color, 'f')} отделка" if garment.second_color != "хаки" else "отделка хаки"
        )
    marks += SHAPE_MARKS.get(shape, [])
    return marks


def _cut_marks(details: Details) -> list[str]:
    shape, bottom = details.item.shape, details.item.bottom
    if shape == "skirt" or bottom == "skirt":
        flare = "расклёшенный низ" if details.flare > 0.4 else "прямой силуэт"
        longest = details.item.length[1]
        return [
            flare,
            "длина макси"
            if details.length > longest - 0.4
            else "длина до колена"
            if details.length > longest - 1.1
            else "короткая длина",
        ]
    if shape == "legs" and details.length > 3:
        return ["зауженные" if details.flare < -0.04 else "прямого кроя"]
    if bottom == "crotch":
        return ["застёжка на кнопках снизу"]
    return ["манжеты и низ на резинке"] if details.trim == "rib" and details.sleeve == "long" else []


SHAPE_MARKS = {
    "sneakers": ["шнуровка", "контрастная подошва"], "boots": ["тёмная подошва"], "tall": ["высокое голенище", "на каблуке"],
    "pumps": ["на каблуке", "закрытый мыс"], "cap": ["козырёк", "швы на тулье"], "hat": ["отворот резинкой"],
    "mug": ["с ручкой", "керамика"], "book": ["твёрдая обложка"], "ball": ["двухцветный"], "lamp": ["настольная, с абажуром"],
    "vase": ["узкое горлышко"], "chair": ["со спинкой"],
}  # fmt: skip


def _remark(details: Details, rnd: random.Random) -> str:
    """A closing word about the look."""
    remarks = [". Выглядит аккуратно.", ". Хорошо видны детали.", ". Базовая вещь.", ". Простой спокойный вид."]
    return rnd.choice(remarks)
