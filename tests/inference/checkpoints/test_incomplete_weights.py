"""Weights that are not exactly those of a model, of every format: one sentence that names the first tensor or the file.

At import, at verification and on loading; never a text. Tied weights are no gap: some of the whole sources have them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cli.__main__ import main
from inference.checkpoints.card import Card, compute_sha256, load_card, save_card
from inference.checkpoints.convert import import_original
from inference.checkpoints.registry import verify
from inference.checkpoints.weights import read_shapes
from inference.clip.dual_encoder import Clip
from inference.clip.openai_weights import infer_sizes
from inference.errors import CheckpointError
from inference.moderation.texts import ToxicityClassifier
from inference.serving.loader import Loader, check_files, load_folder
from inference.serving.smoke_test import run_smoke_test
from tests.support.models import dual_encoders, vision_language
from tests.support.models.damage import CHANGES, FILE_DAMAGES, SOURCES, change_tensors, flip, save_shards

CODES = {"missing": "weights-missing", "misshapen": "weights-misshapen", "nan": "weights-nan"}
# Embeddings may be tied, and buffers are computed.
NEEDLESS = ("embed", "wte", "lm_head", "shared", "position", "pooler", "mask")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Save every source."""
    root = tmp_path_factory.mktemp("sources")
    for name, source in SOURCES.items():
        source.save(root / name)
    return {name: root / name for name in SOURCES}


@pytest.fixture(scope="module")
def cards(sources: Mapping[str, Path], tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Card]:
    """Import every whole source beside the tiny checkpoints."""
    root = shutil.copytree(tiny_root, tmp_path_factory.mktemp("imported") / "root")
    return {name: import_original(source.format, sources[name], root, name) for name, source in SOURCES.items()}


@pytest.mark.parametrize("damage", CHANGES)
@pytest.mark.parametrize("name", SOURCES)
def test_import_names_a_tensor_and_leaves_no_folder(
    sources: Mapping[str, Path], tmp_path: Path, name: str, damage: str
) -> None:
    source, folder = SOURCES[name], shutil.copytree(sources[name], tmp_path / "source")
    change_tensors(folder / source.file, source.tensor, CHANGES[damage])
    with pytest.raises(CheckpointError) as caught:
        import_original(source.format, folder, tmp_path / "root", "new")
    message = caught.value.message
    assert "weights-" in message.code
    assert message.details.get("tensor", message.details.get("weights"))
    assert not any((tmp_path / "root").iterdir())


@pytest.mark.parametrize("damage", FILE_DAMAGES)
@pytest.mark.parametrize("name", SOURCES)
def test_import_names_a_file_and_leaves_no_folder(
    sources: Mapping[str, Path], tmp_path: Path, name: str, damage: str
) -> None:
    source, folder = SOURCES[name], shutil.copytree(sources[name], tmp_path / "source")
    if damage == "flipped" and source.file.endswith(".safetensors"):
        pytest.skip("a safetensors file has no checksum of its own: only the publisher's hash tells")
    FILE_DAMAGES[damage](folder / source.file)
    with pytest.raises(CheckpointError) as caught:
        import_original(source.format, folder, tmp_path / "root", "new")
    assert caught.value.message.code == ("import-file-missing" if damage == "gone" else "import-file-broken")
    assert Path(source.file).parent.name in str(caught.value.message.details["file"])
    assert not any((tmp_path / "root").iterdir())


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("flamingo", "perceiver.layers.5."),
        ("rudolph", "transformer.layers.7."),
        ("blip2", "language_model.model.decoder.layers.1."),
        ("blip2-mt5", "language_model.lm_head."),
    ],
)
def test_import_misses_a_last_layer_and_a_head_that_is_not_tied(
    sources: Mapping[str, Path], tmp_path: Path, name: str, layer: str
) -> None:
    """Sizes that are inferred from a file would have the layer missing without a trace."""
    source, folder = SOURCES[name], shutil.copytree(sources[name], tmp_path / "source")
    change_tensors(
        folder / source.file,
        source.tensor,
        lambda state, _: {key: each for key, each in state.items() if not key.startswith(layer)},
    )
    with pytest.raises(CheckpointError, match=r"weights-missing.*" + re.escape(layer)):
        import_original(source.format, folder, tmp_path / "root", "new")


def test_a_clip_of_a_public_width_has_all_its_layers() -> None:
    """OpenAI's files come without a configuration."""
    sizes = dual_encoders.OPENAI | {"transformer_width": 512, "vision_width": 768}
    inferred = infer_sizes(dual_encoders.openai_weights(sizes))
    assert (inferred["transformer_layers"], inferred["vision_layers"]) == (12, 12)


