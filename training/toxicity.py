"""Train `toxicity/mini` (`opisalka train toxicity`): weights of character n-grams that tell insults from plain words.

Hard negatives stand beside the insults: polite rewrites, ads in small letters and in capitals, facts. Training sees
normalised text (`inference.moderation.disguises`) and no generated disguise; those are for measuring.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, models, normalizers
from torch import Tensor
from tqdm import tqdm

from inference.checkpoints.card import Card, save_card
from inference.moderation.disguises import uncover
from inference.moderation.spelling import (
    SPACE_ID,
    SpellingConfig,
    SpellingForSequenceClassification,
    compute_tf_idf,
    fold_capitals,
    hash_ngrams,
)
from inference.moderation.texts import FAMILY, ToxicityClassifier, split_pieces
from training import regression
from training.data.comments import Corpus, Source
from training.data.hard_negatives import (
    BRANDS,
    IDIOMS,
    INSULTS,
    WORDS,
    build_goods,
    build_insults,
    find_harmless_nouns,
)
from training.data.sources import cite

ALPHABET = "абвгдежзийклмнопрстуфхцчшщъыьэюяabcdefghijklmnopqrstuvwxyz"
SIGNS = "0*.,!?-()\"'/:;@#%&+_…$"
UNKNOWN = "[UNK]"
T = TypeVar("T")
WINDOW = 96  # letters per window: a longer one dilutes an insult in a long ad
# Weights in the loss by source; the list of rude lines has noisy labels.
IMPORTANCE: dict[Source, float] = {"pair": 2.0, "social": 0.5, "rude": 0.5, "ad": 1.0, "fact": 0.5}
SHOUTED = 0.3  # weight of an ad in capitals
NAMED = 2.0  # weight of a hard negative
SOLD = 1.0  # weight of a thing for sale
FACTS, SHOUTED_ADS, NOUNS = 30_000, 15_000, 8_000
FREEDOM, STEPS = 15.0, 150
# Maximum share of neutral ads and descriptions that may be refused.
REFUSED_SHARE = 0.001
AT_ONCE = 256
COMMAND = "opisalka train toxicity --comments toxicity --texts text --data clothing --out checkpoints/toxicity/mini"


@dataclass(frozen=True, slots=True)
class Sample:
    """A text with its label and its weight in the loss."""

    text: str
    toxic: bool
    importance: float


def build_samples(corpus: Corpus, rnd: random.Random) -> list[Sample]:
    """Return the training texts: the corpus, some of its ads in capitals, and the hard negatives."""
    comments = corpus.of("train", "pair", "rude", "social")
    ads, facts = corpus.of("train", "ad"), corpus.of("train", "fact")
    texts = comments + ads + _sample(facts, FACTS, rnd)
    plain = [Sample(each.text, each.toxic, IMPORTANCE[each.source]) for each in texts]
    # Long ads as they are judged, in pieces; of a rude comment not each piece is rude.
    pieces = [Sample(piece, False, IMPORTANCE["ad"]) for each in ads for piece in split_pieces(each.text)[:-1]]
    shouted = [Sample(each.text.upper(), False, SHOUTED) for each in _sample(ads, SHOUTED_ADS, rnd)]
    harmless = (*BRANDS, *WORDS, *IDIOMS)
    names = [Sample(name, False, NAMED) for name in harmless]
    names += [Sample(f"{rnd.choice(ads).text} {name}", False, NAMED) for name in harmless]
    insults = [Sample(insult, True, NAMED) for insult in (*INSULTS, *build_insults())]
    toxic = [each.text for each in comments if each.toxic]
    neutral = (each.text for each in texts if not each.toxic)
    nouns = _sample(find_harmless_nouns(toxic, neutral, corpus.rude), NOUNS, rnd)
    goods = [Sample(each, False, SOLD) for each in build_goods(nouns, rnd)]
    return plain + pieces + shouted + names + insults + goods


def build_letter_tokenizer() -> Tokenizer:
    """Return a tokenizer with one token per letter; «ё» and digits are normalised, a space doubles as padding."""
    letters = (" ", *ALPHABET, *ALPHABET.upper(), *SIGNS, UNKNOWN)
    tokenizer = Tokenizer(models.BPE({letter: n for n, letter in enumerate(letters)}, [], unk_token=UNKNOWN))
    steps = [normalizers.NFKC(), normalizers.Replace("ё", "е"), normalizers.Replace("Ё", "Е")]
    steps += [normalizers.Replace(Regex(r"\d"), "0"), normalizers.Replace(Regex(r"\s+"), " ")]
    tokenizer.normalizer = normalizers.Sequence(steps)
    return tokenizer


def build_model(rows: int = SpellingConfig().rows) -> SpellingForSequenceClassification:
    """Return a classifier with zero weights."""
    config = SpellingConfig(rows=rows, alphabet=len(ALPHABET), id2label={0: "toxic"}, label2id={"toxic": 0})
    return SpellingForSequenceClassification(config)


def encode_letters(tokenizer: Tokenizer, texts: Sequence[str]) -> Tensor:
    """Encode texts as letters, (texts, length) int64, padded with spaces."""
    read = [each.ids for each in tokenizer.encode_batch(list(texts))]
    longest = max(1, max(map(len, read)))
    return torch.tensor([ids + [SPACE_ID] * (longest - len(ids)) for ids in read])


def fit_classifier(model: SpellingForSequenceClassification, tokenizer: Tokenizer, labelled: Sequence[Sample]) -> None:
    """Measure the idf of each n-gram and fit the weights of `model` in place."""
    texts, rows, counts, shouting = _count_runs(model, tokenizer, [uncover(sample.text) for sample in labelled])
    rarity = _compute_idf(rows, len(labelled), model.config.rows)
    values = compute_tf_idf(texts, counts, rarity[rows], len(labelled))
    # Only rows that occur get a column, of a million; the last column is the share of capitals.
    known = rarity.nonzero()[:, 0]
    places = torch.zeros(model.config.rows, dtype=torch.long).index_copy_(0, known, torch.arange(len(known)))
    is_known = rarity[rows] > 0
    loud = torch.arange(len(labelled))
    order = torch.cat((texts[is_known], loud)).argsort(stable=True)
    features = regression.Sparse(
        torch.cat((texts[is_known], loud))[order],
        torch.cat((places[rows[is_known]], torch.full_like(loud, len(known))))[order],
        torch.cat((values[is_known], shouting))[order],
        (len(labelled), len(known) + 1),
    )
    truth = torch.tensor([float(sample.toxic) for sample in labelled])
    importance = torch.tensor([sample.importance for sample in labelled])
    weights, constant = regression.fit(features, truth, importance, FREEDOM, STEPS)
    with torch.no_grad():
        model.rarity.copy_(rarity)
        model.weights[known] = weights[:-1]
        model.loud.weight.fill_(float(weights[-1]))
        model.loud.bias.fill_(float(constant))


def _count_runs(
    model: SpellingForSequenceClassification, tokenizer: Tokenizer, texts: Sequence[str]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return text, row and count per distinct n-gram, (n-grams,) each, and the share of capitals (texts,)."""
    config = model.config
    chunks, shares = [], []
    for start in tqdm(range(0, len(texts), AT_ONCE), "runs", mininterval=2.0):
        small, shouting = fold_capitals(encode_letters(tokenizer, texts[start : start + AT_ONCE]), config.alphabet)
        numbers, rows, counts = hash_ngrams(small, config.longest, config.rows)
        chunks.append(torch.stack((numbers + start, rows, counts.long())))
        shares.append(shouting[:, 0])
    numbers, rows, counts = torch.cat(chunks, 1)
    return numbers, rows, counts.float(), torch.cat(shares)


