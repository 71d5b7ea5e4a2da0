"""Training of `toxicity/mini`: a small BERT that tells insults from plain words, however they are spelled.

First it learns Russian by filling gaps, then to tell. Subwords are cut differently each time, words are disguised at
random, and what it must not be taken in by stands beside what it must see: rewrites, ads, facts, disguised politeness.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification

from inference.moderation.disguises import uncover
from training import loop
from training.comments import Comment, Corpus
from training.disguises import disguise
from training.tokenizer import PAD, train_reading

WORDS, WIDTH, LAYERS = 8000, 256, 3
WINDOW = 96  # tokens that are read at once
DROPOUT = 0.1  # how often two pieces of a word are left unjoined
BATCH = 64
MASKED = 0.15
# A rude list's lines are not all rude, and a rewrite is not always polite.
CERTAINTY = 0.96

AHEAD = 16  # batches that are drawn at once, to be sorted by length

Lesson = tuple[str, bool]
Text = TypeVar("Text")


def toxicity_tokenizer(corpus: Corpus, rnd: random.Random) -> Tokenizer:
    """Subwords of comments, ads and rude words, disguised ones among them."""
    texts = [each.text for each in corpus.comments if each.part == "train"]
    rude = sorted(corpus.rude)
    texts += rnd.sample(rude, min(len(rude), 20_000))
    texts += [disguise(text, rnd, corpus.rude) for text in rnd.sample(texts, len(texts) // 5)]
    return train_reading(texts, WORDS)


def tiny_bert(words: int) -> BertConfig:
    """The size of the classifier: one label, whose logit says how surely a text insults."""
    return BertConfig(
        vocab_size=words,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=WIDTH // 64 or 1,
        intermediate_size=4 * WIDTH,
        max_position_embeddings=WINDOW,
        type_vocab_size=1,
        pad_token_id=0,
        id2label={0: "toxic"},
        label2id={"toxic": 0},
    )


@dataclass
class Lessons:
    """Texts with and without insults, drawn so that each hard case comes as often as it should."""

    corpus: Corpus
    rnd: random.Random

    def __post_init__(self) -> None:
        of = self.corpus.of
        self._comments = of("train", "pair", "social")
        self._toxic = of("train", "pair", "rude", "social", toxic=True)
        self._pairs = [each for each in self._comments if each.source == "pair"]
        self._rude_lines = of("train", "rude")
        self._ads, self._facts = of("train", "ad"), of("train", "fact")
        self._neutral = of("train", "pair", "social", toxic=False)
        self._rude = sorted(self.corpus.rude)

    def draw(self) -> Lesson:
        """A text and whether it insults, possibly disguised and possibly uncovered again."""
        text, toxic = self._plain()
        if self.rnd.random() < (0.4 if toxic else 0.25):
            text = disguise(text, self.rnd, self.corpus.rude if toxic else ())
        return (uncover(text) if self.rnd.random() < 0.5 else text), toxic

    def _plain(self) -> Lesson:
        kind, pick = self.rnd.random(), self.rnd.choice
        if kind < 0.45:
            each = pick(self._comments)
            return each.text, each.toxic
        if kind < 0.60:
            return pick(self._rude_lines).text, True
        if kind < 0.70:
            return self._with_rude_word(), True
        if kind < 0.75:
            return self._among_ads(pick(self._toxic).text), True
        if kind < 0.80:
            return self._among_ads(pick(self._neutral).text), False
        if kind < 0.95:
            return (pick(self._ads).text if self.rnd.random() < 0.7 else self._among_ads(pick(self._ads).text)), False
        return pick(self._facts).text, False

    def _with_rude_word(self) -> str:
        """A rude word among neutral ones, or alone."""
        neutral = self.rnd.choice(self.rnd.choice((self._ads, self._facts))).text.split()[:20]
        if self.rnd.random() < 0.15:
            neutral = []
        neutral.insert(self.rnd.randint(0, len(neutral)), self.rnd.choice(self._rude))
        return " ".join(neutral)

    def _among_ads(self, text: str) -> str:
        parts = [self.rnd.choice(self._ads).text for _ in range(self.rnd.randint(1, 3))]
        parts.insert(self.rnd.randint(0, len(parts)), text)
        return self.rnd.choice((" ", ". ", "\n")).join(parts)


def of_like_lengths(texts: Sequence[Text], size: int, length: Callable[[Text], int]) -> list[list[Text]]:
    """Batches in random order, each of texts that are about equally long: padding is work for nothing."""
    ordered = sorted(texts, key=length)
    batches = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    return [batches[number] for number in torch.randperm(len(batches)).tolist()]


def encoded(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Token ids and mask of texts, (n, length) each."""
    tokenizer.enable_truncation(WINDOW)
    tokenizer.enable_padding(pad_id=tokenizer.token_to_id(PAD), pad_token=PAD)
    read = tokenizer.encode_batch(list(texts))
    return torch.tensor([each.ids for each in read]), torch.tensor([each.attention_mask for each in read])


