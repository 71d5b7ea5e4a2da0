"""Cards are found, checked against the files and written back unchanged."""

from pathlib import Path

import pytest

from inference.checkpoints import Card, find, get, read_card, seal, verify
from inference.errors import CheckpointError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with clip/mini, and captioner/mini that requires it."""
    for kind, requires in (("clip", ()), ("captioner", ("clip/mini",))):
        folder = tmp_path / kind / "mini"
        (folder / "tokenizer").mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"weights of " + kind.encode())
        (folder / "tokenizer" / "vocab.json").write_text("{}")
        seal(
            Card(
                folder=folder,
                family="prefix",
                version="1",
                max_photos=10,
                knows=("куртка", "платье"),
                summary={"ru": "Пробный", "en": "A sample"},
                command="opisalka train captioner --data clothing",
                requires=requires,
                data=({"name": "clothing", "licence": "CC0-1.0", "rows": 1360},),
                figures={"cider": 0.4, "families": {"shoes": 0.9}},
                calibration={"match_threshold": 0.2},
            )
        )
    return tmp_path


def error_of(code: str) -> "pytest.RaisesExc[CheckpointError]":
    return pytest.raises(CheckpointError, check=lambda error: error.message.code == code)


def test_a_sealed_card_is_read_back_whole(root: Path) -> None:
    """Everything that training wrote is on the card that serving reads, with a hash for each file."""
    card = get(root, "captioner", "mini")
    assert (card.id, card.family, card.version, card.max_photos) == ("captioner/mini", "prefix", "1", 10)
    assert card.requires == ("clip/mini",)
    assert card.languages == ("ru",)
    assert card.knows == ("куртка", "платье")
    assert card.data == ({"name": "clothing", "licence": "CC0-1.0", "rows": 1360},)
    assert card.figures == {"cider": 0.4, "families": {"shoes": 0.9}}
    assert card.calibration == {"match_threshold": 0.2}
    assert set(card.files) == {"model.safetensors", "tokenizer/vocab.json"}
    assert card.size == len(b"weights of captioner") + len("{}")


def test_sealing_twice_changes_nothing(root: Path) -> None:
    card = get(root, "clip", "mini")
    before = (card.folder / "card.toml").read_bytes()
    assert seal(card) == card
    assert (card.folder / "card.toml").read_bytes() == before


def test_find_lists_all_kinds_or_one(root: Path) -> None:
    assert [card.id for card in find(root)] == ["captioner/mini", "clip/mini"]
    assert [card.id for card in find(root, "clip")] == ["clip/mini"]
    assert find(root, "diversity") == []


def test_a_folder_dropped_in_is_known(root: Path) -> None:
    """A new checkpoint needs a folder and no change of code."""
    (root / "clip" / "mini").rename(root / "clip" / "strangers")
    assert get(root, "clip", "strangers").name == "strangers"


@pytest.mark.parametrize("name", ["other", "..", ".", "", "../clip/mini"])
def test_what_is_not_a_name_in_the_folder_is_missing(root: Path, name: str) -> None:
    with error_of("checkpoint-missing"):
        get(root, "captioner", name)


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    for call in (lambda: find(tmp_path / "no"), lambda: get(tmp_path / "no", "clip", "mini")):
        with error_of("checkpoints-root-missing"):
            call()


def test_whole_checkpoints_verify(root: Path) -> None:
    for card in find(root):
        verify(card)


def test_a_flipped_bit_is_damage(root: Path) -> None:
    card = get(root, "clip", "mini")
    (card.folder / "model.safetensors").write_bytes(b"weights of clyp")
    with error_of("checkpoint-damaged"):
        verify(card)


def test_a_lost_file_is_named(root: Path) -> None:
    card = get(root, "clip", "mini")
    (card.folder / "tokenizer" / "vocab.json").unlink()
    with error_of("checkpoint-file-missing"):
        verify(card)


def test_a_file_beside_the_card_is_reported(root: Path) -> None:
    """Nothing that nobody vouched for lies in a verified folder."""
    card = get(root, "clip", "mini")
    (card.folder / "pytorch_model.bin").write_bytes(b"pickle")
    with error_of("checkpoint-file-unknown"):
        verify(card)


def test_a_required_checkpoint_must_be_there(root: Path) -> None:
    (root / "clip" / "mini").rename(root / "clip" / "gone")
    with error_of("checkpoint-missing"):
        verify(get(root, "captioner", "mini"))


@pytest.mark.parametrize(
    "text",
    [
        'version = "1"\n[files]',
        'family = "prefix"\nversion = 1\n[files]',
        'family = "prefix"\nversion = "1"',
        'family = "prefix"\nversion = "1"\nlanguages = "ru"\n[files]',
        'family = "prefix"\nversion = "1"\nmax_photos = true\n[files]',
        'family = "prefix"\nversion = "1"\ncolour = "red"\n[files]',
        'family = "prefix"\nversion = "1"\n[calibration]\nthreshold = "high"\n[files]',
        'family = "prefix"\nversion = "1"\n[files]\n"../../etc/passwd" = "0"',
        'family = "prefix"\nversion = "1"\n[files]\n"/etc/passwd" = "0"',
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, text: str) -> None:
    """A missing, unknown or ill-typed field is an error of the card, not a crash later."""
    (tmp_path / "card.toml").write_text(text)
    with error_of("card-field"):
        read_card(tmp_path)


@pytest.mark.parametrize("data", [b"family = ", b"\xff\xfe", None])
def test_an_unreadable_card_is_named(tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        (tmp_path / "card.toml").write_bytes(data)
    with error_of("card-unreadable"):
        read_card(tmp_path)
