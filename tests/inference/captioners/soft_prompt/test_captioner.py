"""The soft prompt of a ViT before a decoder: its layout re-derived in plain torch, and the captioner contract."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import (
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    ViTConfig,
    ViTForImageClassification,
)

from inference.captioners.base import Prompt, load_captioner
from inference.captioners.prefix.format import END
from inference.captioners.rudolph.model import Rudolph
from inference.captioners.rudolph.tokenizer import EOS
from inference.captioners.soft_prompt.captioner import MIN_PROMPT_TOKENS, SoftPromptCaptioner
from inference.captioners.soft_prompt.model import PHOTO_VECTORS, TOKENS, create, load, save
from inference.checkpoints.card import Card
from inference.checkpoints.convert import import_original
from inference.clip.dual_encoder import Clip
from inference.errors import CheckpointError, UnfitWeights
from tests.support.models import captioners, rudolph, tiny

EDGE, PATCH, WIDTH, WORDS_WIDTH, POSITIONS = 24, 4, 16, 32, 400
GENERATION = {"max_new_tokens": 10, "no_repeat_ngram_size": 3}


def widen(model: PreTrainedModel) -> PreTrainedModel:
    """Weights large enough for each prompt to have its own text."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.25)
    return model


def save_parts(folder: Path, language: PreTrainedModel) -> Path:
    """A classifier as Google's ViT is published, and a decoder with its tokenizer."""
    sizes: dict[str, Any] = {
        "hidden_size": WIDTH,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    torch.manual_seed(0)
    vision = ViTForImageClassification(ViTConfig(image_size=EDGE, patch_size=PATCH, **sizes))
    widen(vision).save_pretrained(folder / "vision")
    rule = {"do_resize": True, "do_normalize": True, "size": EDGE, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "vision" / "preprocessor_config.json").write_text(json.dumps(rule), "utf-8")
    widen(language).save_pretrained(folder / "language")
    words = tiny.writing_tokenizer()
    PreTrainedTokenizerFast(tokenizer_object=words, eos_token=END).save_pretrained(folder / "language")
    return folder


def gpt2() -> GPT2LMHeadModel:
    torch.manual_seed(1)
    sizes: dict[str, Any] = {"n_embd": WORDS_WIDTH, "n_layer": 2, "n_head": 2, "n_positions": POSITIONS}
    return GPT2LMHeadModel(GPT2Config(vocab_size=600, bos_token_id=0, eos_token_id=0, **sizes))


def llama() -> LlamaForCausalLM:
    torch.manual_seed(1)
    sizes: dict[str, Any] = {
        "hidden_size": WORDS_WIDTH,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    return LlamaForCausalLM(LlamaConfig(vocab_size=600, max_position_embeddings=POSITIONS, **sizes))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """The pipeline's dual encoder, which this family does not need."""
    folder = tmp_path_factory.mktemp("clip") / "clip"
    tiny.save_ruclip(folder, tiny.reading_tokenizer())
    return Clip.load(folder)


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    root = tmp_path_factory.mktemp("soft-prompt")
    imported = import_original("soft-prompt", save_parts(root / "source", gpt2()), root, "vit-gpt2")
    return replace(imported, generation=GENERATION)


@pytest.fixture(scope="module")
def rudolph_card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    root = tmp_path_factory.mktemp("vit-rudolph")
    source = with_language(root / "source", rudolph.save(root / "published", "2.7B"))
    imported = import_original("soft-prompt", source, root, "vit-rudolph")
    return replace(imported, generation={"max_new_tokens": 10, "no_repeat_ngram_size": 3, "min_new_tokens": 4})


def with_language(source: Path, language: Path) -> Path:
    """A folder for `soft-prompt` whose language model lies elsewhere."""
    save_parts(source, gpt2())
    shutil.rmtree(source / "language")
    (source / "language").symlink_to(language)
    return source


def captioner(card: Card, clip: Clip) -> SoftPromptCaptioner:
    loaded = load_captioner(card, captioners.context(clip))
    assert isinstance(loaded, SoftPromptCaptioner)
    return loaded


class Rederived:
    """The same from the files alone: a transformer of matrices, the order of the embeddings, a loop without a cache."""

    def __init__(self, folder: Path) -> None:
        self.weights = load_file(folder / "model.safetensors")
        self.tokenizer = AutoTokenizer.from_pretrained(folder)

    def write(self, images: Sequence[Image.Image], text: str, tokens: int) -> list[int]:
        read, written = self.row(images, text), []
        for _ in range(tokens):
            scores = self.logits(read)[-1]
            written.append(int(scores.argmax()))
            read = torch.cat((read, self.words([written[-1]])))
        return written

    def row(self, images: Sequence[Image.Image], text: str) -> Tensor:
        parts = []
        for number, image in enumerate(images, 1):
            parts.append(self.words(self.tokenizer(f"<IMG_{number}>").input_ids))
            parts.append(self.photo(image))
        return torch.cat([*parts, self.words(self.tokenizer(text).input_ids)])

    def words(self, ids: list[int]) -> Tensor:
        return self.weights["language.transformer.wte.weight"][ids]

    def photo(self, image: Image.Image) -> Tensor:
        """(10, width): the class token's state, then means over the cells of a grid of nine, row by row."""
        states = self.states(torch.tensor(np.asarray(image.resize((EDGE, EDGE), Image.Resampling.BILINEAR))))
        side = EDGE // PATCH
        patches = states[1:].view(3, side // 3, 3, side // 3, WIDTH).mean((1, 3)).view(9, WIDTH)
        vectors = torch.cat((states[:1], patches))
        return vectors @ self.weights["projection.weight"].T + self.weights["projection.bias"]

    def states(self, pixels: Tensor) -> Tensor:
        """(EDGE, EDGE, 3) bytes → the class token's state and those of the patches."""
        side = EDGE // PATCH
        planes = (pixels.float() / 255 - 0.5) / 0.5
        pieces = planes.view(side, PATCH, side, PATCH, 3).permute(0, 2, 4, 1, 3).reshape(side**2, -1)
        get = self.weights
        first = "vision.embeddings.patch_embeddings.projection"
        x = pieces @ get[f"{first}.weight"].flatten(1).T + get[f"{first}.bias"]
        x = torch.cat((get["vision.embeddings.cls_token"][0], x)) + get["vision.embeddings.position_embeddings"][0]
        for layer in range(2):
            x = self.vision_block(x, f"vision.layers.{layer}")
        return self.norm(x, "vision.layernorm", 1e-12)

    def vision_block(self, x: Tensor, name: str) -> Tensor:
        normed = self.norm(x, f"{name}.layernorm_before", 1e-12)
        query, key, value = (self.linear(normed, f"{name}.attention.{part}_proj") for part in "qkv")
        x = x + self.linear(attend((query, key, value), causal=False), f"{name}.attention.o_proj")
        normed = self.norm(x, f"{name}.layernorm_after", 1e-12)
        return x + self.linear(nn.functional.gelu(self.linear(normed, f"{name}.mlp.fc1")), f"{name}.mlp.fc2")

    def logits(self, read: Tensor) -> Tensor:
        x = read + self.weights["language.transformer.wpe.weight"][: len(read)]
        for layer in range(2):
            name = f"language.transformer.h.{layer}"
            both = self.conv(self.norm(x, f"{name}.ln_1", 1e-5), f"{name}.attn.c_attn")
            x = x + self.conv(attend(both.chunk(3, -1), causal=True), f"{name}.attn.c_proj")
            fed = self.conv(self.norm(x, f"{name}.ln_2", 1e-5), f"{name}.mlp.c_fc")
            x = x + self.conv(nn.functional.gelu(fed, approximate="tanh"), f"{name}.mlp.c_proj")
        return self.norm(x, "language.transformer.ln_f", 1e-5) @ self.weights["language.transformer.wte.weight"].T

    def norm(self, x: Tensor, name: str, epsilon: float) -> Tensor:
        x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False) + epsilon).sqrt()
        return x * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def linear(self, x: Tensor, name: str) -> Tensor:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def conv(self, x: Tensor, name: str) -> Tensor:
        return x @ self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]


