"""`opisalka testcase` lists cases, runs one, checks expectations, and takes public photos."""

from __future__ import annotations

import hashlib
import urllib.error
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from cli.commands import testcase
from tests.cli.conftest import Opisalka
from tests.support.doubles import REFUSED

GOOD = """
title = {ru = "Куртка", en = "A jacket"}
photos = ["photo.png"]
[expect]
passed = true
mode = "photos+text"
diversity = "<SINGLE>"
failed_checks = []
masked_tokens = ["<PRICE>"]
numbers_kept = ["5000"]
text_has_any = [["футболк", "куртк"]]
"""


def add_case(root: Path, name: str, case: str, attributes: str | None = "Цена: 5000") -> None:
    folder = root / name
    folder.mkdir()
    (folder / "case.toml").write_text(case, "utf-8")
    Image.new("RGB", (64, 64), "navy").save(folder / "photo.png")
    if attributes is not None:
        (folder / "attributes.txt").write_text(attributes, "utf-8")


@pytest.fixture
def cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of `testcases/`."""
    root = tmp_path / "testcases"
    root.mkdir()
    monkeypatch.setattr(testcase, "CASES", root)
    monkeypatch.setattr(testcase, "DOWNLOADS", root / "photos")
    return root


def test_cases_are_listed_in_the_user_s_language(opisalka: Opisalka, cases: Path) -> None:
    add_case(cases, "2.1", GOOD)
    add_case(cases, "1.1", GOOD)
    assert opisalka("testcase").out == "1.1     Куртка\n2.1     Куртка\n"
    assert "A jacket" in opisalka("testcase", "--language", "en").out


def test_a_case_that_comes_out_right_passes(opisalka: Opisalka, cases: Path) -> None:
    """Text, scores and times are printed, and each expectation is ticked."""
    add_case(cases, "1.1", GOOD)
    outcome = opisalka("testcase", "1.1")
    assert outcome.code == 0
    assert "Куртка. Цена: 5000" in outcome.out
    assert "CLIPScore" in outcome.out
    assert outcome.out.count("✓") == 8
    assert "✗" not in outcome.out


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('mode = "photos+text"', 'mode = "text"'),
        ("passed = true", "passed = false"),
        ('diversity = "<SINGLE>"', 'diversity = "<VARIATIVE>"'),
        ("failed_checks = []", 'failed_checks = ["match"]'),
        ('masked_tokens = ["<PRICE>"]', 'masked_tokens = ["<PRICE>", "<SIZE>"]'),
        ('numbers_kept = ["5000"]', 'numbers_kept = ["42"]'),
        ('text_has_any = [["футболк", "куртк"]]', 'text_has_any = [["куртк"], ["синя", "синю"]]'),
        ("[expect]", '[expect]\ncode = "nothing-sent"'),
    ],
)
def test_an_unmet_expectation_is_named_and_exits_with_1(opisalka: Opisalka, cases: Path, line: str, wrong: str) -> None:
    add_case(cases, "1.1", GOOD.replace(line, wrong))
    outcome = opisalka("testcase", "1.1")
    assert outcome.code == 1
    assert outcome.out.count("✗") == 1
    assert f"✗ {wrong.removeprefix('[expect]').split()[0]}" in outcome.out


def test_a_number_from_nowhere_fails_every_case(
    opisalka: Opisalka, cases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A digit that the attributes do not hold fails the case whatever it expects."""
    monkeypatch.setattr("tests.support.doubles.NOUN", "Куртка 2024 года")
    add_case(cases, "1.1", GOOD)
    outcome = opisalka("testcase", "1.1")
    assert outcome.code == 1
    assert "✗ foreign_numbers = [] ≠ ['2024']" in outcome.out


def test_an_expected_refusal_is_a_success(opisalka: Opisalka, cases: Path) -> None:
    """The reason is printed, and the exit code is 0, not 3."""
    add_case(cases, "4", 'title = {ru = "Чужой текст"}\n[expect]\npassed = false\nfailed_checks = ["match"]', REFUSED)
    outcome = opisalka("testcase", "4")
    assert (outcome.code, outcome.out.count("✓")) == (0, 3)


def test_an_expected_wrong_input_is_a_success(opisalka: Opisalka, cases: Path) -> None:
    add_case(cases, "9", 'title = {ru = "Ничего"}\n[expect]\ncode = "nothing-sent"', None)
    outcome = opisalka("testcase", "9")
    assert (outcome.code, outcome.out.count("✓")) == (0, 1)


