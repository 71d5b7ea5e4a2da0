"""`opisalka checkpoints` lists, shows and verifies checkpoints."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import tomli_w

from inference.checkpoints.card import Card, save_card
from tests.cli.conftest import Opisalka


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Save captioner/mini and clip/mini, two files each."""
    for kind in ("captioner", "clip"):
        folder = tmp_path / kind / "mini"
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"0" * 1_500_000)
        (folder / "config.json").write_text("{}")
        save_card(Card(folder=folder, family="prefix", version="1", summary={"ru": "Пробный", "en": "A sample"}))
    return tmp_path


def test_the_list_has_a_line_for_each(opisalka: Opisalka, root: Path) -> None:
    outcome = opisalka("checkpoints", "list", "--checkpoints", root)
    assert outcome.code == 0
    assert [line.split() for line in outcome.out.splitlines()] == [
        ["captioner/mini", "prefix", "1,5", "МБ", "Пробный"],
        ["clip/mini", "prefix", "1,5", "МБ", "Пробный"],
    ]
    assert "A sample" in opisalka("checkpoints", "list", "--checkpoints", root, "--language", "en").out


def test_show_prints_the_card(opisalka: Opisalka, root: Path) -> None:
    outcome = opisalka("checkpoints", "show", "clip/mini", "--checkpoints", root)
    assert outcome.out.startswith(f"# {root / 'clip' / 'mini' / 'card.toml'}\n")
    assert 'family = "prefix"' in outcome.out
    assert outcome.out.count("family") == 1


def test_show_of_a_folder_without_a_card_names_the_folder(opisalka: Opisalka, root: Path) -> None:
    folder = root / "captioner" / "raw"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "blip-2"}')
    (folder / "model.safetensors").write_bytes(b"weights")
    assert opisalka("checkpoints", "show", "raw", "--checkpoints", root).out.startswith(f"# {folder}\n")


def test_large_sizes_are_in_gigabytes(opisalka: Opisalka, root: Path) -> None:
    with (root / "captioner" / "mini" / "model.safetensors").open("r+b") as file:
        file.truncate(80_000_000_000)
    assert "80 ГБ" in opisalka("checkpoints", "list", "--checkpoints", root).out


@pytest.fixture(autouse=True)
def smoke_tests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the checkpoints that were tested; none is loaded."""
    ids: list[str] = []
    module = ModuleType("inference.serving.smoke_test")
    module.run_smoke_test = lambda root, card: ids.append(card.id)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "inference.serving.smoke_test", module)
    return ids


def test_verify_takes_a_name_in_all_kinds(opisalka: Opisalka, root: Path, smoke_tests: list[str]) -> None:
    outcome = opisalka("checkpoints", "verify", "mini", "--checkpoints", root)
    lines = outcome.out.splitlines()
    assert outcome.code == 0
    assert [line.partition(" (")[0] for line in lines] == [
        "captioner/mini: 2 файла целы, модель работает",
        "clip/mini: 2 файла целы, модель работает",
    ]
    assert smoke_tests == ["captioner/mini", "clip/mini"]


def add_downloadable(root: Path) -> None:
    """Add a card whose weights have not been downloaded."""
    folder = root / "captioner" / "public"
    folder.mkdir()
    part = {
        "repo": "people/public",
        "revision": "",
        "files": ["model.safetensors"],
        "folder": "",
        "bytes": 4_500_000_000,
    }
    summary = {"ru": "Чужой", "en": "A stranger's"}
    table = {"family": "prefix", "version": "1", "summary": summary, "download": [part]}
    (folder / "card.toml").write_text(tomli_w.dumps(table))


def test_what_is_not_here_says_how_to_get_it(opisalka: Opisalka, root: Path) -> None:
    add_downloadable(root)
    lines = opisalka("checkpoints", "list", "--checkpoints", root).out.splitlines()
    head, row = lines[-2:]
    assert head == "Можно скачать: opisalka checkpoints pull ИМЯ"
    assert (row.split()[0], row.split()[-3:]) == ("captioner/public", ["4,5", "ГБ", "Чужой"])
    for name in ("public", "people/public"):
        outcome = opisalka("checkpoints", "verify", name, "--checkpoints", root)
        assert outcome.code == 4
        assert "opisalka checkpoints pull captioner/public" in outcome.err


def test_damage_exits_with_4_and_names_the_file(opisalka: Opisalka, root: Path) -> None:
    (root / "clip" / "mini" / "config.json").write_text("[]")
    outcome = opisalka("checkpoints", "verify", "clip/mini", "--checkpoints", root)
    assert outcome.code == 4
    assert outcome.err.count("\n") == 1
    assert "config.json" in outcome.err


def test_a_card_that_cannot_be_read_keeps_no_other_back(opisalka: Opisalka, root: Path) -> None:
    (root / "captioner" / "typo").mkdir()
    (root / "captioner" / "typo" / "card.toml").write_text('family = "prefix"\nversion = "1"\nmax_photos = "ten"\n')
    listed = opisalka("checkpoints", "list", "--checkpoints", root)
    assert (listed.code, len(listed.out.splitlines())) == (4, 2)
    assert "typo" in listed.err
    assert opisalka("checkpoints", "verify", "mini", "--checkpoints", root).code == 0
    assert "typo" in opisalka("checkpoints", "show", "typo", "--checkpoints", root).err


def test_what_a_card_lacks_is_named(opisalka: Opisalka, root: Path) -> None:
    card = root / "captioner" / "mini" / "card.toml"
    card.write_text('requires = ["clip/none"]\n' + card.read_text().replace("requires = []\n", ""))
    outcome = opisalka("checkpoints", "verify", "captioner/mini", "--checkpoints", root)
    assert (outcome.code, outcome.err.startswith("Нет чекпойнта clip/none")) == (4, True)


@pytest.mark.parametrize("action", ["show", "verify"])
def test_no_name_is_nobody_s_name(opisalka: Opisalka, root: Path, action: str) -> None:
    assert opisalka("checkpoints", action, "", "--checkpoints", root).code == 4


@pytest.mark.parametrize("action", ["show", "verify"])
def test_an_unknown_name_exits_with_4_and_tells_the_known_ones(opisalka: Opisalka, root: Path, action: str) -> None:
    outcome = opisalka("checkpoints", action, "maxi", "--checkpoints", root)
    assert outcome.code == 4
    assert "captioner/mini, clip/mini" in outcome.err


def test_a_missing_root_exits_with_4(opisalka: Opisalka, tmp_path: Path) -> None:
    assert opisalka("checkpoints", "list", "--checkpoints", tmp_path / "no").code == 4
