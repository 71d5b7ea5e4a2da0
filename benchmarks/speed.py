"""How fast describing is and what it costs: `python -m benchmarks.speed --photos DIR`.

What runs in a fresh process comes first, while this one is small: Linux counts the memory of the process that
starts another as that one's own. So nothing here may import torch before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.table import Row
from inference.listing.types import Checked, Submission, Upload
from inference.listing.validation import validate_timed

if TYPE_CHECKING:
    from inference.serving.loader import Describer

ROOT = Path(__file__).resolve().parent.parent
ATTRIBUTES = "Цена: 1500\nРазмер: 46"
PHOTOS = 5
RUNS = 10
STARTS = 5
BATCH = 16


@dataclass(slots=True)
class Stopwatch:
    """Seconds spent in wrapped functions, which do not call each other."""

    seconds: float = 0.0
    _undo: list[Callable[[], None]] = field(default_factory=list)

    def wrap(self, owner: Any, name: str) -> None:
        """Count the calls of `owner.name` from now on."""
        function = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = perf_counter()
            result = function(*args, **kwargs)
            self.seconds += perf_counter() - start
            return result

        setattr(owner, name, timed)
        self._undo.append(lambda: setattr(owner, name, function))

    def release(self) -> None:
        """Put every function back as it was."""
        for undo in self._undo:
            undo()


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR", help="JPEG and PNG files, in name order")
    parser.add_argument("--checkpoints", type=Path, default=ROOT / "checkpoints", metavar="DIR")
    parser.add_argument("--limit", type=int, default=569, metavar="N", help="photos for the batch (569)")
    arguments = parser.parse_args()
    root = arguments.checkpoints.resolve()
    photos = sorted(chain(arguments.photos.resolve().glob("*.jpg"), arguments.photos.resolve().glob("*.png")))
    print(f"{len(os.sched_getaffinity(0))} cores, {len(photos)} photos", file=sys.stderr)
    rows = [*fresh_processes(root, photos), *loaded(root, photos), *batches(root, photos[: arguments.limit])]
    for row in rows:
        print(row)


def fresh_processes(root: Path, photos: list[Path]) -> Iterator[Row]:
    """Cold start and peak memory of `opisalka describe`."""
    starts = [_describe_alone(root, photos[n : n + 1]) for n in range(STARTS)]
    yield Row(f"cold start, 1 photo, median of {STARTS}", f"{median(s for s, _ in starts):.2f} s", "≤ 8 s")
    _, megabytes = _describe_alone(root, photos[:PHOTOS])
    yield Row(f"peak memory of describe, {PHOTOS} photos", f"{megabytes:.0f} MB", "≤ 1200 MB")


def _describe_alone(root: Path, photos: list[Path]) -> tuple[float, float]:
    """Wall-clock seconds and peak resident megabytes of one command."""
    command = [sys.executable, "-m", "cli", "describe", *map(str, photos)]
    command += ["--attributes", ATTRIBUTES, "--checkpoints", str(root), "--json"]
    start = perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)  # noqa: S603 - the project's own command
    _, status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return seconds, usage.ru_maxrss / 1024


def loaded(root: Path, photos: list[Path]) -> Iterator[Row]:
    """One listing of several photos on loaded models: all of it, and the part that no model's forward pass takes."""
    from inference.serving.loader import load_describer

    describer = load_describer(root)
    albums = [photos[n * PHOTOS : (n + 1) * PHOTOS] for n in range(RUNS)]
    _describe(describer, albums[0])
    totals, models = zip(*(_timed(describer, album) for album in albums), strict=True)
    total, forward = median(totals), median(models)
    ours = median((t - f) / t for t, f in zip(totals, models, strict=True))
    yield Row(f"describe, {PHOTOS} photos, models loaded, median of {RUNS}", f"{total:.3f} s", "≤ 1.5 s")
    yield Row("  of it the models' forward passes", f"{forward:.3f} s")
    yield Row("  of it ours: decoding, masking, sampling, scores …", f"{ours:.1%}", "≤ 10 %")


def _timed(describer: Describer, photos: list[Path]) -> tuple[float, float]:
    """Seconds of one listing, and those of them that the models' forward passes took."""
    with _forward_passes(describer) as models:
        start = perf_counter()
        _describe(describer, photos)
        return perf_counter() - start, models.seconds


def _describe(describer: Describer, photos: list[Path]) -> None:
    uploads = tuple(Upload(photo.read_bytes(), photo.name) for photo in photos)
    checked = validate_timed(Submission(uploads, ATTRIBUTES))
    if not isinstance(checked, Checked):
        raise checked
    describer.describe([checked])


@contextmanager
def _forward_passes(describer: Describer) -> Iterator[Stopwatch]:
    """Count what the dual encoder, the decoder and the classifier compute."""
    from inference.captioners.prefix.model import Decoder
    from inference.diversity import DiversityClassifier

    models = Stopwatch()
    for name in ("get_image_features", "get_text_features"):
        models.wrap(type(describer.models.clip.model), name)
    for name in ("embed", "read", "step", "logits"):
        models.wrap(Decoder, name)
    models.wrap(DiversityClassifier, "forward")
    try:
        yield models
    finally:
        models.release()


def batches(root: Path, photos: list[Path]) -> Iterator[Row]:
    """`opisalka batch`, loading included, over listings of one photo: by one and by many."""
    many, one = (_batch_rate(root, photos, size) for size in (BATCH, 1))
    yield Row(f"batch of {BATCH}, {len(photos)} photos", f"{many:.2f} listings/s", "≥ 4")
    yield Row("one by one", f"{one:.2f} listings/s")
    yield Row("batch against one by one", f"{many / one:.2f} times", "≥ 2")


def _batch_rate(root: Path, photos: list[Path], size: int) -> float:
    from cli.__main__ import main as opisalka

    with tempfile.TemporaryDirectory() as folder:
        listings, out = Path(folder, "listings.jsonl"), Path(folder, "out.jsonl")
        rows = [{"id": photo.name, "photos": [str(photo)], "attributes": ATTRIBUTES} for photo in photos]
        listings.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        start = perf_counter()
        code = opisalka(["batch", str(listings), str(out), "--batch-size", str(size), "--checkpoints", str(root)])
        seconds = perf_counter() - start
    if code:
        raise SystemExit(code)
    return len(photos) / seconds


if __name__ == "__main__":
    main()
