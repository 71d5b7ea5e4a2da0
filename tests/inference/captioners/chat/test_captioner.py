"""Vision-language models that chat: four kinds of photo reading behind one door, with the request in Russian."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from transformers import AutoModelForImageTextToText

from inference.captioners.base import Captioner, LoadContext, Prompt, load_captioner
from inference.captioners.chat.captioner import ChatCaptioner
from inference.captioners.chat.processing import load_processor
from inference.captioners.generation.prompts import build_request
from inference.captioners.parts import make_thumbnail
from inference.checkpoints.card import Card
from inference.checkpoints.convert import import_original
from inference.clip.dual_encoder import Clip
from inference.devices import Device
from inference.errors import CheckpointError
from tests.support.models import tiny
from tests.support.models.captioners import FIELDS, assert_keeps_the_promises, context, prompt
from tests.support.models.vision_language import SAVED, WORDS

RECORDED = Path(__file__).parents[3] / "support" / "recorded" / "chat"
QUICK = {"max_new_tokens": 6}
SMALL = {"photo_edge": 64}


@pytest.fixture(scope="module", params=SAVED)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published folder of each kind."""
    path = tmp_path_factory.mktemp("published") / str(request.param)
    SAVED[request.param](path)
    return path


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published") / "qwen"
    SAVED["qwen2.5-vl"](path)
    return path


def card(folder: Path, settings: Mapping[str, object] = SMALL, **generation: object) -> Card:
    wanted = QUICK | generation
    return Card(folder=folder, family="chat-vlm", version="1", max_photos=10, settings=settings, generation=wanted)


def test_every_kind_reads_one_three_and_ten_photos_and_none(folder: Path, tiny_clip: Clip) -> None:
    texts = assert_keeps_the_promises(load_captioner(card(folder), context(tiny_clip)), tiny_clip)
    assert len(set(texts[:6])) > 2


def test_a_beam_search_keeps_the_promises_too(qwen: Path, tiny_clip: Clip) -> None:
    assert_keeps_the_promises(load_captioner(card(qwen, num_beams=2), context(tiny_clip)), tiny_clip)


