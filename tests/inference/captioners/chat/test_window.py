"""What fits: photos of one tile each, fields that are cut for the model's window, batches in parts, no foreign code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from transformers import GenerationConfig
from transformers.models.gemma3.processing_gemma3 import Gemma3Processor

from inference.captioners.base import Captioner, Prompt, load_captioner
from inference.captioners.chat.captioner import ChatCaptioner, Settings
from inference.captioners.chat.processing import load_processor
from inference.captioners.generation.settings import GenerationSettings
from inference.captioners.parts import MIN_PROMPT_TOKENS
from inference.checkpoints.card import Card
from inference.clip.dual_encoder import Clip
from inference.errors import CheckpointError
from inference.listing.validation import MAX_RATIO, MAX_SIDE
from tests.support.models.captioners import FIELDS, context, mixed_prompts, prompt
from tests.support.models.vision_language import SAVED

WORDS = 6

# As published: the rule of images, what the processor says of a photo's length, the tokens of one photo of 512 pixels
# with what stands around them.
PUBLISHED: Mapping[str, tuple[Mapping[str, object], Mapping[str, object], int]] = {
    "smolvlm": (
        {"size": {"longest_edge": 2048}, "max_image_size": {"longest_edge": 512}, "do_image_splitting": True},
        {"image_seq_len": 64},
        64 + 3,
    ),
    "internvl": (
        {"size": {"height": 448, "width": 448}, "crop_to_patches": True, "min_patches": 1, "max_patches": 12},
        {"image_seq_length": 256},
        256 + 2,
    ),
    "gemma3": ({"size": {"height": 896, "width": 896}, "do_pan_and_scan": True}, {"image_seq_length": 256}, 256 + 6),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A published folder of each kind."""
    root = tmp_path_factory.mktemp("published")
    for kind, save in SAVED.items():
        save(root / kind)
    return {kind: root / kind for kind in SAVED}


def loaded(folder: Path, clip: Clip, photos: int = 10) -> ChatCaptioner:
    settings, generation = {"photo_edge": 64}, {"max_new_tokens": WORDS}
    card = Card(
        folder=folder, family="chat-vlm", version="1", max_photos=photos, settings=settings, generation=generation
    )
    captioner: Captioner = load_captioner(card, context(clip))
    assert isinstance(captioner, ChatCaptioner)
    return captioner


def copy_with(folder: Path, target: Path, file: str, **values: object) -> Path:
    """A copy of a folder whose JSON file says something else."""
    copy = target if target.exists() else shutil.copytree(folder, target)
    said = json.loads((copy / file).read_text())
    (copy / file).write_text(json.dumps(said | values))
    return copy


def with_window(folder: Path, target: Path, positions: int | None) -> Path:
    text = json.loads((folder / "config.json").read_text())["text_config"]
    return copy_with(folder, target, "config.json", text_config=text | {"max_position_embeddings": positions})