def test_a_language_model_of_clipcap_has_all_layers_of_its_config(sources: Mapping[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(sources["clipcap"], tmp_path / "source")
    (folder / "config.json").write_text('{"n_layer": 3}')
    with pytest.raises(CheckpointError, match=r"weights-missing.*transformer\.h\.2\."):
        import_original("clipcap", folder, tmp_path / "root", "new")


def note_of_the_hub(path: Path, digest: str) -> Path:
    """Note the hash as `huggingface_hub` does for a local folder."""
    note = path.parent / ".cache" / "huggingface" / "download" / f"{path.name}.metadata"
    note.parent.mkdir(parents=True)
    note.write_text(f"{'0' * 40}\n{digest}\n1700000000.0\n")
    return path


def cache_of_the_hub(path: Path, digest: str) -> Path:
    """Move the file to where `huggingface_hub` keeps it in its cache."""
    blob = path.parent.parent / digest
    path.rename(blob)
    path.symlink_to(blob)
    return blob


@pytest.mark.parametrize("publish", [note_of_the_hub, cache_of_the_hub])
def test_import_finds_a_flipped_bit_where_the_hub_gave_a_hash(
    sources: Mapping[str, Path], tmp_path: Path, publish: Callable[[Path, str], Path]
) -> None:
    folder = shutil.copytree(sources["chat-vlm"], tmp_path / "source")
    path = folder / "model.safetensors"
    path = publish(path, compute_sha256(path))
    assert import_original("chat-vlm", folder, tmp_path / "root", "whole").files
    flip(path)
    with pytest.raises(CheckpointError, match="import-file-broken"):
        import_original("chat-vlm", folder, tmp_path / "root", "new")


def test_import_finds_a_flipped_bit_where_the_name_has_the_hash(sources: Mapping[str, Path], tmp_path: Path) -> None:
    """detoxify's releases are named so; the old format of PyTorch has no checksum."""
    folder = shutil.copytree(sources["detoxify"], tmp_path / "source")
    path = folder / "multilingual.ckpt"
    path = path.rename(path.with_stem(f"multilingual-{compute_sha256(path)[:8]}"))
    assert import_original("detoxify", path, tmp_path / "root", "whole").files
    path.rename(path.with_stem("multilingual-0b549669"))
    with pytest.raises(CheckpointError, match="import-file-broken"):
        import_original("detoxify", folder, tmp_path / "root", "new")


@pytest.mark.parametrize("pickles", [False, True])
def test_import_names_a_shard_that_the_index_names(tmp_path: Path, pickles: bool) -> None:
    vision_language.save_internvl(tmp_path / "source")
    shard = save_shards(tmp_path / "source", pickles=pickles)
    import_original("chat-vlm", tmp_path / "source", tmp_path / "root", "whole")
    (tmp_path / "source" / shard).unlink()
    with pytest.raises(CheckpointError) as caught:
        import_original("chat-vlm", tmp_path / "source", tmp_path / "root", "new")
    assert caught.value.message.details["file"] == shard
    assert [path.name for path in (tmp_path / "root" / "captioner").iterdir()] == ["whole"]


def find_needed(folder: Path) -> str:
    """Return the largest matrix without which the model is incomplete."""
    shapes = {name: shape[0] * shape[1] for name, shape in read_shapes(folder) if len(shape) == 2}
    return max((name for name in shapes if not any(part in name for part in NEEDLESS)), key=lambda name: shapes[name])


def find_file(folder: Path, tensor: str) -> Path:
    return next(path for path in folder.rglob("*.safetensors") if tensor.encode() in path.read_bytes())


def load(card: Card) -> object:
    """Load a checkpoint as the engine does."""
    root = card.folder.parent.parent
    if card.kind == "captioner":
        return Loader(root).load(card.name)
    check_files(card)
    return load_folder(card, Clip.load if card.kind == "clip" else lambda folder: ToxicityClassifier.load(card))


def smoke_test(card: Card) -> None:
    """Verify a checkpoint as the command does."""
    verify(card)
    run_smoke_test(card.folder.parent.parent, card)


@pytest.mark.parametrize(
    ("use", "damage"), [*((load, name) for name in CHANGES), *((smoke_test, name) for name in CODES)]
)
@pytest.mark.parametrize("name", [name for name, source in SOURCES.items() if name == source.format])
def test_loading_and_verification_name_a_tensor(
    cards: Mapping[str, Card], name: str, damage: str, use: Callable[[Card], object]
) -> None:
    """The hashes on the card are those of the damaged file."""
    folder = shutil.copytree(cards[name].folder, cards[name].folder.with_name("damaged"), dirs_exist_ok=True)
    try:
        tensor = find_needed(folder)
        change_tensors(find_file(folder, tensor), tensor, CHANGES[damage])
        with pytest.raises(CheckpointError) as caught:
            use(save_card(load_card(folder)))
    finally:
        shutil.rmtree(folder)
    message = caught.value.message
    assert message.code == CODES.get(damage, "weights-missing")
    assert damage == "renamed" or str(message.details["tensor"]).endswith(tensor.rpartition(".")[2])


@pytest.mark.parametrize("damage", FILE_DAMAGES)
def test_the_command_names_a_file(cards: Mapping[str, Card], damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(cards["chat-vlm"].folder, cards["chat-vlm"].folder.with_name("damaged"))
    try:
        FILE_DAMAGES[damage](folder / "model.safetensors")
        code = main(["checkpoints", "verify", "damaged", "--checkpoints", str(folder.parent.parent)])
    finally:
        shutil.rmtree(folder)
    output = capsys.readouterr()
    assert (code, output.out, output.err.count("\n")) == (4, "", 1)
    assert "model.safetensors" in output.err
