"""Make a draft consistent with the seller's fields: replace or drop what contradicts them.

A small decoder sometimes puts a number behind the name of another field, or makes claims of its own. The module works
on words and tokens and knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

STEM_LENGTH = 5
_TOKEN = re.compile(r"<[A-Z_]+\d*>")
_BEFORE = re.compile(r"(?P<word>[А-Яа-яёЁ-]{3,})[\s:—–-]+(?P<token><[A-Z_]+\d*>)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[А-ЯЁA-Z<])")
# Stems that may announce a number of a kind, whatever its field is called.
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
# Claims that only the seller can make. The word boundary keeps «резиновый» and «малиновый» out of «нов».
_CLAIM = re.compile(r"\b(?:нов|бирк|отличн|хорош|удовлетв|мальчик|девоч|ребён|женск|мужск|бренд|фирм)")
_NAMES = ("предмет одежды", "название", "товар", "вещь")


def extract_stems(text: str) -> list[str]:
    """Return the first five letters of every word of at least three letters, without mask tokens."""
    return [word[:STEM_LENGTH] for word in re.findall(r"[а-яёa-z]{3,}", _TOKEN.sub(" ", text).lower())]


def find_misplaced_tokens(masked: str, text: str) -> list[str]:
    """Return the mask tokens that follow a word of another field."""
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
    """Count the claims of a text that no field makes."""
    return len(set(_CLAIM.findall(text.lower())) - set(_CLAIM.findall(masked.lower())))


def ground(masked: str, text: str, has_photos: bool) -> str:
    """Return a text whose sentences all agree with the fields.

    A sentence with a misplaced token is replaced by the seller's own lines; one with an unsupported claim is dropped.
    Without photos only what the fields say is kept, and the name of the thing comes first.
    """
    if not masked:
        return text
    fields = _map_tokens_to_fields(masked)
    sentences = _SENTENCE.split(text)
    kept = sentences[:1] if has_photos else []
    for sentence in sentences[len(kept) :]:
        if find_misplaced_tokens(masked, sentence):
            kept += [f"{fields[token]}." for token in _TOKEN.findall(sentence) if token in fields]
        elif _TOKEN.search(sentence) or _is_supported(masked, sentence, has_photos):
            kept.append(sentence)
    name = "" if has_photos else _find_name(masked)
    if name and not set(extract_stems(name)).issubset(extract_stems(" ".join(kept))):
        kept.insert(0, f"{name[:1].upper()}{name[1:].rstrip('.')}.")
    return " ".join(dict.fromkeys(kept))


def _is_supported(masked: str, sentence: str, has_photos: bool) -> bool:
    if count_claims(masked, sentence):
        return False
    words = extract_stems(sentence)
    return (has_photos and ":" not in sentence) or 2 * len(set(words).intersection(extract_stems(masked))) > len(words)


def _map_tokens_to_fields(masked: str) -> dict[str, str]:
    """Map each mask token to its field, or to its part of a text without fields."""
    parts = [part.strip(" .") for part in re.split(r"[\n;,]", masked)]
    return {token: part for part in parts for token in _TOKEN.findall(part)}


def _find_name(masked: str) -> str:
    """Return the name of the thing: the value of a naming field, or the first words of a text without fields."""
    fields: Iterable[tuple[str, str, str]] = (line.partition(": ") for line in masked.split("\n"))
    for name, colon, value in fields:
        if not colon or name.lower() in _NAMES:
            return re.split(r"[.;]", value if colon else name)[0].strip()
    return ""
