"""Detect body parts in photos with NudeNet's detector.

Runs the ONNX file of the `nudenet` package without importing the package, which offers no choice of threads or device
and takes one photo at a time. Detections equal the package's own on the same RGB pixels. The module knows labels and
scores; which of them are refused is up to the policy in `photos.py`.
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

INPUT_SIZE = 320
# The package's own values for its score filter and non-maximum suppression.
SCORE_THRESHOLD, IOU_THRESHOLD = 0.25, 0.45
BATCH_SIZE = 16
# Skin in YCrCb: the usual ranges of both colour differences, in which light and dark skin are alike.
SKIN_LUMA, SKIN_RED, SKIN_BLUE = 50, (135, 180), (77, 127)
# In the order of the network's outputs.
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
    """A body part: label, score in [0, 1], and box (left, top, width, height) in pixels of the photo.

    skin: the share of the box in the colours of skin, in [0, 1].
    """

    label: str
    score: float
    box: tuple[int, int, int, int]
    skin: float = 1.0


class NudityDetector:
    """NudeNet's detector in an ONNX Runtime session."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    @classmethod
    def load(cls, threads: int = 0, path: Path | None = None) -> NudityDetector:
        """Load the network from an ONNX file, by default the package's own.

        threads: of one forward pass, 0 for one per core. Uses a GPU where onnxruntime has a provider for one. Raises
        `FileNotFoundError` where the package is not installed.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Spinning threads would take the cores from the models that run at the same time.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        preferred = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [name for name in preferred if name in onnxruntime.get_available_providers()]
        return cls(onnxruntime.InferenceSession(path or _find_model_file(), options, providers=providers))

    def detect(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        """Return the detections in each RGB photo, by descending score; at most `BATCH_SIZE` photos per pass."""
        arrays = [np.asarray(image) for image in images]
        detections: list[list[Detection]] = []
        for start in range(0, len(arrays), BATCH_SIZE):
            batch = arrays[start : start + BATCH_SIZE]
            (outputs,) = self._session.run(None, {"images": np.stack([_preprocess(array) for array in batch])})
            detections += [_decode_detections(array, output.T) for array, output in zip(batch, outputs, strict=True)]
        return detections

    def detect_files(self, paths: Sequence[Path]) -> Iterator[tuple[Path, list[Detection]]]:
        """Yield the detections in each photo file, rotated upright; at most `BATCH_SIZE` photos are in memory."""
        for start in range(0, len(paths), BATCH_SIZE):
            batch = paths[start : start + BATCH_SIZE]
            yield from zip(batch, self.detect([load_photo(path) for path in batch]), strict=True)


def _find_model_file() -> Path:
    spec = find_spec("nudenet")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("nudenet")
    return Path(spec.origin).with_name("320n.onnx")


def _preprocess(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pad an RGB photo (height, width, 3) to a square, right and below, and return (3, 320, 320) float32 in [0, 1]."""
    height, width = image.shape[:2]
    edge = max(height, width)
    square = cv2.copyMakeBorder(image, 0, edge - height, 0, edge - width, cv2.BORDER_CONSTANT)
    small = cv2.resize(square, (INPUT_SIZE, INPUT_SIZE), interpolation=cv2.INTER_LINEAR)
    return np.multiply(small.transpose(2, 0, 1), np.float32(1 / 255), dtype=np.float32)


def _decode_detections(image: NDArray[np.uint8], rows: NDArray[np.float32]) -> list[Detection]:
    """Decode the network's rows (anchors, 4 + labels), box centre and size first, to detections in the photo."""
    scores = rows[:, 4:].max(1)
    likely = rows[scores >= SCORE_THRESHOLD]
    if not len(likely):
        return []
    height, width = image.shape[:2]
    labels, scores = likely[:, 4:].argmax(1), likely[:, 4:].max(1)
    corners = (likely[:, :2] - likely[:, 2:4] / 2) * (max(height, width) / INPUT_SIZE)
    corners = corners.clip(0, (width, height))
    sizes = np.minimum(likely[:, 2:4] * (max(height, width) / INPUT_SIZE), (width, height) - corners)
    boxes = np.concatenate((corners, sizes), 1)
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), SCORE_THRESHOLD, IOU_THRESHOLD)
    return [_build_detection(image, LABELS[labels[n]], float(scores[n]), _round_down(boxes[n])) for n in kept]


def _build_detection(image: NDArray[np.uint8], label: str, score: float, box: tuple[int, int, int, int]) -> Detection:
    left, top, width, height = box
    part = image[top : top + max(1, height), left : left + max(1, width)]
    return Detection(label, score, box, _measure_skin(part) if part.size else 0.0)


def _measure_skin(part: NDArray[np.uint8]) -> float:
    """Return the share of an RGB picture (height, width, 3) in the colours of skin, light or dark."""
    luma, red, blue = np.moveaxis(cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2YCrCb), 2, 0)
    (least_red, most_red), (least_blue, most_blue) = SKIN_RED, SKIN_BLUE
    is_red, is_blue = (least_red <= red) & (red <= most_red), (least_blue <= blue) & (blue <= most_blue)
    return float((is_red & is_blue & (luma >= SKIN_LUMA)).mean())


def _round_down(box: NDArray[np.float32]) -> tuple[int, int, int, int]:
    left, top, width, height = (int(value) for value in box)
    return left, top, width, height
