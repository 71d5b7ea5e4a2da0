"""What published folders have in common: weights become safetensors, everything else stays as it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import tomli_w
import torch
from safetensors.torch import save_file

from inference.checkpoints import weights
from inference.checkpoints.convert import copy_transformers, import_original
from inference.checkpoints.registry import get_card, is_installed, verify
from inference.errors import CheckpointError, InvalidInput
from tests.support.models.originals import save_detoxify, save_rubert

STATE = {"first": torch.randn(3, 4), "second": torch.arange(5).half(), "third": torch.tensor(7)}


def folders(tmp_path: Path) -> tuple[Path, Path]:
    source, folder = tmp_path / "source", tmp_path / "folder"
    source.mkdir()
    folder.mkdir()
    return source, folder


def assert_holds_the_state(folder: Path) -> None:
    found = weights.load_tensors(folder)
    assert found.keys() == STATE.keys()
    for name, tensor in STATE.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


class TestTransformersFolder:
    def test_a_pickle_becomes_safetensors_and_the_rest_is_copied(self, tmp_path: Path) -> None:
        source, folder = folders(tmp_path)
        torch.save(STATE, source / "pytorch_model.bin")
        for name in ("config.json", "merges.txt", "spiece.model", "README.md", "training_args.bin"):
            (source / name).write_text(f'"{name}"')
        copy_transformers(source, folder)
        assert_holds_the_state(folder)
        names = ["config.json", "merges.txt", "model.safetensors", "spiece.model"]
        assert sorted(path.name for path in folder.iterdir()) == names
        assert (folder / "merges.txt").read_text() == '"merges.txt"'

    def test_shards_of_a_pickle_stay_shards(self, tmp_path: Path) -> None:
        source, folder = folders(tmp_path)
        shards = {f"pytorch_model-0000{n}-of-00003.bin": name for n, name in enumerate(STATE, 1)}
        for shard, name in shards.items():
            torch.save({name: STATE[name]}, source / shard)
        index = {"metadata": {}, "weight_map": {name: shard for shard, name in shards.items()}}
        (source / "pytorch_model.bin.index.json").write_text(json.dumps(index))
        copy_transformers(source, folder)
        assert_holds_the_state(folder)
        table = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
        assert table["first"] == "model-00001-of-00003.safetensors"
        assert {path.name for path in folder.iterdir()} == {*table.values(), "model.safetensors.index.json"}

    def test_safetensors_go_before_a_pickle_and_are_not_copied(self, tmp_path: Path) -> None:
        source, folder = folders(tmp_path)
        save_file(STATE, source / "model.safetensors")
        (source / "pytorch_model.bin").write_bytes(b"never read")
        copy_transformers(source, folder)
        assert_holds_the_state(folder)
        assert (folder / "model.safetensors").samefile(source / "model.safetensors")

    def test_a_stray_adapter_is_left_out(self, tmp_path: Path) -> None:
        source, folder = folders(tmp_path)
        save_file(STATE, source / "model.safetensors")
        (source / "adapter_config.json").write_text("{}")
        save_file(STATE, source / "adapter_model.safetensors")
        copy_transformers(source, folder)
        assert [path.name for path in folder.iterdir()] == ["model.safetensors"]

    def test_what_is_no_weight_is_copied(self, tmp_path: Path) -> None:
        """Whoever edits the original does not damage the checkpoint."""
        source, folder = folders(tmp_path)
        save_file(STATE, source / "model.safetensors")
        (source / "config.json").write_text("{}")
        copy_transformers(source, folder)
        (source / "config.json").write_text("[]")
        assert (folder / "config.json").read_text() == "{}"

    def test_a_folder_without_weights_is_refused(self, tmp_path: Path) -> None:
        source, folder = folders(tmp_path)
        save_file(STATE, source / "adapter_model.safetensors")  # of a model that lies elsewhere
        with pytest.raises(FileNotFoundError):
            copy_transformers(source, folder)


class TestImport:
    """What is imported takes its place in one move."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        return save_rubert(tmp_path / "source")

    @pytest.fixture
    def waiting(self, tmp_path: Path) -> Path:
        """A shipped card without weights."""
        folder = tmp_path / "toxicity" / "public"
        folder.mkdir(parents=True)
        part = {"repo": "people/public", "revision": "", "files": [], "folder": ""}
        table = {"family": "sequence-classifier", "version": "7", "format": "rubert-toxicity", "download": [part]}
        (folder / "card.toml").write_text(tomli_w.dumps(table))
        return folder

    def test_a_shipped_card_is_completed(self, source: Path, waiting: Path, tmp_path: Path) -> None:
        before = (waiting / "card.toml").read_bytes()
        card = import_original("rubert-toxicity", source, tmp_path, "public")
        assert (card.version, is_installed(card)) == ("7", True)
        verify(card)
        assert (waiting / "card.toml").read_bytes() == before
        with pytest.raises(InvalidInput, match="checkpoint-exists"):
            import_original("rubert-toxicity", source, tmp_path, "public")

    def test_what_waits_for_another_checkpoint_is_not_written_over(
        self, source: Path, waiting: Path, tmp_path: Path
    ) -> None:
        card = (waiting / "card.toml").read_text()
        (waiting / "card.toml").write_text('requires = ["clip/gone"]\n' + card)
        assert not is_installed(import_original("rubert-toxicity", source, tmp_path, "public"))
        with pytest.raises(InvalidInput, match="checkpoint-exists"):
            import_original("rubert-toxicity", source, tmp_path, "public")

    def test_a_shipped_card_of_another_format_is_not(self, source: Path, waiting: Path, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="checkpoint-format"):
            import_original("detoxify", source, tmp_path, "public")

    @pytest.mark.parametrize("below", ["", "downloads"])
    def test_originals_beside_the_card_are_left_alone(
        self, source: Path, waiting: Path, tmp_path: Path, below: str
    ) -> None:
        shutil.copytree(source, waiting / below, dirs_exist_ok=True)
        before = {path.name for path in (waiting / below).iterdir()}
        with pytest.raises(InvalidInput, match="import-inside"):
            import_original("rubert-toxicity", waiting / below, tmp_path, "public")
        assert {path.name for path in (waiting / below).iterdir()} == before

    def test_what_else_lies_beside_the_card_stays(self, source: Path, waiting: Path, tmp_path: Path) -> None:
        (waiting / "notes.txt").write_text("mine")
        (waiting / "downloads").mkdir()
        (waiting / "downloads" / "old.safetensors").write_bytes(b"mine")
        import_original("rubert-toxicity", source, tmp_path, "public")
        assert (waiting / "notes.txt").read_text() == "mine"
        assert (waiting / "downloads" / "old.safetensors").read_bytes() == b"mine"

    def test_a_failure_leaves_nothing(self, source: Path, waiting: Path, tmp_path: Path) -> None:
        (source / "pytorch_model.bin").unlink()
        for name in ("public", "new"):
            with pytest.raises(CheckpointError, match="import-file-missing"):
                import_original("rubert-toxicity", source, tmp_path, name)
        assert [path.name for path in (tmp_path / "toxicity").iterdir()] == ["public"]
        assert [path.name for path in waiting.iterdir()] == ["card.toml"]

    def test_a_full_disk_is_not_the_source_s_fault(
        self, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def half(tensors: object, path: Path) -> None:
            raise OSError("250 requested and 100 written")  # as numpy says it

        monkeypatch.setattr(weights, "save_tensors", half)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
        with pytest.raises(CheckpointError, match="disk-full"):
            import_original("rubert-toxicity", source, tmp_path, "new")

    def test_what_an_interrupted_one_left_is_no_checkpoint(self, source: Path, tmp_path: Path) -> None:
        (tmp_path / "toxicity" / ".new.new" / "half").mkdir(parents=True)
        assert import_original("rubert-toxicity", source, tmp_path, "new") == get_card(tmp_path, "toxicity", "new")
        assert [path.name for path in (tmp_path / "toxicity").iterdir()] == ["new"]

    def test_an_empty_folder_is_filled_and_another_is_not(self, source: Path, tmp_path: Path) -> None:
        folder = tmp_path / "toxicity" / "new"
        folder.mkdir(parents=True)
        assert is_installed(import_original("rubert-toxicity", source, tmp_path, "new"))
        (folder / "card.toml").unlink()
        with pytest.raises(InvalidInput, match="checkpoint-exists"):
            import_original("rubert-toxicity", source, tmp_path, "new")

    @pytest.mark.parametrize(
        ("file", "data"),
        [
            ("pytorch_model.bin", b""),
            ("pytorch_model.bin", b"<html>404</html>"),
            ("pytorch_model.bin", b"version https://git-lfs.github.com/spec/v1"),
            ("pytorch_model.bin", None),
            ("model.safetensors", b""),
            ("model.safetensors", b"\xff" * 100),
            ("config.json", b"{oops"),
            ("config.json", b"\xff"),
        ],
    )
    def test_a_file_that_is_not_what_it_is_called_is_named(
        self, source: Path, tmp_path: Path, file: str, data: bytes | None
    ) -> None:
        path = source / file
        path.write_bytes(path.read_bytes()[:-100] if data is None else data)
        with pytest.raises(CheckpointError) as caught:
            import_original("rubert-toxicity", source, tmp_path, "new")
        assert caught.value.message.code == "import-file-broken"
        assert caught.value.message.details == {"file": str(path)}

    def test_of_everything_else_the_library_says_what_is_wrong(self, source: Path, tmp_path: Path) -> None:
        (source / "config.json").write_text('{"model_type": "bert", "hidden_size": 7, "num_attention_heads": 2}')
        with pytest.raises(CheckpointError) as caught:
            import_original("rubert-toxicity", source, tmp_path, "new")
        assert caught.value.message.code == "import-failed"
        assert "hidden size (7)" in str(caught.value.message.details["reason"])

    @pytest.mark.parametrize(
        ("file", "data"),
        [
            ("training_log.json", b'{"a": 1}\n{"a": 2}\n'),
            (".cache/x.json", b""),
            (".cache/x.safetensors", b""),
            ("config.json", None),
        ],
    )
    def test_a_file_that_is_not_at_fault_is_not_blamed(
        self, source: Path, tmp_path: Path, file: str, data: bytes | None
    ) -> None:
        path = source / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() if data is None else data)
        torch.save({"classifier.weight": torch.ones(2)}, source / "pytorch_model.bin")
        with pytest.raises(CheckpointError, match=r"import-failed|weights-missing"):
            import_original("rubert-toxicity", source, tmp_path, "new")

    def test_a_file_that_may_not_be_read_is_not_broken(
        self, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def forbidden(*arguments: object) -> None:
            raise PermissionError("Permission denied")

        torch.save({"classifier.weight": torch.ones(2)}, source / "pytorch_model.bin")
        (source / "tuned").mkdir()
        save_file(STATE, source / "tuned" / "model.safetensors")
        monkeypatch.setattr("inference.checkpoints.convert.safe_open", forbidden)
        with pytest.raises(CheckpointError, match="weights-missing"):
            import_original("rubert-toxicity", source, tmp_path, "new")

    def test_an_error_about_code_does_not_say_how_to_run_it(self, source: Path, tmp_path: Path) -> None:
        torch.save({"weight": Path("of another class")}, source / "pytorch_model.bin")
        with pytest.raises(CheckpointError, match="import-code"):
            import_original("rubert-toxicity", source, tmp_path, "new")

    def test_a_missing_file_is_named_with_its_folder(self, tmp_path: Path) -> None:
        (tmp_path / "source" / "language").mkdir(parents=True)
        with pytest.raises(CheckpointError) as caught:
            import_original("blip2-swap", tmp_path / "source", tmp_path, "new")
        assert caught.value.message.details["file"] == "language/config.json"

    def test_the_one_file_of_weights_is_found_or_named(self, tmp_path: Path) -> None:
        source = save_detoxify(tmp_path / "detoxify")
        (source / "._multilingual.ckpt").write_bytes(b"macOS")
        assert is_installed(import_original("detoxify", source, tmp_path, "new"))
        shutil.copy(source / "multilingual.ckpt", source / "second.ckpt")
        with pytest.raises(CheckpointError) as caught:
            import_original("detoxify", source, tmp_path, "two")
        assert caught.value.message.code == "import-several"
        assert caught.value.message.details["files"] == "multilingual.ckpt, second.ckpt"
        for path in source.glob("*.ckpt"):
            path.unlink()
        with pytest.raises(CheckpointError) as caught:
            import_original("detoxify", source, tmp_path, "none")
        assert caught.value.message.code == "import-file-missing"
        assert caught.value.message.details["file"] == "*.ckpt"

    @pytest.mark.parametrize(
        "name", ["", "..", ".hidden", "a/b", "a\n", 'a"b', "a\\b", "a*", "<a>", "a b", "-a", "a" * 300, "я" * 101]
    )
    def test_what_is_no_name_is_refused(self, source: Path, tmp_path: Path, name: str) -> None:
        with pytest.raises(InvalidInput, match="checkpoint-name"):
            import_original("rubert-toxicity", source, tmp_path, name)
