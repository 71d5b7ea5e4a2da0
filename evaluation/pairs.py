"""Whether photos and texts are told to belong together: right pairs beside swapped and foreign ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from inference.clip import Clip
from inference.listing import Listing
from inference.moderation.match import MatchRule

AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class PairFigures:
    """`auc`: ROC AUC of right against swapped pairs; shares refused of swapped pairs and of foreign photos."""

    pairs: int
    auc: float
    swapped_refused: float
    foreign_refused: float | None


def pair_figures(
    clip: Clip,
    threshold: float,
    photos: Sequence[Image.Image],
    texts: Sequence[str],
    differs: Callable[[str, str], bool],
    foreign: Sequence[Image.Image],
) -> PairFigures:
    """Figures of photos with their own texts, with texts that `differs` calls other, and of photos of other things."""
    seen, read = _look(clip, photos), clip.read(texts).embeddings
    similarity = seen @ read.T
    other = torch.tensor([[differs(mine, yours) for yours in texts] for mine in texts])
    swapped = similarity[other]
    strangers = (_look(clip, foreign) @ read.T).flatten() if foreign else None
    return PairFigures(
        pairs=len(photos),
        auc=roc_auc(similarity.diagonal(), swapped),
        swapped_refused=float((swapped < threshold).float().mean()),
        foreign_refused=None if strangers is None else float((strangers < threshold).float().mean()),
    )


def refused_share(clip: Clip, rule: MatchRule, listings: Sequence[Listing]) -> tuple[float, int]:
    """The share of right listings that `match` refuses among those it judges, and how many it judges."""
    verdicts = []
    for listing in listings:
        text = listing.attributes.text
        views = clip.look([photo.image for photo in listing.photos])
        verdicts.append(rule.judge(views, text, clip.read([text]).embeddings[0]))
    judged = [verdict for verdict in verdicts if verdict.score is not None]
    return sum(not verdict.passed for verdict in judged) / max(1, len(judged)), len(judged)


def roc_auc(right: Tensor, wrong: Tensor) -> float:
    """The chance that a right pair scores higher than a wrong one, (n,) and (m,); ties count half."""
    ordered = wrong.sort().values.contiguous()
    right = right.contiguous()
    below = torch.searchsorted(ordered, right) + torch.searchsorted(ordered, right, right=True)
    return float(below.double().mean() / 2 / len(ordered))


def _look(clip: Clip, photos: Sequence[Image.Image]) -> Tensor:
    parts = [clip.look(photos[start : start + AT_ONCE]).embeddings for start in range(0, len(photos), AT_ONCE)]
    return torch.cat(parts)
