"""Flamingo over any decoder and any ViT: what sees which photo, shut gates, settings, adapters, and the promises."""

from __future__ import annotations

import gc
import json
import shutil
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor
from transformers import (
    AutoTokenizer,
    BloomConfig,
    BloomForCausalLM,
    GenerationConfig,
    GPTJConfig,
    GPTJForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    PreTrainedModel,
    ViTConfig,
    ViTModel,
)

from benchmarks import shapes
from inference.captioners.base import load_captioner
from inference.captioners.flamingo import model as flamingo
from inference.captioners.flamingo.attention import CrossAttention, GatedCrossAttentionBlock, Media
from inference.captioners.flamingo.captioner import FlamingoCaptioner, Settings
from inference.captioners.parts import get_max_positions
from inference.checkpoints import weights
from inference.checkpoints.card import Card, save_card
from inference.checkpoints.settings import parse_settings
from inference.clip.dual_encoder import Clip
from inference.clip.preprocessing import ImagePreprocessor
from inference.errors import CheckpointError
from tests.support.models import captioners, hashed, languages, tiny
from tests.support.models.flamingo import RULE, filled

WORDS = 500
DECODERS: dict[str, Callable[[], PreTrainedModel]] = {
    "bloom": lambda: BloomForCausalLM(BloomConfig(vocab_size=WORDS, hidden_size=32, n_layer=2, n_head=2)),
    "gpt2": lambda: languages.gpt2(WORDS),
    "gptj": lambda: GPTJForCausalLM(
        GPTJConfig(vocab_size=WORDS, n_embd=32, n_layer=2, n_head=2, rotary_dim=8, bos_token_id=1, eos_token_id=2)
    ),
    "llama": lambda: LlamaForCausalLM(
        LlamaConfig(vocab_size=WORDS, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2)
    ),
    "opt": lambda: OPTForCausalLM(
        OPTConfig(vocab_size=WORDS, hidden_size=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=2)
    ),
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    folder = tmp_path_factory.mktemp("clip") / "clip"
    tiny.save_ruclip(folder, tiny.reading_tokenizer())
    return Clip.load(folder)


@pytest.fixture(scope="module")
def vision(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a ViT that is no CLIP, with its image processor."""
    folder = tmp_path_factory.mktemp("vit")
    sizes: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 48}
    torch.manual_seed(0)
    ViTModel(ViTConfig(image_size=32, patch_size=8, **sizes), add_pooling_layer=False).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(RULE), "utf-8")
    return folder


def save_language(name: str, folder: Path) -> Path:
    torch.manual_seed(0)
    DECODERS[name]().save_pretrained(folder)
    languages.byte_level_tokenizer(WORDS).save_pretrained(folder)
    return folder


def save_trained(name: str, vision: Path, root: Path) -> Card:
    """A checkpoint from scratch whose gates stand open."""
    folder = root / "captioner" / name
    folder.mkdir(parents=True)
    model, tokenizer = flamingo.init_from_pretrained(
        save_language(name, root / f"{name}-language"), vision, 1, depth=2, latents=4
    )
    with torch.no_grad():
        for key, weight in flamingo.adapter_state_dict(model).items():
            weight.copy_(filled(key, list(weight.shape)))
    flamingo.save(model, tokenizer, vision, folder)
    generation = {"max_new_tokens": 10, "no_repeat_ngram_size": 2}
    return save_card(
        Card(folder=folder, family="flamingo", version="1", max_photos=10, generation=generation, settings={})
    )


@pytest.fixture(scope="module")
def card(vision: Path, tmp_path_factory: pytest.TempPathFactory) -> Card:
    return save_trained("gpt2", vision, tmp_path_factory.mktemp("trained"))


def captioner(card: Card, clip: Clip) -> FlamingoCaptioner:
    loaded = load_captioner(card, captioners.context(clip))
    assert isinstance(loaded, FlamingoCaptioner)
    return loaded


class TestPromises:
    @pytest.mark.parametrize("photos", ["together", "interleaved"])
    def test_every_prompt_has_the_same_text_alone_and_in_a_batch(self, card: Card, clip: Clip, photos: str) -> None:
        texts = captioners.assert_keeps_the_promises(captioner(replace(card, settings={"photos": photos}), clip), clip)
        assert len(set(texts)) > 4

    def test_a_large_batch_is_written_in_parts(self, card: Card, clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
        assert captioners.photos_of_passes(captioner(card, clip), clip, monkeypatch) == [15, 13]

    def test_photos_are_cropped_as_by_openclip(self, card: Card, clip: Clip) -> None:
        """Though `vision/` is a folder of `transformers`, whose crop may begin a pixel earlier."""
        flooring = ImagePreprocessor.from_file(card.folder / "vision" / "preprocessor_config.json")
        photo = hashed.photo("crop", (32, 35))
        expected = replace(flooring, rounds_crop=True).preprocess([photo])
        assert torch.equal(captioner(card, clip)._preprocessor.preprocess([photo]), expected)
        assert not torch.equal(flooring.preprocess([photo]), expected)

    def test_with_beams(self, card: Card, clip: Clip) -> None:
        beams = replace(card, generation={**card.generation, "num_beams": 3})
        captioners.assert_keeps_the_promises(captioner(beams, clip), clip)

    @pytest.mark.parametrize("name", ["opt", "llama", "bloom"])
    def test_over_another_decoder(self, name: str, vision: Path, clip: Clip, tmp_path: Path) -> None:
        captioners.assert_keeps_the_promises(captioner(save_trained(name, vision, tmp_path), clip), clip)

    def test_a_seed_varies_the_text(self, card: Card, clip: Clip) -> None:
        loaded = captioner(card, clip)
        prompt = captioners.prompt(clip, 2, captioners.FIELDS)
        assert len({loaded.generate([replace(prompt, seed=seed)])[0] for seed in range(4)}) > 1


class TestPhotos:
    def test_together_the_first_photo_is_seen_too(self, card: Card, clip: Clip) -> None:
        """At one `<image>` the text sees all photos; interleaved, the last of them."""
        prompt = captioners.prompt(clip, 3, captioners.FIELDS)
        without_first = replace(prompt, images=prompt.images[1:], features=prompt.features[1:])
        together = captioner(card, clip)
        assert together.generate([prompt]) != together.generate([without_first])

    def test_each_setting_writes_its_image_tokens(self, card: Card, clip: Clip) -> None:
        prompt = captioners.prompt(clip, 3)
        for photos, shown in (("together", 1), ("interleaved", 3)):
            loaded = captioner(replace(card, settings={"photos": photos, "prompt_photos": "<image>Вот:"}), clip)
            ids = loaded.build_input_ids(prompt).tolist()
            assert ids == [WORDS + 1] * shown + ids[shown:]
            assert WORDS + 1 not in ids[shown:]
        assert WORDS + 1 not in loaded.build_input_ids(captioners.prompt(clip, 0)).tolist()

    def test_a_token_of_the_model_in_the_fields_is_no_token(self, card: Card, clip: Clip) -> None:
        prompt = captioners.prompt(clip, 1, "Название: <image> куртка <|endofchunk|>")
        ids = captioner(card, clip).build_input_ids(prompt).tolist()
        assert ids.count(WORDS + 1) == 1
        assert WORDS not in ids

    def test_the_tokens_of_the_model_are_not_spelled(self, card: Card) -> None:
        tokenizer = AutoTokenizer.from_pretrained(card.folder / "language")
        assert tokenizer.batch_decode([[WORDS, WORDS + 1]], skip_special_tokens=True) == [""]

    def test_fields_that_are_too_long_lose_their_end(self, card: Card, clip: Clip) -> None:
        loaded = captioner(card, clip)
        ids = loaded.build_input_ids(captioners.prompt(clip, 2, "Название: куртка " * 200))
        assert len(ids) == pytest.approx(get_max_positions(loaded.model.language.config) - 10, abs=8)
        assert ids[0] == WORDS + 1
        assert len(loaded.generate([captioners.prompt(clip, 2, "Название: куртка " * 200)])) == 1

    def test_more_to_write_than_the_model_has_positions_for_is_refused(self, card: Card, clip: Clip) -> None:
        with pytest.raises(CheckpointError, match=r"generation\.max_new_tokens"):
            captioner(replace(card, generation={"max_new_tokens": 500}), clip)


class TestSeeing:
    """Which token sees which photo."""

    def seen(self, *, together: bool, length: int) -> list[list[int]]:
        """A row of two photos of two latents each, behind a word; a row of no photo: how often each token sees what."""
        photos = [torch.zeros(2, 2, 4), torch.zeros(0, 2, 4)]
        shown = [torch.tensor([False, True, False, True, False]), torch.tensor([False, False])]
        first, second = Media.from_latents(photos, shown, together=together).attention_mask(length).tolist()
        assert not any(map(any, second))
        return [[int(each) for each in row] for row in first]

    def test_a_token_sees_the_last_photo_before_it(self) -> None:
        first, last = [1, 1, 0, 0], [0, 0, 1, 1]
        assert self.seen(together=False, length=5) == [[0] * 4, first, first, last, last]

    def test_what_is_written_sees_what_the_prompt_s_end_saw(self) -> None:
        assert self.seen(together=False, length=1) == [[0, 0, 1, 1]]
        assert self.seen(together=False, length=7)[4:] == [[0, 0, 1, 1]] * 3

    def test_together_all_photos_stand_at_the_first_image(self) -> None:
        photos = [torch.zeros(2, 2, 4)]
        media = Media.from_latents(photos, [torch.tensor([False, True, False])], together=True)
        assert media.attention_mask(3).tolist() == [[[False] * 4, [True] * 4, [True] * 4]]

    def test_text_before_any_photo_gets_exactly_nothing(self) -> None:
        attention = CrossAttention(8, 4)
        media = Media.from_latents([torch.randn(1, 3, 4)], [torch.tensor([False, True])], together=False)
        added = attention(torch.randn(1, 2, 8), *attention.project_latents(media.latents), media.attention_mask(2))
        assert added[0, 0].tolist() == [0.0] * 8
        assert added[0, 1].abs().min() > 0

    def test_beams_look_as_if_each_had_its_own_photos(self) -> None:
        attention = CrossAttention(8, 4)
        media = Media.from_latents(
            [torch.randn(1, 3, 4), torch.randn(2, 3, 4)],
            [torch.tensor([True]), torch.tensor([True, True])],
            together=False,
        )
        keys, values = attention.project_latents(media.latents)
        text, seen = torch.randn(6, 2, 8), media.attention_mask(2)
        each = attention(text, *(part.repeat_interleave(3, 0) for part in (keys, values)), seen.repeat_interleave(3, 0))
        torch.testing.assert_close(attention(text, keys, values, seen), each)

    def test_text_without_photos_is_as_in_a_batch_with_photos(self) -> None:
        block = GatedCrossAttentionBlock(8, 4)
        torch.nn.init.ones_(block.attn_gate)
        torch.nn.init.ones_(block.ff_gate)
        text, none = torch.randn(2, 2, 8), torch.zeros(0, 3, 4)
        nothing = torch.tensor([False, False])
        alone = Media.from_latents([none], [nothing], together=False)
        mixed = Media.from_latents([none, torch.randn(1, 3, 4)], [nothing, torch.tensor([True, False])], together=False)
        torch.testing.assert_close(
            block(text[:1], *block.attn.project_latents(alone.latents), alone.attention_mask(2)),
            block(text, *block.attn.project_latents(mixed.latents), mixed.attention_mask(2))[:1],
        )

    def test_outside_of_attend_to_the_language_model_is_not_called(self, card: Card) -> None:
        with pytest.raises(RuntimeError, match="attend_to"):
            flamingo.load(card.folder).language(input_ids=torch.tensor([[5]]))


class TestFresh:
    @pytest.mark.parametrize("name", DECODERS)
    def test_shut_gates_leave_the_language_model_as_it_is(self, name: str, vision: Path, tmp_path: Path) -> None:
        model, tokenizer = flamingo.init_from_pretrained(save_language(name, tmp_path), vision, 2, depth=1, latents=4)
        plain, _ = flamingo.init_from_pretrained(
            tmp_path, vision, 3, depth=1, latents=4
        )  # more than there are layers: no gate at all
        plain.language.load_state_dict(model.language.state_dict())
        assert list(model.gated) == ["1"]
        assert len(tokenizer) == WORDS + 2
        ids = torch.tensor([[WORDS + 1, 7, 9, 11]])
        media = Media.from_latents(
            [model.encode_images(filled("pixels", [1, 3, 32, 32]))], [ids[0] == WORDS + 1], together=False
        )
        for each in (model.eval(), plain.eval()):
            assert self.generate_ids(each, media, ids).shape[1] > 0
        assert torch.equal(self.generate_ids(model, media, ids), self.generate_ids(plain, media, ids))

    @torch.inference_mode()
    def generate_ids(self, model: flamingo.Flamingo, media: Media, ids: Tensor) -> Tensor:
        config = GenerationConfig(max_new_tokens=5, pad_token_id=0, eos_token_id=2)
        with model.attend_to(media) as language:
            written: Tensor = language.generate(  # type: ignore[operator]  # of any decoder
                inputs_embeds=language.get_input_embeddings()(ids), generation_config=config
            )
        return written

    def test_gates_can_be_learned(self, vision: Path, tmp_path: Path) -> None:
        model, _ = flamingo.init_from_pretrained(save_language("gpt2", tmp_path), vision, 1, depth=1, latents=4)
        ids = torch.tensor([[WORDS + 1, 7, 9]])
        media = Media.from_latents(
            [model.encode_images(filled("pixels", [1, 3, 32, 32]))], [ids[0] == WORDS + 1], together=False
        )
        with model.attend_to(media) as language:
            language(input_ids=ids, labels=ids).loss.backward()
        assert all(block.attn_gate.grad.abs() > 0 for block in model.gated.values())  # type: ignore[union-attr, operator]

    def test_what_is_saved_is_loaded(self, card: Card) -> None:
        model = flamingo.load(card.folder)
        assert type(model.vision) is ViTModel
        for name, weight in flamingo.adapter_state_dict(model).items():
            assert torch.equal(weight, filled(name, list(weight.shape)))
        assert model.encode_patches(torch.zeros(2, 3, 32, 32)).shape == (2, 16, 32)

    def test_missing_weights_are_reported(self, card: Card, tmp_path: Path) -> None:
        model = flamingo.load(card.folder)
        own = flamingo.adapter_state_dict(model)
        del own["perceiver.norm.bias"]
        weights.save_tensors(own, tmp_path / "model.safetensors")
        for name in ("language", "vision", "config.json"):
            (tmp_path / name).symlink_to(card.folder / name)
        with pytest.raises(ValueError, match=r"perceiver\.norm\.bias"):
            flamingo.load(tmp_path)

    def test_a_pickle_is_not_read(self, card: Card, tmp_path: Path) -> None:
        """What loads a folder runs no foreign code, whoever put the file there."""
        folder = tmp_path / "unsafe"
        shutil.copytree(card.folder, folder)
        torch.save(weights.load_tensors(folder / "language"), folder / "language" / "pytorch_model.bin")
        (folder / "language" / "model.safetensors").unlink()
        with pytest.raises(OSError, match="safetensors"):
            flamingo.load(folder)

    def test_what_is_no_longer_used_is_freed_at_once(self, card: Card, clip: Clip) -> None:
        """Not only when the interpreter looks for cycles: a model is gigabytes."""
        loaded = captioner(card, clip)
        loaded.generate([captioners.prompt(clip, 2, captioners.FIELDS)])
        parts = [weakref.ref(part) for part in (loaded.model, loaded.model.language, loaded.model.vision)]
        gc.collect()
        gc.disable()
        try:
            del loaded
            assert [part() for part in parts] == [None] * 3
        finally:
            gc.enable()

    def test_numbers_are_as_narrow_as_asked(self, card: Card, clip: Clip) -> None:
        device = replace(captioners.CPU, dtype=torch.bfloat16)
        loaded = load_captioner(card, replace(captioners.context(clip), device=device))
        assert isinstance(loaded, FlamingoCaptioner)
        assert {weight.dtype for weight in loaded.model.parameters()} == {torch.bfloat16}
        assert loaded.generate([captioners.prompt(clip, 2, captioners.FIELDS)]) != [""]


@pytest.mark.parametrize(
    ("name", "trained"),
    [("openflamingo-3b", 1_046_992_944), ("openflamingo-4b", 1_089_480_736), ("openflamingo-9b", 1_384_781_840)],
)
def test_at_full_size_as_much_is_trained_as_in_the_original(name: str, trained: int) -> None:
    """Perceiver, gated blocks and the embedding of 50,280 words, counted in the original's own modules."""
    model = shapes.load_shape(name).build_model()
    assert isinstance(model, flamingo.Flamingo)
    own = list(flamingo.adapter_state_dict(model).values())
    assert sum(weight.numel() for weight in (*own, *model.language.get_input_embeddings().parameters())) == trained


class TestSettings:
    @pytest.mark.parametrize(
        "settings", [{"photos": "apart"}, {"photo": "together"}, {"prompt": 1}, {"post_layernorm": "no"}]
    )
    def test_a_setting_that_is_not_known_is_named(self, settings: dict[str, object]) -> None:
        card = Card(folder=Path("captioner/x"), family="flamingo", version="1", settings=settings)
        with pytest.raises(CheckpointError, match=f"settings.{next(iter(settings))}"):
            parse_settings(Settings, card)


def test_an_adapter_is_merged(vision: Path, clip: Clip, tmp_path: Path) -> None:
    card, prompt = save_trained("llama", vision, tmp_path), captioners.prompt(clip, 2, captioners.FIELDS)
    plain = captioner(card, clip)
    before = plain.generate([prompt])
    adapter = get_peft_model(plain.model, LoraConfig(r=2, target_modules=["q_proj", "to_kv"]))
    with torch.no_grad():
        for name, weight in adapter.named_parameters():
            if "lora_" in name:
                weight.copy_(filled(name, list(weight.shape)))
    expected = plain.generate([prompt])
    adapter.save_pretrained(str(card.folder / "adapter"))
    assert captioner(replace(card, adapters=("adapter",)), clip).generate([prompt]) == expected != before
