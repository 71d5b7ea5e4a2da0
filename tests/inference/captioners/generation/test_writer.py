"""How language models write: within the card's limits, repeatably, deaf to neighbours, without a digit of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedTokenizerBase

from inference.captioners.base import Prompt
from inference.captioners.generation.mask_tokens import drop_cut_token
from inference.captioners.generation.processors import NoDigits, SeededSampling
from inference.captioners.generation.prompts import build_completion, load_prompts
from inference.captioners.generation.settings import GenerationSettings
from inference.captioners.generation.writer import Writer, pad_left
from inference.checkpoints.card import Card
from inference.clip.dual_encoder import Clip
from inference.errors import CheckpointError
from inference.facts.seller import read_seller_facts
from inference.facts.sheet import FactSheet
from inference.listing.attributes import parse_attributes
from inference.listing.types import Masked
from inference.masking import mask, unmask
from tests.support.models import languages
from tests.support.models.captioners import FIELDS, assert_keeps_the_promises, mixed_prompts, prompt

TOKENIZER = languages.byte_level_tokenizer()
QUICK = GenerationSettings(max_new_tokens=16)


# The types of `transformers` do not say that a GPT-2 generates.
LanguageModel = Any


class Completer:
    """The smallest captioner: a vector a photo, then the words."""

    name = "completer"
    max_photos = 10
    reads_attributes = True

    def __init__(self, model: LanguageModel, generation: GenerationSettings = QUICK) -> None:
        self.model = model
        self.writer = Writer(TOKENIZER, generation)

    @torch.inference_mode()
    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        return (
            self.writer.continue_embeddings(self.model, [self._row(each) for each in prompts], prompts)
            if prompts
            else []
        )

    def _row(self, prompt: Prompt) -> Tensor:
        ids = torch.tensor(TOKENIZER(build_completion(prompt)).input_ids)
        return torch.cat((self.model.transformer.wte.weight[: len(prompt.images)], self.model.transformer.wte(ids)))


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return languages.gpt2()


@pytest.mark.parametrize("beams", [1, 3])
def test_a_text_does_not_depend_on_its_neighbours(model: LanguageModel, tiny_clip: Clip, beams: int) -> None:
    """Greedy and beam search, and beside them rows that a seed varies."""
    prompts = [replace(each, seed=number % 3) for number, each in enumerate(mixed_prompts(tiny_clip))]
    captioner = Completer(model, replace(QUICK, num_beams=beams, repetition_penalty=1.3))
    assert_keeps_the_promises(captioner, tiny_clip, prompts)


def test_seed_zero_is_the_likeliest_text_and_another_seed_another_text(model: LanguageModel, tiny_clip: Clip) -> None:
    asked = [replace(prompt(tiny_clip, 1, FIELDS), seed=seed) for seed in (0, 1, 1, 2)]
    captioner = Completer(model, replace(QUICK, no_repeat_ngram_size=0))
    likeliest, first, again, second = captioner.generate(asked)
    assert likeliest == captioner.writer.decode(step_by_step(captioner, asked[0], 16))[0]
    assert first == again
    assert len({likeliest, first, second}) == 3


@torch.inference_mode()
def step_by_step(captioner: Completer, prompt: Prompt, length: int) -> Tensor:
    """The likeliest word that is no digit, again and again, without a cache: (1, length)."""
    row, written = captioner._row(prompt), torch.zeros(1, 0, dtype=torch.long)
    for _ in range(length):
        so_far = torch.cat((row, captioner.model.transformer.wte(written[0])))
        logits = captioner.model(inputs_embeds=so_far[None]).logits[0, -1]
        logits[captioner.writer._digit_ids] = float("-inf")
        written = torch.cat((written, logits.argmax().view(1, 1)), 1)
    return written


def test_no_text_holds_a_digit_unless_its_mask_tokens_are_numbered(model: LanguageModel, tiny_clip: Clip) -> None:
    """The second of two prices is `<PRICE_2>`."""
    captioner = Completer(model, replace(QUICK, max_new_tokens=60, temperature=2.0, top_k=500))
    plain = [replace(prompt(tiny_clip, 1, FIELDS), seed=seed) for seed in range(1, 9)]
    numbered = [replace(each, mask_tokens=frozenset({"<PRICE>", "<PRICE_2>"})) for each in plain]
    texts = captioner.generate(plain + numbered)
    assert not any(re.search(r"\d", text) for text in texts[:8])
    assert any(re.search(r"\d", text) for text in texts[8:])


def test_bytes_that_are_no_digits_may_be_written() -> None:
    """SentencePiece names a byte in hexadecimal digits: `<0xD0>` begins a Russian letter, `<0x31>` is «1»."""
    banned = NoDigits(torch.tensor([2]), [False])(torch.zeros(1, 0, dtype=torch.long), torch.zeros(1, 3))
    assert banned.tolist() == [[0.0, 0.0, float("-inf")]]
    tokenizer = languages.byte_level_tokenizer()
    tokenizer.add_tokens(["<0xD0>", "<0x31>", "№5"])
    ids = Writer(tokenizer, QUICK)._digit_ids.tolist()
    pieces = tokenizer.convert_ids_to_tokens(ids)
    assert "<0x31>" in pieces
    assert "№5" in pieces
    assert "<0xD0>" not in pieces
    assert tokenizer.eos_token_id not in ids


def test_every_russian_letter_may_be_written() -> None:
    """Byte-level vocabularies spell half of «в», «г» and «й» as «²», «³» and «¹», which are digits of a kind."""
    letters = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
    written = TOKENIZER(letters + letters.upper() + " новая вещь, вязаный свитер").input_ids
    banned = set(Writer(TOKENIZER, QUICK)._digit_ids.tolist())
    assert banned.isdisjoint(written)
    assert banned.issuperset(TOKENIZER("0123456789").input_ids)
    assert len(banned) < 30


def test_a_vocabulary_may_be_longer_than_what_is_written() -> None:
    banned = NoDigits(torch.tensor([1, 7]), [False])(torch.zeros(1, 0, dtype=torch.long), torch.zeros(1, 3))
    assert banned.tolist() == [[0.0, float("-inf"), 0.0]]


@pytest.mark.parametrize(
    "published",
    [
        {"repetition_penalty": 3.0},
        {"no_repeat_ngram_size": 1},
        {"suppress_tokens": list(range(3, 400))},
        {"bad_words_ids": [[word] for word in range(3, 400)]},
        {"forced_eos_token_id": 7},
        {"num_return_sequences": 2, "num_beams": 2},
        {"penalty_alpha": 0.6, "top_k": 4},
        {"guidance_scale": 3.0},
        {"return_dict_in_generate": True, "output_scores": True},
    ],
)
def test_what_the_publisher_set_does_not_act_behind_the_card(
    model: LanguageModel, tiny_clip: Clip, published: dict[str, Any]
) -> None:
    asked = [prompt(tiny_clip, 1, FIELDS)]
    other = deepcopy(model)
    other.generation_config = GenerationConfig(**published)
    assert Completer(other).generate(asked) == Completer(model).generate(asked)


@pytest.mark.parametrize(("published", "ends"), [(None, [2]), (7, [2, 7]), (2, [2]), ([7, 2, 9], [2, 7, 9])])
def test_a_text_ends_where_the_tokenizer_or_the_publisher_says(
    published: int | list[int] | None, ends: list[int]
) -> None:
    assert Writer(TOKENIZER, QUICK).build_config(published).eos_token_id == ends


def test_noise_draws_words_as_often_as_they_are_likely() -> None:
    """Gumbel noise under a greedy search is sampling; beyond the `top_k` likeliest nothing is drawn."""
    chances = torch.tensor([0.5, 0.3, 0.15, 0.05])
    variety = SeededSampling([7], temperature=1.0, top_k=3)
    drawn = torch.tensor([int(variety(torch.zeros(1, 0), chances.log()[None]).argmax()) for _ in range(4000)])
    shares = torch.bincount(drawn, minlength=4) / 4000
    expected = torch.tensor([0.5, 0.3, 0.15, 0.0]) / 0.95
    assert (shares - expected).abs().max() < 0.03


def test_a_text_never_repeats_five_tokens(model: LanguageModel, tiny_clip: Clip) -> None:
    """What the prompt holds may be said again; a text that would only repeat ends up saying something else."""
    writer = Completer(model, GenerationSettings(max_new_tokens=100)).writer
    ids = torch.tensor([[80, 81, 82, 83, 84, 85] * 3])
    asked = [prompt(tiny_clip, 1)]
    free, held = (
        model.generate(ids, generation_config=writer.build_config(), logits_processor=processors)[0, 18:].tolist()
        for processors in (None, writer.build_processors(asked, start=18))
    )
    assert len(set(fives(held))) == len(fives(held))
    assert len(set(fives(free))) < len(fives(free))


def fives(ids: Sequence[int]) -> list[tuple[int, ...]]:
    return [tuple(ids[start : start + 5]) for start in range(len(ids) - 4)]


class TestSecondNumber:
    """`<SIZE_2>` spelled in pieces begins as `<SIZE>` did, which is no repetition: it is the seller's other number."""

    FIELDS = "Название: куртка\nРазмер: 44\nРазмер: 46\nЦена: 5000"
    TEXT = "Куртка, размер <SIZE>, есть размер <SIZE_2>, цена <PRICE>."
    HELD = GenerationSettings(no_repeat_ngram_size=5, repetition_penalty=2.0)

    def asked(self, masked: Masked) -> Prompt:
        return Prompt((), None, masked.text, "<SINGLE>", frozenset(masked.values))  # type: ignore[arg-type]

    def test_it_reaches_the_buyer(self) -> None:
        masked = mask(self.FIELDS)
        writer = Writer(TOKENIZER, self.HELD)
        ids = sure_of(self.TEXT, TOKENIZER, writer.build_processors([self.asked(masked)]))
        (draft,) = writer.decode(torch.tensor([ids]), [self.asked(masked)])
        assert unmask(draft, masked.values) == "Куртка, размер 44, есть размер 46, цена 5000."

    def test_it_reaches_the_buyer_from_a_vocabulary_without_brackets(self) -> None:
        masked = mask("Цена: 5000\nЦена: 6000")
        tokenizer = languages.tokenizer_without_brackets()
        writer = Writer(tokenizer, self.HELD)
        ids = sure_of("Цена PRICE или PRICE_2.", tokenizer, writer.build_processors([self.asked(masked)]))
        (draft,) = writer.decode(torch.tensor([ids]), [self.asked(masked)])
        assert unmask(draft, masked.values) == "Цена 5000 или 6000."

    def test_each_prompt_has_its_own_tokens_in_all_of_its_beams(self) -> None:
        """Two prompts of two beams: the second knows no size, and may not repeat itself."""
        prompts = [self.asked(mask(self.FIELDS)), self.asked(mask("Цена: 5000"))]
        held = Writer(TOKENIZER, GenerationSettings()).build_processors(prompts)
        *before, last = TOKENIZER("мер <SIZ").input_ids
        begun: Any = torch.tensor([[*before, last, *before]] * 4)
        assert len(before) >= 4
        assert held(begun, torch.zeros(4, len(TOKENIZER)))[:, last].isfinite().tolist() == [True, True, False, False]


