"""Convert YouTokenToMe's `bpe.model` into a tokenizer of `tokenizers` with the same ids, without the package.

The file is text: the numbers of characters and of merges; a code point and its id a line; the ids of a merge's left
side, right side and result a line, by rank; last the ids of <UNK>, <PAD>, <BOS> and <EOS>, -1 for one that the model
does not have. Format and algorithm: VKCOM/YouTokenToMe at f4162d8, `utils.cpp` and `bpe.cpp`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from inference.errors import CheckpointError

UNK, PAD, BOS, EOS = "<UNK>", "<PAD>", "<BOS>", "<EOS>"

_WORD_START: Final = "\u2581"
# Only ASCII white space and the sign that begins a word end one: the package treats a no-break space as a letter.
_WORD_BREAK: Final = Regex(rf"[\t\n\x0b\x0c\r {_WORD_START}]+")


def load_tokenizer(path: Path) -> Tokenizer:
    """Load a `bpe.model` as a tokenizer with the ids that the package gives for `bos=False, eos=False`.

    A run of unknown characters becomes one <UNK>, letters keep their case, and the name of a special token in a text
    is text. Decoding returns the package's text with <UNK> and other special tokens; remove their ids first. Raises
    `CheckpointError` if two ids stand for one string, `ValueError` for any other file.
    """
    pieces, rules, special = _parse(path)
    vocabulary: dict[str, int] = {}
    for number, piece in (pieces | special).items():
        if vocabulary.setdefault(piece, number) != number:
            raise CheckpointError("tokenizer-twins", file=str(path), piece=piece)
    merges = [(pieces[left], pieces[right]) for left, right in rules]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token=UNK, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(_WORD_BREAK, "removed"), pre_tokenizers.Metaspace(_WORD_START, "always")]
    )
    tokenizer.decoder = decoders.Metaspace(_WORD_START, "always")
    return tokenizer


def add_bos_eos(tokenizer: Tokenizer, *, lowercase: bool) -> None:
    """Add <BOS> and <EOS> to each text. lowercase: encode texts in lower case."""
    special = [(name, tokenizer.token_to_id(name)) for name in (BOS, EOS)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BOS} $A {EOS}", special_tokens=special)
    if lowercase:
        tokenizer.normalizer = normalizers.Lowercase()


def _parse(path: Path) -> tuple[dict[int, str], list[tuple[int, int]], dict[int, str]]:
    """Return id → string, the ids of both sides of each merge by rank, and id → name of the special tokens."""
    n_characters, n_merges, *numbers = map(int, path.read_text("ascii").split())
    characters, numbers = numbers[: 2 * n_characters], numbers[2 * n_characters :]
    merges, ends = numbers[: 3 * n_merges], numbers[3 * n_merges :]
    special = {number: name for name, number in zip((UNK, PAD, BOS, EOS), ends, strict=True) if number >= 0}
    pieces = {number: chr(point) for point, number in zip(characters[::2], characters[1::2], strict=True)}
    for left, right, result in zip(merges[::3], merges[1::3], merges[2::3], strict=True):
        pieces[result] = pieces[left] + pieces[right]
    if len(pieces | special) != n_characters + n_merges + len(special):
        raise ValueError(f"{path}: duplicate ids")
    return pieces, list(zip(merges[::3], merges[1::3], strict=True)), special
