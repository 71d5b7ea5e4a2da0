"""Holding a draft to the seller's fields: what contradicts them is put right or left out.

A small decoder sometimes writes a number behind the name of another field, or claims what nobody said. The check knows
words and tokens; it knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

STEM_LENGTH = 5
_TOKEN = re.compile(r"<[A-Z_]+\d*>")
_BEFORE = re.compile(r"(?P<word>[А-Яа-яёЁ-]{3,})[\s:—–-]+(?P<token><[A-Z_]+\d*>)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[А-ЯЁA-Z<])")
# Words that may announce a number of a kind whatever its field is called.
_ANNOUNCING = {
    "PRICE": ("цена", "отдам", "прошу", "стоим"),
    "SIZE": ("разме", "бирке", "р-р"),
    "QUANTITY": ("налич", "колич", "при"),
    "DELIVERY": ("доста",),
    "DISCOUNT": ("скидк",),
    "ARTICLE": ("артик",),
    "AGE": ("возра", "пример"),
    "HEIGHT": ("рост",),
    "PERCENT": ("соста", "ткань", "хлопо"),
    "YEAR": ("купле", "покуп"),
}
# What only the seller can know of a thing; «резиновый» and «малиновый» are not new.
_CLAIM = re.compile(r"\b(?:нов|бирк|отличн|хорош|удовлетв|мальчик|девоч|ребён|женск|мужск|бренд|фирм)")
_NAMES = ("предмет одежды", "название", "товар", "вещь")


def extract_stems(text: str) -> list[str]:
    """The beginnings of a text's words of three letters and more, tokens left out."""
    return [word[:STEM_LENGTH] for word in re.findall(r"[а-яёa-z]{3,}", _TOKEN.sub(" ", text).lower())]


def find_misplaced_tokens(masked: str, text: str) -> list[str]:
    """The tokens that stand behind a word of another field."""
    given = _map_tokens_to_fields(masked)
    found = [(match["word"].lower()[:STEM_LENGTH], match["token"]) for match in _BEFORE.finditer(text)]
    return [
        token
        for word, token in found
        if word not in (*_get_announcing_stems(token), *extract_stems(given.get(token, masked)))
    ]


def _get_announcing_stems(token: str) -> tuple[str, ...]:
    return _ANNOUNCING.get(re.sub(r"_\d+$", "", token.strip("<>")), ())


def count_claims(masked: str, text: str) -> int:
    """How many things a text claims that no field says."""
    return len(set(_CLAIM.findall(text.lower())) - set(_CLAIM.findall(masked.lower())))


def ground(masked: str, text: str, seen: bool) -> str:
    """The text with every sentence in accord with the fields; `seen`: whether a photo stands behind it.

    A sentence with a number behind a foreign word becomes the seller's own lines; a claim that no field makes goes.
    Without a photo nothing may be said but what the fields say, and the thing's name comes first.
    """
    if not masked:
        return text
    given = _map_tokens_to_fields(masked)
    sentences = _SENTENCE.split(text)
    kept = sentences[:1] if seen else []
    for sentence in sentences[len(kept) :]:
        if find_misplaced_tokens(masked, sentence):
            kept += [f"{given[token]}." for token in _TOKEN.findall(sentence) if token in given]
        elif _TOKEN.search(sentence) or _is_supported(masked, sentence, seen):
            kept.append(sentence)
    name = "" if seen else _find_name(masked)
    if name and not set(extract_stems(name)).issubset(extract_stems(" ".join(kept))):
        kept.insert(0, f"{name[:1].upper()}{name[1:].rstrip('.')}.")
    return " ".join(dict.fromkeys(kept))


def _is_supported(masked: str, sentence: str, seen: bool) -> bool:
    if count_claims(masked, sentence):
        return False
    words = extract_stems(sentence)
    return (seen and ":" not in sentence) or 2 * len(set(words).intersection(extract_stems(masked))) > len(words)


def _map_tokens_to_fields(masked: str) -> dict[str, str]:
    """The field, or the part of a jotted text, that each token stands in."""
    parts = [part.strip(" .") for part in re.split(r"[\n;,]", masked)]
    return {token: part for part in parts for token in _TOKEN.findall(part)}


def _find_name(masked: str) -> str:
    """What the fields call the thing: the value of a naming field, or the first words of a jotted text."""
    fields: Iterable[tuple[str, str, str]] = (line.partition(": ") for line in masked.split("\n"))
    for name, colon, value in fields:
        if not colon or name.lower() in _NAMES:
            return re.split(r"[.;]", value if colon else name)[0].strip()
    return ""