def sure_of(text: str, tokenizer: PreTrainedTokenizerBase, held: LogitsProcessorList) -> list[int]:
    """The ids that a model writes which is sure of every piece of a text, and would else say «а»."""
    ids: list[int] = []
    for wanted in tokenizer(text).input_ids:
        scores = torch.full((1, len(tokenizer)), -5.0)
        scores[0, tokenizer("а").input_ids[-1]] = 0
        scores[0, wanted] = 10
        read: Any = torch.tensor([ids], dtype=torch.long)
        ids.append(int(held(read, scores).argmax()))
    return ids


class TestThingsThatTheSellerRulesOut:
    """Only where the seller names a thing or its category, and in the rows of that prompt alone."""

    SHOES = Prompt((), None, "", "<SINGLE>")  # type: ignore[arg-type]
    TEXT = "Платье или туфли, синее платье, чёрные туфли."

    def ruled(self, text: str) -> Prompt:
        return replace(self.SHOES, sheets=(FactSheet.merge(read_seller_facts(parse_attributes(text)), (), {}),))

    def write(self, asked: Prompt) -> str:
        writer = Writer(TOKENIZER, GenerationSettings(no_repeat_ngram_size=0))
        return writer.decode(torch.tensor([sure_of(self.TEXT, TOKENIZER, writer.build_processors([asked]))]))[0]

    def test_they_are_not_named(self) -> None:
        written = self.write(self.ruled("Предмет одежды: Обувь"))
        assert "платье" not in written.lower()
        assert written.count("туфли") == 2

    def test_others_are(self) -> None:
        for asked in (self.SHOES, self.ruled("Цена: 500"), self.ruled("Предмет одежды: Пакет вещей")):
            assert self.write(asked) == self.TEXT

    def test_each_prompt_has_its_own_in_all_of_its_beams(self) -> None:
        prompts = [self.ruled("Предмет одежды: Обувь"), self.ruled("Предмет одежды: Платья")]
        held = Writer(TOKENIZER, GenerationSettings()).build_processors(prompts, start=1)
        *before, last = TOKENIZER(" платье").input_ids
        begun: Any = torch.tensor([[7, *before]] * 4)
        assert held(begun, torch.zeros(4, len(TOKENIZER)))[:, last].isfinite().tolist() == [False, False, True, True]


