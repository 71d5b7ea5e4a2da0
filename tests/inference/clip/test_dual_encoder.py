"""The dual encoder computes what `transformers` computes, whatever else is in the batch."""

from __future__ import annotations

import shutil
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import normalize
from transformers import CLIPModel

from inference.clip.dual_encoder import GRID, Clip, grid_states
from inference.errors import UnfitWeights
from tests.support.models import tiny

LONG = "Куртка синяя на молнии, тёплая, с капюшоном, отдам недорого. " * 12


def square(image: Image.Image, size: int) -> Tensor:
    """Preprocess a photo as ruCLIP does: center crop, then a bilinear resize; (3, size, size) in [0, 1]."""
    edge = min(image.size)
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    resized = image.crop((left, top, left + edge, top + edge)).resize((size, size), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.asarray(resized).copy()).permute(2, 0, 1) / 255


@pytest.fixture(scope="module")
def ruclip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CLIPModel]:
    folder = tmp_path_factory.mktemp("clip") / "ruclip"
    return folder, tiny.save_ruclip(folder, tiny.reading_tokenizer())


@torch.no_grad()
def test_a_clip_sees_in_photos_what_transformers_sees(ruclip: tuple[Path, CLIPModel]) -> None:
    """Wide, tall and square photos give the embeddings, to 1e-5, of the model on ruCLIP's pixels."""
    folder, model = ruclip
    images = [tiny.picture(n, size) for n, size in enumerate(((60, 48), (50, 91), (32, 32), (33, 32), (80, 80)))]
    mean, std = torch.tensor([0.48, 0.46, 0.41]), torch.tensor([0.27, 0.26, 0.28])
    pixels = torch.stack([(square(i, 32) - mean.view(3, 1, 1)) / std.view(3, 1, 1) for i in images])
    expected = normalize(model.get_image_features(pixel_values=pixels).pooler_output, dim=-1)
    seen = Clip.load(folder).encode_images(images).embeddings
    assert torch.allclose(seen, expected, atol=1e-5)
    assert (expected[0] - expected[1]).abs().max() > 1e-2


@torch.no_grad()
def test_a_clip_reads_in_texts_what_transformers_reads(ruclip: tuple[Path, CLIPModel]) -> None:
    """The text's own end token is pooled, also when longer texts of the batch add padding behind it."""
    folder, model = ruclip
    tokenizer = tiny.reading_tokenizer()
    expected = [
        model.get_text_features(input_ids=torch.tensor([tokenizer.encode(text).ids])).pooler_output[0]
        for text in tiny.TEXTS
    ]
    read = Clip.load(folder).encode_texts(tiny.TEXTS)
    assert torch.allclose(read.embeddings, normalize(torch.stack(expected), dim=-1), atol=1e-5)
    assert [len(states) for states in read.tokens] == [len(tokenizer.encode(text).ids) for text in tiny.TEXTS]


@torch.no_grad()
def test_a_large_photo_is_shrunk_in_two_steps_without_harm(ruclip: tuple[Path, CLIPModel]) -> None:
    """Photos of more than three times the size are first reduced, which hardly changes the embedding."""
    image = Image.effect_mandelbrot((640, 480), (-2, -1.5, 1, 1.5), 60).convert("RGB")
    clip = Clip.load(ruclip[0])
    plain = (square(image, 32) - torch.tensor(clip.preprocessor.mean).view(3, 1, 1)) / torch.tensor(
        clip.preprocessor.std
    ).view(3, 1, 1)
    assert float(clip.encode_images([image]).embeddings[0] @ clip.encode_pixels(plain[None]).embeddings[0]) > 0.999


@torch.no_grad()
def test_a_dual_encoder_is_the_same_after_saving_and_loading(tmp_path: Path) -> None:
    """Folding batch norms changes nothing, and half precision next to nothing, in photos and in texts."""
    tokenizer = tiny.reading_tokenizer()
    model = tiny.student(tokenizer.get_vocab_size())
    tiny.save_dual_encoder(model, tmp_path / "small")
    clip = Clip.load(tmp_path / "small")
    images = [tiny.picture(number) for number in range(4)]
    ids = [tokenizer.encode(text).ids for text in tiny.TEXTS]
    padded = torch.tensor([row + [0] * (48 - len(row)) for row in ids])
    seen, read = clip.encode_images(images), clip.encode_texts(tiny.TEXTS)
    for rounded, tolerance in ((model, 5e-3), (deepcopy(model).half().float(), 1e-5)):
        pooled, photos = rounded.encode_images(clip.preprocessor.preprocess(images))
        assert torch.allclose(seen.embeddings, photos, atol=tolerance)
        assert torch.allclose(seen.states[:, 0], pooled, atol=3 * tolerance)
        assert torch.allclose(read.embeddings, rounded.encode_texts(padded), atol=tolerance)


