"""Words written so that a filter should not know them, put back into plain Russian letters.

Look-alike letters and digits, transliteration, letters set apart or repeated, invisible characters, masks. Ordinary
text comes back as it was, except for foreign words, which come back as they sound: what is uncovered is judged, never
shown.
"""

from __future__ import annotations

import re
import unicodedata

# What looks like a Russian letter, inside a word that has Russian letters of its own.
_LOOKS = str.maketrans(
    "aceopxykmtbhnurvwgdlzsfijqACEOPXYKMTBHNURVWGDLZSFIJQіїєґ",
    "асеорхукмтбхпигвшгдлзсфийкАСЕОРХУКМТВНПИГВШГДЛЗСФИЙКииег",
)
# Latin letters whose Russian twins look the same: a word of these alone is read by its looks («cyka»).
_TWINS = re.compile(r"[aceopxykmtbh]{3,}", re.IGNORECASE)
_DIGITS = str.maketrans("0134689@$€", "оизчбвяасе")
_SOUNDS = {
    "shch": "щ", "sch": "щ", "zh": "ж", "kh": "х", "ts": "ц", "tz": "ц", "ch": "ч", "sh": "ш", "yu": "ю", "ju": "ю",
    "iu": "ю", "ya": "я", "ja": "я", "ia": "я", "yo": "е", "jo": "е", "ye": "е", "ck": "к", "ph": "ф", "ee": "и",
    "oo": "у", "a": "а", "b": "б", "c": "ц", "d": "д", "e": "е", "f": "ф", "g": "г", "h": "х", "i": "и", "j": "й",
    "k": "к", "l": "л", "m": "м", "n": "н", "o": "о", "p": "п", "q": "к", "r": "р", "s": "с", "t": "т", "u": "у",
    "v": "в", "w": "в", "x": "х", "z": "з", "'": "ь",
}  # fmt: skip
_SOUND = re.compile("|".join((*sorted(_SOUNDS, key=len, reverse=True), "y")))
_WORD = re.compile(r"[^\W_][\w@$€'’*]*")
_LATIN = re.compile(r"[a-z]", re.IGNORECASE)
_RUSSIAN = re.compile(r"[а-яёії]", re.IGNORECASE)
_DIGIT_AS_LETTER = re.compile(
    r"(?<=[^\W\d_])[0134689@$€](?=[^\W\d_])|(?<=[^\W\d_]{2})[039@$€](?!\w)|\b[346](?=[^\W\d_]{4})"
)
_MASK = re.compile(r"(?<=[^\W\d_])(?:[#%?✱•·×†‡¤■□●○❤♥^|]|[@$&+#%?*✱•]{2,4})(?=[^\W\d_])")
_APART = re.compile(r"(?<!\w)(?:[^\W\d_](?:[ .\-_*,/|~]|\. )){2,}[^\W\d_](?!\w)")
_BETWEEN = re.compile(r"[^\w]|_")
_REPEATED = re.compile(r"([^\W\d_])\1{2,}", re.IGNORECASE)
_SIZES = frozenset("smlxхм")
_UNSEEN = frozenset(("Cf", "Mn", "Me", "Co"))  # Unicode categories: joiners, marks on letters, private characters
_PI = re.compile(r"3[.,]14(?=[^\W\d_])")


def uncover(text: str) -> str:
    """The text with its disguised words put back, as far as letters alone tell."""
    text = "".join(each for each in unicodedata.normalize("NFKC", text) if unicodedata.category(each) not in _UNSEEN)
    text = _PI.sub("пи", text)
    text = _MASK.sub(lambda found: "*" * len(found[0]), text)
    text = _APART.sub(_joined, text)
    text = _REPEATED.sub(r"\1", text)
    return _WORD.sub(lambda found: _in_russian(found[0]), text)


def _in_russian(word: str) -> str:
    word = _DIGIT_AS_LETTER.sub(lambda found: found[0].translate(_DIGITS), word)
    if not _LATIN.search(word):
        return word
    if _RUSSIAN.search(word) or _TWINS.fullmatch(word):
        return word.translate(_LOOKS)
    return _SOUND.sub(_sound, word.lower().replace("’", "'"))


def _sound(found: re.Match[str]) -> str:
    vowel_before = found.start() > 0 and found.string[found.start() - 1] in "aeiou"
    return _SOUNDS.get(found[0]) or ("й" if vowel_before else "ы")


def _joined(found: re.Match[str]) -> str:
    """Letters set apart as one word, unless they are a list of sizes."""
    letters = _BETWEEN.sub("", found[0])
    return found[0] if _SIZES.issuperset(letters.lower()) else letters