def test_a_text_ends_behind_its_stop_and_before_an_unfinished_token() -> None:
    writer = Writer(TOKENIZER, GenerationSettings(stop="."))
    ids = [TOKENIZER(text).input_ids for text in ("Куртка. Платье.", "Куртка за <PRI", "Цена <PRICE>")]
    longest = max(map(len, ids))
    assert writer.decode(torch.tensor([row + [2] * (longest - len(row)) for row in ids])) == [
        "Куртка.",
        "Куртка за",
        "Цена <PRICE>",
    ]


class TestVocabularyWithoutBrackets:
    """T5 and its like read `<PRICE>` as an unknown sign and PRICE, and could never write the seller's number."""

    def asked(self, clip: Clip) -> Prompt:
        tokens = frozenset({"<PRICE>", "<PRICE_2>", "<SIZE>"})
        return replace(prompt(clip, 0, "Цена: <PRICE>, <PRICE_2> Размер: <SIZE>"), mask_tokens=tokens)

    def test_mask_tokens_are_read_and_written_without(self, tiny_clip: Clip) -> None:
        tokenizer = languages.tokenizer_without_brackets()
        writer, asked = Writer(tokenizer, QUICK), self.asked(tiny_clip)
        told = tokenizer.decode(writer.encode_prompt(asked, 100, "{attributes} Описание:"))
        assert told == "Цена: PRICE, PRICE_2 Размер: SIZE Описание:"
        written = torch.tensor([[*tokenizer("За PRICE_2 или PRICE, PRICES и MYSIZE").input_ids, 2]])
        assert writer.decode(written, [asked]) == ["За <PRICE_2> или <PRICE>, PRICES и MYSIZE"]

    def test_one_that_the_end_of_the_text_may_have_halved_is_no_other(self, tiny_clip: Clip) -> None:
        """PRICE at the limit may be the beginning of PRICE_2, which is another number."""
        writer, asked = Writer(languages.tokenizer_without_brackets(), QUICK), self.asked(tiny_clip)
        ids = writer.tokenizer("Цена PRICE").input_ids
        assert writer.decode(torch.tensor([ids]), [asked]) == ["Цена"]
        assert writer.decode(torch.tensor([[*ids, 2]]), [asked]) == ["Цена <PRICE>"]

    @pytest.mark.parametrize("end", ["XL", "ПЖPRI", "BERSHKA", "SIZE", "PRICE_2"])
    def test_other_capitals_at_the_limit_stay(self, end: str) -> None:
        assert drop_cut_token(f"Куртка {end}", ["<PRICE>", "<PRICE_2>", "<SIZE>"]) == f"Куртка {end}"

    def test_fields_that_are_cut_end_in_no_half_of_one(self, tiny_clip: Clip) -> None:
        writer, asked = Writer(languages.tokenizer_without_brackets(), QUICK), self.asked(tiny_clip)
        whole = len(writer.encode_prompt(asked, 100, "{attributes}"))
        told = {
            str(writer.tokenizer.decode(writer.encode_prompt(asked, room, "{attributes}"))) for room in range(5, whole)
        }
        assert told <= {"Цена: PRICE, PRICE_2 Размер:"[:end] for end in range(30)} - {"Цена: PRICE, PRICE"}
        assert not any(text.endswith(("P", "PRI", "PRIC", "PRICE_", "S", "SIZ")) for text in told)

    def test_other_tokens_keep_their_brackets(self, tiny_clip: Clip) -> None:
        asked = self.asked(tiny_clip)
        writer = Writer(TOKENIZER, QUICK)
        assert writer.adapt_fields(asked).masked == asked.masked
        assert writer.decode(torch.tensor([TOKENIZER("SIZE PRICE").input_ids]), [asked]) == ["SIZE PRICE"]


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ({"num_beams": 9}, "card-generation"),
        ({"max_new_tokens": 0}, "card-generation"),
        ({"max_new_tokens": 100_000}, "card-generation"),
        ({"repetition_penalty": 0.5}, "card-generation"),
        ({"beams": 2}, "card-field"),
        ({"num_beams": True}, "card-field"),
        ({"stop": 5}, "card-field"),
        ({"temperature": "hot"}, "card-field"),
    ],
)
def test_a_card_that_asks_for_nonsense_is_named(table: Mapping[str, object], code: str) -> None:
    with pytest.raises(CheckpointError) as raised:
        GenerationSettings.from_card(Card(folder=Path("captioner/x"), family="x", version="1", generation=table))
    assert raised.value.message.code == code


