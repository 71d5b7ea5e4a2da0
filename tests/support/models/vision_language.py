"""Tiny random vision-language models as published: weights, tokenizer, image processor, chat template."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken
from transformers import AutoConfig, AutoModelForImageTextToText, PreTrainedTokenizerFast

from tests.support.models import languages

WORDS = 600

TEMPLATE = """{%- for message in messages -%}
<turn>{{ message['role'] }}
{% if message['content'] is string %}{{ message['content'] }}{% else %}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' %}PHOTO{% else %}{{ part['text'] }}{% endif -%}
{%- endfor -%}
{%- endif %}<end>
{% endfor -%}
{%- if add_generation_prompt %}<turn>assistant
{% endif -%}"""

_TEXT: dict[str, Any] = {"vocab_size": WORDS, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
_TEXT |= {"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 8192}
_EYE: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
_IDEFICS_TOKENS = ("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
_QWEN_TOKENS = ("<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|video_pad|>")


def save_qwen2_5_vl(folder: Path) -> None:
    """Save a model like Qwen/Qwen2.5-VL-3B-Instruct: photos of any size, rotary positions of three axes."""
    tokenizer = _tokenizer(_QWEN_TOKENS)
    start, photo, end, film = _ids(tokenizer, _QWEN_TOKENS)
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
    eye: dict[str, Any] = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 2,
        "out_hidden_size": 32,
    }
    eye |= {"patch_size": 14, "fullatt_block_indexes": [1], "window_size": 56}
    ids = {"image_token_id": photo, "video_token_id": film, "vision_start_token_id": start, "vision_end_token_id": end}
    config: dict[str, Any] = {"text_config": _TEXT | {"rope_parameters": rope}, "vision_config": eye} | ids
    rule: dict[str, Any] = {"image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2_5_VLProcessor"}
    rule |= {
        "min_pixels": 56 * 56,
        "max_pixels": 112 * 112,
        "patch_size": 14,
        "merge_size": 2,
        "temporal_patch_size": 2,
    }
    _save(folder, "qwen2_5_vl", config, tokenizer, rule, "".join(_QWEN_TOKENS[:3]))


def save_smolvlm(folder: Path) -> None:
    """Save a model like HuggingFaceTB/SmolVLM2: each photo cut into a grid of tiles and a thumbnail."""
    tokenizer = _tokenizer((*_IDEFICS_TOKENS, *(f"<row_{r}_col_{c}>" for r in range(1, 5) for c in range(1, 5))))
    eye = _EYE | {"image_size": 32, "patch_size": 8}
    config: dict[str, Any] = {"text_config": _TEXT | {"model_type": "llama"}, "vision_config": eye, "scale_factor": 2}
    config |= {"image_token_id": tokenizer.convert_tokens_to_ids("<image>"), "pad_token_id": 0}
    rule: dict[str, Any] = {"image_processor_type": "SmolVLMImageProcessor", "processor_class": "SmolVLMProcessor"}
    rule |= {"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 32}, "do_image_splitting": True}
    _save(folder, "smolvlm", config, tokenizer, rule, "<image>", {"image_seq_len": 4})


def save_internvl(folder: Path) -> None:
    """Save a model like OpenGVLab/InternVL3-hf: tiles of one size with pixel-shuffled tokens."""
    names = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>"}
    names |= {"video_token": "<video>"}
    tokenizer = _tokenizer(tuple(names.values()), names)
    eye = _EYE | {"image_size": [28, 28], "patch_size": [7, 7]}
    config: dict[str, Any] = {
        "text_config": _TEXT | {"model_type": "qwen2"},
        "vision_config": eye,
        "downsample_ratio": 0.5,
    }
    config |= {"image_token_id": tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"), "image_seq_length": 4}
    rule: dict[str, Any] = {"image_processor_type": "GotOcr2ImageProcessor", "processor_class": "InternVLProcessor"}
    rule |= {"size": {"height": 28, "width": 28}, "crop_to_patches": True, "min_patches": 1, "max_patches": 4}
    _save(folder, "internvl", config, tokenizer, rule, "<IMG_CONTEXT>", {"image_seq_length": 4})


def save_gemma3(folder: Path) -> None:
    """Save a model like google/gemma-3-4b-it: one square per photo with bidirectional attention among its tokens."""
    names = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"}
    tokenizer = _tokenizer(tuple(names.values()), names)
    begin, end, photo = _ids(tokenizer, tuple(names.values()))
    eye = _EYE | {"image_size": 32, "patch_size": 8}
    text: dict[str, Any] = _TEXT | {"head_dim": 16, "sliding_window": 4096}
    config: dict[str, Any] = {"text_config": text, "vision_config": eye, "mm_tokens_per_image": 4}
    config |= {"boi_token_index": begin, "eoi_token_index": end, "image_token_index": photo}
    rule: dict[str, Any] = {"image_processor_type": "Gemma3ImageProcessor", "processor_class": "Gemma3Processor"}
    rule |= {"size": {"height": 32, "width": 32}, "image_seq_length": 4}
    _save(folder, "gemma3", config, tokenizer, rule, "<start_of_image>", {"image_seq_length": 4})


SAVED: Mapping[str, Callable[[Path], None]] = {
    "qwen2.5-vl": save_qwen2_5_vl,
    "smolvlm": save_smolvlm,
    "internvl": save_internvl,
    "gemma3": save_gemma3,
}


def _tokenizer(special: Sequence[str], named: Mapping[str, str] | None = None) -> PreTrainedTokenizerFast:
    tokenizer = languages.byte_level_tokenizer()
    tokenizer.add_tokens([AddedToken(token, special=True) for token in ("<turn>", "<end>", *special)])
    if named:
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer.backend_tokenizer,
            pad_token="<pad>",  # noqa: S106 - no password
            bos_token="<s>",  # noqa: S106
            eos_token="</s>",  # noqa: S106
            extra_special_tokens=dict(named),
        )
    return tokenizer


def _ids(tokenizer: PreTrainedTokenizerFast, tokens: Sequence[str]) -> list[int]:
    return [int(tokenizer.get_vocab()[token]) for token in tokens]


def _save(
    folder: Path,
    kind: str,
    config: Mapping[str, Any],
    tokenizer: PreTrainedTokenizerFast,
    rule: Mapping[str, Any],
    photo: str,
    processor: Mapping[str, Any] | None = None,
) -> None:
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    ends = _ids(tokenizer, ("<end>", "</s>"))
    model: Any = AutoModelForImageTextToText.from_config(AutoConfig.for_model(kind, **config))
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = ends, 0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(rule))
    if processor:
        (folder / "processor_config.json").write_text(
            json.dumps({"processor_class": rule["processor_class"], **processor})
        )
    (folder / "chat_template.jinja").write_text(TEMPLATE.replace("PHOTO", photo))
