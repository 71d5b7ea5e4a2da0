"""OpenFlamingo imported: the same logits and tokens as its own code, both generations of names, and what is refused.

The numbers in `tests/support/recorded/flamingo` are those of mlfoundations/open_flamingo@655f693 (its `factory`,
`Flamingo`, `generate`, and the filter of its `save_checkpoint`) under transformers 4.35.2, over GPT-NeoX, OPT and MPT
of `transformers` and the MosaicGPT of mosaicml/examples@f037b514, which MPT-1B is, with the vision tower of open_clip
2.20.0. `<image>` could not be written: the original forgets the photos when it is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoTokenizer, GenerationConfig

from inference.captioners.base import Prompt, load_captioner
from inference.captioners.flamingo import model as flamingo
from inference.captioners.flamingo.attention import Media
from inference.checkpoints.card import Card
from inference.checkpoints.convert import import_original
from inference.clip.dual_encoder import Clip
from inference.errors import CheckpointError
from tests.support.models import captioners, tiny
from tests.support.models.flamingo import (
    COLOURS,
    LANGUAGES,
    PROMPTS,
    RECORDED,
    Recorded,
    checkpoint,
    pixels,
    recorded,
    save_published,
)

END, IMAGE, PADDING = 59, 60, 61


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flamingo")


@pytest.fixture(scope="module")
def cards(folder: Path) -> dict[str, Card]:
    """A converted checkpoint over each language model."""
    return {name: import_original("flamingo", save_published(name, folder / name), folder, name) for name in LANGUAGES}


@pytest.fixture(scope="module")
def clip(folder: Path) -> Clip:
    tiny.save_ruclip(folder / "clip", tiny.reading_tokenizer())
    return Clip.load(folder / "clip")


def media(model: flamingo.Flamingo, original: Recorded) -> Media:
    """One photo for the first prompt, three for the second."""
    latents = model.encode_images(pixels())
    shown = [row[mask.bool()] == IMAGE for row, mask in zip(original.ids, original.mask, strict=True)]
    return Media.from_latents([latents[:1], latents[1:]], shown, together=False)


@torch.inference_mode()
def generate_ids(model: flamingo.Flamingo, original: Recorded, beams: int, *, use_cache: bool = True) -> Tensor:
    """The tokens behind the prompts, (2, 12)."""
    config = GenerationConfig(
        max_new_tokens=12,
        num_beams=beams,
        no_repeat_ngram_size=2,
        suppress_tokens=[IMAGE],
        eos_token_id=END,
        pad_token_id=PADDING,
        use_cache=use_cache,
    )
    with model.attend_to(media(model, original)) as language:
        ids: Tensor = language.generate(  # type: ignore[operator]  # of any decoder
            input_ids=original.ids, attention_mask=original.mask, generation_config=config
        )
    return ids[:, original.ids.shape[1] :]


@pytest.mark.parametrize("name", LANGUAGES)
class TestOriginal:
    def test_logits_are_those_of_the_original(self, cards: dict[str, Card], name: str) -> None:
        model, original = flamingo.load(cards[name].folder), recorded(name)
        with torch.inference_mode(), model.attend_to(media(model, original)) as language:
            logits = language(input_ids=original.ids, attention_mask=original.mask).logits
        read = original.mask.bool()
        torch.testing.assert_close(logits[read], original.logits[read], atol=1e-4, rtol=0)

    def test_tokens_are_those_of_the_original(self, cards: dict[str, Card], name: str) -> None:
        model, original = flamingo.load(cards[name].folder), recorded(name)
        assert generate_ids(model, original, beams=1).tolist() == original.greedy.tolist()
        assert generate_ids(model, original, beams=3).tolist() == original.beams.tolist()
        assert generate_ids(model, original, beams=1, use_cache=False).tolist() == original.greedy.tolist()

    def test_prompts_have_the_ids_of_the_original(self, cards: dict[str, Card], name: str) -> None:
        tokenizer = AutoTokenizer.from_pretrained(cards[name].folder / "language", padding_side="left")
        assert tokenizer(list(PROMPTS), padding=True).input_ids == recorded(name).ids.tolist()
        assert tokenizer.convert_tokens_to_ids(["<|endofchunk|>", "<image>", "<PAD>"]) == [END, IMAGE, PADDING]
        assert tokenizer.eos_token_id == END

    def test_the_captioner_writes_the_text_of_the_original(self, cards: dict[str, Card], clip: Clip, name: str) -> None:
        card = replace(
            cards[name],
            settings={"photos": "interleaved", "prompt_photos": "<image>Output:"},
            generation={"max_new_tokens": 12, "no_repeat_ngram_size": 0},
        )
        images = tuple(Image.new("RGB", (40, 30), colour) for colour in COLOURS)
        prompt = Prompt(images, clip.encode_images(images), "", "<SINGLE>")
        assert load_captioner(card, captioners.context(clip)).generate([prompt]) == [recorded(name).text]


class TestVision:
    """open_clip 2.20 gives the tokens before their last norm, as OpenFlamingo was trained, and 2.24 behind it."""

    def test_tokens_are_those_of_open_clip(self, cards: dict[str, Card]) -> None:
        model = flamingo.load(cards["mpt"].folder)
        tokens = load_file(RECORDED / "tokens.safetensors")
        for version, post_layernorm in (("open_clip 2.20.0", False), ("open_clip 2.24.0", True)):
            model.post_layernorm = post_layernorm
            with torch.inference_mode():
                seen = model.encode_patches(pixels()[:1])
            torch.testing.assert_close(seen, tokens[version], atol=1e-4, rtol=0)
        assert (tokens["open_clip 2.20.0"] - tokens["open_clip 2.24.0"]).abs().max() > 10

    def test_a_fresh_model_sees_through_a_published_clip(self, folder: Path, cards: dict[str, Card]) -> None:
        """Over it stands a decoder that was never trained with photos."""
        model, _ = flamingo.init_from_pretrained(
            cards["opt"].folder / "language", folder / "opt" / "vision", 1, depth=1, latents=2
        )
        with torch.inference_mode():
            seen = model.encode_patches(pixels()[:1])
        torch.testing.assert_close(
            seen, load_file(RECORDED / "tokens.safetensors")["open_clip 2.20.0"], atol=1e-4, rtol=0
        )

    def test_only_the_half_that_sees_is_kept(self, cards: dict[str, Card]) -> None:
        names = load_file(cards["mpt"].folder / "vision" / "model.safetensors").keys()
        assert all(name.startswith("vision_model.") for name in names)


def publish(folder: Path, state: object, name: str = "mpt") -> Path:
    """The published folder with another `checkpoint.pt`."""
    save_published(name, folder)
    torch.save(state, folder / "checkpoint.pt")
    return folder


def old_names(state: dict[str, Tensor], layers: str) -> dict[str, Tensor]:
    """As the first releases name the gated blocks."""
    renamed = {}
    for name, weight in state.items():
        head, found, tail = name.partition(".gated_cross_attn_layer.")
        number = head.removeprefix(f"lang_encoder.{layers}.")
        renamed[f"lang_encoder.gated_cross_attn_layers.{number}.{tail}" if found else name] = weight
    return renamed


class TestLayouts:
    def assert_same(self, source: Path, tmp_path: Path, expected: Card) -> None:
        card = import_original("flamingo", source, tmp_path, "again")
        own, other = load_file(card.folder / "model.safetensors"), load_file(expected.folder / "model.safetensors")
        assert own.keys() == other.keys()
        assert all(torch.equal(own[name], other[name]) for name in own)
        assert card.files["language/model.safetensors"] == expected.files["language/model.safetensors"]

    def test_the_names_of_the_first_releases_are_read(self, cards: dict[str, Card], tmp_path: Path) -> None:
        state = old_names(checkpoint("mpt"), "transformer.blocks")
        assert "lang_encoder.gated_cross_attn_layers.3.attn_gate" in state
        self.assert_same(publish(tmp_path / "source", state), tmp_path, cards["mpt"])

    def test_a_file_of_training_is_read(self, cards: dict[str, Card], tmp_path: Path) -> None:
        state = {f"module.{name}": weight for name, weight in checkpoint("mpt").items()}
        kept = {"epoch": 3, "model_state_dict": state, "optimizer_state_dict": {"state": {}}}
        self.assert_same(publish(tmp_path / "source", kept), tmp_path, cards["mpt"])

    def test_what_is_held_twice_is_read_once(self, cards: dict[str, Card], tmp_path: Path) -> None:
        state = checkpoint("mpt")
        state |= old_names(state, "transformer.blocks")
        state |= {"vision_encoder.proj": torch.ones(2), "lang_encoder.old_decoder_blocks.0.x": torch.ones(2)}
        self.assert_same(publish(tmp_path / "source", state), tmp_path, cards["mpt"])

    def test_what_writes_words_has_a_row_for_each_word_that_is_read(self, cards: dict[str, Card]) -> None:
        language = cards["gpt-neox"].folder / "language"
        state = load_file(language / "model.safetensors")
        assert state["gpt_neox.embed_in.weight"].shape == state["lm_head.weight"].shape == (62, 32)
        assert json.loads((language / "config.json").read_text("utf-8"))["vocab_size"] == 62

    def test_masks_that_were_saved_along_are_left_out(self, cards: dict[str, Card], tmp_path: Path) -> None:
        """The published 4B keeps the causal mask of every layer."""
        attention = "lang_encoder.gpt_neox.layers.0.decoder_layer.attention"
        masks = {"bias": torch.ones(1, 1, 8, 8, dtype=torch.bool), "masked_bias": torch.tensor(-1e9)}
        masks |= {"rotary_emb.inv_freq": torch.ones(2)}
        state = checkpoint("gpt-neox") | {f"{attention}.{name}": tensor for name, tensor in masks.items()}
        card = import_original("flamingo", publish(tmp_path / "source", state, "gpt-neox"), tmp_path, "again")
        assert card.files == cards["gpt-neox"].files

    @pytest.mark.parametrize(("published", "added"), [(80, 0), (60, 2)])
    def test_a_head_that_was_not_kept_is_the_base_model_s(self, tmp_path: Path, published: int, added: int) -> None:
        """Of new tokens it knows nothing: they get the mean of the others."""
        state = checkpoint("gpt-neox")
        del state["lang_encoder.embed_out.weight"]
        source = publish(tmp_path / "source", state, "gpt-neox")
        base = torch.load(source / "language" / "pytorch_model.bin", weights_only=True)
        base["embed_out.weight"] = base["embed_out.weight"][:published].clone()
        torch.save(base, source / "language" / "pytorch_model.bin")
        card = import_original("flamingo", source, tmp_path, "again")
        head = load_file(card.folder / "language" / "model.safetensors")["lm_head.weight"]
        assert head.shape == (62, 32)
        assert torch.equal(head[:60], base["embed_out.weight"][:60])
        if added:
            torch.testing.assert_close(head[60:], base["embed_out.weight"].mean(0).expand(added, -1))


class TestRefused:
    def import_error(self, source: Path, tmp_path: Path) -> CheckpointError:
        with pytest.raises(CheckpointError) as told:
            import_original("flamingo", source, tmp_path, "again")
        assert not (tmp_path / "captioner" / "again").exists()
        return told.value

    @pytest.mark.parametrize(
        "lost",
        [
            "perceiver.layers.4.0.to_kv.weight",
            "lang_encoder.transformer.blocks.3.gated_cross_attn_layer.ff_gate",
            "lang_encoder.transformer.wte.weight",
        ],
    )
    def test_a_weight_that_is_missing_is_named(self, tmp_path: Path, lost: str) -> None:
        state = checkpoint("mpt")
        del state[lost]
        message = self.import_error(publish(tmp_path / "source", state), tmp_path).message
        assert message.code == "import-weights-missing"
        assert str(message.details["weights"]).rpartition(".")[2] == lost.rpartition(".")[2]

    @pytest.mark.parametrize("name", ["perceiver.more", "lang_encoder.more", "more"])
    def test_a_weight_without_a_place_is_named(self, tmp_path: Path, name: str) -> None:
        state = checkpoint("mpt") | {name: torch.ones(1)}
        message = self.import_error(publish(tmp_path / "source", state), tmp_path).message
        assert message.code == "import-weights-strange"
        assert "more" in str(message.details["weights"])

    def test_a_checkpoint_over_another_language_model_is_refused(self, tmp_path: Path) -> None:
        source = publish(tmp_path / "source", checkpoint("opt"), "mosaic-gpt")
        assert self.import_error(source, tmp_path).message.code == "import-weights-strange"

    def test_an_empty_checkpoint_is_refused(self, tmp_path: Path) -> None:
        assert self.import_error(publish(tmp_path / "source", {}), tmp_path).message.code == "import-weights-missing"

    @pytest.mark.parametrize(
        ("name", "changed"), [("mpt", {"expansion_ratio": 2}), ("mosaic-gpt", {"alibi": False, "no_bias": False})]
    )
    def test_an_mpt_that_is_computed_otherwise_is_refused(
        self, tmp_path: Path, name: str, changed: dict[str, object]
    ) -> None:
        source = save_published(name, tmp_path / "source")
        path = source / "language" / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changed), "utf-8")
        assert self.import_error(source, tmp_path).message.code == "import-failed"


def test_no_pickle_is_left(cards: dict[str, Card]) -> None:
    suffixes: Sequence[str] = [Path(name).suffix for card in cards.values() for name in card.files]
    assert set(suffixes) == {".json", ".safetensors"}
