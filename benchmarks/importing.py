"""Memory of the import of a large checkpoint: `python -m benchmarks.importing [LAYOUT…]`.

A checkpoint of one gigabyte of random weights is saved in its publisher's layout and imported by a child process, which
reports its peak memory (`VmHWM`) before the import, with all modules loaded, and after it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    GPT2Tokenizer,
)

from benchmarks.table import Row
from inference.checkpoints.convert import FORMATS, import_original

MAX_RATIO = 1.5  # of memory and file size
LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюя "


def main() -> None:
    """Save, import and measure each layout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("layouts", nargs="*", metavar="LAYOUT", help=", ".join(LAYOUTS))
    parser.add_argument("--import-from", type=Path, metavar="DIR", help="used by the child process")
    arguments = parser.parse_args()
    if arguments.import_from:
        print(json.dumps(run_import(arguments.layouts[0], arguments.import_from)))
        return
    for name in arguments.layouts or LAYOUTS:
        for row in measure(name):
            print(row)


def measure(name: str) -> list[Row]:
    """Import one layout in a child process and return its memory and time."""
    with tempfile.TemporaryDirectory(prefix="opisalka-import-") as folder:
        source = Path(folder) / "source"
        source.mkdir()
        file = LAYOUTS[name](source)
        size = file.stat().st_size / 1e6
        command = [sys.executable, "-m", "benchmarks.importing", name, "--import-from", folder]
        child = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - this module itself
        measured = json.loads(child.stdout)
    import_mb = measured["after_mb"] - measured["before_mb"]
    return [
        Row(f"{name}: {file.name}", f"{size:.0f} MB"),
        Row("  import", f"{measured['seconds']:.1f} s"),
        Row("  peak memory of the process", f"{measured['after_mb']:.0f} MB"),
        Row("  of it before the import, modules loaded", f"{measured['before_mb']:.0f} MB"),
        Row("  the import itself, as a share of the file", f"{import_mb / size:.2f}", f"≤ {MAX_RATIO}"),
        Row("  the whole process, as a share of the file", f"{measured['after_mb'] / size:.2f}"),
    ]


def run_import(name: str, folder: Path) -> dict[str, float]:
    """Import the saved checkpoint; return the peak memory of this process before and after, in MB, and the seconds."""
    import_module(FORMATS[name].convert.partition(":")[0])
    before = peak_mb()
    start = perf_counter()
    import_original(name, folder / "source", folder, "imported")
    return {"before_mb": before, "after_mb": peak_mb(), "seconds": perf_counter() - start}


def peak_mb() -> float:
    """Return the peak resident memory of this process, in megabytes of 10⁶ bytes."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kilobytes) * 1024 / 1e6


def save_clipcap(folder: Path) -> Path:
    """Save a `.pt` of ClipCap, a GPT-2 of 16 layers and an MLP mapper, with its vocabulary; return the path."""
    config = GPT2Config(n_embd=1024, n_layer=16, n_head=16)
    state = {f"gpt.{name}": tensor for name, tensor in _draw_weights(lambda: GPT2LMHeadModel(config)).items()}
    state["gpt.lm_head.weight"] = state["gpt.transformer.wte.weight"]
    mapper = _draw_weights(lambda: nn.Sequential(nn.Linear(512, 5120), nn.Tanh(), nn.Linear(5120, 10240)))
    state |= {f"clip_project.model.{name}": tensor for name, tensor in mapper.items()}
    GPT2Tokenizer(vocab={letter: number for number, letter in enumerate(LETTERS)}, merges=[]).save_pretrained(folder)
    return _save(state, folder / "coco_prefix_latest.pt")


def save_rubert(folder: Path) -> Path:
    """Save a `transformers` folder with the `pytorch_model.bin` of a BERT of 18 layers; return the path."""
    sizes: dict[str, Any] = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 18}
    labels: dict[int, str] = dict(enumerate(("non-toxic", "insult", "obscenity", "threat", "dangerous")))
    config = BertConfig(num_attention_heads=16, vocab_size=29564, id2label=labels, **sizes)
    config.save_pretrained(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]
    BertTokenizer(vocab={word: number for number, word in enumerate(words)}).save_pretrained(folder)
    return _save(_draw_weights(lambda: BertForSequenceClassification(config)), folder / "pytorch_model.bin")


LAYOUTS: Mapping[str, Callable[[Path], Path]] = {"clipcap": save_clipcap, "rubert-toxicity": save_rubert}


def _draw_weights(build: Callable[[], nn.Module]) -> dict[str, Tensor]:
    """Return random weights in the shapes of a model, built on the device `meta`."""
    with torch.device("meta"):
        model = build()
    return {name: torch.rand(tensor.shape) for name, tensor in model.state_dict().items()}


def _save(state: Mapping[str, Tensor], path: Path) -> Path:
    torch.save(state, path)
    return path


if __name__ == "__main__":
    main()
