"""Published BLIP-2 folders and mBLIP's own files: the same pixels, logits and texts as the original code.

The answers in `tests/support/recorded/blip2` were made by transformers 4.46.3 (`Blip2ForConditionalGeneration`,
`BlipImageProcessor`, the tokenizers without `tokenizer.json`) and, for several photos, by the model of
gregor-ge/mBLIP@0380e68 over it, with weights that `tests/support/models/hashed.py` makes of their names.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from inference.captioners.blip2.captioner import Blip2Captioner, load_start_tokens
from inference.captioners.blip2.convert import SEED
from inference.checkpoints import weights
from inference.checkpoints.card import Card
from inference.checkpoints.convert import import_original
from inference.clip.preprocessing import ImagePreprocessor
from inference.errors import CheckpointError
from tests.support.models import blip2, hashed, tiny
from tests.support.models.captioners import CPU, context
from tests.support.models.languages import byte_level_tokenizer

WRITING = {"max_new_tokens": 12, "no_repeat_ngram_size": 0}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded layouts as their publishers' folders."""
    root = tmp_path_factory.mktemp("published")
    for name in ("opt", "mt5"):
        blip2.save_published(name, root / name)
    blip2.save_published("bloom", root / "bloom", salt="bloom.")
    return root


@pytest.fixture(scope="module")
def imported(published: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Card]:
    root = tmp_path_factory.mktemp("root")
    return {name: import_original("blip2", published / name, root, name) for name in ("opt", "mt5")}


def load(card: Card, **generation: object) -> Blip2Captioner:
    """The captioner; a prompt's text is its fields alone, as the recorded ones are."""
    written = dict(card.generation) | WRITING | generation
    card = replace(card, settings={"prompt": "{attributes}"}, generation=written)
    return Blip2Captioner.load(card, context(None))  # type: ignore[arg-type]


def decode(captioner: Blip2Captioner, rows: Tensor) -> list[str]:
    tokenizer = captioner.writer.tokenizer
    return [text.strip() for text in tokenizer.batch_decode(rows, skip_special_tokens=True)]