def attend(parts: Iterable[Tensor], causal: bool) -> Tensor:
    """Queries, keys and values of two heads, (length, width) each → (length, width)."""
    query, key, value = (part.unflatten(-1, (2, -1)).transpose(0, 1) for part in parts)
    scores = query @ key.transpose(1, 2) / query.shape[-1] ** 0.5
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), float("-inf"))
    attended: Tensor = (scores.softmax(-1) @ value).transpose(0, 1).flatten(1)
    return attended


class TestLayout:
    def test_rows_are_markers_and_vectors_of_each_photo_then_the_text(self, card: Card, clip: Clip) -> None:
        prompt = captioners.prompt(clip, 3, "Цена: <PRICE>")
        text = "<SINGLE>\nЦена: <PRICE>\nОписание:"
        loaded = captioner(card, clip)
        with torch.inference_mode():
            mine = loaded._build_embeddings(prompt, loaded._encode_images(prompt.images))
        expected = Rederived(card.folder).row(prompt.images, text)
        torch.testing.assert_close(mine, expected, atol=1e-5, rtol=1e-5)

    @pytest.mark.parametrize("photos", [1, 3])
    def test_greedy_tokens_are_those_of_the_derivation(self, card: Card, clip: Clip, photos: int) -> None:
        prompt = captioners.prompt(clip, photos)
        loaded = captioner(card, clip)
        with torch.inference_mode():
            row = loaded._build_embeddings(prompt, loaded._encode_images(prompt.images))
            language: Any = load(card.folder).language  # whose types do not say that it generates
            mine = language.generate(inputs_embeds=row[None], max_new_tokens=12, eos_token_id=None, pad_token_id=0)
        assert mine[0].tolist() == Rederived(card.folder).write(prompt.images, "<SINGLE>\nОписание:", 12)

    @pytest.mark.parametrize("room", [40, 30, 17, 12])
    def test_fields_that_are_too_long_lose_their_end_and_no_half_token_stays(
        self, card: Card, clip: Clip, room: int
    ) -> None:
        """The word for the description stays behind them."""
        loaded = captioner(card, clip)
        prompt = captioners.prompt(clip, 0, "Название: куртка синяя, тёплая\nЦена: <PRICE_1234>\nСостояние: новое")
        tokenizer = AutoTokenizer.from_pretrained(card.folder)
        ids = loaded._decoder.encode_prompt(prompt, room)
        told = str(tokenizer.decode(ids))
        assert len(ids) <= room
        assert told.startswith("<SINGLE>\n")
        assert told.endswith("\nОписание:")
        assert "<PRICE" not in told or "<PRICE_1234>" in told

    def test_tokens_of_numbers_are_words_that_decoding_keeps(self, card: Card) -> None:
        tokenizer = AutoTokenizer.from_pretrained(card.folder)
        text = "Цена: <PRICE>, размер <SIZE_2>."
        ids = tokenizer(text).input_ids
        assert tokenizer.convert_tokens_to_ids("<PRICE>") in ids
        assert tokenizer.decode(ids, skip_special_tokens=True) == text
        assert all(len(tokenizer(token).input_ids) == 1 for token in TOKENS)


