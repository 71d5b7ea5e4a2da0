"""Who may talk to the sandbox: this machine, and of web pages only its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from aiogram import Bot
from aiohttp import ClientSession

from sandbox.loopback import is_loopback
from sandbox.server import Sandbox
from tests.support.sandbox import local
from tests.support.sources import ROOT


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.com", "::", ""])  # noqa: S104
def test_the_sandbox_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(ValueError, match="loopback only"):
        Sandbox(host=host)


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost.evil.com", False),
        ("10.0.0.1", False),
    ],
)
def test_which_names_are_this_machine(host: str, own: bool) -> None:
    assert is_loopback(host) is own


async def status(sandbox: Sandbox, path: str, method: str = "POST", **headers: str) -> int:
    async with (
        ClientSession() as session,
        session.request(
            method, f"{sandbox.url}{path}", headers={k.replace("_", "-"): v for k, v in headers.items()}
        ) as answer,
    ):
        return answer.status


@local
async def test_other_sites_are_turned_away(sandbox: Sandbox, bot: Bot) -> None:
    """By the name they call this machine by, and by where their page came from; the Bot API as well."""
    for path in ("/sandbox/users", f"/bot{sandbox.token}/getMe"):
        assert await status(sandbox, path, "GET") == 200
        assert await status(sandbox, path, "GET", Host="rebound.example") == 403
        assert await status(sandbox, path, "GET", Host="127.0.0.1.example:80") == 403
        for nonsense in ("[::1", "a b", "127.0.0.1:80@evil.example", "evil.example#127.0.0.1", "", "127.0.0.1:x"):
            assert await status(sandbox, path, "GET", Host=nonsense) in (400, 403)
        assert await status(sandbox, path, Origin="http://evil.example") == 403
        assert await status(sandbox, path, Origin="null") == 403
        assert await status(sandbox, path, Origin="http://127.0.0.1:1") == 403
        assert await status(sandbox, path, "GET", Sec_Fetch_Site="cross-site") == 403
        assert await status(sandbox, path, "GET", Sec_Fetch_Site="same-site") == 403
        assert await status(sandbox, path, "GET", Sec_Fetch_Site="same-origin", Origin=sandbox.url) == 200
    assert await status(sandbox, "/", "GET", Sec_Fetch_Site="cross-site") == 200


@local
async def test_no_other_site_can_show_the_page_in_a_frame(sandbox: Sandbox, bot: Bot) -> None:
    async with ClientSession() as session, session.get(sandbox.url) as answer:
        assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"


@local
async def test_no_path_leads_out_of_the_page_s_folder(sandbox: Sandbox, bot: Bot) -> None:
    for path in ("/static/../server.py", "/static/%2e%2e/server.py", f"/file/bot{sandbox.token}/../../x"):
        assert await status(sandbox, path, "GET") == 404


def test_it_runs_alone_introduces_itself_and_stops_on_a_signal() -> None:
    command = [sys.executable, "-W", "error", "-m", "sandbox", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        assert process.stdout
        said = process.stdout.readline() + process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert "not Telegram" in said
    assert "http://127.0.0.1:" in said


@pytest.mark.parametrize("arguments", [["--host", "0.0.0.0"], ["--token", "nonsense"]])  # noqa: S104
def test_what_it_cannot_run_with_is_one_line(arguments: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "sandbox", "--port", "0", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
