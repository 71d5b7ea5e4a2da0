"""`opisalka batch` answers every line once, in order, and resumes an interrupted run."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from inference.errors import CheckpointError
from inference.listing.job import Job
from inference.listing.types import Description, Submission
from inference.listing.validation import build_job
from tests.cli.conftest import Opisalka
from tests.support.doubles import REFUSED, PretendDescriber


@pytest.fixture
def listings(tmp_path: Path, photo: Path) -> Path:
    """Write nine lines: valid, rejected and malformed ones."""
    rows: list[object] = [
        {"id": "both", "photos": [photo.name], "attributes": {"Цена": "100"}, "description": "ignored"},
        {"id": "text", "photos": [], "attributes": {"Цена": "200"}},
        {"id": "absolute", "photos": [str(photo)], "attributes": {}},
        {"id": "refused", "photos": [], "attributes": {"Вещь": REFUSED}},
        {"id": "empty", "photos": [], "attributes": {}},
        {"id": "lost", "photos": ["no.jpg"], "attributes": {}},
        {"id": "odd", "photos": "no.jpg"},
        [1, 2],
    ]
    path = tmp_path / "listings.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows) + '{"id": "cut', "utf-8")
    return path


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("size", [1, 2, 4, 100])
def test_every_line_is_answered_in_order(opisalka: Opisalka, listings: Path, tmp_path: Path, size: int) -> None:
    """Whatever the batch size, line n of OUT answers line n of LISTINGS, and the exit code is 0."""
    out = tmp_path / "out.jsonl"
    assert opisalka("batch", listings, out, "--batch-size", str(size)).code == 0
    answers = read(out)
    assert [answer["id"] for answer in answers] == [
        "both", "text", "absolute", "refused", "empty", "lost", "odd", None, None,
    ]  # fmt: skip
    assert [answer.get("text", "no") for answer in answers] == [
        "Куртка. Цена: 100", "Куртка. Цена: 200", "Куртка.", None, "no", "no", "no", "no", "no",
    ]  # fmt: skip
    assert all(set(answer) == {"id", "error"} for answer in answers[4:])
    assert "no.jpg" in str(answers[5]["error"])


def test_prices_keep_their_digits(opisalka: Opisalka, tmp_path: Path) -> None:
    """A JSON number keeps its digits: 50.00 does not become 50.0."""
    (tmp_path / "listings.jsonl").write_text('{"id": 1, "photos": [], "attributes": {"Цена": 50.00, "Рост": 164}}')
    opisalka("batch", tmp_path / "listings.jsonl", tmp_path / "out.jsonl")
    assert read(tmp_path / "out.jsonl")[0]["text"] == "Куртка. Цена: 50.00\nРост: 164"


@pytest.mark.parametrize("cut", [0, 1, 40])
def test_a_stopped_run_goes_on(
    opisalka: Opisalka, engines: list[PretendDescriber], listings: Path, tmp_path: Path, cut: int
) -> None:
    """Complete lines are kept; an incomplete last line is answered again."""
    out = tmp_path / "out.jsonl"
    opisalka("batch", listings, out)
    content = out.read_bytes()
    lines = content.splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:2]) + lines[2][:cut])
    opisalka("batch", listings, out)
    assert out.read_bytes() == content
    assert [[job.seed for job in jobs] for jobs in engines[1].calls] == [[0, 0]]


def test_a_finished_run_loads_no_model(
    opisalka: Opisalka, engines: list[PretendDescriber], listings: Path, tmp_path: Path
) -> None:
    opisalka("batch", listings, tmp_path / "out.jsonl")
    content = (tmp_path / "out.jsonl").read_bytes()
    assert opisalka("batch", listings, tmp_path / "out.jsonl").code == 0
    assert (tmp_path / "out.jsonl").read_bytes() == content
    assert len(engines) == 1


@pytest.mark.parametrize(
    "content",
    [
        '{"id": "other", "text": "…"}\n',
        "my notes, no newline",
        "my notes\n",
        '{"id": "both", "te\n',
        "[1]\n",
        '{"id": "both"}\n{"id": "both"}\n',
    ],
)
def test_a_file_with_other_content_is_not_touched(
    opisalka: Opisalka, listings: Path, tmp_path: Path, content: str
) -> None:
    """Only answers to these listings are resumed; any other file stays byte for byte."""
    out = tmp_path / "out.jsonl"
    out.write_text(content)
    outcome = opisalka("batch", listings, out)
    assert outcome.code == 2
    assert out.read_text() == content


def test_a_missing_checkpoint_leaves_no_file(opisalka: Opisalka, listings: Path, tmp_path: Path) -> None:
    outcome = opisalka("batch", listings, tmp_path / "out.jsonl", "--checkpoint", "maxi")
    assert (outcome.code, outcome.err.count("\n")) == (4, 1)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("before", [None, "", '{"id": "both"}\n'])
def test_a_checkpoint_that_cannot_write_changes_no_file(
    opisalka: Opisalka, listings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    """An existing file stays as it is, and a missing one stays missing."""

    def fail(*args: object, **kwargs: object) -> None:
        raise CheckpointError("checkpoint-unusable", checkpoint="captioner/mini", reason="…")

    monkeypatch.setattr(PretendDescriber, "describe", fail)
    out = tmp_path / "out.jsonl"
    if before is not None:
        out.write_text(before)
    assert opisalka("batch", listings, out).code == 4
    assert (out.read_text() if out.exists() else None) == before


def test_writing_over_the_listings_is_refused(opisalka: Opisalka, listings: Path) -> None:
    before = listings.read_bytes()
    assert opisalka("batch", listings, listings).code == 2
    assert listings.read_bytes() == before


@pytest.mark.parametrize("out", ["no/out.jsonl", "."])
def test_a_place_that_cannot_be_written_is_named(opisalka: Opisalka, listings: Path, tmp_path: Path, out: str) -> None:
    outcome = opisalka("batch", listings, tmp_path / out)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)


def test_answers_that_were_ready_survive_a_crash(
    opisalka: Opisalka, listings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch is on disk before the next one starts."""
    describe = PretendDescriber.describe

    def crash_on_the_second(self: PretendDescriber, jobs: Sequence[Job]) -> list[Description]:
        if self.calls:
            raise MemoryError
        return describe(self, jobs)

    monkeypatch.setattr(PretendDescriber, "describe", crash_on_the_second)
    assert opisalka("batch", listings, tmp_path / "out.jsonl", "--batch-size", "2").code == 1
    assert [answer["id"] for answer in read(tmp_path / "out.jsonl")] == ["both", "text"]


