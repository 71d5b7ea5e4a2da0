"""Training of `clip/mini`: a dual encoder from scratch on photos and their Russian texts.

Two stages. `teach`: the public MobileNetV2 learns what this project's photos show. `train_clip`: a ResNet that starts
from random weights learns the same and imitates the teacher on endless views and mixtures of the photos ("Knowledge
distillation: a good teacher is patient and consistent", Beyer et al., 2022). Contrastive loss as in CLIP
(Radford et al., 2021), pairs of like garments left out of the negatives.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import convert_conv2d_weight_memory_format
from transformers import BertConfig, BertModel, ResNetConfig, VisionTextDualEncoderConfig

from inference.clip.dual_encoder import build_model
from training import loop
from training.data.augment import augment, mix_images
from training.data.dataset import Dataset
from training.data.labels import Heads, compute_head_loss, distillation_loss
from training.teacher import FEATURES, read_teacher

WIDTHS = (48, 96, 192, 384)
DIM = 256
TEXT_WIDTH, TEXT_LAYERS, TEXT_LENGTH = 256, 3, 96
# Pixels: most of the training, its last quarter and the teacher, serving.
FIRST_AT, LAST_AT, SERVED_AT = 112, 144, 160
BATCH, MIXED = 96, 48


class DualEncoder(nn.Module):
    """A photo trunk and a text encoder with projections into one space, and heads that name what is seen."""

    def __init__(self, trunk: nn.Module, width: int, words: int, sizes: dict[str, int]) -> None:
        super().__init__()
        self.trunk = trunk
        self.text = BertModel(build_text_config(words))
        self.visual_projection = nn.Linear(width, DIM, bias=False)
        self.text_projection = nn.Linear(TEXT_WIDTH, DIM, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(2.66))
        self.heads = Heads(width, sizes)

    def encode_images(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, 3, size, size) → pooled features (batch, width) and unit embeddings (batch, DIM)."""
        seen = self.trunk(pixels)
        pooled = seen if isinstance(seen, Tensor) else seen.pooler_output
        return pooled, functional.normalize(self.visual_projection(pooled).float(), dim=-1)

    def encode_texts(self, tokens: Tensor) -> Tensor:
        """(batch, length) token ids → unit embeddings (batch, DIM)."""
        tokens = tokens[:, : min(48, int((tokens != 0).sum(1).max()))]
        read = self.text(input_ids=tokens, attention_mask=tokens != 0).pooler_output
        return functional.normalize(self.text_projection(read).float(), dim=-1)


def build_text_config(words: int) -> BertConfig:
    """A small BERT; token 0 is padding."""
    return BertConfig(
        vocab_size=words,
        hidden_size=TEXT_WIDTH,
        num_hidden_layers=TEXT_LAYERS,
        num_attention_heads=4,
        intermediate_size=3 * TEXT_WIDTH,
        max_position_embeddings=TEXT_LENGTH,
        type_vocab_size=1,
        pad_token_id=0,
    )


def build_vision_config() -> ResNetConfig:
    """A slim ResNet-18 ("Deep residual learning", He et al., 2016)."""
    return ResNetConfig(
        hidden_sizes=list(WIDTHS),
        depths=[2, 2, 2, 2],
        layer_type="basic",
        embedding_size=WIDTHS[0],
    )


def build_dual_config(words: int) -> VisionTextDualEncoderConfig:
    """Both towers and the size of the space they share."""
    # A ResNet's configuration does not say how wide its output is; the projection asks for `hidden_size`.
    vision = build_vision_config().to_dict() | {"hidden_size": WIDTHS[-1]}
    text = build_text_config(words).to_dict()
    return VisionTextDualEncoderConfig(vision_config=vision, text_config=text, projection_dim=DIM)


def build_student(words: int, sizes: dict[str, int]) -> DualEncoder:
    """The dual encoder to be trained and shipped, its weights random."""
    return DualEncoder(build_model(build_dual_config(words)).get_submodule("vision_model"), WIDTHS[-1], words, sizes)


