"""Tests of the captioner's training: it fits the samples, resumes, and saves a checkpoint."""

from __future__ import annotations

import random
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from inference.captioners.base import load_captioner
from inference.captioners.prefix.format import (
    END,
    PHOTO,
    SPECIAL_TOKENS,
    TEXT,
    build_answer_ids,
    build_prompt_ids,
    get_token_ids,
)
from inference.captioners.prefix.model import Decoder, DecoderConfig
from inference.checkpoints.card import Card
from inference.clip.dual_encoder import GRID, Clip
from tests.support.models import tiny
from tests.support.models.captioners import context
from training import captioner, loop
from training.data.examples import load_examples
from training.data.scenes import Composer, Sample, draw_scenes

TOKENIZER = tiny.writing_tokenizer()
STEPS, BATCH = 10, 3
NO_PHOTO = torch.zeros(0)


class Killed(Exception):
    """The process ends here."""


def small() -> Decoder:
    torch.manual_seed(0)
    sizes = {"width": 16, "layers": 1, "heads": 2, "length": 400, "photo_width": tiny.WIDTHS[-1]}
    return Decoder(DecoderConfig(TOKENIZER.get_vocab_size(), photo_vectors=1 + GRID**2, **sizes))


@pytest.fixture(scope="module")
def feature_cache() -> Tensor:
    return torch.randn(12, 2, 1 + GRID**2, tiny.WIDTHS[-1], generator=torch.Generator().manual_seed(0)).half()


def lessons_of(data_set: Path) -> Composer:
    return Composer(draw_scenes(6, 4, 2, 0), load_examples(data_set / "listings.jsonl"), random.Random(0))


def pretrained(folder: Path) -> Decoder:
    model = small()
    captioner.pretrain(model, TOKENIZER, tiny.TEXTS, folder, STEPS, BATCH)
    return model


def learned(data_set: Path, feature_cache: Tensor, folder: Path) -> Decoder:
    return captioner.train(small(), TOKENIZER, lessons_of(data_set), feature_cache, folder, STEPS, BATCH)


def kill_at(call: int, patch: pytest.MonkeyPatch) -> None:
    descend, calls = loop.optimizer_step, iter(range(100))

    def dying(*arguments: object) -> None:
        if next(calls) == call:
            raise Killed
        descend(*arguments)  # type: ignore[arg-type]

    patch.setattr(loop, "SAVE_EVERY_S", -1.0)
    patch.setattr(loop, "optimizer_step", dying)


def assert_same(first: Decoder, second: Decoder) -> None:
    for name, weight in first.state_dict().items():
        assert torch.equal(second.state_dict()[name], weight), name


def test_a_killed_language_training_ends_in_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pretrained(tmp_path / "whole")
    with monkeypatch.context() as patch:
        kill_at(4, patch)
        with pytest.raises(Killed):
            pretrained(tmp_path / "killed")
    assert_same(pretrained(tmp_path / "killed"), whole)