def test_the_next_batch_is_decoded_while_the_models_work(
    opisalka: Opisalka, listings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first listing of the next batch is decoded before the current batch ends."""
    decoded: list[threading.Event] = [threading.Event() for _ in range(4)]
    events = iter(decoded)
    describe_jobs, overlaps = PretendDescriber.describe, []

    def decode(submission: Submission, seed: int) -> Job:
        job = build_job(submission, seed=seed)
        next(events).set()
        return job

    def describe(self: PretendDescriber, jobs: Sequence[Job]) -> list[Description]:
        following = len(self.calls) + 1
        if following < len(decoded):
            overlaps.append(decoded[following].wait(timeout=30))
        return describe_jobs(self, jobs)

    monkeypatch.setattr("cli.commands.batch.build_job", decode)
    monkeypatch.setattr(PretendDescriber, "describe", describe)
    lines = listings.read_bytes().splitlines(keepends=True)[: len(decoded)]
    listings.write_bytes(b"".join(lines))
    opisalka("batch", listings, tmp_path / "out.jsonl", "--batch-size", "1")
    assert overlaps == [True] * 3


def test_the_seed_reaches_the_engine(
    opisalka: Opisalka, engines: list[PretendDescriber], listings: Path, tmp_path: Path
) -> None:
    opisalka("batch", listings, tmp_path / "out.jsonl", "--seed", "5")
    assert {job.seed for jobs in engines[0].calls for job in jobs} == {5}


def test_progress_is_shown_on_stderr(opisalka: Opisalka, listings: Path, tmp_path: Path) -> None:
    outcome = opisalka("batch", listings, tmp_path / "out.jsonl")
    assert "9/9" in outcome.err
    assert outcome.out == ""
