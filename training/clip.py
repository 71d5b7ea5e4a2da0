"""Train `clip/mini` (`opisalka train clip`): a dual encoder from scratch on photos and their Russian texts.

Two stages: `finetune_teacher` adapts the public MobileNetV2 to the photos of this project; `train_clip` trains a ResNet
from random weights on the same labels and distils the teacher on endless augmented and mixed views ("Knowledge
distillation: a good teacher is patient and consistent", Beyer et al., 2022). The contrastive loss is that of CLIP
(Radford et al., 2021), without negatives among pairs of similar garments.
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

from evaluation.ranking import roc_auc
from inference.clip.dual_encoder import build_model
from training import loop
from training.data.augment import augment, mix_images
from training.data.dataset import Dataset
from training.data.labels import Heads, compute_head_loss, distillation_loss
from training.teacher import FEATURES, load_teacher

WIDTHS = (48, 96, 192, 384)
DIM = 256
TEXT_WIDTH, TEXT_LAYERS, TEXT_LENGTH = 256, 3, 96
# Input sizes in pixels: most of the training; its last quarter and the teacher; serving.
FIRST_AT, LAST_AT, SERVED_AT = 112, 144, 160
BATCH, MIXED = 96, 48


class DualEncoder(nn.Module):
    """A vision trunk and a text encoder, projected into one space, with classification heads on the trunk."""

    def __init__(self, trunk: nn.Module, width: int, words: int, sizes: dict[str, int]) -> None:
        super().__init__()
        self.trunk = trunk
        self.text = BertModel(build_text_config(words))
        self.visual_projection = nn.Linear(width, DIM, bias=False)
        self.text_projection = nn.Linear(TEXT_WIDTH, DIM, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(2.66))
        self.heads = Heads(width, sizes)

    def encode_images(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Encode pixels (batch, 3, size, size) into pooled features (batch, width) and unit embeddings (batch, DIM)."""
        encoded = self.trunk(pixels)
        pooled = encoded if isinstance(encoded, Tensor) else encoded.pooler_output
        return pooled, functional.normalize(self.visual_projection(pooled).float(), dim=-1)

    def encode_texts(self, tokens: Tensor) -> Tensor:
        """Encode token ids (batch, length) int64 into unit embeddings (batch, DIM)."""
        tokens = tokens[:, : min(48, int((tokens != 0).sum(1).max()))]
        read = self.text(input_ids=tokens, attention_mask=tokens != 0).pooler_output
        return functional.normalize(self.text_projection(read).float(), dim=-1)


def build_text_config(words: int) -> BertConfig:
    """Return the config of a small BERT; token 0 is padding."""
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
    """Return the config of a slim ResNet-18 ("Deep residual learning", He et al., 2016)."""
    return ResNetConfig(
        hidden_sizes=list(WIDTHS),
        depths=[2, 2, 2, 2],
        layer_type="basic",
        embedding_size=WIDTHS[0],
    )


def build_dual_config(words: int) -> VisionTextDualEncoderConfig:
    """Return the config of both towers and of their common space."""
    # ResNetConfig has no `hidden_size`, which VisionTextDualEncoderModel reads for its projection.
    vision = build_vision_config().to_dict() | {"hidden_size": WIDTHS[-1]}
    text = build_text_config(words).to_dict()
    return VisionTextDualEncoderConfig(vision_config=vision, text_config=text, projection_dim=DIM)


def build_student(words: int, sizes: dict[str, int]) -> DualEncoder:
    """Return the dual encoder that is trained and shipped, with random weights."""
    return DualEncoder(build_model(build_dual_config(words)).get_submodule("vision_model"), WIDTHS[-1], words, sizes)


def contrastive_loss(photos: Tensor, texts: Tensor, groups: Tensor, scale: Tensor) -> Tensor:
    """Return the symmetric cross entropy of each photo's own text among the batch, a scalar.

    photos, texts: (batch, DIM) unit embeddings; groups: (batch,) int64, pairs of the same group are no negatives;
    scale: logarithm of the temperature's inverse.
    """
    logits = scale.exp().clamp(max=60) * photos @ texts.T
    alike = (groups[:, None] == groups[None]) & ~torch.eye(len(groups), dtype=torch.bool, device=groups.device)
    logits = logits.masked_fill(alike, -1e4)
    right = torch.arange(len(logits), device=logits.device)
    return (functional.cross_entropy(logits, right) + functional.cross_entropy(logits.T, right)) / 2