def test_an_interrupted_run_ends_in_the_same_weights(
    data_set: Path, feature_cache: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed where a round of lessons was over; a broken round is composed anew."""
    whole = learned(data_set, feature_cache, tmp_path / "whole")
    with monkeypatch.context() as patch:
        kill_at(8, patch)
        with pytest.raises(Killed):
            learned(data_set, feature_cache, tmp_path / "killed")
    assert_same(learned(data_set, feature_cache, tmp_path / "killed"), whole)


class Remembering(Composer):
    """Keeps what it composed."""

    samples: list[Sample]

    def sample(self) -> Sample:
        self.samples.append(super().sample())
        return self.samples[-1]


def test_a_resumed_training_continues_with_new_samples(
    data_set: Path, feature_cache: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was composed before the kill is not composed again, although the seed is the same."""
    composer = lessons_of(data_set)
    rounds: list[list[Sample]] = []
    for killed in (True, False):
        remembering = Remembering(composer.scenes, composer.listings, random.Random(0))
        remembering.samples = []
        rounds.append(remembering.samples)
        with monkeypatch.context() as patch:
            kill_at(5 if killed else -1, patch)
            with pytest.raises(Killed) if killed else nullcontext():
                captioner.train(small(), TOKENIZER, remembering, feature_cache, tmp_path, STEPS, BATCH)
    assert len(rounds[0]) == 8 * BATCH
    assert len([sample for sample in rounds[1] if sample in rounds[0]]) <= len(rounds[1]) / 5


@torch.no_grad()
def cost(model: Decoder, prompt: list[int], answer: list[int], states: Tensor, slot: int = 0) -> float:
    """Mean negative log-probability of an answer after its prompt."""
    logits = model.compute_logits(model(model.embed(torch.tensor([prompt + answer]), states, slot)))[
        0, len(prompt) - 1 : -1
    ]
    return float(functional.cross_entropy(logits, torch.tensor(answer)))


def test_the_language_is_learned(tmp_path: Path) -> None:
    """The model comes to expect the phrases that it read, and stays surprised by others."""
    model, (start, end) = small(), get_token_ids(TOKENIZER, (TEXT, END))
    answers = [[*TOKENIZER.encode(text).ids, end] for text in tiny.TEXTS]
    before = [cost(model, [start], answer, NO_PHOTO) for answer in answers]
    captioner.pretrain(model, TOKENIZER, tiny.TEXTS[:2], tmp_path, 100, 4)
    after = [cost(model, [start], answer, NO_PHOTO) for answer in answers]
    assert max(after[:2]) < 0.9 * min(before)
    assert max(after[:2]) < min(after[2:])


class TwoLessons(Composer):
    """A picture whose text is a jacket, and one whose text is a dress."""

    def sample(self) -> Sample:
        return LESSONS[self.rnd.randrange(2)]


LESSONS = [
    Sample((n,), "<SINGLE>", "", item, text) for n, (item, text) in enumerate((("куртка", "Да"), ("платье", "Ну")))
]


def test_samples_are_learned_with_their_photos(feature_cache: Tensor, tmp_path: Path) -> None:
    """For each picture its own answer becomes likelier than the other's, although both were learned."""
    composer, vectors = TwoLessons([], [], random.Random(0)), 1 + GRID**2
    model = small()
    captioner.train(model, TOKENIZER, composer, feature_cache, tmp_path, 400, 4)
    model.eval()
    (slot,) = get_token_ids(TOKENIZER, (PHOTO,))
    prompt = build_prompt_ids(TOKENIZER, "<SINGLE>", 1, vectors, "")
    answers = [build_answer_ids(TOKENIZER, sample.things, sample.text) for sample in LESSONS]
    costs = [[cost(model, prompt, answer, feature_cache[[n], 0].float(), slot) for answer in answers] for n in (0, 1)]
    assert costs[0][0] < costs[0][1] - 0.1
    assert costs[1][1] < costs[1][0] - 0.1


def test_a_captioner_is_written_as_it_is_read(tiny_clip: Clip, tmp_path: Path) -> None:
    """Half precision, sizes and tokenizer: a folder that the registry loads."""
    captioner.save_captioner(small(), TOKENIZER, tmp_path / "mini")
    assert {weight.dtype for weight in load_file(tmp_path / "mini" / "model.safetensors").values()} == {torch.float16}
    card = Card(folder=tmp_path / "mini", family="prefix", version="1", max_photos=10)
    assert load_captioner(card, context(tiny_clip)).name == "mini"


def test_every_special_token_is_one_token_of_the_writing_tokenizer() -> None:
    tokenizer = captioner.train_tokenizer(tiny.TEXTS)
    assert all(len(tokenizer.encode(token).ids) == 1 for token in SPECIAL_TOKENS)
    assert tokenizer.get_vocab_size() <= captioner.WRITING_WORDS
