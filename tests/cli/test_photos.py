"""Photos are saved below the folder that was asked for, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from cli.photos import save_photos
from inference.errors import InvalidInput
from inference.listing.types import Photo
from tests.cli.conftest import Opisalka

RED, BLUE = (200, 30, 40), (20, 40, 210)
PHOTOS = tuple(Photo("", "", Image.new("RGB", (20, 16), colour)) for colour in (RED, BLUE))

BAD_IDS: list[object] = [
    "", " ", ".", "..", "...", "a.", "a ", " a", "a/b", "/", "/etc/a", "../a", "a/../../b", "..\\a", "C:", "C:\\a",
    "a\0b", "a\nb", "\u202ea", "a\u200b", "\ud800", "con", "NUL", "nul.txt", "com1", "LPT9.png", "aux ", "a*", "a?",
    "<a>", "a|b", 'a"b', "a" * 256, "я" * 128, 10**300, None, True, False, 1.5, [], ["a"], {}, {"a": "b"},
]  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "saved").mkdir()
    return tmp_path / "saved"


def find_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize(
    "listing_id", ["1", "a", "объявление 5", "-x", "a.b", "a..b", "~", "icc-1", "я" * 127, 0, -7, 10**40]
)
def test_photos_are_numbered_from_one_in_the_folder_of_their_id(root: Path, listing_id: str | int) -> None:
    save_photos(root, listing_id, PHOTOS)
    assert find_files(root) == {f"{listing_id}/1.png", f"{listing_id}/2.png"}
    for number, colour in enumerate((RED, BLUE), start=1):
        with Image.open(root / str(listing_id) / f"{number}.png") as image:
            assert (image.mode, image.size, image.getpixel((3, 3))) == ("RGB", (20, 16), colour)


@pytest.mark.parametrize("listing_id", BAD_IDS, ids=lambda value: ascii(value)[:20])
def test_an_id_that_is_no_plain_file_name_is_refused(tmp_path: Path, root: Path, listing_id: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        save_photos(root, listing_id, PHOTOS)
    assert caught.value.message.code == "save-id"
    shown = str(caught.value.message.details["id"])
    assert shown.isprintable()
    assert len(shown) < 70
    assert find_files(tmp_path) == set()


def test_an_older_photo_is_replaced(root: Path) -> None:
    save_photos(root, "a", PHOTOS)
    save_photos(root, "a", PHOTOS[::-1])
    with Image.open(root / "a" / "1.png") as image:
        assert image.getpixel((3, 3)) == BLUE


def test_a_link_in_the_place_of_the_folder_is_not_followed(tmp_path: Path, root: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (root / "a").symlink_to(tmp_path / "elsewhere")
    (root / "b").symlink_to(tmp_path / "missing")
    for listing_id in "ab":
        with pytest.raises(InvalidInput):
            save_photos(root, listing_id, PHOTOS)
    assert find_files(tmp_path / "elsewhere") == set()
    assert not (tmp_path / "missing").exists()


def test_a_link_in_the_place_of_a_photo_is_replaced(tmp_path: Path, root: Path) -> None:
    for name, is_hard in (("soft", False), ("hard", True)):
        other = tmp_path / name
        other.write_text("mine")
        (root / name).mkdir()
        link = root / name / "1.png"
        link.hardlink_to(other) if is_hard else link.symlink_to(other)
        save_photos(root, name, PHOTOS)
        assert other.read_text() == "mine"
        assert not link.is_symlink()


def test_a_file_in_place_of_a_folder_and_the_reverse_are_reported(root: Path) -> None:
    (root / "file").write_text("mine")
    (root / "folder" / "1.png").mkdir(parents=True)
    for name, code in (("file", "folder-is-file"), ("folder", "file-is-folder")):
        with pytest.raises(InvalidInput) as caught:
            save_photos(root, name, PHOTOS)
        assert caught.value.message.code == code


def test_batch_saves_valid_listings_and_answers_bad_ids_with_an_error(
    opisalka: Opisalka, photo: Path, tmp_path: Path
) -> None:
    ids: list[object] = ["good", *BAD_IDS, 5]
    lines = [json.dumps({"id": value, "photos": [photo.name, photo.name], "attributes": {}}) for value in ids]
    (tmp_path / "listings.jsonl").write_text("\n".join(lines))
    out, saved = tmp_path / "out.jsonl", tmp_path / "new" / "saved"
    before = find_files(tmp_path)
    assert opisalka("batch", tmp_path / "listings.jsonl", out, "--save-photos", saved).code == 0
    answers = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [answer["id"] for answer in answers] == [str(value) if isinstance(value, float) else value for value in ids]
    assert ["error" in answer for answer in answers] == [False, *(value != 1.5 for value in BAD_IDS), False]
    assert find_files(saved) == {f"{name}/{number}.png" for name in ("good", "1.5", "5") for number in (1, 2)}
    assert find_files(tmp_path) - before == {"out.jsonl"} | {f"new/saved/{name}" for name in find_files(saved)}


def test_batch_without_the_option_takes_any_id(opisalka: Opisalka, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "listings.jsonl").write_text(json.dumps({"id": "../a", "photos": [photo.name], "attributes": {}}))
    opisalka("batch", tmp_path / "listings.jsonl", tmp_path / "out.jsonl")
    assert "error" not in json.loads((tmp_path / "out.jsonl").read_text("utf-8"))


def test_describe_saves_under_zero(opisalka: Opisalka, photo: Path, tmp_path: Path) -> None:
    assert opisalka("describe", photo, photo, "--save-photos", tmp_path / "saved").code == 0
    assert find_files(tmp_path / "saved") == {"0/1.png", "0/2.png"}


def test_a_path_that_is_no_folder_is_reported_in_one_line(opisalka: Opisalka, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "listings.jsonl").write_text("{}")
    for command in (("describe", photo), ("batch", tmp_path / "listings.jsonl", tmp_path / "out.jsonl")):
        outcome = opisalka(*command, "--save-photos", photo)
        assert (outcome.code, outcome.err.count("\n")) == (2, 1)
