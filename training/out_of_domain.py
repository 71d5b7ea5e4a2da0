"""Train the out-of-domain detector (`opisalka train foreign`; `foreign.safetensors` in a dual encoder's folder).

It is initialised with the dual encoder's trunk and distils the public teacher on photos of all kinds: the features that
tell a bottle from a garment have to hold for things that no training photo shows. One logit learns the difference.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import convert_conv2d_weight_memory_format

from inference.moderation.out_of_domain import FILE, WIDTHS, OutOfDomainDetector
from training import loop
from training.data.augment import augment
from training.data.examples import load_pixels, resize_square
from training.drawings import draw, random_garment
from training.teacher import FEATURES, MobileNetV2

STORED = 144
# Input sizes in pixels: most of the training; its last part; the teacher. Serving uses `INPUT_SIZE`.
FIRST_AT, LAST_AT, TEACHER_AT = 96, 112, 192
BATCH = 64
RATE = 8e-4
# Temperature of the distillation: the teacher's second and third guesses tell what a thing resembles.
TEMPERATURE = 2.0
# Left out of Caltech 101: people wear clothes, and a skate is a boot.
EXCLUDED = re.compile("Faces|inline_skate")


@dataclass(frozen=True, slots=True)
class Source:
    """Photos of one source and the teacher's features of them."""

    pixels: Tensor  # (photos, 3, STORED, STORED) uint8
    teacher_features: Tensor  # (photos, FEATURES)

    def sample(self, count: int) -> tuple[Tensor, Tensor]:
        """Draw `count` photos (uint8 pixels) and the teacher's features of them, with replacement."""
        rows = torch.randint(len(self.pixels), (count,))
        return self.pixels[rows], self.teacher_features[rows]


class Student(nn.Module):
    """The detector with the projection that distillation needs."""

    def __init__(self) -> None:
        super().__init__()
        self.detector = OutOfDomainDetector()
        self.imitate = nn.Linear(WIDTHS[-1], FEATURES)


@torch.no_grad()
def label_with_teacher(teacher: MobileNetV2, paths: Sequence[Path], drawn: Sequence[Image.Image] = ()) -> Source:
    """Load photos and drawings and compute the teacher's features (photos, FEATURES) of each once, uncropped."""
    pixels, teacher_features = [], []
    for start in range(0, len(paths), 32):
        part = list(paths[start : start + 32])
        pixels.append(load_pixels(part, STORED))
        teacher_features.append(_compute_features(teacher, load_pixels(part, TEACHER_AT)))
    for image in drawn:
        pixels.append(resize_square(image, STORED)[None])
        teacher_features.append(_compute_features(teacher, resize_square(image, TEACHER_AT)[None]))
    return Source(torch.cat(pixels), torch.cat(teacher_features))


def _compute_features(teacher: MobileNetV2, pixels: Tensor) -> Tensor:
    features: Tensor = teacher(pixels.float() / 127.5 - 1)
    return features


def render_drawings(count: int, seed: int) -> list[Image.Image]:
    """Render RGB drawings of garments, 400 x 533 px."""
    # Drawings have to count as clothes because the photos of the preloaded test cases are drawn.
    return [draw([random_garment(random.Random(seed * 1_000_000 + n))], seed + n) for n in range(count)]


def build_student(folder: Path) -> Student:
    """Return a student whose trunk copies that of the dual encoder in `folder` as far as their shapes agree."""
    student = Student()
    known = load_file(folder / "model.safetensors")
    trunk = {name.removeprefix("vision_model."): weight.float() for name, weight in known.items()}
    own = student.detector.trunk.state_dict()
    fitting = {name: weight for name, weight in trunk.items() if name in own and own[name].shape == weight.shape}
    student.detector.trunk.load_state_dict(fitting, strict=False)
    if fitting:  # frozen, because low-level filters transfer as they are
        student.detector.trunk.embedder.requires_grad_(False)
        student.detector.trunk.encoder.stages[0].requires_grad_(False)
    return student


