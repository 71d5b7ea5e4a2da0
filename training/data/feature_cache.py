"""Features of the frozen dual encoder for each scene in several views, computed once for the captioner's training."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from inference.clip.dual_encoder import Clip
from inference.listing.photos import load_photo
from training import loop
from training.data.augment import augment
from training.data.dataset import STORED
from training.data.examples import resize_square
from training.data.scenes import Scene
from training.drawings import draw

AT_ONCE = 64


def render_scene(scene: Scene) -> Image.Image:
    """Return the scene as an RGB image: its photo, the collage of its photos, or its drawing."""
    if scene.garments:
        return draw(scene.garments, scene.seed)
    photos = [load_photo(path) for path in scene.photos]
    return photos[0] if len(photos) == 1 else build_collage(photos, random.Random(scene.seed))


def build_collage(photos: Sequence[Image.Image], rnd: random.Random, size: tuple[int, int] = (400, 480)) -> Image.Image:
    """Lay photos as tiles of unequal size, slightly rotated, on a plain background of `size` (width, height) pixels."""
    columns = 2 if len(photos) > 2 or rnd.random() < 0.5 else 1
    rows = -(-len(photos) // columns)
    background = rnd.choice(photos).resize((1, 1)).getpixel((0, 0))
    canvas = Image.new("RGB", size, background)
    cell = (size[0] // columns, size[1] // rows)
    for number, photo in enumerate(photos):
        share = rnd.uniform(0.8, 1.0)
        tile = ImageOps.fit(photo, (int(cell[0] * share), int(cell[1] * share)))
        tile = tile.rotate(rnd.uniform(-6, 6), Image.Resampling.BICUBIC, fillcolor=tile.resize((1, 1)).getpixel((0, 0)))
        left = number % columns * cell[0] + rnd.randint(0, cell[0] - tile.width)
        top = number // columns * cell[1] + rnd.randint(0, cell[1] - tile.height)
        canvas.paste(tile, (left, top))
    return canvas


@torch.no_grad()
def encode_scenes(clip: Clip, scenes: Sequence[Scene], times: int) -> Tensor:
    """Encode `times` random views of every scene: (scenes, times, 1 + GRID², width) float16."""
    device = loop.pick_device()
    model = clip.model.to(device)
    banks = []
    with ThreadPoolExecutor() as pool:
        for start in tqdm(range(0, len(scenes), AT_ONCE), "looking", mininterval=2.0):
            images = pool.map(render_scene, scenes[start : start + AT_ONCE])
            pixels = torch.stack([resize_square(image, STORED) for image in images]).to(device)
            banks.append(torch.stack([_encode_view(clip, pixels, first=number == 0) for number in range(times)], 1))
    model.cpu()
    return torch.cat(banks)


def _encode_view(clip: Clip, pixels: Tensor, first: bool) -> Tensor:
    """Encode the photos unchanged in the first pass, and as random views in later ones."""
    size = clip.preprocessor.size
    if first:
        inputs = functional.interpolate(pixels.float() / 127.5 - 1, size, mode="bilinear", antialias=True)
    else:
        inputs = augment(pixels, size, 0.5)
    with loop.autocast(pixels.device):
        return clip.encode_pixels(inputs.contiguous(memory_format=torch.channels_last)).states.half().cpu()
