"""Public models come from a hub whole, or not at all; what has come of an interrupted one is not asked for again."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
import tomli_w
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from inference.checkpoints import hub
from inference.checkpoints.card import Card, save_card
from inference.checkpoints.convert import convert
from inference.checkpoints.download import pull
from inference.checkpoints.registry import get_card, is_installed, verify
from inference.errors import Message, UserError
from tests.support.hub import COMMIT, Hub, the_hub
from tests.support.models import tiny
from tests.support.models.originals import save_detoxify, save_rubert

REPO = "people/weights"
FILES = {"config.json": b'{"model_type": "prefix"}\n', "model.safetensors": bytes(range(256)) * 4000}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Hub]:
    """The hub, with one repository."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    with the_hub() as started:
        started.repos[REPO] = folder
        yield started


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Checkpoints with a shipped card, `captioner/public`, that waits for its weights."""
    root = tmp_path / "checkpoints"
    ship(root / "captioner" / "public", part(REPO, list(FILES)))
    return root


def ship(folder: Path, *parts: dict[str, object], **fields: object) -> None:
    folder.mkdir(parents=True)
    table = {"family": "prefix", "version": "1", "download": list(parts), **fields}
    (folder / "card.toml").write_text(tomli_w.dumps(table))


def part(repo: str, files: list[str], revision: str = "", folder: str = "") -> dict[str, object]:
    return {"repo": repo, "revision": revision, "files": files, "folder": folder}


def pulled(root: Path, asked: str, **options: Any) -> Card:
    return pull(root, asked, lambda message: None, **options)


def refused(root: Path, asked: str, **options: Any) -> Message:
    """What the user is told where nothing was pulled."""
    with pytest.raises(UserError) as caught:
        pulled(root, asked, **options)
    return caught.value.message


def visible(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class TestAShippedCard:
    def test_it_gets_its_files_and_a_lock(self, root: Path, served: Hub) -> None:
        card = pulled(root, "public")
        assert is_installed(card)
        assert set(card.files) == set(FILES)
        assert [each["revision"] for each in card.download] == [COMMIT]
        assert all((card.folder / name).read_bytes() == data for name, data in FILES.items())
        verify(card)
        assert visible(root / "captioner") == {"public"}

    @pytest.mark.parametrize("name", ["captioner/public", REPO])
    def test_it_is_found_by_its_kind_or_its_repository(self, root: Path, served: Hub, name: str) -> None:
        assert pulled(root, name).id == "captioner/public"
        assert is_installed(get_card(root, "captioner", name))

    def test_git_sees_nothing_of_it(self, root: Path, served: Hub) -> None:
        def git(*arguments: str) -> str:
            identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
            done = subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True)
            return done.stdout

        git("init", "-q")
        git("add", ".")
        git("commit", "-q", "-m", "shipped")
        pulled(root, "public", keep=True)
        assert visible(root / "captioner") == {"public", ".public.download"}
        assert git("status", "--porcelain") == ""

    def test_the_revision_on_the_card_is_the_one_that_comes(self, root: Path, served: Hub) -> None:
        ship(root / "captioner" / "pinned", part(REPO, list(FILES), COMMIT))
        pulled(root, "pinned")
        assert set(served.asked) == {f"{REPO}@{COMMIT}/{name}" for name in FILES}
        ship(root / "captioner" / "gone", part(REPO, list(FILES), "f" * 40))
        assert refused(root, "gone").code == "hub-revision-missing"

    def test_what_is_here_is_not_asked_for_again(self, root: Path, served: Hub) -> None:
        pulled(root, "public")
        served.asked.clear()
        assert is_installed(pulled(root, "public"))
        assert served.asked == []

    def test_a_lost_file_is_pulled_again(self, root: Path, served: Hub) -> None:
        (pulled(root, "public").folder / "config.json").unlink()
        assert not is_installed(get_card(root, "captioner", "public"))
        assert is_installed(pulled(root, "public"))

    def test_weights_that_are_not_asked_for_any_more_go(self, root: Path, served: Hub) -> None:
        """They would be read beside the others; what the owner of the folder put there is left alone."""
        folder = pulled(root, "public").folder
        (folder / "zmodel.safetensors").write_bytes(b"of nobody")
        (folder / "lora").mkdir()
        for name in ("lora/adapter_model.safetensors", "notes.txt"):
            (folder / name).write_bytes(b"mine")
        (served.repos[REPO] / "vocab.json").write_bytes(b"{}")
        table = {"family": "prefix", "version": "2", "adapters": ["./lora"]}
        download = [part(REPO, ["vocab.json", "model.safetensors"])]
        (folder / "card.toml").write_text(tomli_w.dumps({**table, "download": download}))
        assert set(pulled(root, "public").files) == {"vocab.json", "model.safetensors"}
        assert visible(folder) == {
            *(".gitignore", "card.toml", "lock.toml"),
            *("vocab.json", "model.safetensors"),
            *("lora", "notes.txt"),
        }
        assert (folder / "lora" / "adapter_model.safetensors").read_bytes() == b"mine"

    @pytest.mark.parametrize(
        ("change", "is_here"),
        [
            ({}, True),
            ({"bytes": 7}, True),
            ({"revision": COMMIT}, True),
            ({"revision": "f" * 40}, False),
            ({"repo": "people/other"}, False),
            ({"files": ["model.safetensors"]}, False),
        ],
    )
    def test_a_card_that_moves_on_waits_for_its_new_files(
        self, root: Path, served: Hub, change: dict[str, object], is_here: bool
    ) -> None:
        folder = pulled(root, "public").folder
        table = {"family": "prefix", "version": "2", "download": [part(REPO, list(FILES)) | change]}
        (folder / "card.toml").write_text(tomli_w.dumps(table))
        assert is_installed(get_card(root, "captioner", "public")) == is_here

    def test_what_it_requires_comes_with_it(self, root: Path, served: Hub) -> None:
        ship(root / "captioner" / "above", part(REPO, ["config.json"]), requires=["captioner/public"])
        verify(pulled(root, "above"))
        assert is_installed(get_card(root, "captioner", "public"))

    def test_what_it_requires_comes_again_where_it_was_lost(self, root: Path, served: Hub) -> None:
        ship(root / "captioner" / "above", part(REPO, ["config.json"]), requires=["captioner/public"])
        pulled(root, "above")
        (root / "captioner" / "public" / "model.safetensors").unlink()
        served.asked.clear()
        assert not is_installed(get_card(root, "captioner", "above"))
        assert is_installed(pulled(root, "above"))
        assert [name.rpartition("/")[2] for name in served.asked] == list(FILES)

    def test_cards_that_require_each_other_are_refused(self, root: Path, served: Hub) -> None:
        ship(root / "captioner" / "first", part(REPO, ["config.json"]), requires=["captioner/second"])
        ship(root / "captioner" / "second", part(REPO, ["config.json"]), requires=["captioner/first"])
        assert refused(root, "first").details["field"] == "requires"

    def test_a_card_that_cannot_be_read_keeps_no_other_back(self, root: Path, served: Hub) -> None:
        (root / "captioner" / "typo").mkdir()
        (root / "captioner" / "typo" / "card.toml").write_text("family = ")
        assert is_installed(pulled(root, "captioner/public"))
        assert refused(root, "typo").code == "card-unreadable"

    def test_what_has_no_files_of_its_own_is_here_with_what_it_requires(self, root: Path, served: Hub) -> None:
        folder = root / "captioner" / "standing"
        folder.mkdir()
        save_card(Card(folder=folder, family="interrogator", version="1", requires=("captioner/public",)))
        assert not is_installed(get_card(root, "captioner", "standing"))
        assert is_installed(pulled(root, "standing"))
        assert is_installed(get_card(root, "captioner", "public"))

    def test_parts_land_in_their_folders(self, root: Path, served: Hub) -> None:
        served.repos["people/base"] = served.repos[REPO]
        parts = (part(REPO, ["model.safetensors"]), part("people/base", ["config.json"], folder="base"))
        ship(root / "captioner" / "two", *parts)
        assert set(pulled(root, "two").files) == {"model.safetensors", "base/config.json"}


class TestTheNetwork:
    def test_a_broken_connection_goes_on_where_it_broke(self, root: Path, served: Hub) -> None:
        served.cut = 400_000
        assert is_installed(pulled(root, "public"))
        assert len(served.ranges) == 1
        assert 0 < int(served.ranges[0].removeprefix("bytes=").removesuffix("-")) <= 400_000

    def test_a_later_try_goes_on_where_the_first_ended(self, root: Path, served: Hub) -> None:
        work = root / "captioner" / ".public.download" / "source"
        work.mkdir(parents=True)
        digest = hashlib.sha256(FILES["model.safetensors"]).hexdigest()
        (work / f"model.safetensors.{digest[:8]}.part").write_bytes(FILES["model.safetensors"][:1000])
        assert is_installed(pulled(root, "public"))
        assert served.ranges == ["bytes=1000-"]

    @pytest.mark.parametrize("pins", [b"", b'{"peo', b"\xff"])
    def test_pins_that_were_not_written_whole_are_made_anew(self, root: Path, served: Hub, pins: bytes) -> None:
        work = root / "captioner" / ".public.download"
        work.mkdir()
        (work / "pins.json").write_bytes(pins)
        assert is_installed(pulled(root, "public"))

    def test_what_another_try_left_gets_into_no_checkpoint(self, root: Path, served: Hub, tmp_path: Path) -> None:
        """The card has moved on to another repository after the first try broke off."""
        other = served.repos["people/other"] = tmp_path / "other"
        other.mkdir()
        for name in ("config.json", "old.safetensors", "model.safetensors"):
            (other / name).write_bytes(name.encode())
        folder = root / "captioner" / "public"
        card = (folder / "card.toml").read_text()
        shutil.rmtree(folder)
        ship(folder, part("people/other", ["config.json", "old.safetensors", "model.safetensors"]))
        served.damaged.add("model.safetensors")
        assert refused(root, "public").code == "hub-damaged"
        served.damaged.clear()
        (folder / "card.toml").write_text(card)
        (root / "captioner" / ".public.download" / "source" / "model.safetensors.deadbeef.part").write_bytes(b"half")
        assert set(pulled(root, "public").files) == set(FILES)
        assert all((folder / name).read_bytes() == data for name, data in FILES.items())

    def test_another_content_than_the_hub_names_is_refused(self, root: Path, served: Hub) -> None:
        served.damaged.add("model.safetensors")
        message = refused(root, "public")
        assert (message.code, message.details["file"]) == ("hub-damaged", "model.safetensors")
        assert not is_installed(get_card(root, "captioner", "public"))
        assert visible(root / "captioner" / "public") == {"card.toml"}
        served.damaged.clear()
        assert is_installed(pulled(root, "public"))

    @pytest.mark.parametrize(
        ("status", "message", "code"),
        [
            (401, "Invalid credentials in Authorization header", "hub-token"),
            (403, "Forbidden", "hub-gated"),
            (500, "Internal error", "hub-failed"),
        ],
    )
    def test_a_refusal_is_one_sentence(self, root: Path, served: Hub, status: int, message: str, code: str) -> None:
        served.status, served.message = status, message
        assert refused(root, "public").code == code

    def test_a_model_given_on_request_says_where(self, root: Path, served: Hub) -> None:
        served.closed.add(REPO)
        message = refused(root, "public")
        assert (message.code, message.details["page"]) == ("hub-gated", f"{served.url}/{REPO}")

    def test_what_the_hub_does_not_hold_is_named(self, root: Path, served: Hub) -> None:
        del served.repos[REPO]
        assert refused(root, "public").code == "hub-repo-missing"
        served.repos[REPO] = root  # another repository under the old name
        message = refused(root, "public")
        assert (message.code, message.details["file"]) == ("hub-file-missing", "config.json")

    def test_no_network_is_said_at_once(self, root: Path, served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        assert refused(root, "public").code == "hub-unreachable"

    def test_a_full_disk_is_known_before(self, root: Path, served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
        assert refused(root, "public").code == "pull-disk"
        assert served.asked == []

    def test_a_disk_that_fills_up_is_said(self, root: Path, served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_space(*arguments: object, **options: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("inference.checkpoints.hub.http_get", no_space)
        assert refused(root, "public").code == "disk-full"

    def test_less_than_announced_is_a_broken_connection(
        self, root: Path, served: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        described = served._described
        monkeypatch.setattr(served, "_described", lambda path, name: described(path, name) | {"size": 2_000_000})
        assert refused(root, "public").code == "hub-cut"

    def test_a_name_that_leads_out_of_the_folder_is_refused(
        self, root: Path, served: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        described = served._described
        monkeypatch.setattr(served, "_described", lambda path, name: described(path, Path("..") / name))
        assert refused(root, "public").code == "hub-file-odd"


class TestTwoAtOnce:
    def test_the_second_has_to_wait(self, root: Path, served: Hub) -> None:
        work = root / "captioner" / ".public.download"
        work.mkdir()
        with (work / "busy").open("w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            message = refused(root, "public")
        assert (message.code, message.details) == ("pull-busy", {"checkpoint": "captioner/public"})
        assert served.asked == []
        assert is_installed(pulled(root, "public"))

    def test_a_disk_without_room_for_the_pins_is_said(
        self, root: Path, served: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_space(path: Path, *arguments: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Path, "write_text", no_space)
        assert refused(root, "public").code == "disk-full"


def test_where_no_terminal_shows_a_bar_lines_tell_how_far_it_is(
    root: Path, served: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hub, "_LOG_INTERVAL", 0)
    pulled(root, "public")
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("model.safetensors: 100%")]


class TestFormats:
    @pytest.fixture(autouse=True)
    def rubert(self, root: Path, served: Hub, tmp_path: Path) -> Path:
        """A publisher's folder on the hub, and the shipped card of it."""
        folder = served.repos["people/rubert"] = save_rubert(tmp_path / "rubert")
        names = [path.name for path in folder.iterdir()]
        ship(root / "toxicity" / "rubert", part("people/rubert", names), format="rubert-toxicity", risk="not-harmless")
        return folder

    def test_the_original_is_taken_over_and_goes(self, root: Path) -> None:
        before = (root / "toxicity" / "rubert" / "card.toml").read_bytes()
        card = pulled(root, "rubert")
        assert "model.safetensors" in card.files
        assert not any(card.folder.glob("*.bin"))
        assert (card.folder / "card.toml").read_bytes() == before
        assert visible(root / "toxicity") == {"rubert"}

    def test_it_stays_where_that_is_asked(self, root: Path) -> None:
        pulled(root, "rubert", keep=True)
        assert (root / "toxicity" / ".rubert.download" / "source" / "pytorch_model.bin").is_file()

    def test_what_cannot_be_read_leaves_nothing_that_looks_whole(self, root: Path, rubert: Path) -> None:
        (rubert / "pytorch_model.bin").write_bytes(b"no weights")
        assert refused(root, "rubert").code == "import-file-broken"
        assert visible(root / "toxicity" / "rubert") == {"card.toml"}
        assert visible(root / "toxicity") == {"rubert", ".rubert.download"}

    def test_no_library_asks_the_hub_while_it_is_written(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[bool] = []

        def watched(family: str, source: Path, folder: Path) -> Card:
            asked.append(huggingface_hub.is_offline_mode())
            return convert(family, source, folder)

        monkeypatch.setattr("inference.checkpoints.download.convert", watched)
        pulled(root, "rubert")
        assert asked == [True]
        assert not huggingface_hub.is_offline_mode()

    def test_a_format_that_nobody_reads_is_known_before(self, root: Path, served: Hub) -> None:
        ship(root / "captioner" / "odd", part(REPO, list(FILES)), format="odd")
        assert refused(root, "odd").code == "card-field"
        assert served.asked == []


class TestRepositoriesWithoutACard:
    def test_the_files_tell_the_format(self, root: Path, served: Hub, tmp_path: Path) -> None:
        folder = served.repos["People/Tiny-CLIP"] = tmp_path / "clip"
        tiny.save_ruclip(folder, tiny.reading_tokenizer())
        card = pulled(root, "People/Tiny-CLIP")
        assert (card.id, card.format, card.download[0]["revision"]) == ("clip/tiny-clip", "clip", COMMIT)
        assert load_file(card.folder / "model.safetensors").keys() == load_file(folder / "model.safetensors").keys()
        verify(card)
        assert get_card(root, "clip", "People/Tiny-CLIP") == card
        assert pulled(root, "People/Tiny-CLIP") == card

    def test_a_format_that_cannot_be_detected_has_to_be_named(self, root: Path, served: Hub, tmp_path: Path) -> None:
        served.repos["people/other"] = save_rubert(tmp_path / "rubert")
        assert refused(root, "people/other").code == "pull-format"
        card = pulled(root, "people/other", family="rubert-toxicity", name="mine")
        assert card.id == "toxicity/mine"
        served.repos["people/mine"] = served.repos["people/other"]
        assert refused(root, "people/mine", family="rubert-toxicity").code == "pull-exists"

    @pytest.mark.parametrize("name", ["nobody", "captioner/nobody", "a/b/c", ""])
    def test_what_is_no_model_is_named(self, root: Path, name: str) -> None:
        message = refused(root, name)
        assert (message.code, message.details) == ("pull-unknown", {"name": name})

    def test_of_two_cards_of_a_repository_the_first_is_meant(self, root: Path, served: Hub) -> None:
        ship(root / "captioner" / "public-otherwise", part(REPO, list(FILES)))
        for _ in range(2):
            assert pulled(root, REPO).name == "public"

    def test_a_card_of_joined_models_is_not_called_after_one(self, root: Path, served: Hub) -> None:
        ship(root / "captioner" / "joined", part("people/vision", ["config.json"], folder="vision"))
        assert get_card(root, "captioner", "joined").repo == ""

    def test_a_repository_s_weights_come_once(self, root: Path, served: Hub, tmp_path: Path) -> None:
        folder = served.repos["people/other"] = save_rubert(tmp_path / "rubert")
        state = torch.load(folder / "pytorch_model.bin", weights_only=True)
        save_file(state, folder / "model.safetensors")
        for name in ("model.fp16.safetensors", "tf_model.h5", "README.md", "adapter_config.json"):
            (folder / name).write_bytes(b"not asked for")
        pulled(root, "people/other", family="rubert-toxicity")
        assert {name.rpartition("/")[2] for name in served.asked} == {
            "config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json",
        }

    def test_an_adapter_is_no_weights_of_the_model(self, root: Path, served: Hub, tmp_path: Path) -> None:
        folder = served.repos["people/other"] = save_rubert(tmp_path / "rubert")
        (folder / "adapter_model.safetensors").write_bytes(b"not asked for")
        assert is_installed(pulled(root, "people/other", family="rubert-toxicity"))
        assert not any(name.endswith("adapter_model.safetensors") for name in served.asked)

    @pytest.mark.parametrize("family", ["flamingo", "soft-prompt", "blip2-swap", "rudolph"])
    def test_what_is_put_together_from_several_is_refused_before(self, root: Path, served: Hub, family: str) -> None:
        message = refused(root, "people/other", family=family)
        assert (message.code, message.details) == ("pull-joined", {"format": family})

    def test_a_format_of_one_file_brings_that_file(self, root: Path, served: Hub, tmp_path: Path) -> None:
        folder = served.repos["people/other"] = save_detoxify(tmp_path / "detoxify")
        (folder / "._multilingual.ckpt").write_bytes(b"macOS")
        card = pulled(root, "people/other", family="detoxify")
        assert "model.safetensors" in card.files
        (folder / "second.ckpt").write_bytes(b"which?")
        served.repos["people/two"] = folder
        served.asked.clear()
        message = refused(root, "people/two", family="detoxify")
        assert (message.code, message.details["files"]) == ("import-several", "multilingual.ckpt, second.ckpt")
        assert served.asked == []

    def test_a_repository_without_such_weights_is_refused_before(self, root: Path, served: Hub) -> None:
        served.repos["people/mine"] = served.repos[REPO]
        message = refused(root, "people/mine", family="clipcap")
        assert (message.code, message.details["files"]) == ("pull-weightless", "*.pt")
        assert served.asked == []

    def test_one_name_for_two_models_is_asked_about(self, root: Path) -> None:
        ship(root / "clip" / "public", part("people/clip", ["config.json"]))
        assert refused(root, "public").code == "pull-ambiguous"