def contrastive_loss(photos: Tensor, texts: Tensor, groups: Tensor, scale: Tensor) -> Tensor:
    """Symmetric cross entropy of the right pair among the batch; pairs of the same group are no negatives."""
    logits = scale.exp().clamp(max=60) * photos @ texts.T
    alike = (groups[:, None] == groups[None]) & ~torch.eye(len(groups), dtype=torch.bool, device=groups.device)
    logits = logits.masked_fill(alike, -1e4)
    right = torch.arange(len(logits), device=logits.device)
    return (functional.cross_entropy(logits, right) + functional.cross_entropy(logits.T, right)) / 2


def compute_task_loss(model: DualEncoder, pixels: Tensor, batch: Dataset) -> Tensor:
    """What the photos show and which text is theirs, as one loss."""
    pooled, photos = model.encode_images(pixels)
    texts = model.encode_texts(_pick_text(batch))
    return compute_head_loss(model.heads(pooled), batch.labels) + contrastive_loss(
        photos, texts, batch.groups, model.logit_scale
    )


def finetune_teacher(
    weights: Path, train: Dataset, held: Dataset, words: int, sizes: dict[str, int], out: Path, steps: int
) -> None:
    """Fine-tune the public teacher on the photos; `weights` is its .tflite or .safetensors file."""
    trunk = read_teacher(weights)
    device = train.pixels.device
    model = convert_conv2d_weight_memory_format(
        DualEncoder(trunk, FEATURES, words, sizes).to(device), torch.channels_last
    )
    average, smooth = loop.build_ema(model, 0.99)
    optimizer = loop.build_optimizer(model, 3e-4, 0.02)

    def step(number: int) -> dict[str, float]:
        batch = train.sample(64)
        with loop.autocast(device):
            loss = compute_task_loss(
                model, augment(batch.pixels, LAST_AT, 0.35).contiguous(memory_format=torch.channels_last), batch
            )
        loop.optimizer_step(optimizer, loss, 3e-4 * loop.cosine_schedule(number, steps, 60))
        average.update_parameters(model)
        return evaluate(smooth, held, LAST_AT) if (number + 1) % 300 == 0 else {}

    loop.run_steps(steps, step, {"model": model, "average": average, "optimizer": optimizer}, out, "teacher")
    save_file(
        {
            name: weight.half().contiguous()
            for name, weight in smooth.state_dict().items()
            if weight.is_floating_point()
        },
        out / "teacher.safetensors",
    )


def train_clip(
    teacher: DualEncoder, train: Dataset, held: Dataset, words: int, sizes: dict[str, int], out: Path, steps: int
) -> DualEncoder:
    """Train the student from random weights; returns the average of its weights over the last steps."""
    device = train.pixels.device
    model = convert_conv2d_weight_memory_format(build_student(words, sizes).to(device), torch.channels_last)
    imitate = nn.Linear(WIDTHS[-1], FEATURES).to(device)
    average, smooth = loop.build_ema(model, 0.998)
    optimizer = loop.build_optimizer(nn.ModuleList((model, imitate)), 1.5e-3, 0.05)
    teacher = convert_conv2d_weight_memory_format(teacher.to(device), torch.channels_last).eval().requires_grad_(False)

    def step(number: int) -> dict[str, float]:
        batch = train.sample(BATCH)
        clean = augment(batch.pixels, LAST_AT, 0.4)
        mixed = mix_images(augment(train.sample(MIXED).pixels, LAST_AT, 0.25))
        pixels = torch.cat((clean, mixed)).contiguous(memory_format=torch.channels_last)
        with loop.autocast(device):
            with torch.no_grad():
                target, _ = teacher.encode_images(pixels)
                answers = teacher.heads(target)
            small = (
                functional.interpolate(pixels, FIRST_AT, mode="bilinear", antialias=True)
                if number < 0.72 * steps
                else pixels
            )
            pooled, photos = model.encode_images(small)
            texts = model.encode_texts(_pick_text(batch))
            said = model.heads(pooled)
            loss = compute_head_loss({n: logits[: len(clean)] for n, logits in said.items()}, batch.labels)
            loss = loss + contrastive_loss(photos[: len(clean)], texts, batch.groups, model.logit_scale)
            closeness = functional.cosine_similarity(imitate(pooled).float(), target.float()).mean()
            loss = loss + distillation_loss(said, answers) + 4 * (1 - closeness)
        loop.optimizer_step(optimizer, loss, 1.5e-3 * loop.cosine_schedule(number, steps, 200))
        average.update_parameters(model)
        if (number + 1) % 500:
            return {}
        return {"loss": loss.item(), "closeness": closeness.item(), **evaluate(smooth, held, SERVED_AT)}

    loop.run_steps(
        steps, step, {"model": model, "imitate": imitate, "average": average, "optimizer": optimizer}, out, "clip"
    )
    return smooth


