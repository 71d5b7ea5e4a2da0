"""Undo the disguises of words that are meant to pass a filter, as plain Russian letters.

Covers look-alike letters and digits, transliteration, spaced and repeated letters, pictures between letters, invisible
characters and masks. Decoration counts for nothing: tags, pictures and repeated signs are left out.
Plain Russian text is returned unchanged; foreign words come back transliterated, so the result is for classifiers and
never shown to users.
"""

from __future__ import annotations

import re
import unicodedata

# Look-alikes of Russian letters. Applied only within words that hold Russian letters or consist of `_HOMOGLYPHS`.
_LOOK_ALIKES = str.maketrans(
    "aceopxykmtbhnurvwgdlzsfijqACEOPXYKMTBHNURVWGDLZSFIJQіїєґ",
    "асеорхукмтбхпигвшгдлзсфийкАСЕОРХУКМТВНПИГВШГДЛЗСФИЙКииег",
)
# A word of nothing but Latin letters with identical Russian ones is taken by shape («cyka»), not transliterated.
_HOMOGLYPHS = re.compile(r"[aceopxykmtbh]{3,}", re.IGNORECASE)
_DIGITS = str.maketrans("0134689@$€", "оизчбвяасе")
_TRANSLITERATION = {
    "shch": "щ", "sch": "щ", "zh": "ж", "kh": "х", "ts": "ц", "tz": "ц", "ch": "ч", "sh": "ш", "yu": "ю", "ju": "ю",
    "iu": "ю", "ya": "я", "ja": "я", "ia": "я", "yo": "е", "jo": "е", "ye": "е", "ck": "к", "ph": "ф", "ee": "и",
    "oo": "у", "a": "а", "b": "б", "c": "ц", "d": "д", "e": "е", "f": "ф", "g": "г", "h": "х", "i": "и", "j": "й",
    "k": "к", "l": "л", "m": "м", "n": "н", "o": "о", "p": "п", "q": "к", "r": "р", "s": "с", "t": "т", "u": "у",
    "v": "в", "w": "в", "x": "х", "z": "з", "'": "ь",
}  # fmt: skip
_LATIN_GROUP = re.compile("|".join((*sorted(_TRANSLITERATION, key=len, reverse=True), "y")))
_WORD = re.compile(r"[^\W_][\w@$€'’*]*")
_LATIN = re.compile(r"[a-z]", re.IGNORECASE)
_RUSSIAN = re.compile(r"[а-яёії]", re.IGNORECASE)
_DIGIT_AS_LETTER = re.compile(
    r"(?<=[^\W\d_])[0134689@$€](?=[^\W\d_])|(?<=[^\W\d_]{2})[039@$€](?!\w)|\b[346](?=[^\W\d_]{4})"
)
_MASK = re.compile(r"(?<=[^\W\d_])(?:[#%?✱•·×†‡¤■□●○❤♥^|]|[@$&+#%?*✱•]{2,4})(?=[^\W\d_])")
_SPACED = re.compile(r"(?<!\w)(?:[^\W\d_](?:[ .\-_*,/|~]|\. )){2,}[^\W\d_](?!\w)")
_SEPARATOR = re.compile(r"[^\w]|_")
_REPEATED = re.compile(r"([^\W\d_])\1{2,}", re.IGNORECASE)
_SIZES = frozenset("smlxхм")
_INVISIBLE = frozenset(("Cf", "Mn", "Me", "Co"))  # Unicode categories: joiners, marks on letters, private characters
_TAG = re.compile(r"</?[a-z][^<>]{0,40}>", re.IGNORECASE)
_PICTURES = frozenset(("So", "Sk", "Cn"))  # Unicode categories: emoji, braille, marks of their own, unassigned
# A repeated sign, apart from masks inside a word, and signs that only raise the voice.
_LOUD = re.compile(r"(?<![^\W\d_])([^\w\s])\1+|([^\w\s])\2+(?![^\W\d_])|[!?…]")
_WRAPPED = re.compile(r"[\[({|«\"]([^\W\d_])[\])}|»\"]")  # a letter in brackets
_PI = re.compile(r"3[.,]14(?=[^\W\d_])")


def uncover(text: str) -> str:
    """Return a text with its disguised words in plain Russian letters, in time linear in its length."""
    text = strip_decoration(text)
    text = _PI.sub("пи", text)
    text = _MASK.sub(lambda match: "*" * len(match[0]), text)
    text = _SPACED.sub(_join_letters, text)
    text = _REPEATED.sub(r"\1", text)
    return _WORD.sub(lambda match: _to_russian(match[0]), text)


def strip_decoration(text: str) -> str:
    """Return a text without tags, pictures, invisible characters and repeated or loud signs; words stay as they are."""
    text = _TAG.sub(" ", unicodedata.normalize("NFKC", text))
    kept = (char for char in text if unicodedata.category(char) not in _INVISIBLE)
    text = "".join(" " if unicodedata.category(char) in _PICTURES else char for char in kept)
    text = _WRAPPED.sub(r"\1", text)
    return " ".join(_LOUD.sub(" ", text).split())


def _to_russian(word: str) -> str:
    word = _DIGIT_AS_LETTER.sub(lambda match: match[0].translate(_DIGITS), word)
    if not _LATIN.search(word):
        return word
    if _RUSSIAN.search(word) or _HOMOGLYPHS.fullmatch(word):
        return word.translate(_LOOK_ALIKES)
    return _LATIN_GROUP.sub(_transliterate, word.lower().replace("’", "'"))


def _transliterate(match: re.Match[str]) -> str:
    # Only "y" is missing from the table: it is «й» behind a vowel and «ы» elsewhere.
    follows_vowel = match.start() > 0 and match.string[match.start() - 1] in "aeiou"
    return _TRANSLITERATION.get(match[0]) or ("й" if follows_vowel else "ы")


def _join_letters(match: re.Match[str]) -> str:
    """Join spaced letters to one word, unless they are a list of sizes."""
    letters = _SEPARATOR.sub("", match[0])
    return match[0] if _SIZES.issuperset(letters.lower()) else letters