@pytest.mark.parametrize("name", ["opt", "mt5"])
class TestPublishedFolder:
    def test_pixels_are_those_of_its_image_processor(self, imported: dict[str, Card], name: str) -> None:
        rule = ImagePreprocessor.from_file(imported[name].folder / "preprocessor_config.json")
        pixels = rule.preprocess([tiny.picture(number, size) for number, size in enumerate(blip2.PHOTOS)])
        expected = blip2.answers(name)["pixels"]
        torch.testing.assert_close(pixels[:, :, ::37, ::41], expected, atol=1e-6, rtol=0)

    def test_photos_become_the_original_s_tokens(self, imported: dict[str, Card], name: str) -> None:
        captioner = load(imported[name])
        rule = ImagePreprocessor.from_file(imported[name].folder / "preprocessor_config.json")
        pixels = rule.preprocess([tiny.picture(number, size) for number, size in enumerate(blip2.PHOTOS)])
        with torch.inference_mode():
            read = torch.stack(captioner.model.encode_each(pixels, [1, 1, 1]))
        torch.testing.assert_close(read, blip2.answers(name)["projected"], atol=1e-5, rtol=0)

    @pytest.mark.parametrize("text", [0, 1])
    @pytest.mark.parametrize("photo", [0, 2])
    def test_logits_and_texts_are_the_original_s(
        self, imported: dict[str, Card], name: str, text: int, photo: int
    ) -> None:
        captioner, expected = load(imported[name]), blip2.answers(name)
        prompt = blip2.photo_prompt(blip2.TEXTS[text], photo)
        start = {"decoder_input_ids": torch.zeros(1, 1, dtype=torch.long)} if name == "mt5" else {}
        with torch.inference_mode():
            [row] = captioner.build_inputs_embeds([prompt])
            logits = captioner.model.language_model(inputs_embeds=row[None], **start).logits[:, -1]
        torch.testing.assert_close(logits, expected[f"logits.{text}.{photo}"], atol=1e-5, rtol=0)
        for beams in (1, 3):
            writing = load(imported[name], num_beams=beams)
            assert writing.generate([prompt]) == decode(writing, expected[f"tokens.{text}.{photo}.{beams}"])

    def test_shards_and_safetensors_are_the_same_checkpoint(
        self, imported: dict[str, Card], name: str, tmp_path: Path
    ) -> None:
        source = blip2.save_published(name, tmp_path / "source")
        (source / "pytorch_model.bin").unlink()
        tensors = sorted(blip2.state(name).items())
        for number, part in enumerate((tensors[:50], tensors[50:]), 1):
            torch.save(dict(part), source / f"pytorch_model-0000{number}-of-00002.bin")
        sharded = load(import_original("blip2", source, tmp_path, "sharded"))
        for path in source.glob("*.bin"):
            save_file({key: each.clone() for key, each in torch.load(path).items()}, path.with_suffix(".safetensors"))
            path.unlink()
        safe = load(import_original("blip2", source, tmp_path, "safe"))
        whole = load(imported[name])
        for other in (sharded, safe):
            for key, tensor in whole.model.state_dict().items():
                assert torch.equal(tensor, other.model.state_dict()[key]), key

    def test_files_that_the_index_does_not_name_are_not_read(
        self, imported: dict[str, Card], name: str, tmp_path: Path
    ) -> None:
        """Gregor/mblip-mt0-xl holds the shards of an earlier version beside its own."""
        source = blip2.save_published(name, tmp_path / "source")
        (source / "pytorch_model.bin").rename(source / "pytorch_model-00001-of-00001.bin")
        index = {"weight_map": dict.fromkeys(blip2.state(name), "pytorch_model-00001-of-00001.bin")}
        (source / "pytorch_model.bin.index.json").write_text(json.dumps(index), "utf-8")
        stale = {key: torch.zeros_like(tensor) for key, tensor in blip2.state(name).items()}
        torch.save(stale, source / "pytorch_model-00001-of-00002.bin")
        card = import_original("blip2", source, tmp_path, "indexed")
        assert card.parameters == imported[name].parameters
        assert load(card).model.query_tokens.any()

    def test_what_is_written_has_no_pickle_and_no_number_twice(self, imported: dict[str, Card], name: str) -> None:
        card = imported[name]
        assert {Path(file).suffix for file in card.files} <= {".safetensors", ".json", ".model", ".txt", ".jinja"}
        assert "tokenizer.json" in card.files
        counted = sum(weight.numel() for weight in load(card).model.parameters())
        assert card.parameters == weights.count_parameters(card.folder) == counted


def test_a_configuration_of_2023_with_every_default_spelled_out_is_read(published: Path, tmp_path: Path) -> None:
    """mBLIP's are such: no image token, and settings of generation inside of every part."""
    source = blip2.save_published("mt5", tmp_path / "source")
    config = json.loads((source / "config.json").read_text("utf-8"))
    old: dict[str, object] = {
        "max_length": 20,
        "num_beams": 1,
        "do_sample": False,
        "bad_words_ids": None,
        "tf_legacy_loss": False,
    }
    old |= {"torch_dtype": None, "return_dict": True, "is_decoder": False, "temperature": 1.0, "_name_or_path": ""}
    for part in ("vision_config", "qformer_config", "text_config"):
        config[part] |= old
    del config["image_token_index"]
    config["architectures"] = ["mBLIP"]
    (source / "config.json").write_text(json.dumps(config), "utf-8")
    captioner = load(import_original("blip2", source, tmp_path, "old"))
    expected = decode(captioner, blip2.answers("mt5")["tokens.0.0.1"])
    assert captioner.generate([blip2.photo_prompt(blip2.TEXTS[0], 0)]) == expected


def test_loading_says_nothing(imported: dict[str, Card], capfd: pytest.CaptureFixture[str]) -> None:
    """mT5's output embeddings are its own, which transformers 5 would warn of."""
    load(imported["mt5"])
    assert capfd.readouterr() == ("", "")


