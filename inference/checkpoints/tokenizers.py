"""Load tokenizers of `transformers` from folders, and refuse those without a vocabulary."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from transformers import AutoTokenizer, PreTrainedTokenizerBase

SPACE: Final = "\u2581"  # SentencePiece's space; its tokenizers have it without a vocabulary file


def load_tokenizer(
    folder: Path, kind: Any = AutoTokenizer, vocab_size: int | None = None, **special_tokens: Any
) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a folder.

    kind: a tokenizer class, by default the one that the files name. vocab_size: rows of the model's embedding matrix; a
    tokenizer with larger ids belongs to another model. special_tokens: override those of the files, `eos_token` …

    Raises `ValueError` for ids beyond `vocab_size`; `FileNotFoundError` without a vocabulary, as `transformers` would
    build a tokenizer that encodes every text as empty; and whatever `transformers` raises for other files.
    """
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    tokenizer: PreTrainedTokenizerBase = kind.from_pretrained(folder, **local, **special_tokens)
    if not tokenizer.get_vocab().keys() - tokenizer.get_added_vocab().keys() - {SPACE}:
        raise FileNotFoundError(folder / "tokenizer.json")
    if vocab_size is not None and max(tokenizer.get_vocab().values()) >= vocab_size:
        raise ValueError(f"{folder}: a tokenizer of more words than the model's {vocab_size}")
    return tokenizer