def test_the_student_s_batch_norms_have_something_to_fold() -> None:
    """Otherwise the test above would also pass if the norms were dropped."""
    model = tiny.student(40)
    means = [buffer for name, buffer in model.named_buffers() if name.endswith("running_mean")]
    assert min(float(mean.abs().max()) for mean in means) > 0.01


def test_padding_changes_nothing(tiny_clip: Clip) -> None:
    """A text gets the same features alone and beside a long one."""
    batch = tiny_clip.encode_texts((*tiny.TEXTS, LONG))
    for number, text in enumerate((*tiny.TEXTS, LONG)):
        alone = tiny_clip.encode_texts([text])
        assert torch.allclose(batch.embeddings[number], alone.embeddings[0], atol=1e-5)
        assert torch.allclose(batch.tokens[number], alone.tokens[0], atol=1e-5)


def test_photos_do_not_change_each_other(tiny_clip: Clip) -> None:
    images = [tiny.picture(number) for number in range(5)]
    batch = tiny_clip.encode_images(images)
    for number, image in enumerate(images):
        alone = tiny_clip.encode_images([image])
        assert torch.allclose(batch.embeddings[number], alone.embeddings[0], atol=1e-5)
        assert torch.allclose(batch.states[number], alone.states[0], atol=1e-5)


def test_a_text_that_is_too_long_is_cut_and_keeps_its_end_token(tiny_clip: Clip) -> None:
    """Tokens beyond the encoder's context make no difference."""
    cut, longer = tiny_clip.encode_texts([LONG, f"{LONG} и шапка"]).tokens
    assert len(cut) == tiny.TEXT_LENGTH
    assert torch.equal(cut, longer)


def test_nothing_gives_empty_views(tiny_clip: Clip) -> None:
    seen, read = tiny_clip.encode_images([]), tiny_clip.encode_texts([])
    some = tiny_clip.encode_images([tiny.picture(0)])
    assert len(seen) == 0
    assert seen.embeddings.shape == (0, some.embeddings.shape[1])
    assert seen.states.shape == (0, *some.states.shape[1:])
    assert read.embeddings.shape == (0, tiny_clip.dim)
    assert read.tokens == ()


def test_embeddings_have_unit_length(tiny_clip: Clip) -> None:
    seen, read = tiny_clip.encode_images([tiny.picture(n) for n in range(3)]), tiny_clip.encode_texts(["", *tiny.TEXTS])
    for embeddings in (seen.embeddings, read.embeddings):
        assert torch.allclose(embeddings.norm(dim=1), torch.ones(len(embeddings)), atol=1e-5)


def test_states_are_the_whole_photo_and_then_its_cells() -> None:
    """A feature in the upper left third alone fills the first cell and a ninth of the whole."""
    hidden = torch.zeros(1, 2, 6, 6)
    hidden[0, 1, :2, :2] = 1.0
    states = grid_states(hidden)
    assert states.shape == (1, 1 + GRID**2, 2)
    assert states[0, :, 1].tolist() == pytest.approx([1 / 9, 1.0, *[0.0] * 8])
    assert states[0, :, 0].tolist() == [0.0] * 10


def test_patches_are_laid_out_as_the_photo_is() -> None:
    """A vision transformer's patches, row by row behind the class token, give the same cells as a ResNet's map."""
    hidden = torch.randn(2, 5, 6, 6)
    patches = torch.cat((torch.randn(2, 1, 5), hidden.flatten(2).transpose(1, 2)), 1)
    assert torch.allclose(grid_states(patches), grid_states(hidden), atol=1e-6)


def test_a_foreign_weight_is_refused(tiny_root: Path, tmp_path: Path) -> None:
    """A folder whose weights and configuration are of different models does not load half-way."""
    own = load_file(tiny_root / "clip" / "mini" / "model.safetensors")
    for number, weights in enumerate((dict(list(own.items())[1:]), own | {"head.weight": torch.zeros(2)})):
        folder = shutil.copytree(tiny_root / "clip" / "mini", tmp_path / str(number))
        save_file(weights, folder / "model.safetensors")
        with pytest.raises(UnfitWeights):
            Clip.load(folder)
