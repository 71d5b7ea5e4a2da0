"""BLIP-2 captioners: the promises of the door, both ways of several photos, and what a card may ask for."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from inference.captioners.blip2.captioner import Blip2Captioner
from inference.captioners.blip2.model import Blip2
from inference.captioners.generation.prompts import build_completion
from inference.captioners.generation.writer import Writer
from inference.checkpoints.card import Card
from inference.checkpoints.convert import import_original
from inference.clip.dual_encoder import Clip
from inference.errors import CheckpointError
from tests.support.models import blip2, hashed, languages, tiny
from tests.support.models.captioners import FIELDS, assert_keeps_the_promises, context, photos_of_passes, prompt

KINDS = ("opt", "gpt2", "bloom", "llama", "t5", "mt5", "bart")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    folder = tmp_path_factory.mktemp("clip")
    tiny.save_dual_encoder(tiny.student(tiny.reading_tokenizer().get_vocab_size()), folder)
    return Clip.load(folder)


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Card]:
    """A checkpoint with every kind of language model, each with positions of photos."""
    root = tmp_path_factory.mktemp("blip2")
    blip2.save_published("mt5", root / "blip2")
    return {kind: _build_swap(root, kind) for kind in KINDS}


def _build_swap(root: Path, kind: str) -> Card:
    source = root / kind
    source.mkdir()
    (source / "blip2").symlink_to(root / "blip2")
    if kind in ("opt", "mt5"):
        blip2.save_language_of(kind, source / "language")
    elif kind == "bloom":
        blip2.save_published(kind, source / "language")
    else:
        blip2.save_language(kind, source / "language")
    width = 24 if kind in ("gpt2", "bart") else 32
    tuned = {"photo_positions": hashed.numbers("positions", (10, 16)) * 2}
    tuned |= {"language_projection.weight": hashed.numbers("projection", (width, 24)) * 2}
    (source / "tuned").mkdir()
    torch.save(tuned | {"language_projection.bias": torch.zeros(width)}, source / "tuned" / "state.pt")
    return import_original("blip2-swap", source, root, kind)


def load(card: Card, clip: Clip, photos: str = "each", **generation: object) -> Blip2Captioner:
    card = replace(card, settings={"photos": photos}, generation={"max_new_tokens": 8} | generation)
    return Blip2Captioner.load(card, context(clip))


def load_narrow(card: Card, clip: Clip, dtype: torch.dtype) -> Blip2Captioner:
    wide = context(clip)
    card = replace(card, generation={"max_new_tokens": 4})
    return Blip2Captioner.load(card, replace(wide, device=replace(wide.device, dtype=dtype)))


class TestPromises:
    @pytest.mark.parametrize("kind", KINDS)
    def test_each_photo_has_its_own_tokens(self, cards: dict[str, Card], clip: Clip, kind: str) -> None:
        texts = assert_keeps_the_promises(load(cards[kind], clip), clip)
        assert len(set(texts)) > 3

    @pytest.mark.parametrize("kind", ["gpt2", "bart"])
    def test_all_photos_share_the_tokens_of_one(self, cards: dict[str, Card], clip: Clip, kind: str) -> None:
        texts = assert_keeps_the_promises(load(cards[kind], clip, "together"), clip)
        assert len(set(texts)) > 1

    @pytest.mark.parametrize("kind", ["llama", "t5"])
    def test_several_beams(self, cards: dict[str, Card], clip: Clip, kind: str) -> None:
        assert_keeps_the_promises(load(cards[kind], clip, num_beams=2), clip)

    def test_a_large_batch_is_written_in_parts(
        self, cards: dict[str, Card], clip: Clip, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert photos_of_passes(load(cards["gpt2"], clip), clip, monkeypatch) == [15, 13]


@pytest.mark.parametrize("kind", ["gpt2", "bart"])
def test_what_the_language_model_s_publisher_set_does_not_act(cards: dict[str, Card], clip: Clip, kind: str) -> None:
    plain, other, asked = load(cards[kind], clip), load(cards[kind], clip), [prompt(clip, 1, FIELDS)]
    other._language.generation_config.suppress_tokens = list(range(3, 250))
    assert other.generate(asked) == plain.generate(asked)


def test_a_vocabulary_without_brackets_writes_the_seller_s_numbers(
    cards: dict[str, Card], clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T5 reads and writes PRICE."""
    captioner = load(cards["t5"], clip)
    tokenizer = languages.tokenizer_without_brackets()
    captioner.writer = Writer(tokenizer, captioner.writer.settings)
    written = torch.tensor([[0, *tokenizer("За PRICE.").input_ids, 2]])
    monkeypatch.setattr(captioner._language, "generate", lambda **_: written)
    assert captioner.generate([prompt(clip, 1, FIELDS)]) == ["За <PRICE>."]