class TestCaptioner:
    @pytest.mark.parametrize("beams", [1, 2])
    def test_it_keeps_the_promises(self, card: Card, clip: Clip, beams: int) -> None:
        asked = replace(card, generation=GENERATION | {"num_beams": beams})
        texts = captioners.assert_keeps_the_promises(captioner(asked, clip), clip)
        assert len(set(texts)) == len(texts)

    def test_a_large_batch_is_written_in_parts(self, card: Card, clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
        assert captioners.photos_of_passes(captioner(card, clip), clip, monkeypatch) == [15, 13]

    def test_the_order_of_photos_counts(self, card: Card, clip: Clip) -> None:
        prompt = captioners.prompt(clip, 3)
        turned = replace(prompt, images=prompt.images[::-1])
        assert captioner(card, clip).generate([prompt]) != captioner(card, clip).generate([turned])

    def test_a_decoder_of_another_kind_is_read_as_well(self, clip: Clip, tmp_path: Path) -> None:
        source = save_parts(tmp_path / "source", llama())
        imported = import_original("soft-prompt", source, tmp_path, "vit-llama")
        loaded = captioner(replace(imported, generation=GENERATION), clip)
        prompts = [captioners.prompt(clip, 2), captioners.prompt(clip, 0, "Юбка")]
        captioners.assert_keeps_the_promises(loaded, clip, prompts)
        exact = load(imported.folder).language.get_buffer("model.rotary_emb.inv_freq")
        narrow = replace(captioners.context(clip), device=replace(captioners.CPU, dtype=torch.bfloat16))
        rounded = SoftPromptCaptioner.load(imported, narrow)._model.language
        assert torch.equal(rounded.get_buffer("model.rotary_emb.inv_freq"), exact)
        assert {weight.dtype for weight in rounded.parameters()} == {torch.bfloat16}

    def test_an_adapter_over_both_parts_is_merged(self, card: Card, clip: Clip) -> None:
        torch.manual_seed(0)
        config = LoraConfig(r=2, target_modules=["q_proj", "c_attn"], init_lora_weights=False)
        with pytest.warns(UserWarning, match="fan_in_fan_out"):
            tuned: Any = get_peft_model(load(card.folder), config)
        tuned.save_pretrained(card.folder / "lora")
        loaded = captioner(replace(card, adapters=("lora",)), clip)
        prompt = captioners.prompt(clip, 2, captioners.FIELDS)
        assert loaded.generate([prompt]) != captioner(card, clip).generate([prompt])
        pixels = loaded._preprocessor.preprocess(prompt.images)
        with torch.inference_mode():
            torch.testing.assert_close(
                loaded._model.encode_images(pixels), tuned.base_model.model.encode_images(pixels)
            )

    def test_it_writes_with_half_the_memory(self, card: Card, clip: Clip) -> None:
        narrow = replace(captioners.context(clip), device=replace(captioners.CPU, dtype=torch.bfloat16))
        prompts = captioners.mixed_prompts(clip)[:4]
        assert len(load_captioner(card, narrow).generate(prompts)) == 4

    def test_an_unknown_setting_is_named(self, card: Card, clip: Clip) -> None:
        with pytest.raises(CheckpointError, match="card-field"):
            captioner(replace(card, settings={"template": "x"}), clip)

    def test_a_text_too_long_to_leave_space_for_a_photo_is_refused(self, card: Card, clip: Clip) -> None:
        fits = POSITIONS - MIN_PROMPT_TOKENS - PHOTO_VECTORS - 1  # with the photo's marker
        assert captioner(replace(card, generation={"max_new_tokens": fits}), clip).max_photos == 1
        with pytest.raises(CheckpointError, match=r"generation\.max_new_tokens"):
            captioner(replace(card, generation={"max_new_tokens": fits + 1}), clip)


class TestRudolph:
    """ruDOLPH as the decoder: its left text begins with the soft prompt and goes on."""

    def test_it_keeps_the_promises(self, rudolph_card: Card, clip: Clip) -> None:
        loaded = captioner(rudolph_card, clip)
        assert loaded.max_photos > 2
        captioners.assert_keeps_the_promises(loaded, clip)

    def test_one_that_was_converted_before_is_the_same(self, rudolph_card: Card, tmp_path: Path) -> None:
        """No temporary files are left."""
        made = import_original("rudolph", rudolph.save(tmp_path / "published", "2.7B"), tmp_path, "rudolph")
        again = import_original("soft-prompt", with_language(tmp_path / "source", made.folder), tmp_path, "again")
        assert {path.name for path in again.folder.iterdir()} == {path.name for path in rudolph_card.folder.iterdir()}
        first, second = (load_file(card.folder / "model.safetensors") for card in (rudolph_card, again))
        same = [name for name in first if torch.equal(first[name], second[name])]
        assert set(first) == set(second) == {*same, "projection.weight", "projection.bias"}

    def test_the_text_is_what_the_whole_model_finds_likeliest(self, rudolph_card: Card, clip: Clip) -> None:
        """Read again from its beginning for every id: vectors and ids in one left text."""
        free = replace(rudolph_card, generation={"max_new_tokens": 6, "no_repeat_ngram_size": 0, "min_new_tokens": 6})
        loaded = captioner(free, clip)
        prompt = captioners.prompt(clip, 2, "куртка", seed=0)
        model = loaded._model.language
        assert isinstance(model, Rudolph)
        digits = loaded._decoder._tokenizer.digits  # type: ignore[attr-defined]
        with torch.inference_mode():
            read = loaded._build_embeddings(prompt, loaded._encode_images(prompt.images))
            written: list[int] = []
            for _ in range(6):
                scores = model(read[None])[0, -1, : rudolph.WORDS].clone()
                scores[digits] = scores[EOS] = float("-inf")
                written.append(int(scores.argmax()))
                read = torch.cat((read, model.text_embeddings.weight[written[-1:]]))
        assert loaded.generate([prompt]) == [loaded._decoder._decode(written, prompt)]  # type: ignore[attr-defined]

    def test_the_order_of_photos_counts(self, rudolph_card: Card, clip: Clip) -> None:
        loaded = captioner(rudolph_card, clip)
        prompt = captioners.prompt(clip, 2)
        turned = replace(prompt, images=prompt.images[::-1])
        with torch.inference_mode():
            rows = [loaded._build_embeddings(each, loaded._encode_images(each.images)) for each in (prompt, turned)]
        assert rows[0].shape == rows[1].shape
        assert not torch.allclose(rows[0], rows[1])


class TestCreate:
    @pytest.mark.parametrize("vectors", [1, 5, 10, 37])
    def test_a_photo_has_as_many_vectors_as_asked(self, tmp_path: Path, vectors: int) -> None:
        source = save_parts(tmp_path / "source", gpt2())
        model, save_tokenizer = create(source / "vision", source / "language", vectors)
        embeddings = model.encode_images(torch.zeros(2, 3, EDGE, EDGE))
        assert embeddings.shape == (2, vectors, WORDS_WIDTH)
        (tmp_path / "saved").mkdir()
        numbers = save(model, save_tokenizer, tmp_path / "saved")
        kept = load(tmp_path / "saved")
        assert numbers == sum(weight.numel() for weight in kept.parameters())
        pixels = torch.ones(1, 3, EDGE, EDGE)
        torch.testing.assert_close(kept.encode_images(pixels), model.encode_images(pixels))

    def test_a_number_of_vectors_that_is_no_grid_is_refused(self, tmp_path: Path) -> None:
        source = save_parts(tmp_path / "source", gpt2())
        with pytest.raises(ValueError, match="not one and a square"):
            create(source / "vision", source / "language", 4)

    def test_the_card_says_that_it_is_untrained(self, card: Card) -> None:
        assert "случайна" in card.summary["ru"]

    def test_weights_that_do_not_fit_are_refused(self, card: Card, clip: Clip, tmp_path: Path) -> None:
        source = save_parts(tmp_path / "source", gpt2())
        model, save_tokenizer = create(source / "vision", source / "language")
        (tmp_path / "saved").mkdir()
        save(model, save_tokenizer, tmp_path / "saved")
        path = tmp_path / "saved" / "config.json"
        config = json.loads(path.read_text("utf-8"))
        config["language"]["n_layer"] = 3
        path.write_text(json.dumps(config), "utf-8")
        with pytest.raises(UnfitWeights, match=r"weights-missing.*language\.transformer\.h\.2"):
            load(tmp_path / "saved")


def test_a_text_alone_has_no_photo(card: Card, clip: Clip) -> None:
    loaded = captioner(card, clip)
    prompt = Prompt((), clip.encode_images(()), "Платье белое", "<SINGLE>")
    with torch.inference_mode():
        row = loaded._build_embeddings(prompt, loaded._encode_images(()))
    torch.testing.assert_close(row, Rederived(card.folder).row((), "<SINGLE>\nПлатье белое\nОписание:"))
