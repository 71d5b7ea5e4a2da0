"""ViT + GPT-2: a published folder is imported and writes what transformers 4.46.3 wrote; several photos, and none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor
from transformers import VisionEncoderDecoderModel

from inference.captioners.base import Prompt
from inference.captioners.encoder_decoder.captioner import EncoderDecoderCaptioner
from inference.captioners.encoder_decoder.model import load
from inference.captioners.generation.writer import Writer
from inference.checkpoints.card import Card
from inference.checkpoints.convert import import_original
from inference.checkpoints.weights import load_tensors
from inference.clip.dual_encoder import Clip
from inference.errors import CheckpointError
from tests.support.models import languages, tiny
from tests.support.models.captioners import assert_keeps_the_promises, context, photos_of_passes
from tests.support.models.encoder_decoder import FIELDS, PICTURES, PROMPT, imported, record, save_published, tensors

GREEDY = {"max_new_tokens": 24, "no_repeat_ngram_size": 0}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    folder = tmp_path_factory.mktemp("clip") / "mini"
    tiny.save_dual_encoder(tiny.student(tiny.reading_tokenizer().get_vocab_size()), folder)
    return Clip.load(folder)


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    return imported(tmp_path_factory.mktemp("root"))


def captioner(card: Card, clip: Clip, **fields: object) -> EncoderDecoderCaptioner:
    """The captioner of the imported folder whose card says something else."""
    table = {name: getattr(card, name) for name in Card.__dataclass_fields__}
    return EncoderDecoderCaptioner.load(Card(**(table | fields)), context(clip))


def build_prompt(clip: Clip, pictures: Sequence[Image.Image], masked: str = "", seed: int = 0) -> Prompt:
    return Prompt(tuple(pictures), clip.encode_images(()), masked, "<SINGLE>", frozenset(), seed)


def expected(captioner: EncoderDecoderCaptioner, name: str, prompt: int = 1) -> list[str]:
    """The texts of the recorded ids behind a prompt of so many tokens."""
    tokenizer = captioner._writer.tokenizer
    return [str(tokenizer.decode(row[prompt:], skip_special_tokens=True)).strip() for row in record()["tokens"][name]]


@torch.inference_mode()
def logits(captioner: EncoderDecoderCaptioner, prompt: Prompt) -> Tensor:
    """The logits behind each token of the prompt, (tokens, words)."""
    model, states = captioner.model, captioner.encode_photos([prompt])
    ids = torch.tensor(captioner.build_input_ids([prompt]))
    with model.attend_to(states):
        found: Tensor = model.decoder(ids, encoder_hidden_states=torch.zeros(1, 1, 1)).logits[0]
    return found


class TestImported:
    def test_the_folder_holds_each_weight_once_and_no_pickle(self, card: Card) -> None:
        files = {"config.json", "model.safetensors", "preprocessor_config.json"}
        assert set(card.files) == files | {"tokenizer.json", "tokenizer_config.json"}
        weights = load_tensors(card.folder)
        assert "decoder.lm_head.weight" not in weights
        assert not [name for name in weights if name.endswith((".attn.bias", ".crossattention.bias", ".masked_bias"))]
        assert card.parameters == sum(weight.numel() for weight in weights.values())

    def test_a_head_of_its_own_is_kept(self, tmp_path: Path) -> None:
        source = save_published(tmp_path / "source")
        state = torch.load(source / "pytorch_model.bin", weights_only=True)
        state["decoder.lm_head.weight"] = state["decoder.lm_head.weight"] + 1
        torch.save(state, source / "pytorch_model.bin")
        config = json.loads((source / "config.json").read_text("utf-8"))
        config["decoder"]["tie_word_embeddings"] = False
        (source / "config.json").write_text(json.dumps(config), "utf-8")
        kept = import_original("encoder-decoder", source, tmp_path, "own")
        head = load(kept.folder, torch.float32).decoder.lm_head.weight
        assert torch.equal(head, state["decoder.lm_head.weight"])

    @pytest.mark.parametrize("where", ["config.json", "generation_config.json"])
    def test_the_first_token_is_the_publisher_s(self, tmp_path: Path, clip: Clip, where: str) -> None:
        source = save_published(tmp_path / "source")
        config = json.loads((source / "config.json").read_text("utf-8"))
        if where == "config.json":
            config["decoder_start_token_id"] = 7
        else:
            del config["decoder_start_token_id"]
            (source / where).write_text(json.dumps({"decoder_start_token_id": 7, "eos_token_id": 2}), "utf-8")
        (source / "config.json").write_text(json.dumps(config), "utf-8")
        mine = captioner(import_original("encoder-decoder", source, tmp_path, "first"), clip)
        assert mine.build_input_ids([build_prompt(clip, PICTURES)]) == [[7]]

    def test_of_what_was_published_only_the_ends_of_a_text_count(self, card: Card, clip: Clip, tmp_path: Path) -> None:
        """A list of them, as newer folders have it."""
        source = save_published(tmp_path / "source")
        settings = {"eos_token_id": [2, 3], "suppress_tokens": list(range(9, 200)), "num_return_sequences": 2}
        config = json.loads((source / "config.json").read_text("utf-8"))
        config["decoder"] |= settings
        (source / "config.json").write_text(json.dumps(config), "utf-8")
        settings |= {"decoder_start_token_id": config["decoder_start_token_id"], "num_beams": 4}
        (source / "generation_config.json").write_text(json.dumps(settings), "utf-8")
        told = captioner(import_original("encoder-decoder", source, tmp_path, "told"), clip)
        plain = captioner(card, clip)
        told.model.decoder.generation_config.suppress_tokens = list(range(9, 200))
        assert told._config.eos_token_id == [2, 3]
        assert told.generate([build_prompt(clip, PICTURES[:1])]) == plain.generate([build_prompt(clip, PICTURES[:1])])

    def test_a_folder_that_lacks_a_weight_is_refused(self, tmp_path: Path) -> None:
        source = save_published(tmp_path / "source")
        state = torch.load(source / "pytorch_model.bin", weights_only=True)
        del state["decoder.transformer.h.0.crossattention.c_attn.weight"]
        torch.save(state, source / "pytorch_model.bin")
        with pytest.raises(CheckpointError, match=r"weights-missing.*crossattention"):
            import_original("encoder-decoder", source, tmp_path, "part")

    def test_another_decoder_is_refused(self, tmp_path: Path) -> None:
        source = save_published(tmp_path / "source")
        config = json.loads((source / "config.json").read_text("utf-8"))
        config["decoder"]["model_type"] = "bert"
        (source / "config.json").write_text(json.dumps(config), "utf-8")
        with pytest.raises(CheckpointError, match="import-failed"):
            import_original("encoder-decoder", source, tmp_path, "bert")


def test_a_vocabulary_without_brackets_writes_the_seller_s_numbers(
    card: Card, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = captioner(card, clip)
    tokenizer = languages.tokenizer_without_brackets()
    mine._writer = Writer(tokenizer, mine._writer.settings)
    written = torch.tensor([[*tokenizer("За PRICE.").input_ids, 2]])
    monkeypatch.setattr(mine.model, "generate", lambda *_, **__: written)
    asked = replace(build_prompt(clip, PICTURES[:1], FIELDS), mask_tokens=frozenset({"<PRICE>"}))
    assert mine.generate([asked]) == ["За <PRICE>."]


class TestOriginal:
    def test_photos_become_the_same_pixels_and_states(self, card: Card, clip: Clip) -> None:
        mine = captioner(card, clip)
        torch.testing.assert_close(
            mine._preprocessor.preprocess(PICTURES), tensors("result")["pixels"], atol=1e-6, rtol=0
        )
        states = load(card.folder, torch.float32).encoder(tensors("result")["pixels"]).last_hidden_state
        torch.testing.assert_close(states, tensors("result")["states"], atol=1e-5, rtol=0)

    def test_as_published_each_photo_gets_its_text(self, card: Card, clip: Clip) -> None:
        """Four beams, 16 tokens with the first, as the public cards say."""
        mine = captioner(card, clip)
        assert mine.generate([build_prompt(clip, [each], FIELDS) for each in PICTURES]) == expected(mine, "published")

    def test_greedy_texts_are_the_same(self, card: Card, clip: Clip) -> None:
        mine = captioner(card, clip, generation=GREEDY | {"max_new_tokens": 39})
        assert mine.generate([build_prompt(clip, [each]) for each in PICTURES]) == expected(mine, "greedy")

    @pytest.mark.parametrize(("name", "beams"), [("greedy", 1), ("beams", 3)])
    def test_fields_before_the_text(self, card: Card, clip: Clip, name: str, beams: int) -> None:
        mine = captioner(card, clip, settings=PROMPT, generation=GREEDY | {"num_beams": beams})
        prompts = [build_prompt(clip, [each], FIELDS) for each in PICTURES]
        read = len(mine.build_input_ids(prompts)[0])
        assert mine.build_input_ids(prompts) == [row[:read] for row in record()["tokens"][f"prompt_{name}"]]
        assert mine.generate(prompts) == expected(mine, f"prompt_{name}", read)

    @pytest.mark.parametrize(("name", "beams"), [("greedy", 1), ("beams", 3)])
    def test_states_of_three_photos_behind_each_other(self, card: Card, clip: Clip, name: str, beams: int) -> None:
        mine = captioner(card, clip, settings=PROMPT, generation=GREEDY | {"num_beams": beams})
        prompt = build_prompt(clip, PICTURES, FIELDS)
        assert mine.generate([prompt]) == expected(mine, f"three_{name}", len(mine.build_input_ids([prompt])[0]))

    def test_without_photos_the_decoder_is_a_gpt2_alone(self, card: Card, clip: Clip) -> None:
        mine = captioner(card, clip, settings=PROMPT, generation=GREEDY)
        prompt = build_prompt(clip, (), FIELDS)
        assert mine.generate([prompt]) == expected(mine, "alone", len(mine.build_input_ids([prompt])[0]))

    @pytest.mark.parametrize(("photos", "name"), [(1, "logits"), (3, "logits_three")])
    def test_logits_are_the_same(self, card: Card, clip: Clip, photos: int, name: str) -> None:
        mine = captioner(card, clip, settings=PROMPT)
        found = logits(mine, build_prompt(clip, PICTURES[:photos], FIELDS))[-3:]
        torch.testing.assert_close(found, tensors("result")[name], atol=1e-5, rtol=0)

    def test_an_adapter_of_that_time_attaches_everywhere(self, tmp_path: Path, clip: Clip) -> None:
        tuned = imported(tmp_path, adapter=True, settings=PROMPT, generation=GREEDY)
        assert tuned.adapters == ("listings",)
        mine = EncoderDecoderCaptioner.load(tuned, context(clip))
        for photos, name in ((1, "logits_adapted"), (3, "logits_three_adapted")):
            found = logits(mine, build_prompt(clip, PICTURES[:photos], FIELDS))[-3:]
            torch.testing.assert_close(found, tensors("result")[name], atol=5e-5, rtol=0)

    def test_an_adapter_is_merged_before_the_numbers_become_narrower(self, tmp_path: Path, clip: Clip) -> None:
        tuned, wide = imported(tmp_path, adapter=True), context(clip)
        narrow = replace(wide, device=replace(wide.device, dtype=torch.bfloat16))
        decoders = [EncoderDecoderCaptioner.load(tuned, each).model.decoder for each in (wide, narrow)]
        for exact, rounded in zip(*(decoder.parameters() for decoder in decoders), strict=True):
            assert torch.equal(exact.bfloat16(), rounded)


class TestSeveralPhotos:
    @torch.inference_mode()
    def test_a_batch_writes_what_a_plain_loop_writes(self, card: Card, clip: Clip) -> None:
        """Token by token, without a cache, through the published class: states concatenated, or no encoder at all."""
        model: VisionEncoderDecoderModel = load(card.folder, torch.float32)
        mine = captioner(card, clip, settings=PROMPT, generation=GREEDY | {"max_new_tokens": 12}, max_photos=10)
        prompts = [
            build_prompt(clip, PICTURES[:1], FIELDS),
            build_prompt(clip, (), FIELDS),
            build_prompt(clip, PICTURES * 3, "Цвет: синий\nРазмер: <SIZE>\nСостояние: новое"),
            build_prompt(clip, PICTURES[1:], "Цвет: белый"),
        ]
        expected = []
        for prompt, ids in zip(prompts, mine.build_input_ids(prompts), strict=True):
            written = list(ids)
            for _ in range(12):
                states = None
                if prompt.images:
                    seen = model.encoder(mine._preprocessor.preprocess(prompt.images)).last_hidden_state
                    states = model.enc_to_dec_proj(seen).flatten(0, 1)[None]
                scores = model.decoder(torch.tensor([written]), encoder_hidden_states=states).logits[0, -1]
                scores[mine._writer._digit_ids] = float("-inf")
                written.append(int(scores.argmax()))
                if written[-1] == mine._writer.tokenizer.eos_token_id:
                    break
            expected.append(mine._writer.decode(torch.tensor([written[len(ids) :]]))[0])
        assert mine.generate(prompts) == expected
        assert len(set(expected)) == len(expected)

    def test_each_photo_counts(self, card: Card, clip: Clip) -> None:
        mine = captioner(card, clip, settings=PROMPT, generation=GREEDY, max_photos=10)
        two, three = logits(mine, build_prompt(clip, PICTURES[:2])), logits(mine, build_prompt(clip, PICTURES))
        assert (two - three).abs().max() > 1e-2

    def test_a_large_batch_is_written_in_parts(self, card: Card, clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
        mine = captioner(card, clip, settings=PROMPT, generation=GREEDY | {"max_new_tokens": 8}, max_photos=10)
        assert photos_of_passes(mine, clip, monkeypatch) == [15, 13]


class TestPromises:
    @pytest.mark.parametrize(
        ("settings", "photos", "beams"), [({}, 1, 1), (PROMPT, 10, 1), ({"prompt": "{token} {attributes}:"}, 3, 3)]
    )
    def test_every_kind_of_prompt_has_a_text_of_its_own(
        self, card: Card, clip: Clip, settings: dict[str, str], photos: int, beams: int
    ) -> None:
        asked = {"settings": settings, "max_photos": photos, "generation": {"max_new_tokens": 8, "num_beams": beams}}
        texts = assert_keeps_the_promises(captioner(card, clip, **asked), clip)
        assert all(texts)

    def test_a_seed_varies_the_text_and_repeats_it(self, card: Card, clip: Clip) -> None:
        mine = captioner(card, clip, settings=PROMPT, generation=GREEDY)
        first, second, again = mine.generate([build_prompt(clip, PICTURES, FIELDS, seed) for seed in (1, 2, 1)])
        assert first == again
        assert first != second

    def test_fields_that_are_too_long_lose_their_end(self, card: Card, clip: Clip) -> None:
        mine = captioner(card, clip, settings=PROMPT, generation=GREEDY)
        (ids,) = mine.build_input_ids([build_prompt(clip, PICTURES, "Цвет: синий\n" * 100)])
        assert len(ids) <= 256 - 24
        text = str(mine._writer.tokenizer.decode(ids))
        assert text.startswith("<s>Цвет: синий, Цвет")
        assert text.endswith(", Описание:")
        assert mine.generate([build_prompt(clip, PICTURES, "Цвет: синий\n" * 100)])

    def test_photos_alone_are_described_behind_the_last_word(self, card: Card, clip: Clip) -> None:
        mine = captioner(card, clip, settings=PROMPT)
        (ids,) = mine.build_input_ids([build_prompt(clip, PICTURES)])
        assert mine._writer.tokenizer.decode(ids) == "<s>Описание:"

    def test_more_to_write_than_the_decoder_has_positions_for_is_refused(self, card: Card, clip: Clip) -> None:
        with pytest.raises(CheckpointError, match=r"generation\.max_new_tokens"):
            captioner(card, clip, generation={"max_new_tokens": 256 - 32})
        assert captioner(card, clip, generation={"max_new_tokens": 256 - 33}).generate([build_prompt(clip, (), FIELDS)])

    @pytest.mark.parametrize("settings", [{"promt": "{attributes}"}, {"prompt": 3}])
    def test_settings_that_are_not_known_are_refused(self, card: Card, clip: Clip, settings: dict[str, object]) -> None:
        with pytest.raises(CheckpointError, match="card-field"):
            captioner(card, clip, settings=settings)