def test_opt_stops_at_a_line_break_as_blip2_was_taught(imported: dict[str, Card]) -> None:
    assert imported["opt"].generation == {"stop": "\n"}
    assert imported["mt5"].generation == {}


def test_a_checkpoint_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    source = blip2.save_published("opt", tmp_path / "source")
    state = blip2.state("opt")
    del state["qformer.layernorm.weight"]
    torch.save(state, source / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"weights-missing.*qformer\.layernorm\.weight"):
        import_original("blip2", source, tmp_path, "broken")


def swap_source(root: Path, published: Path, language: Path) -> Path:
    """A folder for `blip2-swap`."""
    root.mkdir()
    (root / "blip2").symlink_to(published / "mt5")
    (root / "language").symlink_to(language)
    return root


def save_mblip(source: Path, salt: str) -> dict[str, Tensor]:
    """What mBLIP's training writes: a Lightning checkpoint without the language model and the ViT."""
    shapes = {"language_projection.weight": (32, 24), "language_projection.bias": (32,), "query_tokens": (1, 4, 24)}
    state = {name: hashed.numbers(salt + name, shape) * 0.7 for name, shape in shapes.items()}
    (source / "tuned").mkdir()
    wrapped = {f"model.model.{name}": tensor for name, tensor in state.items()}
    torch.save({"state_dict": wrapped, "epoch": 1}, source / "tuned" / "last.ckpt")
    return state


class TestMblip:
    """Two photos a prompt, (2, 2, 3, 224, 224), as its 5-D pixels; texts of unlike length in one batch."""

    PROMPTS = (
        blip2.photo_prompt("Куртка синяя:", 0, 1),
        blip2.photo_prompt("Платье в горошек, длинное", 2, 1),
    )

    def test_several_photos_before_an_encoder_decoder(self, published: Path, tmp_path: Path) -> None:
        language = blip2.save_language_of("mt5", tmp_path / "language")
        source = swap_source(tmp_path / "source", published, language)
        save_mblip(source, "mt5.")
        captioner = load(import_original("blip2-swap", source, tmp_path, "mblip"))
        expected = blip2.answers("mt5")
        assert captioner.generate(self.PROMPTS) == decode(captioner, expected["mblip.tokens"])
        single = [replace(prompt, images=prompt.images[:1]) for prompt in self.PROMPTS]
        assert captioner.generate(single) == decode(captioner, expected["mblip.one"])

    @pytest.mark.parametrize(("beams", "answer"), [(1, "tokens"), (3, "beams")])
    def test_several_photos_before_a_decoder(self, published: Path, tmp_path: Path, beams: int, answer: str) -> None:
        source = swap_source(tmp_path / "source", published, published / "bloom")
        save_mblip(source, "bloom.")
        captioner = load(import_original("blip2-swap", source, tmp_path, "mblip"), num_beams=beams)
        expected = blip2.answers("bloom")[answer]
        assert captioner.generate(self.PROMPTS) == decode(captioner, expected)

    def test_its_adapter_is_merged_as_it_merges_it(self, published: Path, tmp_path: Path) -> None:
        """W += alpha / r · B · A, of a pickled adapter of the language model alone."""
        source = swap_source(tmp_path / "source", published, published / "bloom")
        save_mblip(source, "bloom.")
        name = "transformer.h.0.self_attention.query_key_value"
        down, up = hashed.numbers("A", (2, 32)), hashed.numbers("B", (96, 2))
        (source / "adapter").mkdir()
        prefix = f"base_model.model.{name}"
        pair = {f"{prefix}.lora_A.weight": down, f"{prefix}.lora_B.weight": up}
        torch.save(pair, source / "adapter" / "adapter_model.bin")
        lora = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 4}
        lora |= {"target_modules": ["query_key_value"], "bias": "none"}
        (source / "adapter" / "adapter_config.json").write_text(json.dumps(lora), "utf-8")
        card = import_original("blip2-swap", source, tmp_path, "mblip")
        assert card.adapters == ("adapter",)
        merged = load(card).model.language_model.get_parameter(f"{name}.weight")
        before = blip2.state("bloom", "bloom.")[f"{name}.weight"]
        torch.testing.assert_close(merged.detach(), before + 2 * up @ down)

    def test_weights_of_the_language_model_among_the_tuned_are_refused(self, published: Path, tmp_path: Path) -> None:
        source = swap_source(tmp_path / "source", published, published / "bloom")
        (source / "tuned").mkdir()
        torch.save({"language_model.lora": torch.zeros(1)}, source / "tuned" / "last.pt")
        with pytest.raises(CheckpointError, match="import-failed"):
            import_original("blip2-swap", source, tmp_path, "mblip")


