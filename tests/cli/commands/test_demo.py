"""`opisalka demo` serves the bot in a browser until Ctrl-C."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from cli.__main__ import main
from tests.support.sources import ROOT


def test_it_prints_the_address_once_the_page_answers_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cli", "demo", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, env={"PATH": "", "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as demo:
        assert demo.stdout is not None
        address = re.search(r"http://127\.0\.0\.1:\d+", demo.stdout.readline().decode())
        assert address is not None
        with urllib.request.urlopen(address[0], timeout=10) as page:  # noqa: S310 - http, see above
            assert b"<html" in page.read().lower()
        demo.send_signal(signal.SIGINT)
        _, err = demo.communicate(timeout=60)
    assert demo.returncode == 0
    assert err == b""
    assert list(tmp_path.glob("opisalka-demo-*")) == []


@pytest.mark.usefixtures("restore_logging")
def test_a_taken_port_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["demo", "--port", port]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert port in err


def test_a_number_that_no_port_has_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--port", "65536"]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert "65536" in err