def test_a_text_is_what_the_library_s_own_recipe_writes(folder: Path, tiny_clip: Clip) -> None:
    """One conversation at a time through processor and model, as the publishers' examples do it."""
    captioner = load_captioner(card(folder, no_repeat_ngram_size=0), context(tiny_clip))
    assert isinstance(captioner, ChatCaptioner)
    model: Any = AutoModelForImageTextToText.from_pretrained(folder).eval()
    processor: Any = load_processor(folder)
    for asked in (prompt(tiny_clip, 2, "Цвет: синий"), prompt(tiny_clip, 1), prompt(tiny_clip, 0, "Платье")):
        photos = [{"type": "image"} for _ in asked.images]
        turn = {"role": "user", "content": [*photos, {"type": "text", "text": build_request(asked)}]}
        text = processor.tokenizer.apply_chat_template(
            [turn], chat_template=processor.chat_template, tokenize=False, add_generation_prompt=True
        )
        images = [make_thumbnail(image, 64, Image.Resampling.BICUBIC) for image in asked.images] or None
        inputs = processor(text=[text], images=[images] if images else None, return_tensors="pt")
        digits = [[word] for word in captioner._writer._digit_ids.tolist()]
        written = model.generate(**inputs, max_new_tokens=6, do_sample=False, bad_words_ids=digits)
        expected = processor.tokenizer.decode(written[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        assert captioner.generate([asked]) == [expected.strip()]


def test_a_folder_of_the_time_of_publication_gives_the_same_numbers(qwen: Path, tmp_path: Path) -> None:
    """Weights, flat configuration and slow image processor as transformers 4.57.3 wrote and ran them."""
    folder = shutil.copytree(qwen, tmp_path / "published")
    for name in ("config.json", "model.safetensors"):
        shutil.copy(RECORDED / name, folder / name)
    expected = json.loads((RECORDED / "expected.json").read_text())
    model: Any = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    processor: Any = load_processor(folder)
    photos = "<|vision_start|><|image_pad|><|vision_end|>" * 2
    text = f"<turn>user\n{photos}Опиши вещь. Цена: <PRICE><end>\n<turn>assistant\n"
    images = [tiny.picture(number, (64, 48 + 4 * number)) for number in range(2)]
    inputs = processor(text=[text], images=[images], return_tensors="pt")
    assert inputs["input_ids"][0].tolist() == expected["ids"]
    with torch.inference_mode():
        logits = model(**inputs).logits[0, -1]
        written = model.generate(**inputs, max_new_tokens=12, do_sample=False, pad_token_id=0, eos_token_id=2)
    assert (logits - torch.tensor(expected["logits"])).abs().max() < 1e-5
    assert written[0, len(expected["ids"]) :].tolist() == expected["written"]


def test_a_seller_who_writes_the_model_s_own_tokens_is_answered(folder: Path, tiny_clip: Clip) -> None:
    """A stray `<image>` would be one photo too many, an end of turn somebody else's turn."""
    captioner = load_captioner(card(folder), context(tiny_clip))
    assert isinstance(captioner, ChatCaptioner)
    tokens = " ".join(sorted(captioner._writer.tokenizer.get_added_vocab()))
    evil, plain = (
        replace(prompt(tiny_clip, 1), masked=f"Куртка {more} Цена: <PRICE>", mask_tokens=frozenset({"<PRICE>"}))
        for more in (tokens, " ".join(" " for _ in tokens.split()))
    )
    assert captioner.generate([evil]) == captioner.generate([plain])


def test_photos_and_their_order_matter(folder: Path, tiny_clip: Clip) -> None:
    """The states before the first word differ with the order, so no photo is passed over."""
    captioner = load_captioner(card(folder), context(tiny_clip))
    forth = prompt(tiny_clip, 3, FIELDS)
    back = replace(forth, images=forth.images[::-1])
    fewer = replace(forth, images=forth.images[:2])
    first, second, third = (first_logits(captioner, each) for each in (forth, back, fewer))
    assert (first - second).abs().max() > 1e-4
    assert (first - third).abs().max() > 1e-4


def first_logits(captioner: Captioner, asked: Prompt) -> torch.Tensor:
    """Of the first word that is written."""
    assert isinstance(captioner, ChatCaptioner)
    seen: list[torch.Tensor] = []
    hook = captioner._model.register_forward_hook(lambda model, arguments, output: seen.append(output.logits))
    captioner.generate([asked])
    hook.remove()
    return seen[0][0, -1]


def test_a_published_folder_is_imported_with_its_pickle(qwen: Path, tmp_path: Path, tiny_clip: Clip) -> None:
    """Weights of two pickled shards become safetensors; the text stays."""
    source = tmp_path / "source"
    source.mkdir()
    for path in qwen.iterdir():
        if path.suffix != ".safetensors":
            (source / path.name).write_bytes(path.read_bytes())
    state = AutoModelForImageTextToText.from_pretrained(qwen).state_dict()
    names = sorted(state)
    shards = {"pytorch_model-00001-of-00002.bin": names[:20], "pytorch_model-00002-of-00002.bin": names[20:]}
    for shard, held in shards.items():
        torch.save({name: state[name] for name in held}, source / shard)
    places = {name: shard for shard, held in shards.items() for name in held}
    (source / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    imported = import_original("chat-vlm", source, tmp_path, "qwen")
    assert not list(imported.folder.glob("*.bin"))
    asked = [prompt(tiny_clip, 2, FIELDS)]
    texts = [
        load_captioner(replace(each, settings=SMALL, generation=QUICK), context(tiny_clip)).generate(asked)
        for each in (imported, card(qwen))
    ]
    assert texts[0] == texts[1]


def test_a_model_that_does_not_chat_is_refused(qwen: Path, tmp_path: Path) -> None:
    (qwen / "chat_template.jinja").rename(tmp_path / "kept")
    try:
        with pytest.raises(CheckpointError) as raised:
            import_original("chat-vlm", qwen, tmp_path, "qwen")
    finally:
        (tmp_path / "kept").rename(qwen / "chat_template.jinja")
    assert raised.value.message.code == "import-failed"


def test_a_template_that_stands_with_the_tokenizer_alone_is_found(
    folder: Path, tmp_path: Path, tiny_clip: Clip
) -> None:
    """As transformers wrote it before 4.43: a key of `tokenizer_config.json`."""
    source = shutil.copytree(folder, tmp_path / "source")
    change_tokenizer(source, chat_template=(source / "chat_template.jinja").read_text())
    (source / "chat_template.jinja").unlink()
    asked = [prompt(tiny_clip, 2, FIELDS)]
    imported = import_original("chat-vlm", source, tmp_path, "imported")
    texts = [
        load_captioner(replace(each, settings=SMALL, generation=QUICK), context(tiny_clip)).generate(asked)
        for each in (imported, card(source), card(folder))
    ]
    assert texts[0] == texts[1] == texts[2]


def test_a_tokenizer_without_padding_pads_with_its_end(folder: Path, tmp_path: Path, tiny_clip: Clip) -> None:
    """What is padded is not read, so that the text stays."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    change_tokenizer(copy, pad_token=None)
    asked = [prompt(tiny_clip, 2, FIELDS), prompt(tiny_clip, 0, "Платье")]
    assert load_captioner(card(copy), context(tiny_clip)).generate(asked) == load_captioner(
        card(folder), context(tiny_clip)
    ).generate(asked)


def change_tokenizer(folder: Path, **values: object) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.fixture
def tuned(qwen: Path, tmp_path: Path) -> Any:
    """A model with an adapter, which lies as `lora` in the folder `tuned` beside it."""
    folder = shutil.copytree(qwen, tmp_path / "tuned")
    rank = LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    tuned: Any = get_peft_model(AutoModelForImageTextToText.from_pretrained(folder), rank)
    tuned.save_pretrained(folder / "lora")
    return tuned


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # PEFT's, while an adapter is made
def test_an_adapter_is_merged_before_the_weights_become_narrower(tuned: Any, tiny_clip: Clip, tmp_path: Path) -> None:
    captioner = load_captioner(replace(card(tmp_path / "tuned"), adapters=("lora",)), half_context(tiny_clip))
    plain = load_captioner(card(tmp_path / "tuned"), half_context(tiny_clip))
    assert isinstance(captioner, ChatCaptioner)
    assert isinstance(plain, ChatCaptioner)
    merged, expected = captioner._model.state_dict(), tuned.merge_and_unload().state_dict()
    assert all(torch.equal(merged[name], expected[name].bfloat16()) for name in expected)
    widths = ({name: each.dtype for name, each in model._model.named_buffers()} for model in (captioner, plain))
    assert next(widths) == next(widths)
    assert len(captioner.generate([prompt(tiny_clip, 2, FIELDS)])) == 1


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # PEFT's, while an adapter is made
def test_an_adapter_of_the_card_is_merged(qwen: Path, tuned: Any, tiny_clip: Clip, tmp_path: Path) -> None:
    folder = tmp_path / "tuned"
    captioner = load_captioner(replace(card(folder), adapters=("lora",)), context(tiny_clip))
    assert isinstance(captioner, ChatCaptioner)
    merged, expected = captioner._model.state_dict(), tuned.merge_and_unload().state_dict()
    assert all(torch.allclose(merged[name], expected[name], atol=1e-6) for name in expected)
    asked = [prompt(tiny_clip, 2, FIELDS)]
    assert captioner.generate(asked) != load_captioner(card(qwen), context(tiny_clip)).generate(asked)


@pytest.mark.parametrize(
    "published",
    [
        {"return_dict_in_generate": True},
        {"num_return_sequences": 2, "do_sample": True},
        {"penalty_alpha": 0.6, "top_k": 4},
        {"guidance_scale": 3.0},
        {"prompt_lookup_num_tokens": 3},
        {"suppress_tokens": list(range(3, 500))},
        {"forced_eos_token_id": 3},
        {"sequence_bias": [[[7], 50.0]]},
        {"max_length": 2, "do_sample": True, "temperature": 0.1, "top_p": 0.5},
    ],
    ids=lambda published: next(iter(published)),
)
def test_how_a_model_writes_is_the_card_s_business_not_the_publisher_s(
    qwen: Path, tiny_clip: Clip, tmp_path: Path, caplog: pytest.LogCaptureFixture, published: Mapping[str, object]
) -> None:
    """Of a `generation_config.json` only the ends of a turn count; the rest neither counts nor warns."""
    asked = [prompt(tiny_clip, 1, FIELDS), prompt(tiny_clip, 0, "Платье")]
    expected = load_captioner(card(qwen), context(tiny_clip)).generate(asked)
    folder = shutil.copytree(qwen, tmp_path / "published")
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | published))
    captioner = load_captioner(card(folder), context(tiny_clip))
    caplog.clear()  # the library's own, of what it read
    assert captioner.generate(asked) == expected
    assert not caplog.records


def test_a_turn_ends_where_the_publisher_says(qwen: Path, tiny_clip: Clip, tmp_path: Path) -> None:
    """Whatever is written first, when everything is an end."""
    folder = shutil.copytree(qwen, tmp_path / "published")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": list(range(WORDS))}))
    captioner = load_captioner(card(folder), context(tiny_clip))
    assert isinstance(captioner, ChatCaptioner)
    steps: list[object] = []
    hook = captioner._model.register_forward_hook(lambda model, arguments, output: steps.append(output))
    captioner.generate([prompt(tiny_clip, 1, FIELDS)])
    hook.remove()
    assert len(steps) == 1


@pytest.mark.parametrize("settings", [{"photo_edge": 5}, {"photo_edge": "448"}, {"bits": 3}, {"zoom": 1}])
def test_a_setting_that_cannot_be_is_named(qwen: Path, tiny_clip: Clip, settings: Mapping[str, object]) -> None:
    with pytest.raises(CheckpointError) as raised:
        load_captioner(card(qwen, settings), context(tiny_clip))
    assert raised.value.message.details["field"] == f"settings.{next(iter(settings))}"


def test_where_nothing_can_quantise_the_weights_stay_whole(
    qwen: Path, tiny_clip: Clip, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        captioner = load_captioner(card(qwen, SMALL | {"bits": 4}), context(tiny_clip))
    assert "4 bits" in caplog.text
    asked = [prompt(tiny_clip, 1)]
    assert captioner.generate(asked) == load_captioner(card(qwen), context(tiny_clip)).generate(asked)


def test_weights_and_pixels_have_the_width_of_the_device(folder: Path, tiny_clip: Clip) -> None:
    captioner = load_captioner(card(folder), half_context(tiny_clip))
    assert isinstance(captioner, ChatCaptioner)
    assert {weight.dtype for weight in captioner._model.parameters()} == {torch.bfloat16}
    assert first_logits(captioner, prompt(tiny_clip, 2, FIELDS)).isfinite().all()


def half_context(clip: Clip) -> LoadContext:
    return replace(context(clip), device=Device("cpu", torch.bfloat16, free=1 << 40, total=1 << 40))


def test_the_request_holds_the_fields_and_says_whether_it_is_one_thing(tiny_clip: Clip) -> None:
    one, many = build_request(prompt(tiny_clip, 2, FIELDS)), build_request(prompt(tiny_clip, 2, FIELDS, many=True))
    assert "одна вещь" in one
    assert "несколько разных вещей" in many
    assert one.endswith(FIELDS)
    assert "<PRICE>" not in build_request(prompt(tiny_clip, 1))
    assert "На фото одна" not in build_request(prompt(tiny_clip, 0, FIELDS))
