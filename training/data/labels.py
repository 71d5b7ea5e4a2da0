"""Labels of photos as class numbers, and the heads that are trained on them beside the dual encoder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.data.examples import PhotoLabels

MIN_PHOTOS = 6
IGNORE_INDEX = -100


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The classes of each head: those with enough training photos."""

    items: tuple[str, ...]
    colors: tuple[str, ...]
    patterns: tuple[str, ...]
    audiences: tuple[str, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """Return the number of outputs of each head."""
        sizes = {"item": self.items, "color": self.colors, "colors": self.colors}
        sizes |= {"pattern": self.patterns, "audience": self.audiences}
        return {name: len(classes) for name, classes in sizes.items()}


def build_vocabulary(labels: Iterable[PhotoLabels]) -> Vocabulary:
    """Collect the classes of the training photos."""
    rows = list(labels)

    def frequent(values: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(value for value, count in Counter(values).items() if count >= MIN_PHOTOS))

    return Vocabulary(
        items=frequent(row.item for row in rows),
        colors=frequent(color for row in rows for color in row.colors),
        patterns=frequent(row.pattern for row in rows),
        audiences=frequent(row.audience for row in rows),
    )


def encode_labels(rows: Sequence[PhotoLabels | None], words: Vocabulary) -> dict[str, Tensor]:
    """Return class numbers per head, (photos,) int64, and `colors`, (photos, colors) float32.

    A photo without a label gets IGNORE_INDEX, and -1 in every column of `colors`.
    """

    def numbers(values: Iterable[str | None], classes: Sequence[str]) -> Tensor:
        index = {name: number for number, name in enumerate(classes)}
        return torch.tensor([index.get(value or "", IGNORE_INDEX) for value in values])

    main = [row.colors[0] if row and row.colors else None for row in rows]
    colors = torch.tensor([[float(color in row.colors) if row else -1.0 for color in words.colors] for row in rows])
    return {
        "item": numbers((row.item if row else None for row in rows), words.items),
        "color": numbers(main, words.colors),
        "colors": colors,
        "pattern": numbers((row.pattern if row else None for row in rows), words.patterns),
        "audience": numbers((row.audience if row else None for row in rows), words.audiences),
    }


class Heads(nn.Module):
    """Linear classifiers on the pooled features of a photo, one per question."""

    def __init__(self, width: int, sizes: Mapping[str, int]) -> None:
        super().__init__()
        self.linear = nn.ModuleDict({name: nn.Linear(width, size) for name, size in sizes.items()})

    def forward(self, pooled: Tensor) -> dict[str, Tensor]:
        """Map pooled features (batch, width) → logits (batch, classes) per head."""
        return {name: head(pooled) for name, head in self.linear.items()}


def compute_head_loss(logits: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> Tensor:
    """Return the cross entropy of all heads and of the colours, a scalar; unlabelled photos are ignored.

    logits: (batch, classes) per head; labels: as `encode_labels` returns them.
    """
    total = torch.zeros((), device=logits["item"].device)
    for name, share in (("item", 1.0), ("color", 1.0), ("pattern", 0.5), ("audience", 0.2)):
        known = (labels[name] != IGNORE_INDEX).sum().clamp(min=1)
        losses = functional.cross_entropy(
            logits[name].float(), labels[name], ignore_index=IGNORE_INDEX, label_smoothing=0.1, reduction="sum"
        )
        total = total + share * losses / known
    labelled = labels["colors"][:, :1] >= 0
    colors = functional.binary_cross_entropy_with_logits(
        logits["colors"].float(), labels["colors"].clamp(min=0), reduction="none"
    )
    return total + 2.0 * (colors * labelled).sum(1).sum() / labelled.sum().clamp(min=1) / 10


def distillation_loss(student: Mapping[str, Tensor], teacher: Mapping[str, Tensor], temperature: float = 2.0) -> Tensor:
    """Return the divergence of student and teacher logits (Hinton et al., 2015), summed over the heads, a scalar.

    Both: (batch, classes) per head.
    """
    total = torch.zeros((), device=student["item"].device)
    for name, logits in student.items():
        ours, theirs = logits.float() / temperature, teacher[name].float() / temperature
        if name == "colors":
            total = total + functional.binary_cross_entropy_with_logits(ours, theirs.sigmoid())
            continue
        divergence = functional.kl_div(
            ours.log_softmax(1), theirs.log_softmax(1), log_target=True, reduction="batchmean"
        )
        total = total + divergence * temperature**2
    return total
