"""Speed of moderation: `python -m benchmarks.moderation --photos DIR`.

Measures the three checks of a listing of five photos and a text on loaded models, including the encoding of the photos,
which later steps share; and one pass of NudeNet over all photos against the detector of the `nudenet` package, which
takes one photo at a time.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from PIL import Image

from inference.listing.job import Job
from inference.listing.types import Attributes, Listing, Photo
from inference.listing.validation import MAX_SIDE
from inference.serving.loader import Describer, load_describer

ROOT = Path(__file__).resolve().parent.parent
PHOTOS = 5
RUNS = 15
TEXT = "Куртка синяя на молнии, тёплая, с капюшоном. Размер 46, надевали пару раз, без пятен. Отдам недорого, торг."


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR", help="JPEG and PNG files, in name order")
    parser.add_argument("--checkpoints", type=Path, default=ROOT / "checkpoints", metavar="DIR")
    arguments = parser.parse_args()
    paths = sorted(chain(arguments.photos.glob("*.jpg"), arguments.photos.glob("*.png")))[: PHOTOS * RUNS]
    albums = [[_load_photo(path) for path in paths[start : start + PHOTOS]] for start in range(0, len(paths), PHOTOS)]
    describer = load_describer(arguments.checkpoints)
    print(f"{len(os.sched_getaffinity(0))} cores, {len(albums)} albums of {PHOTOS}")
    for name, seconds, bar in measure(describer, albums):
        print(f"{name:<58} {seconds:>12}  {bar}")


def measure(describer: Describer, albums: Sequence[Sequence[Photo]]) -> list[tuple[str, str, str]]:
    """Return the rows of the table: name, value, and the value that is required."""
    checks = describer.models.checks
    total_s = median([_moderate_s(describer, album) for album in (albums[0], *albums)][1:])
    batch_s = _median_s(lambda album: checks.nudity_detector.detect([photo.image for photo in album]), albums) / PHOTOS
    package_s = _median_s(_load_package(), albums) / PHOTOS
    text_s = _median_s(lambda album: checks.toxicity_classifier.judge([TEXT]), albums)
    return [
        (f"moderation of {PHOTOS} photos and a text, median of {len(albums)}", f"{total_s:.3f} s", "≤ 0.6 s"),
        ("  of it the text alone", f"{1000 * text_s:.1f} ms", "≤ 5 ms"),
        ("NudeNet, one pass, a photo", f"{1000 * batch_s:.1f} ms", ""),
        ("NudeNet, the package photo by photo, a photo", f"{1000 * package_s:.1f} ms", ""),
        ("  the pass is faster", f"{package_s / batch_s:.2f} times", "≥ 1.4"),
    ]


def _moderate_s(describer: Describer, album: Sequence[Photo]) -> float:
    (result,) = describer.describe([_build_job(album)])
    return result.timings.moderate_s


def _load_package() -> Callable[[Sequence[Photo]], object]:
    from nudenet import NudeDetector

    detector = NudeDetector()
    return lambda album: [detector.detect(np.asarray(photo.image)) for photo in album]


def _median_s(run: Callable[[Sequence[Photo]], object], albums: Sequence[Sequence[Photo]]) -> float:
    run(albums[0])
    seconds = []
    for album in albums:
        start = perf_counter()
        run(album)
        seconds.append(perf_counter() - start)
    return median(seconds)


def _build_job(album: Sequence[Photo]) -> Job:
    return Job(Listing(tuple(album), Attributes((("", TEXT),))))


def _load_photo(path: Path) -> Photo:
    """Load a photo at the largest size that validation leaves, `MAX_SIDE` px on the longer side."""
    image = Image.open(path).convert("RGB")
    scale = MAX_SIDE / max(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    return Photo(path.name, "", image.resize(size, Image.Resampling.BICUBIC))


if __name__ == "__main__":
    main()
