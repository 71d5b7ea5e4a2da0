"""Tables of phrases are read once and remembered; what is remembered equals what is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from inference.captioners.interrogator.labels import BATCH_SIZE, encode_normalized, encode_tables, load_or_encode
from inference.captioners.interrogator.ranking import Labels

TABLES = {"things": ("куртка", "платье", "джинсы"), "colours": ("белый", "синий")}
TEMPLATES = {"things": ("на фото {}", "{} на продажу"), "colours": ("{} цвет",)}
ENCODER = {"model.safetensors": "c0ffee"}


class Reader:
    """Reads a text as a vector of its letters; remembers what it was asked."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, texts: Sequence[str]) -> Tensor:
        self.batches.append(len(texts))
        letters = "абвгдежзиклмнопрстуфхцчшыья "
        return torch.tensor([[float(text.count(letter)) for letter in letters] for text in texts])


def assert_equal(first: dict[str, Labels], second: dict[str, Labels]) -> None:
    assert first.keys() == second.keys()
    for table, labels in first.items():
        assert labels.phrases == second[table].phrases
        assert torch.equal(labels.embeddings, second[table].embeddings)


def test_a_phrase_is_the_mean_of_its_templates_before_lengths_are_taken() -> None:
    """As ruCLIP's `Predictor` (ai-forever/ru-clip) makes a class of its templates."""
    read = Reader()
    tables_ = encode_tables(read, TABLES, TEMPLATES)
    for phrase, row in zip(TABLES["things"], tables_["things"].embeddings, strict=True):
        mean = read([each.format(phrase) for each in TEMPLATES["things"]]).mean(0)
        torch.testing.assert_close(row, normalize(mean, dim=0))
    torch.testing.assert_close(tables_["colours"].embeddings, normalize(read(["белый цвет", "синий цвет"]), dim=-1))


def test_texts_keep_their_places_whatever_is_read_together() -> None:
    texts = ["м" * (1 + 7 * number % 150) for number in range(3 * BATCH_SIZE + 1)]
    read = Reader()
    torch.testing.assert_close(encode_normalized(read, texts), normalize(Reader()(texts), dim=-1))
    assert max(read.batches) == BATCH_SIZE


def test_what_is_remembered_equals_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "not yet there" / "tables.safetensors"
    first, second = Reader(), Reader()
    fresh = load_or_encode(path, ENCODER, first, TABLES, TEMPLATES)
    assert_equal(fresh, encode_tables(Reader(), TABLES, TEMPLATES))
    assert_equal(load_or_encode(path, ENCODER, second, TABLES, TEMPLATES), fresh)
    assert (len(first.batches), len(second.batches)) == (1, 0)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("encoder", "tables", "templates"),
    [
        ({"model.safetensors": "other"}, TABLES, TEMPLATES),
        (ENCODER, TABLES | {"colours": ("синий", "белый")}, TEMPLATES),
        (ENCODER, TABLES, TEMPLATES | {"colours": ("цвет {}",)}),
    ],
)
def test_tables_of_something_else_are_read_anew(
    tmp_path: Path, encoder: dict[str, str], tables: dict[str, Sequence[str]], templates: dict[str, Sequence[str]]
) -> None:
    path, read = tmp_path / "tables.safetensors", Reader()
    load_or_encode(path, ENCODER, Reader(), TABLES, TEMPLATES)
    assert_equal(load_or_encode(path, encoder, read, tables, templates), encode_tables(Reader(), tables, templates))
    assert read.batches
    again = Reader()
    load_or_encode(path, encoder, again, tables, templates)
    assert not again.batches


@pytest.mark.parametrize("content", [b"", b"nothing that could be read", None])
def test_a_spoilt_file_costs_nothing_but_time(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "tables.safetensors"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    assert_equal(load_or_encode(path, ENCODER, Reader(), TABLES, TEMPLATES), encode_tables(Reader(), TABLES, TEMPLATES))


def test_where_nothing_can_be_written_the_tables_are_read(tmp_path: Path) -> None:
    """A file in the place of the folder: as with a folder that may only be read, whoever runs the test."""
    (tmp_path / "cache").write_text("")
    path = tmp_path / "cache" / "tables.safetensors"
    assert_equal(load_or_encode(path, ENCODER, Reader(), TABLES, TEMPLATES), encode_tables(Reader(), TABLES, TEMPLATES))