def by_hand(model: Blip2, pixels: Tensor) -> Tensor:
    """All photos of one prompt in one pass, each attention written out: (photos, 3, edge, edge) → (queries, width)."""
    states = model.vision_model(pixels).last_hidden_state
    assert model.photo_positions is not None
    seen = torch.cat([states[number] + model.photo_positions[number] for number in range(len(states))])
    hidden = model.qformer.layernorm(model.query_tokens[0])
    layers: Any = model.qformer.encoder.layer
    for number, layer in enumerate(layers):
        hidden = _attend(layer.attention, hidden, hidden)
        if number % 2 == 0:
            hidden = _attend(layer.crossattention, hidden, seen)
        inner = torch.nn.functional.gelu(layer.intermediate_query.dense(hidden))
        hidden = layer.output_query.LayerNorm(layer.output_query.dense(inner) + hidden)
    projected: Tensor = model.language_projection(hidden)
    return projected


def _attend(block: Any, hidden: Tensor, seen: Tensor) -> Tensor:
    heads, attention = 2, block.attention
    parts = [attention.query(hidden), attention.key(seen), attention.value(seen)]
    query, key, value = (part.unflatten(1, (heads, -1)).transpose(0, 1) for part in parts)
    weights = (query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])).softmax(-1)
    joined = (weights @ value).transpose(0, 1).flatten(1)
    result: Tensor = block.output.LayerNorm(block.output.dense(joined) + hidden)
    return result


class TestPhotosTogether:
    def test_ragged_albums_in_one_pass_are_each_album_by_hand(self, cards: dict[str, Card], clip: Clip) -> None:
        model = load(cards["gpt2"], clip).model
        pixels = hashed.numbers("pixels", (14, 3, 224, 224))
        counts = [3, 0, 1, 10]
        with torch.inference_mode():
            read = model.encode_together(pixels, counts)
            assert [len(tokens) for tokens in read] == [4, 0, 4, 4]
            for tokens, album in zip(read, pixels.split(counts), strict=True):
                if len(album):
                    torch.testing.assert_close(tokens, by_hand(model, album), atol=1e-5, rtol=0)

    def test_without_trained_positions_an_album_has_no_order(self, cards: dict[str, Card], clip: Clip) -> None:
        model = load(cards["gpt2"], clip).model
        pixels = hashed.numbers("pixels", (3, 3, 224, 224))
        with torch.inference_mode():
            [there], [back] = (model.encode_together(each, [3]) for each in (pixels, pixels.flip(0)))
            assert not torch.allclose(there, back, atol=1e-3)
            model.photo_positions = None
            [there], [back] = (model.encode_together(each, [3]) for each in (pixels, pixels.flip(0)))
            torch.testing.assert_close(there, back, atol=1e-5, rtol=0)


class TestRows:
    @pytest.mark.parametrize("kind", KINDS)
    def test_words_alone_are_what_the_language_model_reads(self, cards: dict[str, Card], clip: Clip, kind: str) -> None:
        """Nothing stands for a photo that is not there, and embeddings are scaled as the model scales them."""
        captioner = load(cards[kind], clip)
        asked = prompt(clip, 0, FIELDS)
        language = captioner.model.language_model
        start = {"decoder_input_ids": torch.zeros(1, 1, dtype=torch.long)} if kind in ("t5", "mt5", "bart") else {}
        ids = captioner.writer.tokenizer(build_completion(asked), return_tensors="pt").input_ids
        with torch.inference_mode():
            [row] = captioner.build_inputs_embeds([asked])
            embedded = language(inputs_embeds=row[None], **start).logits
            torch.testing.assert_close(embedded, language(input_ids=ids, **start).logits, atol=1e-5, rtol=0)

    def test_photos_stand_in_order_before_the_words(self, cards: dict[str, Card], clip: Clip) -> None:
        captioner = load(cards["llama"], clip)
        asked = prompt(clip, 3, FIELDS)
        with torch.inference_mode():
            [row] = captioner.build_inputs_embeds([asked])
            singles = [captioner.build_inputs_embeds([replace(asked, images=(image,))])[0] for image in asked.images]
            [words] = captioner.build_inputs_embeds([replace(asked, images=())])
        expected = torch.cat([*(single[:4] for single in singles), words])
        torch.testing.assert_close(row, expected, atol=1e-5, rtol=0)

    def test_fields_too_long_for_the_model_lose_their_end_and_no_photo_is_lost(
        self, cards: dict[str, Card], clip: Clip
    ) -> None:
        captioner = load(cards["opt"], clip)
        long = prompt(clip, 10, FIELDS + "\nОписание: очень хорошая" * 50)
        with torch.inference_mode():
            [row] = captioner.build_inputs_embeds([long])
            [whole] = captioner.build_inputs_embeds([prompt(clip, 10, FIELDS)])
        assert len(row) <= 256 - 8
        torch.testing.assert_close(row[:40], whole[:40], atol=1e-5, rtol=0)
        assert captioner.generate([long])[0]


