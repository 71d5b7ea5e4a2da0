"""A throw-away PostgreSQL: its own folder, a socket in it, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

# Nothing here outlives the test run, so nothing need be safe from a power cut.
OPTIONS = "-c fsync=off -c full_page_writes=off -c listen_addresses=''"


@dataclass(frozen=True)
class Cluster:
    """A running server; `user` is the one whom it runs as."""

    binaries: Path
    folder: Path
    user: str | None
    _numbers: Iterator[int]

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test{next(self._numbers)}"
        self.run("createdb", "--host", self.folder, "--username", "postgres", name)
        return f"postgresql+asyncpg://postgres@/{name}?host={self.folder}"

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        self.run("pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o", f"{OPTIONS} -k {self.folder}")

    def stop(self) -> None:
        """Stop the server as a power cut would."""
        self.run("pg_ctl", "stop", "-D", "data", "-m", "immediate")

    def run(self, program: str, *arguments: str | Path) -> None:
        """Run one of PostgreSQL's programs as the server's user."""
        said = self.folder / "said"
        with said.open("w") as output:  # a pipe would be held open by the server
            done = subprocess.run(
                [self.binaries / program, *arguments],
                cwd=self.folder,
                user=self.user,
                group=self.user and pwd.getpwnam(self.user).pw_gid,
                extra_groups=[] if self.user else None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        assert done.returncode == 0, said.read_text()


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A server for the length of the block; skips, and says why, where there can be none."""
    binaries = _binaries() or _installed()
    folder = Path(tempfile.mkdtemp(prefix="opisalka-postgres-"))
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    if user:
        shutil.chown(folder, user)
    server = Cluster(binaries, folder, user, count())
    try:
        server.run("initdb", "--pgdata", "data", "--username", "postgres", "--auth", "trust", "--encoding", "UTF8")
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _binaries() -> Path | None:
    """The folder of the newest server here; `initdb` is the program that clients do not have."""
    known = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if known:
        return max(known, key=lambda path: int(path.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def _installed() -> Path:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.skip("PostgreSQL is not installed here, and cannot be without root and apt-get")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "--yes", "-qq", "--no-install-recommends", "postgresql"]):
        subprocess.run(["apt-get", *arguments], env=environment, capture_output=True)
    found = _binaries()
    if found is None:
        pytest.skip("PostgreSQL is not installed here, and apt-get could not install it")
    return found