def compute_task_loss(model: DualEncoder, pixels: Tensor, batch: Dataset) -> Tensor:
    """Return the classification plus the contrastive loss, a scalar.

    pixels: (batch, 3, size, size) float32 in [-1, 1].
    """
    pooled, photos = model.encode_images(pixels)
    texts = model.encode_texts(_pick_text(batch))
    loss = compute_head_loss(model.heads(pooled), batch.labels)
    return loss + contrastive_loss(photos, texts, batch.groups, model.logit_scale)


def finetune_teacher(
    weights: Path, train: Dataset, held: Dataset, words: int, sizes: dict[str, int], out: Path, steps: int
) -> None:
    """Fine-tune the public teacher and save it in `out`; `weights` is its .tflite or .safetensors file."""
    trunk = load_teacher(weights)
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
    """Train the student from random weights and return the exponential moving average of its weights."""
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
                teacher_logits = teacher.heads(target)
            small = (
                functional.interpolate(pixels, FIRST_AT, mode="bilinear", antialias=True)
                if number < 0.72 * steps
                else pixels
            )
            pooled, photos = model.encode_images(small)
            texts = model.encode_texts(_pick_text(batch))
            student_logits = model.heads(pooled)
            loss = compute_head_loss({n: logits[: len(clean)] for n, logits in student_logits.items()}, batch.labels)
            loss = loss + contrastive_loss(photos[: len(clean)], texts, batch.groups, model.logit_scale)
            closeness = functional.cosine_similarity(imitate(pooled).float(), target.float()).mean()
            loss = loss + distillation_loss(student_logits, teacher_logits) + 4 * (1 - closeness)
        loop.optimizer_step(optimizer, loss, 1.5e-3 * loop.cosine_schedule(number, steps, 200))
        average.update_parameters(model)
        if (number + 1) % 500:
            return {}
        return {"loss": loss.item(), "closeness": closeness.item(), **evaluate(smooth, held, SERVED_AT)}

    state: dict[str, loop.Stateful] = {"model": model, "imitate": imitate, "average": average, "optimizer": optimizer}
    loop.run_steps(steps, step, state, out, "clip")
    return smooth


def _pick_text(batch: Dataset) -> Tensor:
    rows = torch.arange(len(batch.tokens), device=batch.tokens.device)
    return batch.tokens[rows, torch.randint(batch.tokens.shape[1], (len(rows),), device=rows.device)]


@torch.no_grad()
def evaluate(model: DualEncoder, held: Dataset, size: int) -> dict[str, float]:
    """Return held-out metrics: accuracies of item and colour, ROC AUC of right against swapped pairs, in [0, 1].

    size: edge of the input in pixels.
    """
    model.eval()
    pixels = functional.interpolate(held.pixels.float() / 127.5 - 1, size, mode="bilinear", antialias=True)
    with loop.autocast(pixels.device):
        encoded = [model.encode_images(p.contiguous(memory_format=torch.channels_last)) for p in pixels.split(256)]
        logits = model.heads(torch.cat([pooled for pooled, _ in encoded]))
        photos, texts = torch.cat([photos for _, photos in encoded]), model.encode_texts(held.tokens[:, 0])
    model.train()
    figures = {name: float((logits[name].argmax(1) == held.labels[name]).float().mean()) for name in ("item", "color")}
    return figures | {"auc": compute_pair_auc(photos @ texts.T, held.labels["item"])}


def compute_pair_auc(similarity: Tensor, items: Tensor) -> float:
    """Return the ROC AUC of right pairs (the diagonal) against pairs of different items.

    similarity: (photos, photos) cosine of photos and texts; items: (photos,) class numbers.
    """
    return roc_auc(similarity.diagonal(), similarity[items[:, None] != items[None]])


def save_clip(model: DualEncoder, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the checkpoint as `transformers` does: float16 weights, config, tokenizer, image preprocessing."""
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
