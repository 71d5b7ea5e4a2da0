"""The memory that importing a large checkpoint takes: `python -m benchmarks.importing [LAYOUT…]`.

An original of one gigabyte of random numbers is written in the publisher's layout and imported in a fresh process,
which tells the most memory that it ever held (`VmHWM`): as it was before the import, with all modules loaded, and as
it is after.
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

MOST = 1.5  # times the file
LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюя "


def main() -> None:
    """Write, import and measure each layout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("layouts", nargs="*", metavar="LAYOUT", help=", ".join(LAYOUTS))
    parser.add_argument("--import-from", type=Path, metavar="DIR", help="what the fresh process does")
    arguments = parser.parse_args()
    if arguments.import_from:
        print(json.dumps(imported(arguments.layouts[0], arguments.import_from)))
        return
    for name in arguments.layouts or LAYOUTS:
        for row in rows(name):
            print(row)


def rows(name: str) -> list[Row]:
    """What importing one layout took."""
    with tempfile.TemporaryDirectory(prefix="opisalka-import-") as folder:
        source = Path(folder) / "source"
        source.mkdir()
        file = LAYOUTS[name](source)
        size = file.stat().st_size / 1e6
        command = [sys.executable, "-m", "benchmarks.importing", name, "--import-from", folder]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - this module itself
        found = json.loads(done.stdout)
    taken = found["after_mb"] - found["before_mb"]
    return [
        Row(f"{name}: {file.name}", f"{size:.0f} MB"),
        Row("  import", f"{found['seconds']:.1f} s"),
        Row("  peak memory of the process", f"{found['after_mb']:.0f} MB"),
        Row("  of it before the import, modules loaded", f"{found['before_mb']:.0f} MB"),
        Row("  the import itself, as a share of the file", f"{taken / size:.2f}", f"≤ {MOST}"),
        Row("  the whole process, as a share of the file", f"{found['after_mb'] / size:.2f}"),
    ]


def imported(name: str, folder: Path) -> dict[str, float]:
    """Import what was written and tell the peak memory of this process before and after."""
    import_module(FORMATS[name].convert.partition(":")[0])
    before = peak_mb()
    start = perf_counter()
    import_original(name, folder / "source", folder, "imported")
    return {"before_mb": before, "after_mb": peak_mb(), "seconds": perf_counter() - start}


def peak_mb() -> float:
    """The most resident memory that this process ever held, in megabytes of 10⁶ bytes."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kilobytes) * 1024 / 1e6


def clipcap(folder: Path) -> Path:
    """ClipCap's `.pt`: a GPT-2 of 16 layers, an MLP mapper, and the vocabulary beside."""
    config = GPT2Config(n_embd=1024, n_layer=16, n_head=16)
    state = {f"gpt.{name}": tensor for name, tensor in _drawn(lambda: GPT2LMHeadModel(config)).items()}
    state["gpt.lm_head.weight"] = state["gpt.transformer.wte.weight"]
    mapper = _drawn(lambda: nn.Sequential(nn.Linear(512, 5120), nn.Tanh(), nn.Linear(5120, 10240)))
    state |= {f"clip_project.model.{name}": tensor for name, tensor in mapper.items()}
    GPT2Tokenizer(vocab={letter: number for number, letter in enumerate(LETTERS)}, merges=[]).save_pretrained(folder)
    return _saved(state, folder / "coco_prefix_latest.pt")


def rubert(folder: Path) -> Path:
    """A folder of `transformers`: `pytorch_model.bin` of a BERT of 18 layers."""
    sizes: dict[str, Any] = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 18}
    labels: dict[int, str] = dict(enumerate(("non-toxic", "insult", "obscenity", "threat", "dangerous")))
    config = BertConfig(num_attention_heads=16, vocab_size=29564, id2label=labels, **sizes)
    config.save_pretrained(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]
    BertTokenizer(vocab={word: number for number, word in enumerate(words)}).save_pretrained(folder)
    return _saved(_drawn(lambda: BertForSequenceClassification(config)), folder / "pytorch_model.bin")


LAYOUTS: Mapping[str, Callable[[Path], Path]] = {"clipcap": clipcap, "rubert-toxicity": rubert}


def _drawn(build: Callable[[], nn.Module]) -> dict[str, Tensor]:
    """Random numbers in the shapes of a model's weights."""
    with torch.device("meta"):
        model = build()
    return {name: torch.rand(tensor.shape) for name, tensor in model.state_dict().items()}


def _saved(state: Mapping[str, Tensor], path: Path) -> Path:
    torch.save(state, path)
    return path


if __name__ == "__main__":
    main()
