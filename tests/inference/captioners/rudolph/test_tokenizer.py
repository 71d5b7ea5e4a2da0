"""Texts and mask tokens in pieces of YouTokenToMe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from inference.captioners.base import Prompt
from inference.captioners.rudolph.tokenizer import BOS, EOS, RudolphTokenizer, format_sentence, pad_ids
from inference.checkpoints import youtokentome
from tests.support.models import rudolph


def tokenizer(*, special: bool = True) -> RudolphTokenizer:
    return RudolphTokenizer(youtokentome.load_tokenizer(rudolph.RECORDED / "bpe.model"), special=special)


def without_brackets(folder: Path) -> RudolphTokenizer:
    """A vocabulary that has Chinese letters where others have < and >."""
    letters = {str(ord("<")): str(ord("丁")), str(ord(">")): str(ord("七"))}
    lines = (rudolph.RECORDED / "bpe.model").read_text("ascii").splitlines()
    changed = [
        " ".join([letters.get(line.split()[0], line.split()[0]), *line.split()[1:]]) if len(line.split()) == 2 else line
        for line in lines
    ]
    (folder / "bpe.model").write_text("\n".join([lines[0], *changed[1:]]) + "\n", "ascii")
    return RudolphTokenizer(youtokentome.load_tokenizer(folder / "bpe.model"), special=True)


class TestEncode:
    def test_the_task_stands_behind_the_beginning_where_there_are_tasks(self) -> None:
        assert tokenizer().encode("куртка", "<LT_I2T>")[:2] == [BOS, rudolph.WORDS + 3]
        assert tokenizer(special=False).encode("куртка", "<LT_I2T>")[0] == BOS
        assert tokenizer(special=False).encode("куртка", "<LT_I2T>")[1:] == tokenizer().encode("куртка", "<LT_I2T>")[2:]

    def test_texts_are_encoded_in_lower_case(self) -> None:
        assert tokenizer().encode(" Куртка ", "<LT_I2T>") == tokenizer().encode("куртка", "<LT_I2T>")

    def test_padded_ids_have_their_length(self) -> None:
        written = tokenizer().encode("на картинке", "<RT_I2T>")
        assert pad_ids(written, 12).tolist() == [*written, EOS] + [0] * (11 - len(written))
        assert pad_ids(written, 3).tolist() == written[:3]

    def test_special_tokens_and_unknown_letters_are_no_text(self) -> None:
        ids = tokenizer().encode("куртка ☃ синяя", "<LT_I2T>")
        assert tokenizer().decode([*ids, EOS, 0, rudolph.WORDS + 7]) == "куртка  синяя"


class TestMaskTokens:
    TOKENS = ("<PRICE>", "<PRICE_2>", "<SIZE>")

    def there_and_back(self, tokenizer_: RudolphTokenizer, text: str) -> str:
        read = tokenizer_.decode(tokenizer_.encode(tokenizer_.drop_brackets(text, self.TOKENS), "<LT_I2T>"))
        return tokenizer_.restore_mask_tokens(read, self.TOKENS)

    def test_they_survive_in_pieces(self) -> None:
        assert self.there_and_back(tokenizer(), "Цена: <PRICE>, размер: <SIZE>") == "цена: <PRICE>, размер: <SIZE>"
        assert self.there_and_back(tokenizer(), "<PRICE_2> и <PRICE>") == "<PRICE_2> и <PRICE>"

    def test_they_survive_a_vocabulary_without_brackets(self, tmp_path: Path) -> None:
        tokenizer_ = without_brackets(tmp_path)
        assert tokenizer_.drop_brackets("Цена: <PRICE>", self.TOKENS) == "Цена: PRICE"
        assert self.there_and_back(tokenizer_, "Цена: <PRICE>, размер: <SIZE>") == "цена: <PRICE>, размер: <SIZE>"
        assert self.there_and_back(tokenizer_, "<PRICE_2> и <PRICE>") == "<PRICE_2> и <PRICE>"

    @pytest.mark.parametrize("brackets", [True, False])
    def test_the_ids_that_spell_them_are_known(self, tmp_path: Path, brackets: bool) -> None:
        """The logits processor lets them pass: `<SIZE_2>` starts like `<SIZE>`."""
        tokenizer_ = tokenizer() if brackets else without_brackets(tmp_path)
        spelled = [
            tokenizer_.encode(tokenizer_.drop_brackets(token, self.TOKENS), "<LT_T2T>")[2:] for token in self.TOKENS
        ]
        assert set(tokenizer_.encode_mask_tokens(self.TOKENS)) == {number for ids in spelled for number in ids}

    def test_they_are_restored_though_the_model_puts_spaces_in(self) -> None:
        assert tokenizer().restore_mask_tokens("за < price > и < size_2 >", self.TOKENS) == "за <PRICE> и <SIZE_2>"

    def test_an_unfinished_one_is_cut_off(self) -> None:
        assert tokenizer().restore_mask_tokens("цена <pri", self.TOKENS) == "цена"


class TestFields:
    """Fields that are too long lose their end, and nothing else does."""

    TOKENS = frozenset({"<PRICE>", "<PRICE_2>"})

    @pytest.mark.parametrize("brackets", [True, False])
    def test_the_words_behind_them_stay_and_no_token_is_halved(self, tmp_path: Path, brackets: bool) -> None:
        tokenizer_ = tokenizer() if brackets else without_brackets(tmp_path)
        asked = Prompt((), None, "куртка: <PRICE>\nцена: <PRICE_2>", "<SINGLE>", self.TOKENS)  # type: ignore[arg-type]
        template = "{attributes}\nкуртка:"
        whole = tokenizer_.encode_prompt(asked, template, "<LT_T2T>", 100)
        frame = tokenizer_.encode("куртка:", "<LT_T2T>")
        texts = set()
        for room in range(len(frame) + 1, len(whole) + 1):
            ids = tokenizer_.encode_prompt(asked, template, "<LT_T2T>", room)
            assert len(ids) <= room
            texts.add(tokenizer_.restore_mask_tokens(tokenizer_.decode(ids), self.TOKENS))
        assert len(texts) > 3
        assert "куртка: <PRICE>, цена: <PRICE_2>, куртка:" in texts
        assert all(text.endswith("куртка:") for text in texts)
        told = {name.strip(" ,") for text in texts for name in re.findall(r"[^ ]*[a-zA-Z_0-9]+[^ ]*", text)}
        assert told == self.TOKENS


def test_a_sentence_has_a_capital_and_an_end() -> None:
    assert format_sentence("куртка синяя") == "Куртка синяя."
    assert format_sentence("тёплая!") == "Тёплая!"
    assert format_sentence("<PRICE> рублей") == "<PRICE> рублей."
    assert format_sentence("") == ""
