"""The prefix captioner as a whole: repeatable, deaf to its neighbours, and unable to write a number."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from inference.captioners.base import Prompt, load_captioner
from inference.captioners.prefix.captioner import PrefixCaptioner
from inference.captioners.prefix.decoding import DraftTokenizer, Sampling
from inference.captioners.prefix.format import END, MASK_TOKENS, SPECIAL_TOKENS, TEXT, get_token_ids
from inference.captioners.prefix.model import Decoder
from inference.checkpoints.card import Card
from inference.clip.dual_encoder import Clip, ImageFeatures
from inference.listing.types import DiversityToken
from inference.masking import mask
from tests.support.models import tiny
from tests.support.models.captioners import context
from training.captioner import save_captioner

TOKENIZER = tiny.writing_tokenizer()
QUICK = Sampling(drafts=3, max_things_tokens=12, max_text_tokens=30)
ROOMY = Sampling(drafts=3, max_things_tokens=20, max_text_tokens=80)
MASKS = get_token_ids(TOKENIZER, MASK_TOKENS)
DIGITS = [word for word in range(TOKENIZER.get_vocab_size()) if re.search(r"\d", TOKENIZER.decode([word]))]
NO_VIEWS = ImageFeatures(torch.zeros(0, tiny.DIM), torch.zeros(0, 10, tiny.WIDTHS[-1]))
TOKEN = re.compile(r"<[^<>]*>")
FIELDS = "Цена: 5000 руб.\nРазмер: 44-46\nРост: 170 см\nДоставка: 300"


def tempting(ids: list[int], by: float, **sizes: int) -> Decoder:
    """A decoder that would always like best to write the given ids."""
    model = tiny.decoder(TOKENIZER.get_vocab_size(), **sizes)
    with torch.no_grad():
        model.norm.bias.normal_()
        model.words.weight[ids] += by * model.norm.bias / model.norm.bias.square().sum()
    return model


def captioner(clip: Clip, model: Decoder, sampling: Sampling = QUICK) -> PrefixCaptioner:
    made = PrefixCaptioner(model, TOKENIZER, clip, "tiny", 10)
    made.sampling = sampling
    return made


def prompt(clip: Clip, photos: int, text: str = "", seed: int = 0, first: int = 0) -> Prompt:
    images = tuple(tiny.picture(first + number) for number in range(photos))
    masked = mask(text)
    token: DiversityToken = "<VARIATIVE>" if photos > 2 else "<SINGLE>"
    return Prompt(images, clip.encode_images(images), masked.text, token, frozenset(masked.values), seed)


@pytest.fixture(scope="module")
def prompts(tiny_clip: Clip) -> list[Prompt]:
    """Listings of every sort: no photo and ten, no text and much text."""
    texts = ("", FIELDS, "Куртка", FIELDS * 12, "", FIELDS, "Отдам за 100")
    return [prompt(tiny_clip, n, text, n, 3 * n) for n, text in zip((1, 0, 3, 10, 10, 2, 5), texts, strict=True)]


def ending(length: int = 400) -> Decoder:
    """A decoder that ends its texts after some words, each prompt's where it likes."""
    return tempting(get_token_ids(TOKENIZER, (END, TEXT)), 2.0, length=length)


def test_the_same_seed_writes_the_same_text(tiny_clip: Clip, prompts: list[Prompt]) -> None:
    writer = captioner(tiny_clip, ending())
    assert writer.generate(prompts[:3]) == writer.generate(prompts[:3])


def test_another_seed_usually_writes_another_text(tiny_clip: Clip) -> None:
    writer = captioner(tiny_clip, ending())
    drafts = writer.generate([prompt(tiny_clip, 1, FIELDS, seed) for seed in range(8)])
    assert len(set(drafts)) >= 6


@pytest.mark.parametrize("length", [400, 300])
def test_a_draft_does_not_depend_on_its_neighbours(tiny_clip: Clip, prompts: list[Prompt], length: int) -> None:
    """Alone, in a batch, in the reverse order: the same text, also where a long prompt leaves little room."""
    writer = captioner(tiny_clip, ending(length), ROOMY)
    alone = [writer.generate([each])[0] for each in prompts]
    assert writer.generate(prompts) == alone
    assert writer.generate(prompts[::-1]) == alone[::-1]
    assert len(set(alone)) == len(prompts)


def test_drafts_end_at_different_lengths(tiny_clip: Clip, prompts: list[Prompt]) -> None:
    """Otherwise the test above would say nothing of rows that leave the batch."""
    drafts = captioner(tiny_clip, ending(), ROOMY).generate(prompts)
    assert len({len(TOKENIZER.encode(draft).ids) for draft in drafts}) >= 4


def test_photos_text_and_token_each_make_a_difference(tiny_clip: Clip) -> None:
    writer = captioner(tiny_clip, ending())
    base, other = prompt(tiny_clip, 1, "Куртка"), prompt(tiny_clip, 1, "Куртка", first=5)
    variative = Prompt(base.images, base.features, base.masked, "<VARIATIVE>", base.mask_tokens, base.seed)
    drafts = writer.generate([base, other, prompt(tiny_clip, 1, "Платье"), variative, prompt(tiny_clip, 0, "Куртка")])
    assert len(set(drafts)) == len(drafts)


