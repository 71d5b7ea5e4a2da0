"""Train `diversity/mini` (`opisalka train diversity`): one thing or many, from photos and fields."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from inference.clip.dual_encoder import Clip, ImageFeatures
from inference.diversity import SURELY_MANY, SURELY_ONE, DiversityClassifier
from training import loop
from training.data.examples import Example
from training.data.scenes import Scene
from training.facts.calibration import find_threshold

ALBUMS_A_STEP = 48


@dataclass
class Albums:
    """Labelled random albums: views of one thing, sets, single pictures, and real listings with their fields.

    feature_cache: (scenes, views, 1 + GRID², width) float16 states of the dual encoder; texts: the unit embedding
    (dim,) of each listing's fields.
    """

    clip: Clip
    scenes: Sequence[Scene]
    features: Tensor
    listings: Sequence[Example]
    texts: Sequence[Tensor]
    rnd: random.Random
    _groups: dict[str, list[int]] = field(default_factory=dict)
    _numbers: dict[Path, int] = field(default_factory=dict)
    _many: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._many += [number for number, scene in enumerate(self.scenes) if scene.many]
        for number, scene in enumerate(self.scenes):
            if scene.group:
                self._groups.setdefault(scene.group, []).append(number)
            if len(scene.photos) == 1:
                self._numbers[scene.photos[0]] = number

    def sample(self) -> tuple[ImageFeatures, Tensor | None, float]:
        """Draw an album: features, text embedding (dim,) float32 or None, label (1 for many things, 0 for one)."""
        kind = self.rnd.random()
        if kind < 0.15:
            return self._listing()
        # Sampled at twice their rate: pictures of many things cause half of the errors.
        first = self.rnd.choice(self._many) if kind > 0.75 else self.rnd.randrange(len(self.scenes))
        scene = self.scenes[first]
        if kind < 0.45 and scene.group:
            group = self._groups[scene.group]
            companions = self.rnd.sample(group, min(len(group), self.rnd.randint(2, 6)))
            different = {self.scenes[number].things: number for number in (first, *companions)}
            return self._views(tuple(different.values())), None, float(len(different) > 1)
        times = self.rnd.choice((1, 1, 2, 3, 4)) if not scene.many else 1
        return self._views((first,) * times), None, float(scene.many)

    def _listing(self) -> tuple[ImageFeatures, Tensor | None, float]:
        number = self.rnd.randrange(len(self.listings))
        listing = self.listings[number]
        numbers = tuple(self._numbers[path] for path in listing.photos if path in self._numbers)
        if not numbers or listing.diversity_score is None:
            return self.sample()
        return self._views(numbers), self.texts[number], listing.diversity_score

    def _views(self, numbers: Sequence[int]) -> ImageFeatures:
        chosen = [self.rnd.randrange(self.features.shape[1]) for _ in numbers]
        states = self.features[torch.tensor(list(numbers)), torch.tensor(chosen)].float()
        return features_from_states(self.clip, states)


def features_from_states(clip: Clip, states: Tensor) -> ImageFeatures:
    """Project cached states (photos, 1 + GRID², width) float32 to image features."""
    with torch.no_grad():
        embeddings = functional.normalize(clip.model.visual_projection(states[:, 0]), dim=-1)
    return ImageFeatures(embeddings, states)


def train(classifier: DiversityClassifier, albums: Albums, work: Path, steps: int) -> DiversityClassifier:
    """Train on random albums and return the exponential moving average of the weights."""
    average, smooth = loop.build_ema(classifier, 0.995)
    optimizer = loop.build_optimizer(classifier, 1e-3, 0.05)

    def step(number: int) -> dict[str, float]:
        # Seeded by PyTorch's generator, which a restart restores: a resumed run draws new albums, not the first again.
        albums.rnd.seed(int(torch.randint(1 << 31, ())))
        samples = [albums.sample() for _ in range(ALBUMS_A_STEP)]
        logits = torch.stack([classifier(views, text) for views, text, _ in samples])
        labels = torch.tensor([answer for _, _, answer in samples])
        # Labels are smoothed because a few garments were photographed twice and labelled as two.
        loss = functional.binary_cross_entropy_with_logits(logits, labels * 0.96 + 0.02)
        loop.optimizer_step(optimizer, loss, 1e-3 * loop.cosine_schedule(number, steps, 50))
        average.update_parameters(classifier)
        right = ((logits > 0) == (labels > 0.5)).float().mean()
        return {"loss": loss.item(), "right": right.item()} if (number + 1) % 50 == 0 else {}

    loop.run_steps(steps, step, {"model": classifier, "average": average, "optimizer": optimizer}, work, "diversity")
    return smooth.eval()


@torch.inference_mode()
def score_albums(classifier: DiversityClassifier, albums: Albums, count: int) -> tuple[Tensor, Tensor]:
    """Score random albums: probabilities of "many" (count,) float32, and whether they are many things (count,) bool."""
    samples = [albums.sample() for _ in range(count)]
    scores = torch.tensor([classifier.score(views, text) for views, text, _ in samples])
    return scores, torch.tensor([answer >= 0.5 for _, _, answer in samples])


def choose_limits(scores: Tensor, many: Tensor, share: float) -> dict[str, float]:
    """Return the scores below which albums are one thing, and from which on many, in this share of cases.

    scores: (albums,) float32; many: (albums,) bool. A limit outside [0, 1] means that no such score is sure.
    """
    high = scores >= 0.5
    # A digit more, so that the album that sets the limit is below it.
    surely_one = 1.0001 - find_threshold(1 - scores[~high], ~many[~high], share)
    return {SURELY_ONE: round(surely_one, 4), SURELY_MANY: find_threshold(scores[high], many[high], share)}


def measure_limits(scores: Tensor, many: Tensor, limits: Mapping[str, float]) -> dict[str, float]:
    """Return the share of albums that are asked about, and the share of right ones among the others, in [0, 1]."""
    unasked = (scores < limits[SURELY_ONE]) | (scores >= limits[SURELY_MANY])
    right = (scores >= 0.5) == many
    return {
        "asked": round(float((~unasked).float().mean()), 3),
        "right": round(float(right.float().mean()), 3),
        "right_unasked": round(float(right[unasked].float().mean()), 3),
    }


def save_diversity(classifier: DiversityClassifier, folder: Path) -> None:
    """Write the checkpoint: float16 weights and sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.half().contiguous() for name, weight in classifier.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(classifier.sizes) + "\n", encoding="utf-8")
