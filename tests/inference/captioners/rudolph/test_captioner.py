"""The captioner of a checkpoint folder keeps the contract of captioners and checks its card."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from peft import LoraConfig

from inference.captioners.base import LoadContext, Prompt, load_captioner
from inference.captioners.rudolph.captioner import RudolphCaptioner
from inference.checkpoints.card import Card
from inference.checkpoints.convert import import_original
from inference.checkpoints.weights import save_tensors
from inference.clip.dual_encoder import Clip
from inference.errors import CheckpointError
from tests.support.models import captioners, rudolph


@pytest.fixture
def clip(tiny_clip: Clip) -> Clip:
    return tiny_clip


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    root = tmp_path_factory.mktemp("root")
    return import_original("rudolph", rudolph.save(root / "source"), root, "rudolph")


@pytest.fixture
def around(clip: Clip) -> LoadContext:
    return captioners.context(clip)


def captioner(card: Card, around: LoadContext, **settings: object) -> RudolphCaptioner:
    changed = replace(card, settings=dict(card.settings) | settings, generation=dict(card.generation))
    loaded = load_captioner(changed, around)
    assert isinstance(loaded, RudolphCaptioner)
    return loaded


class TestPromises:
    def test_they_are_kept(self, card: Card, around: LoadContext, clip: Clip) -> None:
        texts = captioners.assert_keeps_the_promises(captioner(card, around, drafts=2), clip)
        assert all(texts)
        assert not any(re.search(r"\d", text) for text in texts)

    def test_they_are_kept_with_little_memory(self, card: Card, around: LoadContext, clip: Clip) -> None:
        poor = replace(around, device=replace(around.device, free=0))
        prompts = captioners.mixed_prompts(clip)
        rich = captioner(card, around, drafts=1).generate(prompts)
        assert captioner(card, poor, drafts=1).generate(prompts) == rich

    def test_a_seed_varies_the_text_and_is_repeatable(self, card: Card, around: LoadContext, clip: Clip) -> None:
        model = captioner(card, around, drafts=1)
        likeliest = captioners.prompt(clip, 1)
        seeded = [replace(likeliest, seed=seed) for seed in (1, 2, 3)]
        texts = model.generate([likeliest, *seeded])
        assert len(set(texts)) == 4
        assert model.generate(seeded[::-1]) == texts[:0:-1]


class TestPhotos:
    def test_one_draft_of_seed_zero_is_the_likeliest_caption_of_ru_dolph(self, card: Card, around: LoadContext) -> None:
        """Apart from digits and repetitions, which descriptions may not have."""
        image = rudolph.photos()[0]
        prompt = Prompt((image,), around.clip.encode_images([image]), "", "<SINGLE>")
        original = rudolph.answers()["350M"]["captions"][0][0].removeprefix("на картинке").lstrip(" >,")
        free = replace(card, generation=dict(card.generation) | {"no_repeat_ngram_size": 0, "min_new_tokens": 0})
        text = captioner(free, around, drafts=1).generate([prompt])[0]
        assert text.lower().lstrip(" >,").removesuffix(".") == original

    def test_different_things_have_a_sentence_each(self, card: Card, around: LoadContext, clip: Clip) -> None:
        model = captioner(card, around, drafts=1)
        several = captioners.prompt(clip, 3, many=True)
        each = [Prompt((image,), clip.encode_images([image]), "", "<VARIATIVE>") for image in several.images]
        assert model.generate([several]) == [" ".join(dict.fromkeys(model.generate(each)))]

    def test_photos_of_one_thing_have_a_text_together(self, card: Card, around: LoadContext, clip: Clip) -> None:
        model = captioner(card, around, drafts=1)
        several = captioners.prompt(clip, 3)
        turned = replace(several, images=several.images[::-1], features=clip.encode_images(several.images[::-1]))
        assert model.generate([several]) == model.generate([turned])
        assert model.generate([several]) != model.generate([replace(several, images=several.images[:1])])


class TestFields:
    def test_they_change_the_text(self, card: Card, around: LoadContext, clip: Clip) -> None:
        model = captioner(card, around, drafts=1)
        told, silent = captioners.prompt(clip, 1, "Цена: <PRICE>"), captioners.prompt(clip, 1)
        assert model.generate([told]) != model.generate([silent])

    def test_more_than_fit_are_cut(self, card: Card, around: LoadContext, clip: Clip) -> None:
        many = "\n".join(f"Куртка: <PRICE_{number}>" for number in range(2, 60))
        for photos in (0, 1):
            assert captioner(card, around, drafts=1).generate([captioners.prompt(clip, photos, many)])[0]


class TestAdapters:
    def test_a_lora_adapter_of_the_card_is_merged(self, card: Card, around: LoadContext, clip: Clip) -> None:
        path, width = "transformer.layers.2.attention.dense", rudolph.LAYOUTS["350M"]["hidden_size"]
        LoraConfig(r=2, lora_alpha=4, target_modules=[path]).save_pretrained(str(card.folder / "adapter"))
        a, b = torch.randn(2, width), torch.randn(width, 2)
        pair = {f"base_model.model.{path}.lora_{name}.weight": weight for name, weight in (("A", a), ("B", b))}
        save_tensors(pair, card.folder / "adapter" / "adapter_model.safetensors")
        tuned = captioner(replace(card, adapters=("adapter",)), around, drafts=1)
        merged = tuned.model.state_dict()[f"{path}.weight"]
        torch.testing.assert_close(merged, rudolph.state("350M")[f"{path}.weight"] + 2 * b @ a)
        prompt = captioners.prompt(clip, 1)
        assert tuned.generate([prompt]) != captioner(card, around, drafts=1).generate([prompt])


class TestCard:
    @pytest.mark.parametrize(
        "settings", [{"drafts": 0}, {"drafts": "3"}, {"top_p": 0.0}, {"beams": 2}, {"template": "на картинке " * 30}]
    )
    def test_unknown_settings_are_refused(self, card: Card, around: LoadContext, settings: dict[str, object]) -> None:
        with pytest.raises(CheckpointError, match="card-field"):
            captioner(card, around, **settings)

    def test_beams_are_refused(self, card: Card, around: LoadContext) -> None:
        with pytest.raises(CheckpointError, match="card-field"):
            load_captioner(replace(card, generation={"num_beams": 2}), around)

    def test_text_ends_behind_the_stop(self, card: Card, around: LoadContext, clip: Clip) -> None:
        whole = captioner(card, around, drafts=1).generate([captioners.prompt(clip, 1)])[0]
        stop = whole[len(whole) // 2]
        short = replace(card, generation=dict(card.generation) | {"stop": stop})
        text = captioner(short, around, drafts=1).generate([captioners.prompt(clip, 1)])[0]
        assert text.lower() == sentence_to(whole.lower(), stop.lower())

    def test_a_narrow_dtype_generates_too(self, card: Card, around: LoadContext, clip: Clip) -> None:
        narrow = replace(around, device=replace(around.device, dtype=torch.bfloat16))
        assert captioner(card, narrow, drafts=2).generate([captioners.prompt(clip, 1, "Цена: <PRICE>")])[0]


def sentence_to(text: str, stop: str) -> str:
    head = text[: text.index(stop) + 1]
    return head if head[-1] in ".!?…" else f"{head}."
