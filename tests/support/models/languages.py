"""Tiny language models with random weights, and their tokenizers."""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from tests.support.models import tiny


def byte_level_tokenizer(words: int = 500) -> PreTrainedTokenizerFast:
    """Build a byte-level BPE tokenizer as ruGPT-3 and GPT-2 have: `<pad>` 0, `<s>` 1, `</s>` 2."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=words, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(tiny.TEXTS, trainer)
    names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def tokenizer_without_brackets() -> PreTrainedTokenizerFast:
    """Build a letter-by-letter tokenizer that, like T5's, lacks < and >: `<pad>` 0, `<unk>` 1, `</s>` 2."""
    signs = {sign for text in tiny.TEXTS for sign in text} | set("ОписаниеЦенаРазмерЗаилиMYPRICESZ_0123456789:,.")
    pieces = ["<pad>", "<unk>", "</s>", "▁", *sorted(signs - set("<>▁"))]
    tokenizer = Tokenizer(models.Unigram([(piece, -1.0) for piece in pieces], unk_id=1))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    names = {"pad_token": "<pad>", "unk_token": "<unk>", "eos_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def gpt2(words: int = 500, seed: int = 0, **sizes: Any) -> GPT2LMHeadModel:
    """Build a GPT-2 whose weights are large enough that each prompt gets its own text."""
    wanted: dict[str, Any] = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 512} | sizes
    torch.manual_seed(seed)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=words, bos_token_id=1, eos_token_id=2, **wanted))
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.2)
    model.eval()
    return model
