"""The preloaded cases are complete, drawn apart from training, and meet the expectations of their `case.toml`."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from cli.__main__ import main
from cli.parser import ROOT
from inference.listing.cases import Case, list_cases, load_submission
from inference.listing.validation import validate
from inference.masking import mask
from scripts.draw_testcases import FIRST_DETAIL, PICTURES
from training.drawings import random_garment

FOLDER = ROOT / "testcases"
CASES = list_cases(FOLDER)
PUBLIC = ROOT.parent / "shared/data/clothing/photos"
MAX_BYTES = 60 * 1024

every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
public_cases = pytest.mark.parametrize(
    "case", [case for case in CASES if case.remote], ids=[case.name for case in CASES if case.remote]
)
needs_checkpoints = pytest.mark.skipif(
    not (ROOT / "checkpoints/captioner/mini").is_dir(), reason="checkpoints/captioner/mini is not there"
)
needs_public_photos = pytest.mark.skipif(not PUBLIC.is_dir(), reason="../shared/data/clothing/photos is not there")


@pytest.fixture(scope="module")
def load_once() -> Callable[..., object]:
    """Function like `load_describer` that keeps the models for the next case."""
    from inference.serving.loader import load_describer

    return cache(load_describer)


@pytest.fixture
def shared_describer(load_once: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Share one describer between all cases: loading it takes longer than a case."""
    monkeypatch.setattr("inference.serving.loader.load_describer", load_once)


def read_unmet(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines of expectations that are not met."""
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("✗")]


@needs_checkpoints
@pytest.mark.usefixtures("shared_describer")
@every_case
def test_a_case_meets_its_expectations(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """`opisalka testcase NAME` meets every expectation on the embedded checkpoints."""
    code = main(["testcase", case.name])
    assert (code, read_unmet(capsys)) == (0, [])


def test_every_kind_of_case_is_there() -> None:
    names = ["1.1", "1.2", "2.1", "3.1", "3.2", "3.3", "4", "5", "6", "7", "8"]
    assert [case.name for case in CASES] == names


@every_case
def test_a_case_holds_its_pictures_and_no_others(case: Case) -> None:
    pictures = {path.name: path.stat().st_size for path in case.folder.glob("*.jpg")}
    assert sorted(pictures) == sorted(case.photos)
    assert max(pictures.values(), default=0) <= MAX_BYTES


@every_case
def test_the_fields_of_a_case_hold_the_tokens_that_it_expects(case: Case) -> None:
    """A wrong expectation is found without a model, also in cases that moderation rejects."""
    masked = mask(validate(load_submission(case)).attributes.text)
    expected = {"masked_tokens": [], "numbers_kept": []} | dict(case.expect)
    assert set(expected["masked_tokens"]) <= set(masked.values)
    assert set(expected["numbers_kept"]) <= set(masked.values.values())


def test_the_script_draws_every_picture() -> None:
    assert sorted(PICTURES) == sorted(str(Path(case.name, photo)) for case in CASES for photo in case.photos)


def test_no_garment_of_the_cases_is_drawn_for_training() -> None:
    """Training draws garments with smaller `detail_seed`s than those of the cases."""
    rnd = random.Random(0)
    largest = max(random_garment(rnd).detail_seed for _ in range(2000))
    assert largest < FIRST_DETAIL
    assert all(garment.detail_seed >= FIRST_DETAIL for picture in PICTURES.values() for garment in picture.garments)


@needs_public_photos
@public_cases
def test_public_photos_are_the_ones_that_a_case_names(case: Case) -> None:
    """A local copy of the data set works as `--photos-from`: every photo exists and has the SHA-256 of the case."""
    assert len(load_submission(case, PUBLIC).uploads) == len(case.remote)