def _compute_idf(rows: Tensor, texts: int, size: int) -> Tensor:
    """Return the inverse document frequency of each row, (size,) float32; 0 for rows that only one text contains."""
    holding = torch.bincount(rows, minlength=size)
    rarity = ((1 + texts) / (1 + holding)).log() + 1
    return torch.where(holding > 1, rarity, 0)


def save_toxicity(model: SpellingForSequenceClassification, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the checkpoint: float16 weights, config, tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    weights = {name: weight.half() for name, weight in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": WINDOW}) + "\n", "utf-8")


def train_toxicity(corpus: Corpus, out: Path, seed: int) -> Card:
    """Run `opisalka train toxicity`: classifier, threshold, checkpoint."""
    tokenizer, model = build_letter_tokenizer(), build_model()
    fit_classifier(model, tokenizer, build_samples(corpus, random.Random(seed)))
    save_toxicity(model, tokenizer, out)
    card = Card(
        folder=out,
        family=FAMILY,
        version="1",
        languages=("ru",),
        risk="largest",
        summary={
            "ru": "Отличает оскорбления и мат, также скрытые, от обычных слов",
            "en": "Tells insults and obscenities, disguised ones too, from plain words",
        },
        command=COMMAND,
        data=cite("rewrites", "obscene", "comments", "phrases", "listings"),
    )
    return calibrate(save_card(card), [each.text for each in corpus.of("val", "ad")])


def calibrate(card: Card, neutral: Sequence[str]) -> Card:
    """Measure the threshold that refuses at most `REFUSED_SHARE` of neutral texts, and store it on the card."""
    risks = torch.tensor(ToxicityClassifier.load(card).predict_risks(neutral))
    threshold = round(float(risks.quantile(1 - REFUSED_SHARE)), 4)
    return save_card(replace(card, calibration={**card.calibration, "toxicity_threshold": threshold}))


def _sample(items: Sequence[T], count: int, rnd: random.Random) -> list[T]:
    return rnd.sample(list(items), min(count, len(items)))
