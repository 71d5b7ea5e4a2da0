"""Dual encoders in their publishers' formats: what the publishers' own code computes comes out.

The recorded numbers are those of ai-forever/ru-clip at 3386dbb (`CLIP`, `RuCLIPProcessor`; youtokentome 1.0.6,
torchvision 0.29.2) and of openai/CLIP at d05afc4 (`build_model`, `_transform`), run on the weights, photos and texts of
`tests/support/models/dual_encoders.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import normalizers
from torch import Tensor
from torch.nn.functional import normalize
from transformers import CLIPConfig, CLIPModel, PreTrainedModel, SiglipConfig, SiglipModel
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from inference.checkpoints.card import Card
from inference.checkpoints.convert import import_original
from inference.clip.dual_encoder import GRID, Clip
from inference.errors import CheckpointError
from tests.support.models import dual_encoders, hashed, programs, tiny
from tests.support.models.dual_encoders import PHOTOS, RECORDED, TEXTS

Model = TypeVar("Model", CLIPModel, SiglipModel)

TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
NO_ENDS = {"bos_token_id": None, "eos_token_id": None}


OPENCLIP = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 128, "patch_size": 8, "head_width": 32},
    "text_cfg": {"context_length": 77, "vocab_size": 514, "width": 128, "heads": 8, "layers": 2},
}


def load_recorded(name: str) -> dict[str, Tensor]:
    return load_file(RECORDED / f"{name}.safetensors")


def normalize_pixels(pixels: Tensor) -> Tensor:
    """Bytes of photos → what the processors make of them."""
    mean, std = (torch.tensor(dual_encoders.RUCLIP[name]).view(3, 1, 1) for name in ("mean", "std"))
    return (pixels / 255 - mean) / std


def assert_same(card: Card, other: Card) -> None:
    """Two checkpoints of the same files; their tensors may stand in another order."""
    names = card.files.keys() | other.files.keys()
    assert {name for name in names if card.files[name] != other.files[name]} <= {"model.safetensors"}
    read, expected = (load_file(each.folder / "model.safetensors") for each in (card, other))
    assert read.keys() == expected.keys()
    assert all(torch.equal(read[name], weight) for name, weight in expected.items())


@pytest.fixture(scope="module")
def ruclip(tmp_path_factory: pytest.TempPathFactory) -> Card:
    root = tmp_path_factory.mktemp("ruclip")
    return import_original("ruclip", dual_encoders.save_ruclip(root / "source"), root, "ruclip-tiny")


@pytest.fixture(scope="module")
def openai(tmp_path_factory: pytest.TempPathFactory) -> Card:
    root = tmp_path_factory.mktemp("openai")
    return import_original("openai-clip", dual_encoders.save_openai(root / "source"), root, "vit-b-32")


@pytest.fixture(scope="module")
def residual(tmp_path_factory: pytest.TempPathFactory) -> Card:
    root = tmp_path_factory.mktemp("residual")
    source = root / "source"
    source.mkdir()
    dual_encoders.save_words(source)
    torch.save(dual_encoders.residual_weights(dual_encoders.RESIDUAL), source / "RN.pt")
    return import_original("openai-clip", source, root, "rn")


class TestRuclip:
    def test_photos_become_its_processor_s_pixels(self, ruclip: Card) -> None:
        """Wide, tall, square, small and large photos, to 1e-6."""
        pixels = Clip.load(ruclip.folder).preprocess(dual_encoders.photos())
        torch.testing.assert_close(pixels, normalize_pixels(load_recorded("ruclip")["pixels"]), atol=1e-6, rtol=0)

    def test_where_the_original_s_crop_is_a_matter_of_luck_ours_is_one_of_its_two(self, ruclip: Card) -> None:
        """It draws where a photo is one pixel wider than tall; both places are a pixel apart."""
        photo = hashed.photo("luck", (33, 32))
        left, right = (photo.crop((start, 0, start + 32, 32)) for start in (0, 1))
        clip = Clip.load(ruclip.folder)
        assert torch.equal(clip.preprocess([photo]), clip.preprocess([left]))
        assert not torch.equal(clip.preprocess([left]), clip.preprocess([right]))

    def test_texts_become_its_processor_s_ids(self, ruclip: Card) -> None:
        """Lower case, at most 75 tokens, <BOS> before and <EOS> behind them."""
        clip = Clip.load(ruclip.folder)
        tokens = [len(states) for states in clip.encode_texts(TEXTS).tokens]
        ids = load_recorded("ruclip")["ids"]
        assert tokens == [int((row == 3).nonzero()[0]) + 1 for row in ids]
        assert max(tokens) == 77

    def test_embeddings_of_photos_are_the_original_s(self, ruclip: Card) -> None:
        clip, expected = Clip.load(ruclip.folder), load_recorded("ruclip")["photos"]
        torch.testing.assert_close(clip.project_images(dual_encoders.photos()), expected, atol=1e-5, rtol=1e-5)
        seen = clip.encode_images(dual_encoders.photos()).embeddings
        torch.testing.assert_close(seen, normalize(expected, dim=-1), atol=1e-5, rtol=0)

    def test_embeddings_of_texts_are_the_original_s(self, ruclip: Card) -> None:
        clip, expected = Clip.load(ruclip.folder), load_recorded("ruclip")["texts"]
        torch.testing.assert_close(clip.project_texts(TEXTS), expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(clip.encode_texts(TEXTS).embeddings, normalize(expected, dim=-1), atol=1e-5, rtol=0)

    def test_the_recorded_embeddings_are_far_apart(self) -> None:
        """Otherwise the tests above would pass with any photo and any text."""
        for name in ("photos", "texts"):
            features = load_recorded("ruclip")[name]
            apart = (features[:, None] - features[None]).abs().amax(-1) + torch.eye(len(features))
            same = {(2, 3), (3, 2)} if name == "texts" else set()
            close = {(int(a), int(b)) for a, b in (apart < 0.1).nonzero()}
            assert close == same

    def test_a_card_counts_what_it_holds(self, ruclip: Card) -> None:
        """What is written holds no pickle and no file of youtokentome."""
        assert set(ruclip.files) == {"config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"}
        assert ruclip.kind == "clip"

    def test_a_weight_of_another_architecture_is_refused(self, tmp_path: Path) -> None:
        source = dual_encoders.save_ruclip(tmp_path / "source")
        state = torch.load(source / "pytorch_model.bin", weights_only=True)
        torch.save(state | {"visual.layer1.0.conv1.weight": torch.zeros(2)}, source / "pytorch_model.bin")
        with pytest.raises(CheckpointError, match="weights-unexpected"):
            import_original("ruclip", source, tmp_path, "ruclip-tiny")


class TestOpenai:
    def test_embeddings_are_the_original_s(self, openai: Card) -> None:
        """The weights, which are published in half precision, compute in full."""
        clip, expected = Clip.load(openai.folder), load_recorded("openai")
        pixels = normalize_pixels(expected["pixels"])
        seen = clip.encode_pixels(pixels).embeddings
        torch.testing.assert_close(seen, normalize(expected["photos"], dim=-1), atol=1e-5, rtol=0)
        torch.testing.assert_close(clip.project_texts(TEXTS), expected["texts"], atol=1e-5, rtol=1e-5)

    def test_photos_become_its_pixels(self, openai: Card) -> None:
        """To 1e-6; at one of the sizes torchvision's crop begins a pixel later than that of `transformers`."""
        pixels = Clip.load(openai.folder).preprocess(dual_encoders.photos())
        torch.testing.assert_close(pixels, normalize_pixels(load_recorded("openai")["pixels"]), atol=1e-6, rtol=0)
        cut = [32 * max(size) // min(size) - 32 for size in PHOTOS]
        assert [round(pixels / 2) == pixels // 2 for pixels in cut].count(False) == 1

    def test_openclip_s_configuration_is_read_beside_its_weights(self, tmp_path: Path) -> None:
        """Another activation, mean and number of heads than OpenAI's; weights under a trainer's prefix."""
        source = dual_encoders.save_openai(tmp_path / "source")
        (source / "ViT-B-32.pt").unlink()
        state = dual_encoders.openai_weights(dual_encoders.OPENAI)
        kept = {"epoch": 32, "state_dict": {f"module.{name}": weight for name, weight in state.items()}}
        torch.save(kept, source / "open_clip_pytorch_model.bin")
        shown = {"model_cfg": OPENCLIP, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3}}
        (source / "open_clip_config.json").write_text(json.dumps(shown), "utf-8")
        card = import_original("openai-clip", source, tmp_path, "openclip")
        config = json.loads((card.folder / "config.json").read_text("utf-8"))
        vision, text = config["vision_config"], config["text_config"]
        assert (vision["hidden_act"], text["hidden_act"]) == ("gelu", "gelu")
        assert (vision["num_attention_heads"], text["num_attention_heads"]) == (4, 8)
        clip = Clip.load(card.folder)
        assert clip.preprocessor.mean == (0.5,) * 3
        assert torch.isfinite(clip.encode_texts(TEXTS).embeddings).all()

    def test_a_torchscript_archive_is_read_like_its_state_dict(self, openai: Card, tmp_path: Path) -> None:
        """As OpenAI publishes them."""
        source = dual_encoders.save_openai(tmp_path / "source")
        state = torch.load(source / "ViT-B-32.pt", weights_only=True)
        programs.save(state, source / "ViT-B-32.pt")
        assert_same(import_original("openai-clip", source, tmp_path, "program"), openai)


class TestResidual:
    """RN50 and its kin: a residual network that looks at photos."""

    def test_embeddings_of_photos_are_the_original_s(self, residual: Card) -> None:
        clip, expected = Clip.load(residual.folder), load_recorded("residual")["photos"]
        torch.testing.assert_close(clip.project_images(dual_encoders.photos()), expected, atol=1e-5, rtol=1e-5)
        apart = (expected[:, None] - expected[None]).abs().amax(-1) + torch.eye(len(expected))
        assert apart.min() > 0.02

    def test_states_are_the_cells_of_the_last_stage(self, residual: Card) -> None:
        seen = Clip.load(residual.folder).encode_images(dual_encoders.photos())
        assert seen.states.shape == (len(PHOTOS), 1 + GRID**2, 512)

    def test_openclip_s_configuration_tells_its_stages(self, residual: Card, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.mkdir()
        dual_encoders.save_words(source)
        save_file(dual_encoders.residual_weights(dual_encoders.RESIDUAL), source / "open_clip_model.safetensors")
        vision = {"image_size": 64, "layers": [1, 2, 1, 1], "width": 16, "patch_size": None}
        text = {"context_length": 77, "vocab_size": 514, "width": 128, "heads": 2, "layers": 2}
        shown = {"embed_dim": 24, "quick_gelu": True, "vision_cfg": vision, "text_cfg": text}
        (source / "open_clip_config.json").write_text(json.dumps({"model_cfg": shown}), "utf-8")
        assert_same(import_original("openai-clip", source, tmp_path, "rn"), residual)


def save_model(model: PreTrainedModel, folder: Path, pickled: bool) -> None:
    """As the hub had it before safetensors, positions and all, or as it has it now."""
    if pickled:
        model.config.save_pretrained(folder)
        positions = {"text_model.embeddings.position_ids": torch.arange(77)[None]}
        torch.save(model.state_dict() | positions, folder / "pytorch_model.bin")
    else:
        model.save_pretrained(folder)


def save_rule(folder: Path, rule: dict[str, Any]) -> None:
    rule |= {"image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(rule), "utf-8")


@torch.no_grad()
def spread(model: Model) -> Model:
    """Weights so large that every text and photo looks another; freshly drawn ones are too small."""
    for name, weight in model.named_parameters():
        weight.add_(hashed.numbers(name, tuple(weight.shape)) * 0.2)
    model.eval()
    return model


class TestTransformers:
    @torch.no_grad()
    @pytest.mark.parametrize("pickled", [True, False])
    def test_clip_is_read_as_transformers_reads_it(self, tmp_path: Path, pickled: bool) -> None:
        """From `vocab.json` and `merges.txt`, with the end of a text where the configuration of 2021 says it is."""
        source = tmp_path / "source"
        source.mkdir()
        dual_encoders.save_words(source)
        tokenizer = dual_encoders.words(source)
        model = self.clip(eos_token_id=2)
        save_model(model, source, pickled)
        save_rule(source, {"size": 32, "crop_size": 32, "do_center_crop": True, "resample": 3})
        card = import_original("clip", source, tmp_path, "clip-tiny")
        clip = Clip.load(card.folder)
        texts = tokenizer(list(TEXTS), padding=True, truncation=True, max_length=77, return_tensors="pt")
        expected = model.get_text_features(**texts).pooler_output
        torch.testing.assert_close(clip.project_texts(TEXTS), expected, atol=1e-5, rtol=1e-5)
        pixels = clip.preprocess(dual_encoders.photos())
        seen = model.get_image_features(pixel_values=pixels).pooler_output
        torch.testing.assert_close(clip.project_images(dual_encoders.photos()), seen, atol=1e-5, rtol=1e-5)

    @staticmethod
    def clip(**ids: int) -> CLIPModel:
        config = CLIPConfig(
            text_config=TOWER | {"vocab_size": 514, "max_position_embeddings": 77} | ids,
            vision_config=TOWER | {"image_size": 32, "patch_size": 8},
            projection_dim=24,
        )
        return spread(CLIPModel(config))

    @torch.no_grad()
    def test_siglip_reads_a_text_to_the_end_of_its_padding(self, tmp_path: Path) -> None:
        """Texts of full length without a mask, whichever token pads; photos squeezed, no class token."""
        source, model = self.siglip(tmp_path, {"pad_token": "[UNK]"})
        card = import_original("clip", source, tmp_path, "siglip-tiny")
        clip = Clip.load(card.folder)
        tokenizer = tiny.reading_tokenizer()
        tokenizer.enable_truncation(16)
        ids = [tokenizer.encode(text).ids for text in TEXTS]
        padded = torch.tensor([row + [tokenizer.token_to_id("[UNK]")] * (16 - len(row)) for row in ids])
        expected = model.get_text_features(padded).pooler_output
        torch.testing.assert_close(clip.project_texts(TEXTS), expected, atol=1e-5, rtol=1e-5)
        assert [len(states) for states in clip.encode_texts(TEXTS).tokens] == [len(row) for row in ids]
        processor = SiglipImageProcessorPil(size={"height": 32, "width": 32})
        pixels = processor(dual_encoders.photos(), return_tensors="pt").pixel_values
        seen = clip.encode_images(dual_encoders.photos())
        expected = normalize(model.get_image_features(pixels).pooler_output, dim=-1)
        torch.testing.assert_close(seen.embeddings, expected, atol=1e-5, rtol=0)
        assert seen.states.shape == (len(PHOTOS), 1 + GRID**2, TOWER["hidden_size"])

    def test_siglip_2_s_words_are_put_into_lower_case(self, tmp_path: Path) -> None:
        """Its tokenizer is Gemma's, which does not say so."""
        source, _ = self.siglip(tmp_path, {"pad_token": {"content": "[PAD]"}}, normalizer=None)
        clip = Clip.load(import_original("clip", source, tmp_path, "siglip-tiny").folder)
        upper, lower = clip.project_texts(["КУРТКА", "куртка"])
        assert torch.equal(upper, lower)

    def test_a_siglip_without_its_tokenizer_names_the_file(self, tmp_path: Path) -> None:
        source, _ = self.siglip(tmp_path, {"pad_token": "[PAD]"})
        (source / "tokenizer.json").unlink()
        with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
            import_original("clip", source, tmp_path, "siglip-tiny")

    @staticmethod
    def siglip(folder: Path, words: dict[str, Any], **changed: None) -> tuple[Path, SiglipModel]:
        source, tokenizer = folder / "source", tiny.reading_tokenizer()
        if "normalizer" in changed:
            tokenizer.normalizer = normalizers.NFC()
        config = SiglipConfig(
            text_config=TOWER
            | {"vocab_size": tokenizer.get_vocab_size(), "max_position_embeddings": 16, "pad_token_id": 1}
            | {"bos_token_id": None, "eos_token_id": None},
            vision_config=TOWER | {"image_size": 32, "patch_size": 8},
        )
        model = spread(SiglipModel(config))
        model.save_pretrained(source)
        tokenizer.save(str(source / "tokenizer.json"))
        (source / "tokenizer_config.json").write_text(json.dumps(words), "utf-8")
        SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(source)
        return source, model

    def test_another_model_is_refused(self, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.mkdir()
        (source / "config.json").write_text('{"model_type": "bert"}', "utf-8")
        with pytest.raises(CheckpointError, match="import-failed"):
            import_original("clip", source, tmp_path, "bert")