def read(captioner: ChatCaptioner, asked: Prompt) -> list[int]:
    """The tokens that the model reads of a prompt before it writes."""
    seen: list[list[int]] = []
    generate = captioner._model.generate

    def watched(**inputs: Any) -> Any:
        seen.extend(inputs["input_ids"].tolist())
        return generate(**inputs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(captioner._model, "generate", watched)
        captioner.generate([asked])
    return seen[0]


@pytest.mark.parametrize("kind", PUBLISHED)
def test_a_photo_is_one_tile_whatever_was_published(folders: Mapping[str, Path], tmp_path: Path, kind: str) -> None:
    rule, lengths, tokens = PUBLISHED[kind]
    folder = copy_with(folders[kind], tmp_path / "published", "preprocessor_config.json", **rule)
    copy_with(folder, folder, "processor_config.json", **lengths)
    processor: Any = load_processor(folder)
    sign = {"smolvlm": "<image>", "internvl": "<IMG_CONTEXT>", "gemma3": "<start_of_image>"}[kind]
    photos = [Image.new("RGB", (512, 384 + number)) for number in range(10)]
    inputs = processor(text=[sign * 10], images=[photos], return_tensors="pt")
    assert inputs["input_ids"].shape[1] <= 10 * tokens + 1
    assert inputs["pixel_values"].flatten(0, -4).shape[0] == 10


def test_a_photo_is_one_tile_whatever_the_library_does_by_default(
    folders: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Gemma3Processor.images_kwargs, "do_pan_and_scan", True)
    processor: Any = load_processor(folders["gemma3"])
    inputs = processor(text=["<start_of_image>"], images=[[Image.new("RGB", (1024, 512))]], return_tensors="pt")
    assert inputs["pixel_values"].shape[0] == 1


@pytest.mark.parametrize("kind", SAVED)
def test_the_narrowest_photo_that_is_let_in_is_read(folders: Mapping[str, Path], tiny_clip: Clip, kind: str) -> None:
    strip = Image.new("RGB", (MAX_SIDE, MAX_SIDE // MAX_RATIO))
    captioner = loaded(folders[kind], tiny_clip)
    assert (
        len(
            captioner.generate(
                [replace(prompt(tiny_clip, 1), images=(image,)) for image in (strip, strip.rotate(90, expand=True))]
            )
        )
        == 2
    )


@pytest.mark.parametrize("kind", SAVED)
def test_fields_are_cut_where_the_window_ends(
    folders: Mapping[str, Path], tmp_path: Path, tiny_clip: Clip, kind: str
) -> None:
    """The photos stay, and what is left of the fields is their beginning, without half a mask token."""
    few, many = (
        replace(prompt(tiny_clip, 3, "Цена: <PRICE>" + fields), mask_tokens=frozenset({"<PRICE>", "<SIZE>"}))
        for fields in ("", " <SIZE>" * 200)
    )
    free = len(read(loaded(folders[kind], tiny_clip, 3), few))
    for more in range(MIN_PROMPT_TOKENS, MIN_PROMPT_TOKENS + 8):
        captioner = loaded(with_window(folders[kind], tmp_path / f"{more}", free + more + WORDS), tiny_clip, 3)
        ids = read(captioner, many)
        assert captioner.max_photos == 3
        assert free + more - 8 < len(ids) <= free + more
        assert str(captioner._writer.tokenizer.decode(ids)).count("<SIZE><end>") == 1


def test_a_window_that_is_not_known_limits_nothing(folders: Mapping[str, Path], tiny_clip: Clip) -> None:
    model = SimpleNamespace(config=SimpleNamespace(get_text_config=SimpleNamespace))
    model.eval, model.generation_config = lambda: model, GenerationConfig()
    processor = load_processor(folders["gemma3"])
    unlimited = Card(folder=Path("unlimited"), family="chat-vlm", version="1", max_photos=10)
    captioner = ChatCaptioner(model, processor, Settings(), GenerationSettings(), unlimited)
    assert captioner.max_photos == 10
    long = prompt(tiny_clip, 1, "Куртка " * 5000)
    assert captioner._fit_window([long])["input_ids"].shape[1] > 8192


@pytest.mark.parametrize("kind", SAVED)
def test_photos_that_have_no_room_in_the_window_are_not_promised(
    folders: Mapping[str, Path], tmp_path: Path, tiny_clip: Clip, kind: str
) -> None:
    square = Image.new("RGB", (64, 64))
    asked = replace(prompt(tiny_clip, 5, many=True), images=(square,) * 5)
    window = len(read(loaded(folders[kind], tiny_clip), asked)) + WORDS + MIN_PROMPT_TOKENS
    for positions, photos in ((window, 5), (window - 1, 4), (40, 0)):
        folder = with_window(folders[kind], tmp_path / str(positions), positions)
        assert loaded(folder, tiny_clip).max_photos == photos


def test_a_text_too_long_for_the_window_is_refused(
    folders: Mapping[str, Path], tmp_path: Path, tiny_clip: Clip
) -> None:
    with pytest.raises(CheckpointError, match=r"context-short.*config\.json"):
        loaded(with_window(folders["gemma3"], tmp_path / "narrow", WORDS + MIN_PROMPT_TOKENS - 1), tiny_clip)


def test_a_batch_is_read_in_parts(folders: Mapping[str, Path], tiny_clip: Clip) -> None:
    captioner = loaded(folders["internvl"], tiny_clip)
    seen: list[int] = []
    eye = captioner._model.model.vision_tower
    hook = eye.register_forward_pre_hook(
        lambda eye, a, named: seen.append(len(named["pixel_values"])), with_kwargs=True
    )
    captioner.generate([prompt(tiny_clip, 10, FIELDS) for _ in range(3)] + mixed_prompts(tiny_clip))
    hook.remove()
    assert sum(seen) == 30 + 28
    assert max(seen) <= 16


def test_code_that_lies_in_a_folder_is_refused_without_a_question(
    folders: Mapping[str, Path], tmp_path: Path, tiny_clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return "n"

    monkeypatch.setattr("builtins.input", answer)
    code = {"AutoConfig": "own.Config", "AutoModelForImageTextToText": "own.Model"}
    folder = copy_with(folders["internvl"], tmp_path / "own", "config.json", model_type="internvl_chat", auto_map=code)
    for attempt in (lambda: loaded(folder, tiny_clip), lambda: load_processor(folder)):
        with pytest.raises(ValueError, match="trust_remote_code"):
            attempt()
    folder = copy_with(
        folders["internvl"],
        tmp_path / "rule",
        "preprocessor_config.json",
        image_processor_type="Own",
        auto_map={"AutoImageProcessor": "own.Rule"},
    )
    with pytest.raises(ValueError, match="trust_remote_code"):
        load_processor(folder)
    assert not asked
