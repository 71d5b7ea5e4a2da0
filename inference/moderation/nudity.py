"""NudeNet's detector: what of a body is seen in photos, and how surely.

A thin caller of the ONNX file that comes with the `nudenet` package, which is not imported: it would give no choice of
threads or of the device, and would look at one photo at a time. What is found is what the package itself finds in the
same RGB pixels. It knows labels and scores; which of them are refused, the policy knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from inference.listing.photos import load_photo

SIZE = 320
# The package's own numbers: what is less sure is not there, and boxes that overlap by more are one thing.
FLOOR, OVERLAP = 0.25, 0.45
AT_ONCE = 16
# In the order of the network's output.
LABELS = (
    "FEMALE_GENITALIA_COVERED",
    "FACE_FEMALE",
    "BUTTOCKS_EXPOSED",
    "FEMALE_BREAST_EXPOSED",
    "FEMALE_GENITALIA_EXPOSED",
    "MALE_BREAST_EXPOSED",
    "ANUS_EXPOSED",
    "FEET_EXPOSED",
    "BELLY_COVERED",
    "FEET_COVERED",
    "ARMPITS_COVERED",
    "ARMPITS_EXPOSED",
    "FACE_MALE",
    "BELLY_EXPOSED",
    "MALE_GENITALIA_EXPOSED",
    "ANUS_COVERED",
    "FEMALE_BREAST_COVERED",
    "BUTTOCKS_COVERED",
)


@dataclass(frozen=True, slots=True)
class Detection:
    """A part of a body: its label, how sure it is in [0, 1], and left, top, width, height in pixels of the photo."""

    label: str
    score: float
    box: tuple[int, int, int, int]


class NudityDetector:
    """The loaded network."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    @classmethod
    def load(cls, threads: int = 0, path: Path | None = None) -> NudityDetector:
        """The network in the file, by default the package's own; `threads`: of one pass, 0 for one a core.

        It runs on a GPU where onnxruntime has a provider for one. Raises `FileNotFoundError` without the file.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that wait by spinning would take the cores from the other checks.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [name for name in wanted if name in onnxruntime.get_available_providers()]
        return cls(onnxruntime.InferenceSession(path or _packaged(), options, providers=providers))

    def look(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        """What is found in each RGB photo, the surest first; up to `AT_ONCE` photos are one pass."""
        arrays = [np.asarray(image) for image in images]
        found: list[list[Detection]] = []
        for start in range(0, len(arrays), AT_ONCE):
            part = arrays[start : start + AT_ONCE]
            (seen,) = self._session.run(None, {"images": np.stack([_pixels(array) for array in part])})
            found += [_found(array, rows.T) for array, rows in zip(part, seen, strict=True)]
        return found

    def look_through(self, paths: Sequence[Path]) -> Iterator[tuple[Path, list[Detection]]]:
        """What is found in each photo file, upright, a few files in memory at a time."""
        for start in range(0, len(paths), AT_ONCE):
            part = paths[start : start + AT_ONCE]
            images = [load_photo(path) for path in part]
            yield from zip(part, self.look(images), strict=True)


def _packaged() -> Path:
    spec = find_spec("nudenet")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("nudenet")
    return Path(spec.origin).with_name("320n.onnx")


def _pixels(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """An RGB photo (height, width, 3) in the top left corner of a black square, as (3, SIZE, SIZE) in [0, 1]."""
    height, width = image.shape[:2]
    edge = max(height, width)
    square = cv2.copyMakeBorder(image, 0, edge - height, 0, edge - width, cv2.BORDER_CONSTANT)
    small = cv2.resize(square, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    return np.multiply(small.transpose(2, 0, 1), np.float32(1 / 255), dtype=np.float32)


def _found(image: NDArray[np.uint8], rows: NDArray[np.float32]) -> list[Detection]:
    """The network's rows (anchors, 4 + labels), centre and size first, as what is found in the photo."""
    scores = rows[:, 4:].max(1)
    likely = rows[scores >= FLOOR]
    if not len(likely):
        return []
    height, width = image.shape[:2]
    labels, scores = likely[:, 4:].argmax(1), likely[:, 4:].max(1)
    corners = (likely[:, :2] - likely[:, 2:4] / 2) * (max(height, width) / SIZE)
    corners = corners.clip(0, (width, height))
    sizes = np.minimum(likely[:, 2:4] * (max(height, width) / SIZE), (width, height) - corners)
    boxes = np.concatenate((corners, sizes), 1)
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), FLOOR, OVERLAP)
    return [Detection(LABELS[labels[n]], float(scores[n]), _whole(boxes[n])) for n in kept]


def _whole(box: NDArray[np.float32]) -> tuple[int, int, int, int]:
    left, top, width, height = (int(value) for value in box)
    return left, top, width, height