def test_an_unexpected_wrong_input_fails(opisalka: Opisalka, cases: Path) -> None:
    add_case(cases, "9", 'title = {ru = "Ничего"}\n[expect]\npassed = true', None)
    assert opisalka("testcase", "9").code == 1


def test_an_unknown_case_tells_the_known_ones(opisalka: Opisalka, cases: Path) -> None:
    add_case(cases, "1.1", GOOD)
    outcome = opisalka("testcase", "7.7")
    assert outcome.code == 2
    assert "1.1" in outcome.err


@pytest.mark.parametrize(
    "case",
    [
        "title = ",
        'title = {ru = "Без ожиданий"}',
        'title = {ru = "Лишнее"}\n[expect]\ncolour = "red"',
        'title = {ru = "Фото"}\n[expect]\n[[remote]]\nname = "a.jpg"',
        'title = {ru = "Фото"}\n[expect]\n[[remote]]\nname = "a.jpg"\nurl = "http://a/b"\nsha256 = "0"',
        'title = {ru = "Фото"}\n[expect]\n[[remote]]\nname = "../a.jpg"\nurl = "https://a/b"\nsha256 = "0"',
    ],
)
def test_an_unreadable_case_is_named(opisalka: Opisalka, cases: Path, case: str) -> None:
    """An unknown expectation, an insecure address and a path out of the folder are invalid."""
    add_case(cases, "1.1", case)
    outcome = opisalka("testcase", "1.1")
    assert outcome.code == 2
    assert "case.toml" in outcome.err


@pytest.fixture
def public(cases: Path, photo: Path) -> bytes:
    """Add a case with one public photo and return its bytes."""
    data = photo.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    remote = f'[[remote]]\nname = "a.png"\nurl = "https://photos.invalid/a.png"\nsha256 = "{sha256}"'
    add_case(cases, "1.1", GOOD + remote)
    add_case(cases, "6", 'title = {ru = "Текст"}\n[expect]\nmode = "text"')
    return data


def test_a_case_runs_on_public_photos(opisalka: Opisalka, public: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(public)
    outcome = opisalka("testcase", "1.1", "--photos-from", tmp_path)
    assert outcome.code == 0
    assert "a.png" in outcome.out
    assert "photo.png" not in outcome.out


@pytest.mark.parametrize(("name", "data"), [("a.png", b"another photo"), ("b.png", b"")])
def test_a_missing_or_different_public_photo_is_named(
    opisalka: Opisalka, public: bytes, tmp_path: Path, name: str, data: bytes
) -> None:
    assert public
    (tmp_path / name).write_bytes(data)
    outcome = opisalka("testcase", "1.1", "--photos-from", tmp_path)
    assert outcome.code == 2
    assert "a.png" in outcome.err


@pytest.mark.usefixtures("public")
def test_a_case_without_public_photos_says_so(opisalka: Opisalka, tmp_path: Path) -> None:
    assert opisalka("testcase", "6", "--photos-from", tmp_path).code == 2


def test_pull_downloads_once(opisalka: Opisalka, public: bytes, cases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos are saved for `--photos-from`, and complete ones are not downloaded again."""
    urls: list[str] = []

    def urlopen(url: str, timeout: float) -> BytesIO:
        urls.append(url)
        return BytesIO(public)

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    assert opisalka("testcase", "pull").code == 0
    assert opisalka("testcase", "pull").code == 0
    assert urls == ["https://photos.invalid/a.png"]
    (cases / "photos" / "a.png").write_bytes(b"half a ph")
    assert opisalka("testcase", "pull").code == 0
    assert len(urls) == 2
    assert opisalka("testcase", "1.1", "--photos-from", cases / "photos").code == 0


@pytest.mark.usefixtures("public")
def test_pull_without_internet_is_one_clear_line(
    opisalka: Opisalka, cases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def urlopen(url: str, timeout: float) -> BytesIO:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    outcome = opisalka("testcase", "pull")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "photos.invalid" in outcome.err
    assert not list((cases / "photos").iterdir())


@pytest.mark.usefixtures("public")
def test_pull_keeps_no_photo_with_another_hash(
    opisalka: Opisalka, cases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: BytesIO(b"a login page"))
    assert opisalka("testcase", "pull").code == 2
    assert not list((cases / "photos").iterdir())