def test_a_card_chooses_and_the_rest_stays() -> None:
    table = {"num_beams": 4, "length_penalty": 0, "stop": "."}
    card = Card(folder=Path("captioner/x"), family="x", version="1", generation=table)
    assert GenerationSettings.from_card(card) == GenerationSettings(num_beams=4, length_penalty=0, stop=".")


def test_rows_are_padded_on_the_left() -> None:
    embeddings, mask = pad_left([torch.ones(1, 2), torch.ones(3, 2)])
    assert embeddings[0].tolist() == [[0, 0], [0, 0], [1, 1]]
    assert mask.tolist() == [[0, 0, 1], [1, 1, 1]]


def test_a_prompt_is_completed_in_the_words_of_the_catalogue_or_of_the_card(tiny_clip: Clip) -> None:
    asked = prompt(tiny_clip, 1, "Цена: <PRICE>", many=True)
    assert build_completion(asked) == "<VARIATIVE>\nЦена: <PRICE>\nОписание:"
    assert build_completion(prompt(tiny_clip, 1)) == "<SINGLE>\nОписание:"
    assert build_completion(asked, "{attributes}. Объявление:") == "Цена: <PRICE>. Объявление:"
    assert build_completion(asked, "") == ""
    assert build_completion(asked, "a photo of") == "a photo of"
    assert load_prompts("ru").keys() == load_prompts("en").keys()


def test_a_card_whose_words_are_of_photos_alone_tells_a_text_only_listing_as_usual(tiny_clip: Clip) -> None:
    fields = prompt(tiny_clip, 0, "Цена: <PRICE>")
    assert build_completion(fields, "a photo of") == build_completion(fields)
    assert build_completion(fields, "{attributes}. Объявление:") == "Цена: <PRICE>. Объявление:"