@pytest.mark.parametrize("wanted", [DIGITS, MASKS, [*DIGITS, *MASKS]], ids=["digits", "tokens", "both"])
def test_no_temptation_makes_a_draft_hold_a_number_of_its_own(
    tiny_clip: Clip, prompts: list[Prompt], wanted: list[int]
) -> None:
    """No digit, no token that the prompt does not have, and none of its tokens twice."""
    model = tempting(wanted, 60.0)
    with torch.inference_mode():
        free = model.compute_logits(model(model.embed(torch.tensor([[5, 6, 7]]), torch.zeros(0), 0)))
    assert set(free.argmax(-1).flatten().tolist()) <= set(wanted)
    for asked, draft in zip(prompts, captioner(tiny_clip, model).generate(prompts), strict=True):
        found = TOKEN.findall(draft)
        assert set(found) <= asked.mask_tokens
        assert len(found) == len(set(found))
        assert not re.search(r"\d", TOKEN.sub("", draft))


def test_the_tokens_of_the_prompt_can_be_written(tiny_clip: Clip) -> None:
    """A model that wants to write numbers writes all of the seller's."""
    draft = captioner(tiny_clip, tempting(MASKS, 60.0)).generate([prompt(tiny_clip, 1, FIELDS)])[0]
    assert set(TOKEN.findall(draft)) == set(mask(FIELDS).values)


def test_no_draft_shows_a_token_of_the_format(tiny_clip: Clip, prompts: list[Prompt]) -> None:
    """`[TEXT]`, `<IMG_1>` and their like stay inside."""
    drafts = captioner(tiny_clip, tempting(get_token_ids(TOKENIZER, SPECIAL_TOKENS), 60.0)).generate(prompts)
    assert not [draft for draft in drafts if re.search(r"\[[A-Z]+\]|<IMG|<SINGLE|<VARIATIVE", draft)]


def test_a_token_cannot_be_spelled_in_pieces() -> None:
    """Angle brackets, of which a token could be put together, are never written."""
    bias = DraftTokenizer(TOKENIZER).build_bias(Prompt((), NO_VIEWS, "", "<SINGLE>"), ())
    assert [float(bias[TOKENIZER.token_to_id(bracket)]) for bracket in "<>"] == [float("-inf")] * 2
    assert float(bias[TOKENIZER.token_to_id("!")]) == 0.0


def test_only_what_the_seller_s_prompt_holds_is_allowed() -> None:
    tokenizer = DraftTokenizer(TOKENIZER)
    bias = tokenizer.build_bias(
        Prompt((), NO_VIEWS, "", "<SINGLE>", frozenset({"<PRICE>", "<SIZE_2>", "<PRICE_9>"})), ()
    )
    allowed = {name for name in MASK_TOKENS if float(bias[TOKENIZER.token_to_id(name)]) == 0.0}
    assert allowed == {"<PRICE>", "<SIZE_2>"}
    assert float(bias[tokenizer.end_id]) == 0.0
    assert float(bias[tokenizer.text_id]) == float("-inf")


def test_latin_letters_are_those_of_the_seller_s_brands(tiny_clip: Clip) -> None:
    """What is printed on the cloth cannot be read; a brand of the fields can be repeated."""
    names = ((n, TOKENIZER.id_to_token(n) or "") for n in range(TOKENIZER.get_vocab_size()))
    writer = captioner(tiny_clip, tempting([n for n, name in names if re.fullmatch("[A-Za-z]", name)], 60.0))
    branded, plain = writer.generate([prompt(tiny_clip, 1, "Бренд: Gx"), prompt(tiny_clip, 1, "Куртка")])
    assert {"G", "x"} & set(branded)
    assert not re.search("[A-FH-UW-Za-wyz]", branded)
    assert not re.search("[A-UW-Za-z]", plain)


def test_a_captioner_is_the_same_after_saving_and_loading(tiny_clip: Clip, tmp_path: Path) -> None:
    """Through the registry, as any checkpoint of its family, with weights of half precision."""
    model = ending().half().float()
    save_captioner(model, TOKENIZER, tmp_path / "tiny")
    card = Card(folder=tmp_path / "tiny", family="prefix", version="1", max_photos=7)
    loaded = load_captioner(card, context(tiny_clip))
    assert (loaded.name, loaded.max_photos) == ("tiny", 7)
    assert isinstance(loaded, PrefixCaptioner)
    loaded.sampling = QUICK
    asked = [prompt(tiny_clip, 2, FIELDS), prompt(tiny_clip, 0, "Куртка")]
    assert loaded.generate(asked) == captioner(tiny_clip, model).generate(asked)


def test_an_adapter_of_the_card_is_merged(tiny_clip: Clip, tmp_path: Path) -> None:
    """As with every family: the folder that PEFT saves, named on the card."""
    model = ending().half().float()
    save_captioner(model, TOKENIZER, tmp_path / "tiny")
    rank = LoraConfig(r=2, target_modules=["query_key_value", "project"], init_lora_weights=False)
    tuned: Any = get_peft_model(deepcopy(model), rank)
    tuned.save_pretrained(tmp_path / "tiny" / "lora")
    card = Card(folder=tmp_path / "tiny", family="prefix", version="1", max_photos=7, adapters=("lora",))
    loaded = load_captioner(card, context(tiny_clip))
    assert isinstance(loaded, PrefixCaptioner)
    merged, expected = loaded._model.state_dict(), tuned.merge_and_unload().state_dict()
    assert all(torch.allclose(merged[name], expected[name], atol=1e-6) for name in expected)
    assert not torch.allclose(merged["blocks.0.project.weight"], model.state_dict()["blocks.0.project.weight"])
