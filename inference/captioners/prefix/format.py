"""The token layout of the prefix captioner, shared by training and inference.

[START] <SINGLE>|<VARIATIVE> (<IMG_1> photo <IMG_2> photo …) [ATTRIBUTES] masked text
[THINGS] things in the photos [TEXT] the ad [END]

Before the text the model lists the things («футболка; белый; надпись | джинсы; синий; однотонный»), so that the text
follows from a decision instead of drifting from word to word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tokenizers import Tokenizer

from inference.facts.sheet import FactSheet
from inference.listing.types import DiversityToken
from inference.masking import TOKEN_KINDS

START, ATTRIBUTES, THINGS, TEXT, END, PHOTO = "[START]", "[ATTRIBUTES]", "[THINGS]", "[TEXT]", "[END]", "[PHOTO]"
MAX_PHOTOS = 10
MAX_PER_KIND = 3
MAX_ATTRIBUTES_TOKENS = 160

MASK_TOKENS = tuple(
    f"<{kind}>" if number == 1 else f"<{kind}_{number}>"
    for kind in dict.fromkeys((*TOKEN_KINDS, "UNK_VAL"))
    for number in range(1, MAX_PER_KIND + 1)
)
IMAGE_TOKENS = tuple(f"<IMG_{number}>" for number in range(1, MAX_PHOTOS + 1))
SPECIAL_TOKENS = (START, ATTRIBUTES, THINGS, TEXT, END, PHOTO, "<SINGLE>", "<VARIATIVE>", *IMAGE_TOKENS, *MASK_TOKENS)

_TOKEN = re.compile(r"<[A-Z_]+(?:_\d+)?>")


# The training notes' words for values of the lexicon.
_PATTERNS = {"цветы": "цветочный", "животный": "принт", "камуфляж": "принт", "варёный": "однотонный"}
_PLAIN = "однотонный"
_LIKELY = 0.5


def describe_things(sheets: Sequence[FactSheet]) -> str:
    """Return the list of things as the model was trained to write it; "" where a thing is not known."""
    things = [f"{sheet.item}; {', '.join(sheet.colours)}; {_find_pattern(sheet)}" for sheet in sheets]
    return " | ".join(things) if all(sheet.item and sheet.colours for sheet in sheets) else ""


def _find_pattern(sheet: FactSheet) -> str:
    likely = (fact.value for fact in sheet.facts if fact.group == "pattern" and fact.probability >= _LIKELY)
    value = next(likely, _PLAIN)
    return _PATTERNS.get(value, value)


def drop_unknown_tokens(masked: str) -> str:
    """Return a masked text without mask tokens that are not in the vocabulary, such as the fourth of a kind."""
    return _TOKEN.sub(lambda match: match[0] if match[0] in MASK_TOKENS else "", masked)


def build_prompt_ids(tokenizer: Tokenizer, token: DiversityToken, photos: int, vectors: int, masked: str) -> list[int]:
    """Build the ids of a prompt up to and including [THINGS]; each photo takes `vectors` places of [PHOTO]."""
    attributes = tokenizer.encode(drop_unknown_tokens(masked)).ids[:MAX_ATTRIBUTES_TOKENS]
    ids = get_token_ids(tokenizer, (START, token))
    slots = get_token_ids(tokenizer, (PHOTO,)) * vectors
    for name in IMAGE_TOKENS[:photos]:
        ids += get_token_ids(tokenizer, (name,)) + slots
    return ids + get_token_ids(tokenizer, (ATTRIBUTES,)) + attributes + get_token_ids(tokenizer, (THINGS,))


def build_answer_ids(tokenizer: Tokenizer, things: str, text: str) -> list[int]:
    """Build the ids that the model is trained to generate after a prompt."""
    words = (
        tokenizer.encode(things).ids
        + get_token_ids(tokenizer, (TEXT,))
        + tokenizer.encode(drop_unknown_tokens(text)).ids
    )
    return words + get_token_ids(tokenizer, (END,))


def get_token_ids(tokenizer: Tokenizer, names: Sequence[str]) -> list[int]:
    """Return the ids of special tokens. Raises `ValueError` where the tokenizer lacks one."""
    ids = [token_id for name in names if (token_id := tokenizer.token_to_id(name)) is not None]
    if len(ids) < len(names):
        raise ValueError(f"the tokenizer lacks some of {', '.join(names)}")
    return ids
