"""ClipCap: the same prefixes and greedy tokens as rmokady/CLIP_prefix_caption@1ad805a, and the promises of the door.

The answers in `tests/support/recorded/clipcap` are those of its `ClipCaptionModel` (`predict.py` for the MLP and
the single layer, `train.py` for the transformer) and `generate2`, with `tests/support/models/clipcap.py`.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from inference.captioners.base import Prompt, load_captioner
from inference.captioners.clipcap.captioner import ClipCapCaptioner, read_model
from inference.checkpoints.card import Card
from inference.checkpoints.convert import import_original
from inference.checkpoints.weights import load_tensors, save_tensors
from inference.clip.dual_encoder import Clip
from inference.errors import CheckpointError
from tests.support.models import captioners, clipcap, hashed, tiny

GENERATION = {"max_new_tokens": 12, "no_repeat_ngram_size": 3}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """A CLIP whose vectors are as long as those the tiny mappers read."""
    folder = tmp_path_factory.mktemp("clip") / "clip"
    tiny.save_ruclip(folder, tiny.reading_tokenizer())
    return Clip.load(folder)


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Card]:
    """A converted checkpoint of each mapper."""
    root = tmp_path_factory.mktemp("clipcap")
    return {
        mapper: import_original("clipcap", clipcap.save(root / f"source-{mapper}", mapper), root, mapper)
        for mapper in clipcap.MAPPERS
    }


def captioner(card: Card, clip: Clip) -> ClipCapCaptioner:
    loaded = load_captioner(card, captioners.context(clip))
    assert isinstance(loaded, ClipCapCaptioner)
    return loaded


class TestOriginal:
    @pytest.mark.parametrize("mapper", clipcap.MAPPERS)
    def test_prefixes_are_those_of_the_original(self, cards: dict[str, Card], mapper: str) -> None:
        with torch.inference_mode():
            prefixes = read_model(cards[mapper]).prefix(clipcap.vectors(6))
        expected = torch.tensor(clipcap.answers()[mapper]["prefix"])
        torch.testing.assert_close(prefixes[:, :, ::37].flatten(), expected, atol=1e-5, rtol=1e-5)

    @pytest.mark.parametrize("mapper", clipcap.MAPPERS)
    def test_greedy_tokens_are_those_of_the_original(self, cards: dict[str, Card], mapper: str) -> None:
        """With a cache and as one batch; the original reads everything again for each token."""
        model = read_model(cards[mapper])
        language: Any = model.language  # whose types do not say that it generates
        with torch.inference_mode():
            written = language.generate(
                inputs_embeds=model.prefix(clipcap.vectors(6)),
                max_new_tokens=67,
                do_sample=False,
                eos_token_id=clipcap.FULL_STOP,
                pad_token_id=0,
            )
        expected = clipcap.answers()[mapper]["greedy"]
        assert [row[: len(ids)].tolist() for row, ids in zip(written, expected, strict=True)] == expected

    def test_some_texts_end_with_the_full_stop_and_some_at_the_limit(self) -> None:
        lengths = {len(ids) for mapper in clipcap.MAPPERS for ids in clipcap.answers()[mapper]["greedy"]}
        assert max(lengths) == 67
        assert len(lengths) > 2

    def test_the_mapper_is_recognised_from_the_state_alone(self, cards: dict[str, Card]) -> None:
        configs = {
            name: json.loads((card.folder / "config.json").read_text("utf-8"))["mapper"] for name, card in cards.items()
        }
        assert [config["kind"] for config in configs.values()] == list(clipcap.MAPPERS)
        assert all(config["length"] == clipcap.LENGTH for config in configs.values())
        assert configs["transformer"]["pieces"] == clipcap.CLIP_LENGTH

    def test_heads_are_those_of_the_language_model_where_it_tells(self, tmp_path: Path) -> None:
        source = clipcap.save(tmp_path / "source", "linear")
        (source / "config.json").write_text(json.dumps({"model_type": "gpt2", "n_head": 4}), "utf-8")
        assert read_model(import_original("clipcap", source, tmp_path, "four")).language.config.n_head == 4

    def test_the_end_is_the_language_model_s_where_its_vocabulary_has_no_other(
        self, tmp_path: Path, clip: Clip
    ) -> None:
        """Without the publisher's word, GPT-2's `<|endoftext|>` would be one more than the model has rows for."""
        source = clipcap.save(tmp_path / "source", "mlp")
        words = json.loads((source / "vocab.json").read_text("utf-8"))
        end = words.pop("<|endoftext|>")
        (source / "vocab.json").write_text(json.dumps(words | {"<end>": end}), "utf-8")
        with pytest.raises(CheckpointError, match="import-failed"):
            import_original("clipcap", source, tmp_path, "endless")
        (source / "config.json").write_text(json.dumps({"eos_token_id": end, "pad_token_id": 0}), "utf-8")
        card = import_original("clipcap", source, tmp_path, "ended")
        tokenizer = AutoTokenizer.from_pretrained(card.folder)
        assert (tokenizer.eos_token, tokenizer.pad_token_id, len(tokenizer)) == ("<end>", 0, clipcap.WORDS)
        asked = replace(card, generation=GENERATION | {"stop": "е"})
        assert len(captioner(asked, clip).generate([captioners.prompt(clip, photos) for photos in (1, 2, 3, 1)])) == 4

    def test_what_is_written_holds_no_pickle_and_no_buffer(self, cards: dict[str, Card]) -> None:
        expected = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
        assert set(cards["mlp"].files) == expected
        assert cards["mlp"].parameters == sum(weight.numel() for weight in read_model(cards["mlp"]).parameters())

    def test_the_tokenizer_reads_and_writes_as_its_published_files(self, cards: dict[str, Card]) -> None:
        text = "Куртка синяя, 44-46.\nЦена: <PRICE> руб."
        mine = AutoTokenizer.from_pretrained(cards["mlp"].folder)
        published = Tokenizer.from_str(mine.backend_tokenizer.to_str())
        assert mine(text).input_ids == published.encode(text).ids
        assert mine.decode(mine(text).input_ids) == text

    def test_a_folder_without_a_state_is_refused(self, tmp_path: Path) -> None:
        source = clipcap.save(tmp_path / "source", "mlp")
        (source / "coco_prefix_latest.pt").unlink()
        with pytest.raises(CheckpointError, match="import-file-missing"):
            import_original("clipcap", source, tmp_path, "empty")


class TestCaptioner:
    @pytest.mark.parametrize("beams", [1, 3])
    def test_it_keeps_the_promises(self, cards: dict[str, Card], clip: Clip, beams: int) -> None:
        card = replace(cards["mlp"], generation=GENERATION | {"num_beams": beams})
        texts = captioners.assert_keeps_the_promises(captioner(card, clip), clip)
        assert len(set(texts)) == len(texts)

    def test_a_photo_is_its_projected_vector_as_long_as_it_is(self, cards: dict[str, Card], clip: Clip) -> None:
        card = replace(cards["mlp"], generation={"max_new_tokens": 30, "no_repeat_ngram_size": 0, "stop": "."})
        prompt = captioners.prompt(clip, 2)
        pixels = clip.preprocess(prompt.images)
        model = read_model(card)
        with torch.inference_mode():
            vectors = clip.model.get_image_features(pixel_values=pixels).pooler_output
            row = torch.cat([model.prefix(vector[None])[0] for vector in vectors])
        loaded = captioner(card, clip)
        expected = loaded._writer.continue_embeddings(model.language, [row], [prompt])
        assert loaded.generate([prompt]) == expected
        unit = captioner(replace(card, settings={"normalize": True}), clip)
        assert unit.generate([prompt]) != expected

    def test_a_large_batch_is_written_in_parts(
        self, cards: dict[str, Card], clip: Clip, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loaded = captioner(replace(cards["mlp"], generation=GENERATION), clip)
        assert captioners.photos_of_passes(loaded, clip, monkeypatch) == [15, 13]

    def test_a_frame_is_described_like_a_listing_of_one_photo(self, cards: dict[str, Card], clip: Clip) -> None:
        loaded = captioner(replace(cards["mlp"], generation=GENERATION), clip)
        prompt = captioners.prompt(clip, 1)
        assert loaded.describe_image(prompt.images[0]) == loaded.generate([prompt])[0]

    def test_the_prompt_of_the_card_stands_behind_the_photos(self, cards: dict[str, Card], clip: Clip) -> None:
        asked = replace(
            cards["mlp"], generation=GENERATION, settings={"prompt": "{attributes}\nВопрос: что это? Ответ:"}
        )
        plain = replace(cards["mlp"], generation=GENERATION)
        prompt = captioners.prompt(clip, 1)
        assert captioner(asked, clip).generate([prompt]) != captioner(plain, clip).generate([prompt])

    def test_a_photo_may_be_made_smaller_first(self, cards: dict[str, Card], clip: Clip) -> None:
        card = replace(cards["mlp"], generation=GENERATION)
        prompt = captioners.prompt(clip, 1)
        small = replace(prompt, images=(prompt.images[0].resize((24, 18), Image.Resampling.LANCZOS),))
        shrunk = captioner(replace(card, settings={"thumbnail": 24}), clip).generate([prompt])
        assert shrunk == captioner(card, clip).generate([small])

    def test_fields_that_are_too_long_lose_their_end(self, cards: dict[str, Card], clip: Clip) -> None:
        loaded = captioner(replace(cards["mlp"], generation=GENERATION), clip)
        prompt = captioners.prompt(clip, 10, captioners.FIELDS + "\nСостояние: " + "хорошее, " * 400)
        assert loaded.generate([prompt])[0]

    def test_more_photos_than_the_model_has_positions_for_are_not_promised(
        self, cards: dict[str, Card], clip: Clip
    ) -> None:
        many = replace(cards["mlp"], generation={"max_new_tokens": 510}, max_photos=100)
        assert captioner(many, clip).max_photos == (clipcap.POSITIONS - 510 - 32) // clipcap.LENGTH

    def test_more_to_write_than_leaves_room_for_a_photo_is_refused(
        self, tmp_path: Path, cards: dict[str, Card], clip: Clip
    ) -> None:
        folder = tmp_path / "short"
        shutil.copytree(cards["mlp"].folder, folder, ignore=shutil.ignore_patterns("*.safetensors"))
        config = json.loads((folder / "config.json").read_text("utf-8"))
        config["language"]["n_positions"] = 64
        (folder / "config.json").write_text(json.dumps(config), "utf-8")
        tensors, name = load_tensors(cards["mlp"].folder), "language.transformer.wpe.weight"
        save_tensors(tensors | {name: tensors[name][:64]}, folder / "model.safetensors")
        short = replace(cards["mlp"], folder=folder)
        fits = 64 - 32 - clipcap.LENGTH
        assert captioner(replace(short, generation={"max_new_tokens": fits}), clip).max_photos == 1
        with pytest.raises(CheckpointError, match=r"generation\.max_new_tokens"):
            captioner(replace(short, generation={"max_new_tokens": fits + 1}), clip)

    def test_photos_are_cropped_as_by_openai_s_code(self, cards: dict[str, Card], clip: Clip) -> None:
        """Its mappers were trained on those pixels, also where the dual encoder's folder is one of `transformers`."""
        rule = replace(clip.preprocessor, fit="resize-crop", edge=32)
        flooring = Clip(clip.model, clip._tokenizer, rule, "flooring")
        photo = hashed.photo("crop", (32, 35))
        expected = replace(rule, rounds_crop=True).preprocess([photo])
        assert torch.equal(captioner(cards["mlp"], flooring)._clip.preprocess([photo]), expected)
        assert not torch.equal(flooring.preprocess([photo]), expected)  # the other users of the encoder keep its rule

    def test_a_dual_encoder_of_another_size_is_named(self, cards: dict[str, Card], clip: Clip) -> None:
        other = Clip(clip.model, clip._tokenizer, clip.preprocessor, "other")
        other.dim = 512
        with pytest.raises(CheckpointError, match="clip-unfit"):
            captioner(cards["mlp"], other)

    def test_it_writes_with_half_the_memory(self, cards: dict[str, Card], clip: Clip) -> None:
        narrow = replace(captioners.context(clip), device=replace(captioners.CPU, dtype=torch.bfloat16))
        card = replace(cards["transformer"], generation=GENERATION)
        assert len(load_captioner(card, narrow).generate(captioners.mixed_prompts(clip)[:4])) == 4

    def test_an_unknown_setting_is_named(self, cards: dict[str, Card], clip: Clip) -> None:
        with pytest.raises(CheckpointError) as raised:
            captioner(replace(cards["mlp"], settings={"normalise": True}), clip)
        assert raised.value.message.details["field"] == "settings.normalise"

    def test_an_adapter_of_the_card_changes_the_text(self, cards: dict[str, Card], clip: Clip) -> None:
        card = replace(cards["mlp"], generation=GENERATION)
        plain = captioner(card, clip).generate([captioners.prompt(clip, 1)])
        torch.manual_seed(0)
        rank = LoraConfig(r=2, target_modules=["c_attn"], init_lora_weights=False, fan_in_fan_out=True)
        get_peft_model(read_model(card), rank).save_pretrained(card.folder / "lora")  # type: ignore[arg-type]
        tuned = captioner(replace(card, adapters=("lora",)), clip).generate([captioners.prompt(clip, 1)])
        assert tuned != plain


def test_a_text_without_photos_has_no_prefix(cards: dict[str, Card], clip: Clip) -> None:
    """The fields alone stand before the text."""
    card = replace(cards["mlp"], generation=GENERATION)
    loaded = captioner(card, clip)
    prompt = Prompt((), clip.encode_images(()), "Платье белое", "<SINGLE>")
    model = read_model(card)
    ids = loaded._writer.encode_prompt(prompt, 100)
    with torch.inference_mode():
        expected = loaded._writer.continue_embeddings(model.language, [model.embed(torch.tensor(ids))], [prompt])
    assert loaded.generate([prompt]) == expected
