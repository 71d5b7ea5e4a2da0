"""Speed and memory of `opisalka describe` and `batch`: `python -m benchmarks.speed --photos DIR`.

Measurements of child processes come first, before this process imports torch: Linux counts the memory of a parent at
the time of the fork as peak memory of the child.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.table import Row
from inference.listing.types import Submission, Upload
from inference.listing.validation import build_job

if TYPE_CHECKING:
    from inference.serving.loader import Describer

ROOT = Path(__file__).resolve().parent.parent
ATTRIBUTES = "Цена: 1500\nРазмер: 46"
PHOTOS = 5
RUNS = 10
STARTS = 5
BATCH = 16


Watch = Callable[["Describer"], AbstractContextManager["Stopwatch"]]


@dataclass(slots=True)
class Stopwatch:
    """Total seconds spent in wrapped functions, which must not call each other."""

    seconds: float = 0.0
    _undo: list[Callable[[], None]] = field(default_factory=list)

    def wrap(self, target: Any, name: str) -> None:
        """Measure the calls of `target.name` from now on."""
        function = getattr(target, name)

        def measure(*args: Any, **kwargs: Any) -> Any:
            start = perf_counter()
            result = function(*args, **kwargs)
            self.seconds += perf_counter() - start
            return result

        setattr(target, name, measure)
        self._undo.append(lambda: setattr(target, name, function))

    def restore(self) -> None:
        """Restore the functions."""
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
    rows = [
        *measure_processes(root, photos),
        *measure_describe(root, photos),
        *measure_batch(root, photos[: arguments.limit]),
    ]
    for row in rows:
        print(row)


def measure_processes(root: Path, photos: list[Path]) -> Iterator[Row]:
    """Measure cold start and peak memory of `opisalka describe`."""
    starts = [_run_describe(root, photos[n : n + 1]) for n in range(STARTS)]
    yield Row(f"cold start, 1 photo, median of {STARTS}", f"{median(s for s, _ in starts):.2f} s", "≤ 8 s")
    _, megabytes = _run_describe(root, photos[:PHOTOS])
    yield Row(f"peak memory of describe, {PHOTOS} photos", f"{megabytes:.0f} MB", "≤ 1200 MB")


def _run_describe(root: Path, photos: list[Path]) -> tuple[float, float]:
    """Run one command and return its wall-clock seconds and its peak resident memory in MiB."""
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


def measure_describe(root: Path, photos: list[Path]) -> Iterator[Row]:
    """Measure one listing on loaded models: its total time, and the share outside of the models' forward passes."""
    from inference.serving.loader import load_describer

    describer = load_describer(root)
    albums = [photos[n * PHOTOS : (n + 1) * PHOTOS] for n in range(RUNS)]
    _describe(describer, albums[0])
    totals, models = zip(*(_measure_s(describer, album, _watch_models) for album in albums), strict=True)
    total, forward = median(totals), median(models)
    overhead = median((t - f) / t for t, f in zip(totals, models, strict=True))
    yield Row(f"describe, {PHOTOS} photos, models loaded, median of {RUNS}", f"{total:.3f} s", "≤ 1.5 s")
    yield Row("  of it the models' forward passes", f"{forward:.3f} s")
    yield Row("  of it ours: decoding, masking, sampling, scores …", f"{overhead:.1%}", "≤ 10 %")
    parts = (("facts and check of the text", _watch_facts, "≤ 5 %"), ("classifier of photos", _watch_classifier, ""))
    for name, watch, bar in parts:
        pairs = [_measure_s(describer, album, watch) for album in albums]
        yield Row(f"  of it the {name}", f"{median(part / whole for whole, part in pairs):.1%}", bar)


def _measure_s(describer: Describer, photos: list[Path], watch: Watch) -> tuple[float, float]:
    """Return the seconds of one listing, and those that were watched."""
    with watch(describer) as stopwatch:
        start = perf_counter()
        _describe(describer, photos)
        return perf_counter() - start, stopwatch.seconds


def _describe(describer: Describer, photos: list[Path]) -> None:
    uploads = tuple(Upload(photo.read_bytes(), photo.name) for photo in photos)
    describer.describe([build_job(Submission(uploads, ATTRIBUTES))])


@contextmanager
def _watch_facts(describer: Describer) -> Iterator[Stopwatch]:
    """Measure what merges the facts and writes the checked text; the classifier has read the photos before."""
    from inference import pipeline

    steps = Stopwatch()
    for name in ("read_facts", "write"):
        steps.wrap(pipeline, name)
    try:
        yield steps
    finally:
        steps.restore()


@contextmanager
def _watch_classifier(describer: Describer) -> Iterator[Stopwatch]:
    """Measure the classifier of photos."""
    classifier = Stopwatch()
    classifier.wrap(type(describer.models.photo_classifier), "predict")
    try:
        yield classifier
    finally:
        classifier.restore()


@contextmanager
def _watch_models(describer: Describer) -> Iterator[Stopwatch]:
    """Measure the forward passes of the dual encoder, the decoder and the classifiers; NudeNet runs beside them."""
    from inference.captioners.prefix.model import Decoder
    from inference.diversity import DiversityClassifier
    from inference.facts.photos import PhotoClassifier
    from inference.moderation.out_of_domain import OutOfDomainDetector

    models = Stopwatch()
    for name in ("get_image_features", "get_text_features"):
        models.wrap(type(describer.models.clip.model), name)
    for name in ("embed", "prefill", "step", "compute_logits"):
        models.wrap(Decoder, name)
    models.wrap(DiversityClassifier, "forward")
    models.wrap(PhotoClassifier, "forward")
    models.wrap(OutOfDomainDetector, "forward")
    try:
        yield models
    finally:
        models.restore()


def measure_batch(root: Path, photos: list[Path]) -> Iterator[Row]:
    """Measure `opisalka batch` on listings of one photo, with loading, for two batch sizes."""
    batched, single = (_run_batch(root, photos, size) for size in (BATCH, 1))
    yield Row(f"batch of {BATCH}, {len(photos)} photos", f"{batched:.2f} listings/s", "≥ 4")
    yield Row("one by one", f"{single:.2f} listings/s")
    yield Row("batch against one by one", f"{batched / single:.2f} times", "≥ 2")


def _run_batch(root: Path, photos: list[Path], size: int) -> float:
    """Run the command and return its listings per second."""
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