class TestCard:
    @pytest.mark.parametrize("settings", [{"photo": "each"}, {"photos": "all"}, {"prompt": 1}])
    def test_unknown_settings_are_refused(self, cards: dict[str, Card], settings: dict[str, object]) -> None:
        with pytest.raises(CheckpointError, match="card-field"):
            Blip2Captioner.load(replace(cards["gpt2"], settings=settings), context(None))  # type: ignore[arg-type]

    def test_more_photos_than_the_model_has_positions_for_are_refused(self, cards: dict[str, Card], clip: Clip) -> None:
        with pytest.raises(CheckpointError, match="card-field"):
            load(replace(cards["opt"], max_photos=63), clip)
        load(replace(cards["opt"], max_photos=61), clip)

    def test_more_to_write_than_leaves_room_for_a_photo_is_refused(self, cards: dict[str, Card], clip: Clip) -> None:
        with pytest.raises(CheckpointError, match=r"generation\.max_new_tokens"):
            load(cards["opt"], clip, max_new_tokens=256 - 32 - 3)
        load(replace(cards["opt"], max_photos=1), clip, max_new_tokens=256 - 32 - 4)

    @pytest.mark.parametrize("inside", ["", "language_model."])
    def test_an_adapter_is_of_the_language_model_or_of_the_whole(
        self, cards: dict[str, Card], clip: Clip, tmp_path: Path, inside: str
    ) -> None:
        folder = tmp_path / "lora"
        shutil.copytree(cards["llama"].folder, folder)
        name = "model.layers.0.self_attn.q_proj"
        down, up = hashed.numbers("A", (2, 32)), hashed.numbers("B", (32, 2))
        path = f"base_model.model.{inside}{name}"
        (folder / "adapter").mkdir()
        pair = {f"{path}.lora_A.weight": down, f"{path}.lora_B.weight": up}
        save_file(pair, folder / "adapter" / "adapter_model.safetensors")
        lora = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]}
        (folder / "adapter" / "adapter_config.json").write_text(json.dumps(lora), "utf-8")
        tuned = replace(cards["llama"], folder=folder, adapters=("adapter",))
        before = load(cards["llama"], clip).model.language_model.get_parameter(f"{name}.weight")
        after = load(tuned, clip).model.language_model.get_parameter(f"{name}.weight")
        torch.testing.assert_close(after.data, before.data + 2 * up @ down)
        narrow = load_narrow(tuned, clip, torch.bfloat16)
        assert torch.equal(narrow.model.language_model.get_parameter(f"{name}.weight"), after.bfloat16())
        assert {weight.dtype for weight in narrow.model.parameters()} == {torch.bfloat16}

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_rotary_positions_stay_exact(self, cards: dict[str, Card], clip: Clip, dtype: torch.dtype) -> None:
        exact = load(cards["llama"], clip).model.language_model
        narrow = load_narrow(cards["llama"], clip, dtype)
        assert {weight.dtype for weight in narrow.model.parameters()} == {dtype}
        buffer = "model.rotary_emb.inv_freq"
        assert torch.equal(narrow.model.language_model.get_buffer(buffer), exact.get_buffer(buffer))
        assert len(narrow.generate([prompt(clip, 2, FIELDS)])) == 1

    @pytest.mark.parametrize("kind", ["t5", "mt5"])
    def test_what_float16_is_too_narrow_for_stays_float32(self, cards: dict[str, Card], clip: Clip, kind: str) -> None:
        narrow = load_narrow(cards[kind], clip, torch.float16)
        kept = {name for name, weight in narrow.model.named_parameters() if weight.dtype == torch.float32}
        assert kept == {name for name, _ in narrow.model.named_parameters() if name.endswith(".wo.weight")} != set()
        assert len(narrow.generate([prompt(clip, 2, FIELDS)])) == 1
