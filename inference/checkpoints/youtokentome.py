"""YouTokenToMe's `bpe.model` as a file of `tokenizers`: the same ids, without the package.

The file is text: how many characters and rules there are; a code point and its id a line; the ids of a rule's left
side, its right side and the result a line, the first rule first; last the ids of <UNK>, <PAD>, <BOS> and <EOS>, -1 for
one that the model does without. Format and algorithm: VKCOM/YouTokenToMe at f4162d8, `utils.cpp` and `bpe.cpp`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from inference.errors import CheckpointError

UNK, PAD, BOS, EOS = "<UNK>", "<PAD>", "<BOS>", "<EOS>"

# What ends a word: white space of ASCII alone, and the sign that words begin with. A no-break space is a letter.
_WORD_START: Final = "\u2581"
_GAP: Final = Regex(rf"[\t\n\x0b\x0c\r {_WORD_START}]+")


def read(path: Path) -> Tokenizer:
    """The tokenizer of a `bpe.model`: the ids that the package gives with `bos=False, eos=False`.

    A run of characters that it does not know becomes one <UNK>, letters keep their case, and a special token's name
    in a text is text. Decoding gives the package's text too, <UNK> and all: leave out the ids that must not be seen.
    Raises `CheckpointError` where two ids stand for one string, ValueError for what is no such file.
    """
    pieces, rules, special = _read(path)
    vocabulary: dict[str, int] = {}
    for number, piece in (pieces | special).items():
        if vocabulary.setdefault(piece, number) != number:
            raise CheckpointError("tokenizer-twins", file=str(path), piece=piece)
    merges = [(pieces[left], pieces[right]) for left, right in rules]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token=UNK, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(_GAP, "removed"), pre_tokenizers.Metaspace(_WORD_START, "always")]
    )
    tokenizer.decoder = decoders.Metaspace(_WORD_START, "always")
    return tokenizer


def frame(tokenizer: Tokenizer, *, lowercase: bool) -> None:
    """Put <BOS> and <EOS> around each text, which is first put into lower case where `lowercase` says so."""
    ends = [(name, tokenizer.token_to_id(name)) for name in (BOS, EOS)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BOS} $A {EOS}", special_tokens=ends)
    if lowercase:
        tokenizer.normalizer = normalizers.Lowercase()


def _read(path: Path) -> tuple[dict[int, str], list[tuple[int, int]], dict[int, str]]:
    """Id → string, the two sides of each rule by rank, and the special tokens' id → name."""
    numbers = [int(number) for number in path.read_text("ascii").split()]
    characters, merges = 2 + 2 * numbers[0], 3 * numbers[1]
    letters, sides, last = (
        numbers[2:characters],
        numbers[characters : characters + merges],
        numbers[characters + merges :],
    )
    special = {number: name for name, number in zip((UNK, PAD, BOS, EOS), last, strict=True) if number >= 0}
    pieces = {number: chr(letter) for letter, number in zip(letters[::2], letters[1::2], strict=True)}
    for left, right, result in zip(sides[::3], sides[1::3], sides[2::3], strict=True):
        pieces[result] = pieces[left] + pieces[right]
    if len(pieces | special) != numbers[0] + numbers[1] + len(special):
        raise ValueError(f"{path}: an id stands twice")
    return pieces, list(zip(sides[::3], sides[1::3], strict=True)), special
