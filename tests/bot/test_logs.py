"""A record is a line, and no line holds a secret."""

from __future__ import annotations

import logging

import pytest

from bot.logs import OneLineFormatter, configure_logging, new_error_id

SECRET = "AAf-secret"  # noqa: S105 - a pretend one


def test_a_traceback_is_one_line_without_the_secret() -> None:
    try:
        raise OSError(f"cannot reach https://api.telegram.org/bot1:{SECRET}/getMe")
    except OSError as error:
        record = logging.LogRecord("bot", logging.ERROR, "", 1, "a\nb %s", (SECRET,), (OSError, error, None))
    line = OneLineFormatter([SECRET, ""]).format(record)
    assert "\n" not in line
    assert SECRET not in line
    assert "a | b ***" in line
    assert "OSError: cannot reach https://api.telegram.org/bot1:***/getMe" in line


@pytest.mark.usefixtures("restore_logging")
def test_libraries_stay_quiet_whatever_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("DEBUG", [SECRET])
    logging.getLogger("bot.app").debug("ours %s", SECRET)
    for library in ("aiosqlite", "aiogram.event", "aiohttp.access", "sqlalchemy.engine", "asyncio"):
        logging.getLogger(library).info("theirs")
    logging.getLogger("aiogram").warning("a warning of %s", SECRET)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2] for line in lines] == ["ours ***", "a warning of ***"]


def test_ids_are_short_and_differ() -> None:
    ids = {new_error_id() for _ in range(100)}
    assert len(ids) == 100
    assert {len(each) for each in ids} == {8}