def train(
    student: Student, teacher: MobileNetV2, clothes: Source, negatives: Sequence[Source], work: Path, steps: int
) -> OutOfDomainDetector:
    """Train on augmented views, half clothes and half negatives; return the moving average of the weights."""
    student = convert_conv2d_weight_memory_format(student, torch.channels_last)
    average, smooth = loop.build_ema(student, 0.995)
    optimizer = loop.build_optimizer(student, RATE, 0.05)
    shares = _shares([len(source.pixels) for source in negatives], BATCH // 2)

    def step(number: int) -> dict[str, float]:
        parts = [clothes.sample(BATCH // 2), *(each.sample(n) for each, n in zip(negatives, shares, strict=True))]
        labels = torch.cat((torch.zeros(BATCH // 2), torch.ones(BATCH // 2)))
        pixels, teacher_features = (torch.cat(each) for each in zip(*parts, strict=True))
        edge = FIRST_AT if number < 0.7 * steps else LAST_AT
        pixels = augment(coarsen(pixels), edge, 0.45).contiguous(memory_format=torch.channels_last)
        with loop.autocast(pixels.device):
            loss, figures = _loss(student, teacher, pixels, teacher_features, labels)
        loop.optimizer_step(optimizer, loss, RATE * loop.cosine_schedule(number, steps, 100))
        average.update_parameters(student)
        return {name: value.item() for name, value in figures.items()} if (number + 1) % 50 == 0 else {}

    loop.run_steps(steps, step, {"model": student, "average": average, "optimizer": optimizer}, work, "foreign")
    return smooth.detector.eval()


def _shares(sizes: Sequence[int], count: int) -> list[int]:
    """Return the number of photos per source in a batch: proportional to the square root of its size, at least one."""
    roots = [size**0.5 for size in sizes]
    shares = [max(1, round(count * root / sum(roots))) for root in roots]
    shares[shares.index(max(shares))] += count - sum(shares)
    return shares


def _loss(
    student: Student, teacher: MobileNetV2, pixels: Tensor, teacher_features: Tensor, labels: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    features = student.detector.extract_features(pixels)
    student_features = student.imitate(features)
    feature_loss = 1 - functional.cosine_similarity(student_features.float(), teacher_features).mean()
    with torch.no_grad():
        probabilities = (_classes(teacher, teacher_features) / TEMPERATURE).softmax(1).float()
    log_probabilities = (_classes(teacher, student_features) / TEMPERATURE).log_softmax(1).float()
    distillation = functional.kl_div(log_probabilities, probabilities, reduction="batchmean")
    # Labels are smoothed because some negatives show a sleeve in a corner.
    logits = student.detector.head(features)[:, 0].float()
    domain_loss = functional.binary_cross_entropy_with_logits(logits, labels * 0.96 + 0.02)
    figures = {"apart": feature_loss, "surprise": distillation, "judged": domain_loss}
    return 2 * domain_loss + 4 * feature_loss + 0.5 * distillation, figures


def _classes(teacher: MobileNetV2, features: Tensor) -> Tensor:
    logits: Tensor = teacher.classifier(features[:, :, None, None])
    return logits[:, :, 0, 0]


def coarsen(pixels: Tensor) -> Tensor:
    """Blur or desaturate some photos (photos, 3, height, width) uint8, so that a source's camera gives nothing away."""
    kind = torch.rand(len(pixels))
    pixels = pixels.clone()
    for chosen, edge in ((kind < 0.15, 72), ((kind >= 0.15) & (kind < 0.3), 108)):
        if chosen.any():
            small = functional.interpolate(pixels[chosen].float(), edge, mode="bilinear", antialias=True)
            pixels[chosen] = functional.interpolate(small, pixels.shape[-1], mode="bilinear").byte()
    grey = kind > 0.92
    pixels[grey] = pixels[grey].float().mean(1, keepdim=True).byte().expand(-1, 3, -1, -1)
    return pixels


def save_detector(detector: OutOfDomainDetector, folder: Path) -> None:
    """Write the detector in float16 beside the dual encoder."""
    weights = {n: w.half().contiguous() for n, w in detector.state_dict().items() if w.is_floating_point()}
    save_file(weights, folder / FILE, metadata={"format": "pt"})


def list_sources(folder: Path) -> list[list[Path]]:
    """Return the photos of each sub-folder as a source of its own; those of the folder itself if it has none."""
    parts = [_photos_below(part) for part in sorted(folder.iterdir()) if part.is_dir()]
    return [paths for paths in parts if paths] or [_photos_below(folder)]


def _photos_below(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    return [path for path in paths if not EXCLUDED.search(path.relative_to(folder).as_posix())]
