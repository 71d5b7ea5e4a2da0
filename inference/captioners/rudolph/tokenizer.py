"""ruDOLPH's token format: lower case, YouTokenToMe pieces, and a special token that names the task.

The vocabulary has no mask tokens: `<PRICE>` is spelled in pieces like any word and recognised by its brackets.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final, Literal

from tokenizers import Tokenizer
from torch import Tensor, tensor

from inference.captioners.base import Prompt
from inference.captioners.generation.mask_tokens import drop_cut_token, remove_brackets, restore_brackets
from inference.captioners.generation.processors import find_digit_ids
from inference.captioners.generation.prompts import build_completion
from inference.captioners.generation.writer import fit_prompt

PAD, UNK, BOS, EOS = range(4)

Task = Literal["<LT_UNK>", "<RT_UNK>", "<LT_T2I>", "<LT_I2T>", "<LT_T2T>", "<RT_I2T>"]
TASKS: Final[tuple[Task, ...]] = ("<LT_UNK>", "<RT_UNK>", "<LT_T2I>", "<LT_I2T>", "<LT_T2T>", "<RT_I2T>")

_MASK: Final = re.compile(r"<\s*([a-z]+(?:_\d+)?)\s*>")
_UNFINISHED: Final = re.compile(r"<[a-z_0-9]*$")


class RudolphTokenizer:
    """A tokenizer with task tokens, whose ids follow those of the vocabulary.

    special: True where the checkpoint has task tokens; the first ruDOLPH has none.
    """

    def __init__(self, tokenizer: Tokenizer, *, special: bool) -> None:
        self._tokenizer = tokenizer
        self._special = special
        self.words = tokenizer.get_vocab_size()
        self.digits: Tensor = find_digit_ids(tokenizer.get_vocab())

    def encode(self, text: str, task: Task) -> list[int]:
        """Return BOS, the task token if the checkpoint has one, and the ids of the text in lower case."""
        task_ids = [self.words + TASKS.index(task)] if self._special else []
        encoded: list[int] = self._tokenizer.encode(text.lower().strip()).ids
        return [BOS, *task_ids, *encoded]

    def encode_prompt(self, prompt: Prompt, template: str | None, task: Task, max_tokens: int) -> list[int]:
        """Return at most `max_tokens` ids of the prompt's completion on one line; long fields lose their end."""

        def encode(shortened: Prompt) -> list[int]:
            # A line break is white space to YouTokenToMe: fields would run into each other.
            text = build_completion(shortened, template).replace("\n", ", ")
            return self.encode(self.drop_brackets(text, shortened.mask_tokens), task)

        return fit_prompt(prompt, max_tokens, encode, self._shorten)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids without special tokens and unknown characters."""
        text: str = self._tokenizer.decode([token_id for token_id in ids if EOS < token_id < self.words])
        return text.strip()

    def drop_brackets(self, text: str, tokens: Collection[str]) -> str:
        """Return a text whose mask tokens the vocabulary can spell, without brackets where it lacks them."""
        return remove_brackets(text, self._find_unspellable(tokens))

    def encode_mask_tokens(self, tokens: Collection[str]) -> list[int]:
        """Return the ids that spell these mask tokens."""
        texts = (self.drop_brackets(token, tokens).lower() for token in tokens)
        return [token_id for text in texts for token_id in self._tokenizer.encode(text).ids]

    def restore_mask_tokens(self, text: str, tokens: Collection[str]) -> str:
        """Return a generated text with mask tokens in their usual form; an unfinished one at the end is cut off."""
        text = _MASK.sub(lambda match: f"<{match[1].upper()}>", _UNFINISHED.sub("", text)).strip()
        return restore_brackets(text, self._find_unspellable(tokens), re.IGNORECASE)

    def _shorten(self, prompt: Prompt, excess: int) -> Prompt:
        """Return a prompt without the last `excess` ids of its fields; no mask token is cut in two."""
        fields = self.drop_brackets(prompt.masked, prompt.mask_tokens)
        starts = [start for start, _ in self._tokenizer.encode(fields.lower()).offsets][-excess:]
        return replace(
            prompt, masked=drop_cut_token(fields[: min(starts, default=0)], self._find_unspellable(prompt.mask_tokens))
        )

    def _find_unspellable(self, tokens: Collection[str]) -> list[str]:
        return [token for token in tokens if UNK in self._tokenizer.encode(token.lower()).ids]


def pad_ids(ids: Sequence[int], length: int) -> Tensor:
    """Return ids with EOS, padded with `PAD` or cut to (length,) int64."""
    cut = [*ids, EOS][:length]
    return tensor(cut + [PAD] * (length - len(cut)))


def format_sentence(text: str) -> str:
    """Return a lower-case text as a sentence, with a capital letter and a full stop."""
    text = text[:1].upper() + text[1:]
    return text if not text or text[-1] in ".!?…" else f"{text}."
