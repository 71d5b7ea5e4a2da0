"""`opisalka describe` prints a page or the JSON object, and rejections on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from inference.errors import Message
from inference.listing.job import Job
from inference.listing.types import Description
from tests.cli.conftest import Opisalka
from tests.support.doubles import REFUSED, PretendDescriber


def test_json_has_the_shape_that_others_rely_on(opisalka: Opisalka, photo: Path) -> None:
    """The documented object, with its order of names and numbers rounded to four digits."""
    outcome = opisalka("describe", photo, "--attributes", "Цена: 5000", "--json")
    assert outcome.code == 0
    assert outcome.err == ""
    assert json.loads(outcome.out) == {
        "text": "Куртка. Цена: 5000",
        "checkpoint": "mini",
        "mode": "photos+text",
        "diversity": {"score": 0.0712, "token": "<SINGLE>"},
        "masked": "Цена: <PRICE>",
        "draft": "Куртка. <PRICE>",
        "facts": [],
        "claims": [],
        "moderation": {
            "passed": True,
            "checks": [
                {"name": "photos", "passed": True, "score": 0.01, "reason": None},
                {"name": "text", "passed": True, "score": None, "reason": None},
                {"name": "match", "passed": True, "score": 0.3457, "reason": None},
            ],
        },
        "scores": {
            "clipscore_mean": 0.3123,
            "clipscore_max": None,
            "photo_similarity_mean": None,
            "photo_similarity_max": None,
            "source_similarity": None,
            "bertscore": None,
            "numbers_kept": None,
        },
        "timings": {"validate_s": 0.01, "moderate_s": 0.2, "generate_s": 0.3, "score_s": 0.1, "total_s": 0.61},
    }
    assert "\n" not in outcome.out.rstrip("\n")
    assert "Куртка" in outcome.out


def test_what_is_not_there_is_null(opisalka: Opisalka, photo: Path) -> None:
    photos = json.loads(opisalka("describe", photo, "--json").out)
    assert (photos["mode"], photos["masked"]) == ("photos", None)
    text = json.loads(opisalka("describe", "--attributes", "Куртка", "--json").out)
    assert (text["mode"], text["diversity"]) == ("text", None)


def test_the_page_holds_the_text_then_scores_and_times(opisalka: Opisalka, photo: Path) -> None:
    lines = opisalka("describe", photo, "--attributes", "Цена: 5000").out.splitlines()
    assert lines[0] == "Куртка. Цена: 5000"
    assert any("CLIPScore" in line and line.endswith(" 0.31") for line in lines)
    assert any("Всего" in line and line.endswith(" 0.61") for line in lines)


def test_a_refusal_is_the_object_without_a_text(opisalka: Opisalka) -> None:
    outcome = opisalka("describe", "--attributes", REFUSED, "--json")
    answer = json.loads(outcome.out)
    assert outcome.code == 3
    assert answer["text"] is None
    assert answer["moderation"]["passed"] is False
    assert answer["moderation"]["checks"][2]["reason"].endswith(".")


def test_a_refusal_without_json_says_why_on_stderr(opisalka: Opisalka) -> None:
    outcome = opisalka("describe", "--attributes", REFUSED)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (3, "", 1)


def test_a_warning_beside_a_text_is_on_stderr(opisalka: Opisalka, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a blank photo; the exit code is 0."""
    describe = PretendDescriber.describe

    def warn(self: PretendDescriber, jobs: Sequence[Job]) -> list[Description]:
        reason = Message("photos-blank", {"count": 1, "numbers": "2"})
        return [replace(each, moderation=each.moderation.add_reason("photos", reason)) for each in describe(self, jobs)]

    monkeypatch.setattr(PretendDescriber, "describe", warn)
    outcome = opisalka("describe", "--attributes", "Цена: 5000")
    assert (outcome.code, outcome.err.count("\n")) == (0, 1)
    assert outcome.err.startswith("Фото 2 пустое")
    assert outcome.out.startswith("Куртка. Цена: 5000")


def test_nothing_sent_names_the_fields_and_the_cases(opisalka: Opisalka, engines: list[PretendDescriber]) -> None:
    """Without input no model is loaded, and the message names what to send."""
    outcome = opisalka("describe")
    assert (outcome.code, outcome.out, engines) == (2, "", [])
    assert "opisalka testcase" in outcome.err


def test_a_wrong_photo_is_refused_before_the_models_load(
    opisalka: Opisalka, engines: list[PretendDescriber], tmp_path: Path
) -> None:
    (tmp_path / "notes.jpg").write_text("not a photo")
    outcome = opisalka("describe", tmp_path / "notes.jpg")
    assert (outcome.code, engines) == (2, [])
    assert "notes.jpg" in outcome.err


def test_a_huge_file_is_refused_without_reading_it(opisalka: Opisalka, tmp_path: Path) -> None:
    with (tmp_path / "film.jpg").open("wb") as film:
        film.truncate(100 * 2**30)
    outcome = opisalka("describe", tmp_path / "film.jpg")
    assert outcome.code == 2
    assert "25 МБ" in outcome.err


def test_attributes_come_from_a_file(opisalka: Opisalka, tmp_path: Path) -> None:
    """UTF-8 with or without a byte order mark."""
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / "attributes.txt").write_text("Цена: 300\nРазмер: 42", encoding)
        outcome = opisalka("describe", "--attributes-file", tmp_path / "attributes.txt", "--json")
        assert json.loads(outcome.out)["text"] == "Куртка. Цена: 300\nРазмер: 42"


def test_attributes_in_another_encoding_are_explained(opisalka: Opisalka, tmp_path: Path) -> None:
    (tmp_path / "attributes.txt").write_text("Цена: 300", "cp1251")
    outcome = opisalka("describe", "--attributes-file", tmp_path / "attributes.txt")
    assert outcome.code == 2
    assert "UTF-8" in outcome.err


def test_options_reach_the_engine(opisalka: Opisalka, engines: list[PretendDescriber], tmp_path: Path) -> None:
    (tmp_path / "captioner" / "mini").mkdir(parents=True)
    (tmp_path / "captioner" / "mini" / "card.toml").write_text('family = "prefix"\nversion = "1"\n[files]\n')
    arguments = ["--attributes", "Куртка", "--numbers", "blanks", "--seed", "7", "--checkpoints", tmp_path]
    assert opisalka("describe", *arguments).code == 0
    assert engines[0].root == tmp_path
    assert [[(job.numbers, job.seed) for job in jobs] for jobs in engines[0].calls] == [[("blanks", 7)]]


@pytest.mark.usefixtures("engines")
def test_an_unknown_checkpoint_exits_with_4(opisalka: Opisalka, monkeypatch: pytest.MonkeyPatch) -> None:
    """No model is loaded."""
    monkeypatch.setattr(sys.modules["inference.serving.loader"], "load_describer", pytest.fail)
    outcome = opisalka("describe", "--attributes", "Куртка", "--checkpoint", "maxi")
    assert outcome.code == 4
    assert "captioner/maxi" in outcome.err
