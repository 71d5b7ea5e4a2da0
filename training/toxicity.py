"""Training of `toxicity/mini`: a small reader of letters that tells insults from plain words, however they are spelled.

What it must not be taken in by stands beside what it must see: polite rewrites, ads, facts, politeness in disguise.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, normalizers
from torch import Tensor, nn
from torch.nn import functional

from inference.checkpoints import Card, seal
from inference.moderation.disguises import uncover
from inference.moderation.spelling import SPACE, SpellingConfig, SpellingForSequenceClassification
from inference.moderation.texts import FAMILY, TextModeration
from training import loop
from training.comments import Corpus, words
from training.disguises import disguise

ALPHABET = "абвгдежзийклмнопрстуфхцчшщъыьэюяabcdefghijklmnopqrstuvwxyz"
SIGNS = "0*.,!?-()\"'/:;@#%&+_…$"
UNKNOWN = "[UNK]"
WINDOW = 256  # letters that are read at once
BATCH, AHEAD = 64, 16  # AHEAD batches are drawn at once, to be sorted by length
RATE, DECAY = 2e-3, 0.02
LEFT_OUT = 0.15  # the share of letter runs that training leaves out
# A rude list's lines are not all rude, and a rewrite is not always polite.
CERTAINTY = 0.98
# Of neutral ads and descriptions, at most this share may be refused.
REFUSED_SHARE = 0.003
DATA = (
    {"name": "toxic comments and their rewrites", "licence": "OpenRAIL++", "source": "s-nlp/russe_detox_2022"},
    {"name": "toxic comments, obscene words", "licence": "MIT", "source": "s-nlp/rudetoxifier"},
    {"name": "comments of social networks", "licence": "MIT", "source": "alla-g/toxicity-detection-thesis"},
    {"name": "short Russian phrases", "licence": "CC0-1.0", "source": "Koziev/NLP_Datasets"},
    {"name": "clothing: captions and listings", "licence": "Apache-2.0", "source": "written for this project"},
)

Lesson = tuple[str, bool]


@dataclass
class Lessons:
    """Texts with and without insults, drawn so that each hard case comes as often as it should."""

    corpus: Corpus
    rnd: random.Random

    def __post_init__(self) -> None:
        of = self.corpus.of
        self._comments = of("train", "pair", "social")
        self._lines = of("train", "rude")
        self._toxic = of("train", "pair", "rude", "social", toxic=True)
        self._neutral = of("train", "pair", "social", toxic=False)
        self._ads, self._facts = of("train", "ad"), of("train", "fact")
        self._rude = sorted(self.corpus.rude)
        said = Counter(word for each in self._toxic for word in words(each.text) if word in self.corpus.rude)
        self._said = list(said)
        self._how_often = list(accumulate(count**0.5 for count in said.values()))

    def draw(self) -> Lesson:
        """A text and whether it insults, possibly disguised and possibly uncovered again."""
        (kind,) = self.rnd.choices(self._kinds(), (0.42, 0.12, 0.16, 0.12, 0.13, 0.05))
        text, toxic = kind()
        if self.rnd.random() < (0.45 if toxic else 0.25):
            text = disguise(text, self.rnd, self.corpus.rude if toxic else ())
        return (uncover(text) if self.rnd.random() < 0.5 else text), toxic

    def _kinds(self) -> tuple[Callable[[], Lesson], ...]:
        return self._comment, self._line, self._with_rude_word, self._among_ads, self._ad, self._fact

    def _comment(self) -> Lesson:
        each = self.rnd.choice(self._comments)
        return each.text, each.toxic

    def _line(self) -> Lesson:
        return self.rnd.choice(self._lines).text, True

    def _ad(self) -> Lesson:
        """Ads are written in small letters, as sentences, and in capitals: none of it is an offence."""
        text = self.rnd.choice(self._ads).text
        return self.rnd.choices((text, text[:1].upper() + text[1:], text.upper()), (6, 3, 1))[0], False

    def _fact(self) -> Lesson:
        return self.rnd.choice(self._facts).text, False

    def _with_rude_word(self) -> Lesson:
        """A rude word among neutral ones, or alone: as often one that people say as one that they might."""
        neutral = self.rnd.choice(self.rnd.choice((self._ads, self._facts, self._neutral))).text.split()[:20]
        if self.rnd.random() < 0.15:
            neutral = []
        said = self.rnd.random() < 0.7 and bool(self._said)
        rude = self.rnd.choices(self._said, cum_weights=self._how_often)[0] if said else self.rnd.choice(self._rude)
        neutral.insert(self.rnd.randint(0, len(neutral)), rude)
        return " ".join(neutral), True

    def _among_ads(self) -> Lesson:
        """A comment, toxic or not, or one more ad between the phrases of ads."""
        each = self.rnd.choice(self.rnd.choice((self._toxic, self._neutral, self._ads)))
        parts = [self._ad()[0] for _ in range(self.rnd.randint(1, 3))]
        parts.insert(self.rnd.randint(0, len(parts)), each.text)
        return self.rnd.choice((" ", ". ", "\n")).join(parts), each.toxic


def letters_tokenizer() -> Tokenizer:
    """One token a letter; «ё» and digits make no difference, a space is what padding is."""
    letters = (" ", *ALPHABET, *ALPHABET.upper(), *SIGNS, UNKNOWN)
    tokenizer = Tokenizer(models.BPE({letter: n for n, letter in enumerate(letters)}, [], unk_token=UNKNOWN))
    steps = [normalizers.NFKC(), normalizers.Replace("ё", "е"), normalizers.Replace("Ё", "Е")]
    steps += [normalizers.Replace(Regex(r"\d"), "0"), normalizers.Replace(Regex(r"\s+"), " ")]
    tokenizer.normalizer = normalizers.Sequence(steps)
    return tokenizer


def fresh_model(sizes: Mapping[str, int] | None = None) -> SpellingForSequenceClassification:
    """A classifier that knows nothing: one label, whose logit says how surely a text insults."""
    model = SpellingForSequenceClassification(
        SpellingConfig(**(sizes or {}), alphabet=len(ALPHABET), id2label={0: "toxic"}, label2id={"toxic": 0})
    )
    nn.init.normal_(model.vectors.weight, std=0.05)
    nn.init.zeros_(model.weights.weight)
    return model


def encoded(tokenizer: Tokenizer, texts: Sequence[str]) -> Tensor:
    """Letters of texts, (n, length)."""
    read = [each.ids for each in tokenizer.encode_batch(list(texts))]
    longest = max(1, max(map(len, read)))
    return torch.tensor([ids + [SPACE] * (longest - len(ids)) for ids in read])


def of_like_lengths(lessons: Sequence[Lesson], size: int) -> list[list[Lesson]]:
    """Batches in random order, each of texts that are about equally long: padding is work for nothing."""
    ordered = sorted(lessons, key=lambda lesson: len(lesson[0]))
    batches = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    return [batches[number] for number in torch.randperm(len(batches)).tolist()]


def learn(
    model: SpellingForSequenceClassification, tokenizer: Tokenizer, lessons: Lessons, work: Path, steps: int
) -> SpellingForSequenceClassification:
    """Learn to tell; returns the average of the weights over the last steps."""
    average, smooth = loop.averaged(model, 0.998)
    optimizer = loop.optimiser(model, RATE, DECAY)
    waiting: list[list[Lesson]] = []
    tokenizer.enable_truncation(WINDOW)
    model.left_out = LEFT_OUT

    def step(number: int) -> dict[str, float]:
        if not waiting:
            # A restart restores PyTorch's generator: it goes on with new lessons instead of the first ones again.
            lessons.rnd.seed(int(torch.randint(1 << 31, ())))
            waiting.extend(of_like_lengths([lessons.draw() for _ in range(AHEAD * BATCH)], BATCH))
        drawn = waiting.pop()
        logits = model.answers(encoded(tokenizer, [text for text, _ in drawn]))
        truth = torch.tensor([CERTAINTY if toxic else 1 - CERTAINTY for _, toxic in drawn])
        # Each reader learns by itself: two that do not lean on each other err in different places.
        loss = functional.binary_cross_entropy_with_logits(logits, truth[:, None].expand_as(logits))
        loop.descend(optimizer, loss, RATE * loop.cosine(number, steps, 100))
        average.update_parameters(model)
        return {"loss": loss.item()} if (number + 1) % 50 == 0 else {}

    model.train()
    loop.run(steps, step, {"model": model, "average": average, "optimizer": optimizer}, work, "toxicity")
    average.eval()
    return smooth


def save_toxicity(model: SpellingForSequenceClassification, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the checkpoint: fp16 weights, configuration, tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.no_truncation()
    nn.Module.half(model)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": WINDOW}) + "\n", "utf-8")


def train_toxicity(corpus: Corpus, out: Path, work: Path, steps: int, seed: int) -> Card:
    """`opisalka train toxicity`: classifier, threshold, checkpoint. `work` keeps what a restart needs."""
    torch.manual_seed(seed)
    tokenizer = letters_tokenizer()
    model = learn(fresh_model(), tokenizer, Lessons(corpus, random.Random(seed)), work, steps)
    save_toxicity(model, tokenizer, out)
    card = Card(
        folder=out,
        family=FAMILY,
        version="1",
        risk="largest",
        summary={
            "ru": "Отличает оскорбления и мат, также скрытые, от обычных слов",
            "en": "Tells insults and obscenities, disguised ones too, from plain words",
        },
        command="opisalka train toxicity --comments toxicity --texts text --data clothing --out mini",
        data=DATA,
    )
    return calibrate(seal(card), [each.text for each in corpus.of("val", "ad")])


def calibrate(card: Card, neutral: Sequence[str]) -> Card:
    """Measure the threshold that refuses at most `REFUSED_SHARE` of neutral texts, and write it on the card."""
    risks = torch.tensor(TextModeration.load(card).risks(neutral))
    threshold = round(float(risks.quantile(1 - REFUSED_SHARE)), 4)
    return seal(replace(card, calibration={**card.calibration, "toxicity_threshold": threshold}))
