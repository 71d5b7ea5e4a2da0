"""`opisalka feedback export` on a database as the bot leaves it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from storage.records import Note
from storage.store import Store
from tests.cli.conftest import Opisalka
from tests.support.storage.samples import NOW, USER, WRITTEN, new_request


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Data folder of a bot whose user has corrected a text."""
    data = tmp_path / "data"
    monkeypatch.setenv("DATA", str(data))
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.delenv("BOT_TOKEN", raising=False)
    asyncio.run(_correct(f"sqlite+aiosqlite:///{data / 'opisalka.db'}"))
    return data


async def _correct(url: str) -> None:
    store = await Store.open(url)
    async with store.transaction() as tx:
        request = await new_request(tx)
        await tx.listings.set_note(request.listing_id, Note(1, "Цена: 5000\nкак новая"))
        description = await tx.feedback.add(request, WRITTEN, NOW)
        await tx.feedback.set_correction(description.id, USER, "Куртка, 5000 ₽.", "", NOW)
    await store.close()


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_the_data_set_and_its_pairs_are_written(opisalka: Opisalka, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "listings.jsonl"
    outcome = opisalka("feedback", "export", out)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        f"Записано 1 объявление: {out}\nЗаписана 1 пара «лучше — хуже»: {tmp_path / 'listings.pairs.jsonl'}\n"
        f"Записано 0 ответов о вещах: {tmp_path / 'listings.answers.jsonl'}\n"
    )
    [line], [pair] = _lines(out), _lines(tmp_path / "listings.pairs.jsonl")
    assert line["description"] == pair["chosen"] == "Куртка, 5000 ₽."
    assert pair["rejected"] == WRITTEN.text
    assert line["attributes"] == pair["attributes"] == {"Цена": "5000", "": "как новая"}
    assert line["photos"] == pair["photos"] == []
    assert line["photo_sha256"] == list(WRITTEN.photo_sha256)
    assert "Куртка" in out.read_text("utf-8")


def test_photos_that_the_owner_keeps_come_along(opisalka: Opisalka, data: Path, tmp_path: Path) -> None:
    """Nothing names the user, and videos are skipped."""
    folder = data / "photos" / str(USER)
    folder.mkdir(parents=True)
    (folder / f"{WRITTEN.photo_sha256[1]}.png").write_bytes(b"picture")
    (folder / f"{WRITTEN.photo_sha256[0]}.mp4").write_bytes(b"film")
    out = tmp_path / "set" / "listings.jsonl"
    out.parent.mkdir()
    for _ in range(2):
        assert opisalka("feedback", "export", out).code == 0
    [line] = _lines(out)
    assert line["photos"] == [f"photos/{WRITTEN.photo_sha256[1]}.png"]
    assert (out.parent / line["photos"][0]).read_bytes() == b"picture"
    assert str(USER) not in out.read_text("utf-8")


def test_what_is_exported_can_be_read_as_a_data_set(opisalka: Opisalka, data: Path, tmp_path: Path) -> None:
    from training.data.examples import load_examples

    opisalka("feedback", "export", tmp_path / "listings.jsonl")
    [example] = load_examples(tmp_path / "listings.jsonl")
    assert (example.attributes["Цена"], example.description, example.split) == ("5000", "Куртка, 5000 ₽.", "train")


def test_another_database_can_be_named(opisalka: Opisalka, data: Path, tmp_path: Path) -> None:
    other = f"sqlite+aiosqlite:///{data / 'opisalka.db'}"
    assert opisalka("feedback", "export", tmp_path / "out.jsonl", "--database", other).code == 0


@pytest.mark.parametrize(
    ("database", "named"),
    [
        ("sqlite+aiosqlite:////no/such/file.db", "/no/such/file.db"),
        ("mysql://x", "postgresql+asyncpg://"),
        ("postgresql+asyncpg://user:s3cret@127.0.0.1:1/x", "недоступна"),
    ],
)
def test_a_database_that_cannot_be_read_is_one_sentence(
    opisalka: Opisalka, data: Path, tmp_path: Path, database: str, named: str
) -> None:
    outcome = opisalka("feedback", "export", tmp_path / "out.jsonl", "--database", database)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert named in outcome.err
    assert "s3cret" not in outcome.err
    assert not (tmp_path / "out.jsonl").exists()


def test_a_place_that_cannot_be_written_to_is_one_sentence(opisalka: Opisalka, data: Path, tmp_path: Path) -> None:
    outcome = opisalka("feedback", "export", tmp_path / "none" / "out.jsonl")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
