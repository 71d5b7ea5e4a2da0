"""Tiny checkpoints with random weights in the real formats."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer
from transformers import CLIPConfig, CLIPModel

from inference.captioners.prefix.format import SPECIAL_TOKENS
from inference.captioners.prefix.model import Decoder, DecoderConfig
from inference.checkpoints.card import Card, save_card
from inference.clip.dual_encoder import GRID
from inference.diversity import DiversityClassifier
from inference.facts.photos import PhotoClassifier, PhotoClassifierConfig
from inference.moderation.texts import FAMILY
from training import clip, toxicity
from training.captioner import save_captioner
from training.data.tokenizer import train_decoder_tokenizer, train_encoder_tokenizer
from training.diversity import save_diversity
from training.facts.checkpoint import save_photo_classifier

TEXTS = (
    "Куртка синяя на молнии, тёплая, с капюшоном.",
    "Платье в горошек, длинное, лёгкое, на лето.",
    "Кроссовки белые, почти новые, подошва целая.",
    "Джинсы широкие, голубые, с потёртостями.",
    "Футболка чёрная с надписью на груди, хлопок.",
    "Размер подойдёт худым; отдам недорого, торг уместен.",
    "Цена: 5000 руб. Размер: 44-46. Рост: 170 см.",
    "Продаю комплектом: шапка, шарф и варежки!",
)
WIDTHS, DIM, TEXT_LAYERS, TEXT_LENGTH = (8, 8, 12, 16), 12, 2, 64
SIZES = {"WIDTHS": WIDTHS, "DIM": DIM, "TEXT_WIDTH": 32, "TEXT_LAYERS": TEXT_LAYERS, "TEXT_LENGTH": TEXT_LENGTH}
PIXELS = {"FIRST_AT": 32, "LAST_AT": 40, "SERVED_AT": 48, "BATCH": 6, "MIXED": 4}
HEADS = {"item": 3, "color": 4, "colors": 4, "pattern": 2, "audience": 2}
COLORS = ("navy", "crimson", "olive", "gold", "teal", "plum", "black", "white", "sienna", "pink")


@contextmanager
def dual_encoders() -> Iterator[None]:
    """Patch `training.clip` to build and train dual encoders of a few thousand weights on tiny pictures."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (SIZES | PIXELS).items():
            patch.setattr(clip, name, value)
        yield


def reading_tokenizer() -> Tokenizer:
    return train_encoder_tokenizer(TEXTS * 2, 400)


def writing_tokenizer() -> Tokenizer:
    return train_decoder_tokenizer(TEXTS * 2, 600, SPECIAL_TOKENS)


def student(words: int, seed: int = 0) -> clip.DualEncoder:
    """Build a dual encoder whose batch norms have statistics, so that folding them is not trivial."""
    torch.manual_seed(seed)
    with dual_encoders():
        model = clip.build_student(words, HEADS)
    with torch.no_grad():
        for _ in range(10):
            model.encode_images(torch.randn(8, 3, 48, 48) * 0.7 + 0.2)
    return model.eval()


def save_dual_encoder(model: clip.DualEncoder, folder: Path) -> None:
    with dual_encoders():
        clip.save_clip(model, reading_tokenizer(), folder)


def save_ruclip(folder: Path, tokenizer: Tokenizer) -> CLIPModel:
    """Save a model like a converted ruCLIP: its own end-of-text id, `quick_gelu`, a centred square of the photo."""
    text = {"vocab_size": tokenizer.get_vocab_size(), "max_position_embeddings": 40, "eos_token_id": 3}
    text |= {"hidden_size": 32, "intermediate_size": 64, "pad_token_id": 0, "bos_token_id": 2}
    vision = {"hidden_size": 24, "intermediate_size": 48, "image_size": 32, "patch_size": 8}
    towers = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_act": "quick_gelu"}
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(text_config=text | towers, vision_config=vision | towers, projection_dim=16))
    model.eval()
    with torch.no_grad():
        # Initial weights are so small that all texts would have nearly the same embedding.
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    rule = {"size": {"height": 32, "width": 32}, "crop_first": True, "resample": 2}
    rule |= {"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28]}
    (folder / "preprocessor_config.json").write_text(json.dumps(rule), encoding="utf-8")
    return model


def decoder(words: int, seed: int = 0, **sizes: int) -> Decoder:
    """Build a decoder with weights large enough for each prompt to get its own text."""
    config = {"width": 32, "layers": 2, "heads": 2, "length": 320, "photo_width": WIDTHS[-1]} | sizes
    torch.manual_seed(seed)
    model = Decoder(DecoderConfig(words=words, photo_vectors=1 + GRID**2, **config))
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.15)
    return model.eval()


def photo_classifier() -> PhotoClassifier:
    """Build a classifier of photos with a narrow trunk and few labels."""
    torch.manual_seed(0)
    labels = {
        "item": ("куртка", "платье"),
        "colour": ("белый", "синий"),
        "audience": ("женский", "мужской"),
        "sleeve": ("короткий", "длинный"),
        "hood": ("есть",),
    }
    return PhotoClassifier(PhotoClassifierConfig(0.1, 0.1, 32, labels, {})).eval()


def save_root(root: Path) -> None:
    """Save `clip/mini`, `captioner/mini`, `diversity/mini`, `facts/mini` and `toxicity/mini` with their cards."""
    words = writing_tokenizer()
    torch.manual_seed(0)
    save_dual_encoder(student(reading_tokenizer().get_vocab_size()), root / "clip" / "mini")
    save_captioner(decoder(words.get_vocab_size()), words, root / "captioner" / "mini")
    save_diversity(DiversityClassifier(DIM, WIDTHS[-1], 8), root / "diversity" / "mini")
    save_card(Card(folder=root / "clip" / "mini", family="vision-text-dual-encoder", version="1", knows=("куртка",)))
    save_card(
        Card(folder=root / "captioner" / "mini", family="prefix", version="1", max_photos=10, requires=("clip/mini",))
    )
    save_card(Card(folder=root / "diversity" / "mini", family="album", version="1", requires=("clip/mini",)))
    save_photo_card(root / "facts" / "mini")
    save_toxicity_card(root / "toxicity" / "mini")


def save_photo_card(folder: Path) -> None:
    """Save an untrained classifier of photos."""
    save_photo_classifier(photo_classifier(), folder)
    save_card(Card(folder=folder, family="efficientnet-lite", version="1"))


def save_toxicity_card(folder: Path) -> None:
    """Save an untrained toxicity classifier, which lets every text pass."""
    toxicity.save_toxicity(toxicity.build_model(1024), toxicity.build_letter_tokenizer(), folder)
    calibration = {"toxicity_threshold": 0.95}
    save_card(Card(folder=folder, family=FAMILY, version="1", risk="largest", calibration=calibration))


def picture(number: int, size: tuple[int, int] = (60, 48)) -> Image.Image:
    """Draw stripes of two colours, different for each number."""
    image = Image.new("RGB", size, COLORS[number % len(COLORS)])
    for left in range(0, size[0], 6 + number % 7):
        image.paste(COLORS[(number + 3) % len(COLORS)], (left, number % 5, left + 3, size[1] - number % 9))
    return image


def png(image: Image.Image) -> bytes:
    data = BytesIO()
    image.save(data, "png")
    return data.getvalue()
