"""`opisalka checkpoints pull` in a process of its own, against a local hub."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep
from typing import TypeAlias

import pytest
import tomli_w

from tests.support.hub import Hub, hub
from tests.support.models import tiny
from tests.support.sources import ROOT

REPO = "people/writer"
SECRET = "hf_pretended"  # noqa: S105 - no key to anything
Process: TypeAlias = "subprocess.Popen[str]"
Start: TypeAlias = Callable[..., Process]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save tiny checkpoints that work."""
    root = tmp_path_factory.mktemp("checkpoints")
    tiny.save_root(root)
    return root


@pytest.fixture
def root(checkpoints: Path, tmp_path: Path) -> Path:
    """Save tiny checkpoints and the shipped card of a public model without its weights."""
    root = tmp_path / "checkpoints"
    shutil.copytree(checkpoints, root)
    folder = root / "captioner" / "public"
    folder.mkdir()
    names = ["config.json", "model.safetensors", "tokenizer.json"]
    part = {"repo": REPO, "revision": "", "files": names, "folder": ""}
    table = {"family": "prefix", "version": "1", "max_photos": 10, "requires": ["clip/mini"], "download": [part]}
    (folder / "card.toml").write_text(tomli_w.dumps(table))
    return root


@pytest.fixture
def hub_server(root: Path, tmp_path: Path) -> Iterator[Hub]:
    """Start a hub that has the weights."""
    with hub() as server:
        server.repos[REPO] = tmp_path / "repository"
        server.repos[REPO].mkdir()
        for path in (root / "captioner" / "mini").iterdir():
            if path.name != "card.toml":
                shutil.copy(path, server.repos[REPO])
        yield server


@pytest.fixture
def start(root: Path, hub_server: Hub, tmp_path: Path) -> Start:
    """Start `opisalka` in a process of its own."""
    environment = os.environ | {"HF_ENDPOINT": hub_server.url, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": SECRET}
    environment.pop("HF_HUB_OFFLINE", None)
    environment["HF_HUB_DOWNLOAD_TIMEOUT"] = "90"  # on a busy machine a pause must not become the client's own retry

    def run(*arguments: str | Path) -> Process:
        command = [sys.executable, "-m", "cli", *map(str, arguments), "--checkpoints", str(root)]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True, preexec_fn=_handle_interrupts
        )

    return run


def _handle_interrupts() -> None:
    """Handle Ctrl-C as at a terminal; a shell makes its background processes ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish(process: Process) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=100)
    return process.returncode, out, err


def test_pull_verify_describe(start: Start, hub_server: Hub, tmp_path: Path) -> None:
    """A downloaded model passes its check and describes a photo."""
    code, out, err = finish(start("checkpoints", "pull", REPO))
    assert (code, out.partition(",")[0]) == (0, "captioner/public на месте")
    assert err.splitlines()[0].startswith(f"Скачиваю {REPO}@c0ffee0: ещё ")
    assert hub_server.tokens == {f"Bearer {SECRET}"}
    assert SECRET not in out + err
    code, out, err = finish(start("checkpoints", "verify", "public"))
    assert (code, err) == (0, "")
    assert out.startswith("captioner/public: 3 файла целы, модель работает")
    photo = tmp_path / "photo.png"
    photo.write_bytes(tiny.png(tiny.picture(1, (64, 64))))
    code, out, err = finish(
        start("describe", photo, "--checkpoint", REPO, "--attributes", "Название: куртка", "--json")
    )
    assert (code in (0, 3), '"checkpoint": "public"' in out) == (True, True), err


def test_an_interrupted_pull_says_how_to_go_on_and_does(start: Start, hub_server: Hub, root: Path) -> None:
    """The hub's client writes ten megabytes at a time, so the file is larger than that."""
    weights = hub_server.repos[REPO] / "model.safetensors"
    weights.write_bytes(os.urandom(12_000_000))
    hub_server.stall = 11_000_000
    options = ("--name", "other", "--format", "encoder-decoder", "--keep-original")
    process = start("checkpoints", "pull", "public", *options)
    assert hub_server.stalled.wait(60)
    part = root / "captioner" / ".public.download" / "source"
    while not any(path.stat().st_size for path in part.glob("model.safetensors.*.part")):
        sleep(0.02)
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    assert code == 130
    again = f"--format encoder-decoder --name other --checkpoints {root} --keep-original"
    assert err.splitlines()[-1].endswith(f"opisalka checkpoints pull public {again}")
    hub_server.stall = 0
    assert finish(start("checkpoints", "pull", "public"))[0] == 0
    assert len(hub_server.ranges) == 1
    assert (root / "captioner" / "public" / "model.safetensors").read_bytes() == weights.read_bytes()


@pytest.mark.parametrize(("language", "sentence"), [("ru", "пришёл не таким"), ("en", "is not what the hub says")])
def test_damage_exits_with_4_in_one_sentence(start: Start, hub_server: Hub, language: str, sentence: str) -> None:
    hub_server.damaged.add("model.safetensors")
    code, out, err = finish(start("checkpoints", "pull", "public", "--language", language))
    assert (code, out, len(err.splitlines())) == (4, "", 2)
    assert sentence in err.splitlines()[1]


def test_a_name_that_nobody_has_is_wrong_input(start: Start) -> None:
    code, _, err = finish(start("checkpoints", "pull", "owner/"))
    assert (code, len(err.splitlines())) == (2, 1)
