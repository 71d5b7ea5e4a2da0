"""The stages of `opisalka train`, each from data-set folders to a checkpoint folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from training import clip, loop, pool
from training.examples import read_examples, read_photo_labels
from training.labels import Vocabulary, vocabulary
from training.teacher import FEATURES, MobileNetV2
from training.tokenizer import train_reading

READING_WORDS = 6000


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the data lie: clothes (the data set), things that are not clothes, and plain texts, the last two optional."""

    data: Path
    others: Path | None = None
    texts: Path | None = None
    drawings: int = 0


def reading_texts(sources: Sources) -> list[str]:
    """What the text encoder's vocabulary is made of: captions, fields and descriptions, names, phrases of ads."""
    examples = read_examples(sources.data / "captions.jsonl") + read_examples(sources.data / "listings.jsonl")
    train = [example for example in examples if example.split == "train"]
    texts = [text for e in train for text in (e.attributes_text, e.description, e.gpt_description) if text]
    if sources.others:
        texts += [picture.texts[0] for picture in pool.others(sources.others)]
    if sources.texts:
        for path in sorted(sources.texts.glob("ads_*.txt")):
            texts += path.read_text(encoding="utf-8").split("\n")
    return texts


def train_clip(
    sources: Sources, teacher: Path, out: Path, work: Path, steps: int, teacher_steps: int, seed: int
) -> None:
    """`opisalka train clip`: teacher, student, checkpoint. `work` keeps what a restart needs."""
    torch.manual_seed(seed)
    work.mkdir(parents=True, exist_ok=True)
    device = loop.device()
    tokenizer = _tokenizer(sources, work / "tokenizer.json")
    words = vocabulary(row for row in read_photo_labels(sources.data).values() if row.split == "train")
    train, held = _pools(sources, tokenizer, words, seed)
    train, held = train.to(device), held.to(device)
    print(f"{len(train.pixels)} pictures to train on, {len(held.pixels)} held out, {device}", flush=True)
    size = tokenizer.get_vocab_size()
    tuned = work / "teacher.safetensors"
    if not tuned.exists():
        clip.teach(teacher, train, held, size, words.sizes, work, teacher_steps)
    guide = clip.DualEncoder(MobileNetV2(), FEATURES, size, words.sizes)
    guide.load_state_dict({name: weight.float() for name, weight in load_file(tuned).items()}, strict=False)
    model = clip.train_clip(guide, train, held, size, words.sizes, work, steps)
    clip.save_clip(model, tokenizer, out)


def _tokenizer(sources: Sources, path: Path) -> Tokenizer:
    if not path.exists():
        train_reading(reading_texts(sources), READING_WORDS).save(str(path))
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(clip.TEXT_LENGTH)
    return tokenizer


def _pools(sources: Sources, tokenizer: Tokenizer, words: Vocabulary, seed: int) -> tuple[pool.Pool, pool.Pool]:
    pictures = pool.clothes(sources.data, "train")
    if sources.others:
        pictures += pool.others(sources.others)
    pictures += pool.drawn(sources.drawings, seed * 1_000_000)
    workers = os.cpu_count() or 1
    train = pool.load(pictures, tokenizer, words, workers)
    return train, pool.load(pool.clothes(sources.data, "val"), tokenizer, words, workers)