def _pick_text(batch: Dataset) -> Tensor:
    rows = torch.arange(len(batch.tokens), device=batch.tokens.device)
    return batch.tokens[rows, torch.randint(batch.tokens.shape[1], (len(rows),), device=rows.device)]


@torch.no_grad()
def evaluate(model: DualEncoder, held: Dataset, size: int) -> dict[str, float]:
    """Held-out figures: the share of photos whose item and colour are named, and how well right pairs stand out.

    `auc` compares each photo's own caption with one of another item, drawn with a fixed seed.
    """
    model.eval()
    pixels = functional.interpolate(held.pixels.float() / 127.5 - 1, size, mode="bilinear", antialias=True)
    with loop.autocast(pixels.device):
        seen = [model.encode_images(part.contiguous(memory_format=torch.channels_last)) for part in pixels.split(256)]
        said = model.heads(torch.cat([pooled for pooled, _ in seen]))
        photos, texts = torch.cat([photos for _, photos in seen]), model.encode_texts(held.tokens[:, 0])
    model.train()
    figures = {name: float((said[name].argmax(1) == held.labels[name]).float().mean()) for name in ("item", "color")}
    return figures | {"auc": compute_pair_auc(photos @ texts.T, held.labels["item"])}


def compute_pair_auc(similarity: Tensor, items: Tensor) -> float:
    """ROC AUC of right pairs (the diagonal) against swapped pairs of different items (photos, photos)."""
    swapped = similarity[items[:, None] != items[None]]
    ordered, right = swapped.sort().values, similarity.diagonal().contiguous()
    below = torch.searchsorted(ordered.contiguous(), right)
    return float(below.float().mean() / len(ordered))


def save_clip(model: DualEncoder, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the checkpoint: fp16 weights, configuration, tokenizer and pixel rule, as `transformers` lays them out."""
    folder.mkdir(parents=True, exist_ok=True)
    config = build_dual_config(tokenizer.get_vocab_size())
    config.architectures = ["VisionTextDualEncoderModel"]
    config.save_pretrained(folder)
    parts = {"trunk.": "vision_model.", "text.": "text_model.", "heads.": None}
    weights = {}
    for name, weight in model.state_dict().items():
        prefix = next((part for part in parts if name.startswith(part)), "")
        renamed = name if not prefix else None if parts[prefix] is None else f"{parts[prefix]}{name[len(prefix) :]}"
        if renamed and weight.is_floating_point():
            weights[renamed] = weight.half().cpu().contiguous()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save(str(folder / "tokenizer.json"))
    rule = {"image_processor_type": "ViTImageProcessor", "do_resize": True, "do_rescale": True, "do_normalize": True}
    rule |= {
        "size": {"height": SERVED_AT, "width": SERVED_AT},
        "resample": 3,
        "reducing_gap": 3,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(rule, indent=2), encoding="utf-8")
