"""Train byte-pair tokenizers on the texts of the data sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

PAD, UNKNOWN, START, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"


def train_encoder_tokenizer(texts: Iterable[str], size: int) -> Tokenizer:
    """Train the tokenizer of a text encoder: case, «ё» and digits are normalised; [CLS] and [SEP] enclose each text."""
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    steps = [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace("ё", "е")]
    steps += [normalizers.Replace(Regex(r"\d+"), "0")]
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()])
    specials = [PAD, UNKNOWN, START, END]
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, special_tokens=specials, min_frequency=2))
    ends = [(name, tokenizer.token_to_id(name)) for name in (START, END)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{START} $A {END}", special_tokens=ends)
    return tokenizer


def train_decoder_tokenizer(texts: Iterable[str], size: int, specials: Sequence[str]) -> Tokenizer:
    """Train the tokenizer of a decoder: lossless at the byte level; each of `specials` is one token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[PAD, *specials],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=2,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
