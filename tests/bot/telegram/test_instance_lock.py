"""One process a token on a machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bot.telegram.instance_lock import acquire_instance_lock
from inference.errors import InvalidInput
from tests.support.sources import ROOT

HOLD = """
import sys
from pathlib import Path
from bot.telegram.instance_lock import acquire_instance_lock
lock = acquire_instance_lock(42, "", Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    """However it goes: here it is killed."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(InvalidInput) as refused:
            acquire_instance_lock(42, "", tmp_path)
        first.kill()
    assert refused.value.message.code == "bot-runs-already"
    acquire_instance_lock(42, "", tmp_path).release()


def test_what_is_released_may_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        acquire_instance_lock(42, "", tmp_path).release()


def test_other_bots_and_other_servers_are_no_rivals(tmp_path: Path) -> None:
    locks = [
        acquire_instance_lock(42, "", tmp_path),
        acquire_instance_lock(43, "", tmp_path),
        acquire_instance_lock(42, "http://localhost:8081", tmp_path),
        acquire_instance_lock(42, "http://localhost:8082", tmp_path),
    ]
    for lock in locks:
        lock.release()
