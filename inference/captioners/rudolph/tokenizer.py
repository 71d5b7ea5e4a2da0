"""Texts as ruDOLPH reads and writes them: lower case, pieces of YouTokenToMe, a special token that names the task.

The vocabulary holds no mask token: `<PRICE>` is spelled in pieces like any word, and told again by its brackets.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final, Literal

from tokenizers import Tokenizer
from torch import Tensor, tensor

from inference.captioners.base import Prompt
from inference.captioners.generation.prompts import build_completion
from inference.captioners.generation.writer import digit_ids, fitted, unhalved, with_brackets, without_brackets

PAD, UNK, BOS, EOS = range(4)

Task = Literal["<LT_UNK>", "<RT_UNK>", "<LT_T2I>", "<LT_I2T>", "<LT_T2T>", "<RT_I2T>"]
TASKS: Final[tuple[Task, ...]] = ("<LT_UNK>", "<RT_UNK>", "<LT_T2I>", "<LT_I2T>", "<LT_T2T>", "<RT_I2T>")

_MASK: Final = re.compile(r"<\s*([a-z]+(?:_\d+)?)\s*>")
_UNFINISHED: Final = re.compile(r"<[a-z_0-9]*$")


class RudolphTokenizer:
    """A tokenizer with the special tokens of the tasks, which have the ids behind its words.

    special: whether the checkpoint knows the tasks; the first ruDOLPH does not.
    """

    def __init__(self, tokenizer: Tokenizer, *, special: bool) -> None:
        self._tokenizer = tokenizer
        self._special = special
        self.words = tokenizer.get_vocab_size()
        self.digits: Tensor = digit_ids(tokenizer.get_vocab())

    def ids(self, text: str, task: Task) -> list[int]:
        """The beginning, the task's token where there is one, and the text, in lower case."""
        named = [self.words + TASKS.index(task)] if self._special else []
        encoded: list[int] = self._tokenizer.encode(text.lower().strip()).ids
        return [BOS, *named, *encoded]

    def told(self, prompt: Prompt, template: str | None, task: Task, room: int) -> list[int]:
        """The ids of `wording.completion` on one line, at most `room`: of long fields the end is left out."""

        def spelled(asked: Prompt) -> list[int]:
            text = build_completion(asked, template).replace("\n", ", ")
            return self.ids(self.masked(text, asked.mask_tokens), task)

        return fitted(prompt, room, spelled, self._shorter)

    def text(self, ids: Sequence[int]) -> str:
        """The text of ids without special tokens and unknown characters."""
        text: str = self._tokenizer.decode([number for number in ids if EOS < number < self.words])
        return text.strip()

    def masked(self, text: str, tokens: Collection[str]) -> str:
        """A text that is to be read, with its mask tokens as the vocabulary can spell them.

        They stay as they are where it has their brackets, and lose them where it does not.
        """
        return without_brackets(text, self._unspelled(tokens))

    def spelling(self, tokens: Collection[str]) -> list[int]:
        """The ids that spell these mask tokens."""
        texts = (self.masked(token, tokens).lower() for token in tokens)
        return [number for text in texts for number in self._tokenizer.encode(text).ids]

    def unmasked(self, text: str, tokens: Collection[str]) -> str:
        """A text that was written, with mask tokens as all the world spells them; an unfinished one is cut off."""
        text = _MASK.sub(lambda found: f"<{found[1].upper()}>", _UNFINISHED.sub("", text)).strip()
        return with_brackets(text, self._unspelled(tokens), re.IGNORECASE)

    def _shorter(self, prompt: Prompt, excess: int) -> Prompt:
        """A prompt without so many ids at the end of its fields; no mask token is halved."""
        fields = self.masked(prompt.masked, prompt.mask_tokens)
        starts = [start for start, _ in self._tokenizer.encode(fields.lower()).offsets][-excess:]
        return replace(prompt, masked=unhalved(fields[: min(starts, default=0)], self._unspelled(prompt.mask_tokens)))

    def _unspelled(self, tokens: Collection[str]) -> list[str]:
        return [token for token in tokens if UNK in self._tokenizer.encode(token.lower()).ids]


def pad_ids(ids: Sequence[int], length: int) -> Tensor:
    """Ids with the end behind them, padded with 0 or cut to `length`: (length,)."""
    cut = [*ids, EOS][:length]
    return tensor(cut + [PAD] * (length - len(cut)))


def format_sentence(text: str) -> str:
    """A text of lower-case words as a sentence: a capital letter and an end."""
    text = text[:1].upper() + text[1:]
    return text if not text or text[-1] in ".!?…" else f"{text}."
