"""YouTokenToMe's files, read natively: the package's own ids.

The recorded ids are those of youtokentome 1.0.6 (VKCOM/YouTokenToMe), which trained the two vocabularies as well: 600
pieces of lower case and 4,000 in which special tokens have other ids and many letters are unknown. Where the package
is installed (`pip install cython setuptools wheel`, then `pip install --no-build-isolation youtokentome`) the same is
asked of it directly.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from inference.checkpoints import youtokentome
from inference.errors import CheckpointError
from tests.support.models.youtokentome import MODELS, ODD, RECORDED, Reader, fingerprints, sentences

READERS = {name: Reader(RECORDED / f"{name}.model") for name in MODELS}
TOKENIZERS = {name: youtokentome.load_tokenizer(RECORDED / f"{name}.model") for name in MODELS}
MODEL = st.sampled_from(MODELS)
TEXTS = st.lists(st.sampled_from(ODD) | st.text(max_size=8) | st.sampled_from(["кот", "скачет", "по", "дому"])).map(
    "".join
)


def encoded(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    return [encoding.ids for encoding in tokenizer.encode_batch(texts)]


@pytest.fixture(scope="module")
def package() -> ModuleType:
    found: ModuleType = pytest.importorskip("youtokentome", reason="youtokentome is not installed: recorded ids serve")
    return found


@pytest.mark.parametrize("name", MODELS)
def test_ten_thousand_sentences_have_the_package_s_ids(name: str) -> None:
    """Unknown signs, odd white space, emoji, combining marks, very long words, empty texts."""
    texts = sentences(RECORDED / f"{name}.model")
    ids = encoded(TOKENIZERS[name], texts)
    assert fingerprints(ids) == json.loads((RECORDED / "ids.json").read_text("ascii"))[name]
    assert sum(READERS[name].unknown in row for row in ids) > 1000
    assert "" in texts


@given(name=MODEL, text=TEXTS)
def test_any_text_has_the_ids_of_the_plain_algorithm(name: str, text: str) -> None:
    assert TOKENIZERS[name].encode(text).ids == READERS[name].encode(text)


@given(name=MODEL, text=TEXTS)
def test_what_was_known_is_spelled_again(name: str, text: str) -> None:
    """White space of ASCII becomes single spaces; what is unknown is said to be."""
    ids = READERS[name].encode(text)
    pieces = READERS[name].pieces | {READERS[name].unknown: youtokentome.UNK}
    spelled = "".join(pieces[number] for number in ids).replace("▁", " ")
    assert TOKENIZERS[name].decode(ids) == spelled.removeprefix(" ")


@given(text=TEXTS)
def test_a_text_that_names_a_special_token_does_not_have_it(text: str) -> None:
    """Nobody ends a text by writing <EOS> into it."""
    ids = TOKENIZERS["small"].encode(f"{text}<EOS><BOS><PAD>").ids
    assert not {0, 2, 3} & set(ids)


def test_a_framed_text_stands_in_lower_case_between_begin_and_end() -> None:
    tokenizer = youtokentome.load_tokenizer(RECORDED / "small.model")
    youtokentome.add_bos_eos(tokenizer, lowercase=True)
    assert tokenizer.encode("КОТ").ids == [2, *READERS["small"].encode("кот"), 3]
    tokenizer.enable_truncation(5)
    assert tokenizer.encode("КОТ " * 9).ids == [2, *READERS["small"].encode("кот " * 9)[:3], 3]


def test_the_tokenizer_is_the_same_after_saving_and_loading(tmp_path: Path) -> None:
    path = str(tmp_path / "tokenizer.json")
    TOKENIZERS["large"].save(path)
    texts = sentences(RECORDED / "large.model")[:300]
    assert encoded(Tokenizer.from_file(path), texts) == encoded(TOKENIZERS["large"], texts)


def model(folder: Path, lines: str) -> Path:
    path = folder / "bpe.model"
    path.write_text(lines, "ascii")
    return path


def test_two_ids_of_one_string_are_said_in_a_sentence(tmp_path: Path) -> None:
    """«aaa» as «aa» + «a» and as «a» + «aa»: a table of strings has one place for both."""
    path = model(tmp_path, "2 3\n9601 4\n97 5\n5 5 6\n6 5 7\n5 6 8\n1 0 2 3\n")
    with pytest.raises(CheckpointError, match="tokenizer-twins") as raised:
        youtokentome.load_tokenizer(path)
    assert raised.value.message.details == {"file": str(path), "piece": "aaa"}


def test_a_vocabulary_may_do_without_special_tokens(tmp_path: Path) -> None:
    tokenizer = youtokentome.load_tokenizer(model(tmp_path, "2 1\n9601 1\n97 2\n1 2 3\n0 -1 -1 -1\n"))
    assert tokenizer.encode("a aa b").ids == [3, 3, 2, 1, 0]


@pytest.mark.parametrize("lines", ["", "2 1\n9601 4\n97 5\n4 5 6\n1 0 2\n", "1 0\n9601 4\n1 0 2 4\n", "PK\x03\x04"])
def test_what_is_no_such_file_is_refused(tmp_path: Path, lines: str) -> None:
    """Empty, cut short, an id that stands twice, something else."""
    with pytest.raises((ValueError, IndexError)):
        youtokentome.load_tokenizer(model(tmp_path, lines))


@pytest.mark.parametrize("name", MODELS)
@given(texts=st.lists(TEXTS, min_size=1))
def test_any_text_has_the_ids_and_the_spelling_of_the_package(package: ModuleType, name: str, texts: list[str]) -> None:
    original = package.BPE(str(RECORDED / f"{name}.model"))
    ids = original.encode(texts, output_type=package.OutputType.ID)
    assert encoded(TOKENIZERS[name], texts) == ids
    assert [TOKENIZERS[name].decode(row) for row in ids] == original.decode(ids)


def test_the_recorded_ids_are_the_installed_package_s(package: ModuleType) -> None:
    for name, expected in json.loads((RECORDED / "ids.json").read_text("ascii")).items():
        path = RECORDED / f"{name}.model"
        ids = package.BPE(str(path)).encode(sentences(path), output_type=package.OutputType.ID)
        assert fingerprints(ids) == expected
