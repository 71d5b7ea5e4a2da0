"""Tokenizers of `transformers` in folders: what has no vocabulary is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from transformers import AutoTokenizer, PreTrainedTokenizerBase

SPACE: Final = "\u2581"  # SentencePiece's, which its tokenizers know without a file


def read_tokenizer(
    folder: Path, kind: Any = AutoTokenizer, rows: int | None = None, **names: Any
) -> PreTrainedTokenizerBase:
    """The tokenizer whose files lie in a folder, of the kind that they name or of one that is known.

    rows: how many words the model has embeddings for; a tokenizer of more is another model's. names: special tokens
    that are others than the files say, `eos_token` …

    Raises `ValueError` for too many words; `FileNotFoundError` where there is no vocabulary: `transformers` makes a
    tokenizer of nothing, too, which reads every text as empty; and whatever `transformers` raises for other files.
    """
    here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    tokenizer: PreTrainedTokenizerBase = kind.from_pretrained(folder, **here, **names)
    if not tokenizer.get_vocab().keys() - tokenizer.get_added_vocab().keys() - {SPACE}:
        raise FileNotFoundError(folder / "tokenizer.json")
    if rows is not None and max(tokenizer.get_vocab().values()) >= rows:
        raise ValueError(f"{folder}: a tokenizer of more words than the model's {rows}")
    return tokenizer
