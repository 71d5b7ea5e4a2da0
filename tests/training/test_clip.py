"""Tests of the dual encoder's training: losses and metrics computed by hand, resuming, the checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import normalize

from inference.clip.dual_encoder import Clip
from tests.support.models import tiny
from training import clip, loop
from training.data.dataset import Dataset, build_dataset, load_clothes
from training.data.examples import load_photo_labels
from training.data.labels import build_vocabulary
from training.teacher import FEATURES, MobileNetV2

SIZE = tiny.reading_tokenizer().get_vocab_size()


@pytest.fixture
def small() -> Iterator[None]:
    with tiny.dual_encoders():
        yield


@pytest.fixture(scope="module")
def datasets(data_set: Path) -> tuple[Dataset, Dataset]:
    words = build_vocabulary(row for row in load_photo_labels(data_set).values() if row.split == "train")
    train, held = (
        build_dataset(load_clothes(data_set, split), tiny.reading_tokenizer(), words, 1) for split in ("train", "val")
    )
    return train, held


def heads(dataset: Dataset) -> dict[str, int]:
    sizes = {name: int(values.max()) + 1 for name, values in dataset.labels.items() if name != "colors"}
    return sizes | {"colors": dataset.labels["colors"].shape[1]}


def unit(rows: int, seed: int) -> Tensor:
    return normalize(torch.randn(rows, 8, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_right_pairs_cost_less_than_swapped_ones() -> None:
    photos, groups, scale = unit(5, 0), torch.arange(5), torch.tensor(2.66)
    assert clip.contrastive_loss(photos, photos, groups, scale) < clip.contrastive_loss(
        photos, photos.flip(0), groups, scale
    )


def test_the_contrast_is_the_mean_of_both_directions() -> None:
    """By hand for two pairs."""
    photos, texts, scale = unit(2, 1), unit(2, 2), torch.tensor(1.0)
    logits = (scale.exp() * photos @ texts.T).tolist()
    rows = [-torch.tensor(row).log_softmax(0)[n].item() for n, row in enumerate(logits)]
    columns = [-torch.tensor(column).log_softmax(0)[n].item() for n, column in enumerate(zip(*logits, strict=True))]
    expected = (sum(rows) + sum(columns)) / 4
    assert clip.contrastive_loss(photos, texts, torch.arange(2), scale).item() == pytest.approx(expected, abs=1e-6)


def test_like_garments_are_no_negatives() -> None:
    """A batch of one group has nothing to tell apart; a photo of the same group leaves the others' loss as it was."""
    photos, texts, scale = unit(4, 3), unit(4, 4), torch.tensor(2.0)
    assert clip.contrastive_loss(photos, texts, torch.zeros(4), scale).item() == pytest.approx(0.0, abs=1e-6)
    apart = clip.contrastive_loss(photos, texts, torch.tensor([0, 1, 2, 3]), scale)
    assert clip.contrastive_loss(photos, texts, torch.tensor([0, 0, 2, 3]), scale) < apart


def test_the_sharpness_has_a_limit() -> None:
    photos, texts = unit(3, 5), unit(3, 6)
    losses = [clip.contrastive_loss(photos, texts, torch.arange(3), torch.tensor(scale)).item() for scale in (5.0, 9.0)]
    assert losses[0] == pytest.approx(losses[1])


def test_pair_auc_is_the_share_of_swapped_pairs_below_right_ones() -> None:
    """By hand over all pairs; pairs of the same item are not swapped ones."""
    similarity, items = (
        torch.rand(7, 7, generator=torch.Generator().manual_seed(0)),
        torch.tensor([0, 0, 1, 1, 2, 3, 3]),
    )
    swapped = [similarity[a, b] for a in range(7) for b in range(7) if items[a] != items[b]]
    above = [float(similarity[n, n] > other) for n in range(7) for other in swapped]
    assert clip.compute_pair_auc(similarity, items) == pytest.approx(sum(above) / len(above))


def test_pair_auc_of_a_perfect_encoder_is_one_and_of_a_blind_one_half() -> None:
    items = torch.arange(60)
    assert clip.compute_pair_auc(torch.eye(60), items) == 1.0
    blind = torch.rand(60, 60, generator=torch.Generator().manual_seed(1))
    assert clip.compute_pair_auc(blind, items) == pytest.approx(0.5, abs=0.1)


def test_figures_of_held_out_photos_are_shares(datasets: tuple[Dataset, Dataset], small: None) -> None:
    torch.manual_seed(0)
    figures = clip.evaluate(clip.build_student(SIZE, heads(datasets[0])), datasets[1], 48)
    assert set(figures) == {"item", "color", "auc"}
    assert all(0 <= value <= 1 for value in figures.values())


def test_the_teacher_is_fine_tuned_and_saved(datasets: tuple[Dataset, Dataset], small: None, tmp_path: Path) -> None:
    """Its weights move, and those that are written load into the same model."""
    torch.manual_seed(0)
    save_file(MobileNetV2().state_dict(), tmp_path / "public.safetensors")
    clip.finetune_teacher(tmp_path / "public.safetensors", *datasets, SIZE, heads(datasets[0]), tmp_path, 1)
    tuned = load_file(tmp_path / "teacher.safetensors")
    guide = clip.DualEncoder(MobileNetV2(), FEATURES, SIZE, heads(datasets[0]))
    missing, unexpected = guide.load_state_dict(tuned, strict=False)
    assert unexpected == []
    assert all(name.endswith(("position_ids", "token_type_ids")) for name in missing)
    public = load_file(tmp_path / "public.safetensors")["head.weight"].half()
    assert not torch.equal(tuned["trunk.head.weight"], public)


class Killed(Exception):
    """The process ends here."""


def trained(datasets: tuple[Dataset, Dataset], folder: Path, steps: int) -> clip.DualEncoder:
    torch.manual_seed(1)
    teacher = clip.DualEncoder(MobileNetV2(), FEATURES, SIZE, heads(datasets[0]))
    torch.manual_seed(2)
    return clip.train_clip(teacher, *datasets, SIZE, heads(datasets[0]), folder, steps)


def test_a_killed_training_ends_in_the_same_student(
    datasets: tuple[Dataset, Dataset], small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in its third step and started again, it gives the weights of a run without a break, ready to ship."""
    whole = trained(datasets, tmp_path / "whole", 4)
    descend, calls = loop.optimizer_step, iter(range(100))

    def dying(*arguments: object) -> None:
        if next(calls) == 2:
            raise Killed
        descend(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(loop, "SAVE_EVERY_S", -1.0)
        patch.setattr(loop, "optimizer_step", dying)
        with pytest.raises(Killed):
            trained(datasets, tmp_path / "killed", 4)
    resumed = trained(datasets, tmp_path / "killed", 4)
    for name, weight in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], weight), name
    clip.save_clip(resumed, tiny.reading_tokenizer(), tmp_path / "mini")
    loaded = Clip.load(tmp_path / "mini")
    assert loaded.encode_images([tiny.picture(0)]).embeddings.shape == (1, tiny.DIM)
    names = load_file(tmp_path / "mini" / "model.safetensors")
    assert {weight.dtype for weight in names.values()} == {torch.float16}
    assert not [name for name in names if name.startswith(("heads", "trunk", "text."))]