class TestSwap:
    @pytest.mark.parametrize("kind", ["t5", "llama"])
    def test_a_projection_that_fits_is_kept(self, published: Path, tmp_path: Path, kind: str) -> None:
        language = blip2.save_language(kind, tmp_path / "language")
        card = import_original("blip2-swap", swap_source(tmp_path / "source", published, language), tmp_path, kind)
        projection = blip2.state("mt5")["language_projection.weight"]
        assert torch.equal(load(card).model.language_projection.weight, projection)
        assert card.summary == {}

    @pytest.mark.parametrize("kind", ["gpt2", "bart"])
    def test_another_width_makes_a_fresh_one_and_the_card_says_so(
        self, published: Path, tmp_path: Path, kind: str
    ) -> None:
        language = blip2.save_language(kind, tmp_path / "language")
        card = import_original("blip2-swap", swap_source(tmp_path / "source", published, language), tmp_path, kind)
        projection = load(card).model.language_projection
        drawn = torch.randn((24, 24), generator=torch.Generator().manual_seed(SEED)) * 0.02
        assert torch.equal(projection.weight, drawn)
        assert not projection.bias.any()
        assert f"seed {SEED}" in card.summary["ru"]
        assert f"seed {SEED}" in card.summary["en"]

    def test_texts_begin_with_the_token_that_the_language_model_is_forced_to(
        self, published: Path, tmp_path: Path
    ) -> None:
        """mBART's first token is the language, which stands in a file apart."""
        language = blip2.save_language("bart", tmp_path / "language")
        word = byte_level_tokenizer(blip2.WORDS).encode("K", add_special_tokens=False)[0]
        ids = {"decoder_start_token_id": 2, "forced_bos_token_id": word}
        (language / "generation_config.json").write_text(json.dumps(ids), "utf-8")
        card = import_original("blip2-swap", swap_source(tmp_path / "source", published, language), tmp_path, "bart")
        assert load_start_tokens(card) == ids
        captioner = load(card, max_new_tokens=4)
        assert captioner.generate([blip2.photo_prompt("Куртка", 0)])[0].startswith("K")

    def test_the_language_model_is_whole_and_its_own(self, published: Path, tmp_path: Path) -> None:
        """BART has a decoder's configuration too: transformers' own BLIP-2 would leave its encoder out."""
        language = blip2.save_language("bart", tmp_path / "language")
        card = import_original("blip2-swap", swap_source(tmp_path / "source", published, language), tmp_path, "bart")
        captioner = load(card)
        own = captioner.model.language_model.state_dict()
        kept = weights.load_tensors(language)
        assert kept.keys() <= own.keys()
        assert all(torch.equal(own[name], tensor) for name, tensor in kept.items())
        assert captioner.writer.tokenizer.get_vocab() == byte_level_tokenizer(blip2.WORDS).get_vocab()


def test_weights_are_as_narrow_as_the_device_wants(imported: dict[str, Card]) -> None:
    narrow = replace(context(None), device=replace(CPU, dtype=torch.bfloat16))  # type: ignore[arg-type]
    captioner = Blip2Captioner.load(imported["opt"], narrow)
    assert {weight.dtype for weight in captioner.model.parameters()} == {torch.bfloat16}
    assert captioner.generate([blip2.photo_prompt("Куртка", 0)])[0]