def pretrain(model: BertForMaskedLM, tokenizer: Tokenizer, texts: Sequence[str], work: Path, steps: int) -> None:
    """Learn to fill gaps in plain texts; changes `model`."""
    optimizer = loop.optimiser(model, 1e-3, 0.01)
    where = loop.device()
    waiting: list[list[str]] = []

    def step(number: int) -> dict[str, float]:
        if not waiting:
            chosen = torch.randint(len(texts), (AHEAD * 2 * BATCH,)).tolist()
            waiting.extend(of_like_lengths([texts[n] for n in chosen], 2 * BATCH, len))
        ids, mask = (part.to(where) for part in encoded(tokenizer, waiting.pop()))
        gaps = (torch.rand(ids.shape, device=where) < MASKED) & (ids > 3)
        # The unknown token stands for a gap: nothing else is trained on it.
        with loop.autocast(where):
            states = model.bert(input_ids=ids.masked_fill(gaps, 1), attention_mask=mask).last_hidden_state
            logits = model.cls(states[gaps])
        loss = functional.cross_entropy(logits.float(), ids[gaps])
        loop.descend(optimizer, loss, 1e-3 * loop.cosine(number, steps, 100))
        return {"loss": loss.item()} if (number + 1) % 50 == 0 else {}

    loop.run(steps, step, {"model": model, "optimizer": optimizer}, work, "gaps")


def learn(
    model: BertForSequenceClassification,
    tokenizer: Tokenizer,
    lessons: Lessons,
    work: Path,
    steps: int,
    rate: float = 5e-4,
    seen: Callable[[BertForSequenceClassification], dict[str, float]] | None = None,
) -> BertForSequenceClassification:
    """Learn to tell; returns the average of the weights over the last steps. `seen` measures it now and then."""
    average, smooth = loop.averaged(model, 0.998)
    optimizer = loop.optimiser(model, rate, 0.05)
    where = loop.device()
    waiting: list[list[Lesson]] = []

    def step(number: int) -> dict[str, float]:
        if not waiting:
            # A restart restores PyTorch's generator: it goes on with new lessons instead of the first ones again.
            lessons.rnd.seed(int(torch.randint(1 << 31, ())))
            ahead = [lessons.draw() for _ in range(AHEAD * BATCH)]
            waiting.extend(of_like_lengths(ahead, BATCH, lambda lesson: len(lesson[0])))
        drawn = waiting.pop()
        ids, mask = (part.to(where) for part in encoded(tokenizer, [text for text, _ in drawn]))
        answers = torch.tensor([CERTAINTY if toxic else 1 - CERTAINTY for _, toxic in drawn], device=where)
        with loop.autocast(where):
            logits = model(input_ids=ids, attention_mask=mask).logits[:, 0]
        loss = functional.binary_cross_entropy_with_logits(logits.float(), answers)
        loop.descend(optimizer, loss, rate * loop.cosine(number, steps, 100))
        average.update_parameters(model)
        if (number + 1) % 500 == 0 and seen:
            return {"loss": loss.item(), **seen(smooth)}
        return {"loss": loss.item()} if (number + 1) % 50 == 0 else {}

    loop.run(steps, step, {"model": model, "average": average, "optimizer": optimizer}, work, "toxicity")
    smooth.eval()
    return smooth


def save_toxicity(model: nn.Module, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the checkpoint: fp16 weights, configuration, tokenizer without dropout, padding and truncation."""
    folder.mkdir(parents=True, exist_ok=True)
    assert isinstance(model, BertForSequenceClassification)
    tokenizer.model.dropout = None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    model.half().save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": WINDOW, "pad_token": PAD}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings) + "\n", "utf-8")


def plain_texts(corpus: Corpus) -> list[str]:
    """What Russian is learned from: every training text of the corpus once."""
    return [each.text for each in corpus.comments if each.part == "train"]


def scores(model: BertForSequenceClassification, tokenizer: Tokenizer, comments: Sequence[Comment]) -> Tensor:
    """The logit of each comment as it stands, (n,)."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(comments), 256):
            ids, mask = encoded(tokenizer, [each.text for each in comments[start : start + 256]])
            parts.append(model(input_ids=ids, attention_mask=mask).logits[:, 0])
    return torch.cat(parts)
