"""A model hub on this machine: the answers that the hub's client asks for, and the mishaps of a network."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import huggingface_hub
import pytest
from aiohttp import web
from huggingface_hub import constants

LARGE = (".safetensors", ".bin", ".ckpt", ".pt")  # what git LFS would keep
COMMIT = "c0ffee" + 34 * "0"


@dataclass
class Hub:
    """Repositories by name, each a folder, and what has been asked.

    cut: bytes of a large file after which the connection breaks once; stall: after which nothing comes any more;
    damaged: files that arrive with another last byte; closed: repositories whose files want a permission; status:
    answered to everything; message: with it.
    """

    repos: dict[str, Path] = field(default_factory=dict)
    cut: int = 0
    stall: int = 0
    damaged: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    status: int = 0
    message: str = ""
    url: str = ""
    asked: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    stalled: threading.Event = field(default_factory=threading.Event)

    async def info(self, request: web.Request) -> web.Response:
        """The commit and the files, with hashes: `/api/models/<repo>[/revision/<revision>]?blobs=true`."""
        repo = self._repo(request)
        if request.match_info.get("revision", COMMIT) != COMMIT:
            return self._error(404, "RevisionNotFound")
        assert request.query["blobs"] == "true"
        files = [self._described(path, path.relative_to(repo)) for path in sorted(repo.rglob("*")) if path.is_file()]
        return web.json_response({"id": request.match_info["repo"], "sha": COMMIT, "siblings": files})

    async def resolve(self, request: web.Request) -> web.StreamResponse:
        """A file, or for a large one the way to where it is kept."""
        repo, name = self._repo(request), request.match_info["file"]
        if request.match_info["repo"] in self.closed:
            return self._error(401, "GatedRepo")
        if not (repo / name).is_file():
            return self._error(404, "EntryNotFound")
        self.asked.append(f"{request.match_info['repo']}@{request.match_info['revision']}/{name}")
        self.tokens.add(request.headers.get("Authorization", ""))
        if name.endswith(LARGE):
            raise web.HTTPFound(f"/kept/{request.match_info['repo']}/{name}")
        return web.Response(body=(repo / name).read_bytes(), headers={"X-Repo-Commit": COMMIT, "ETag": '"small"'})

    async def kept(self, request: web.Request) -> web.StreamResponse:
        """A large file, from the asked byte on."""
        name = request.match_info["file"]
        data = (self._repo(request) / name).read_bytes()
        if name in self.damaged:
            data = data[:-1] + bytes([data[-1] ^ 1])
        start = 0
        if asked := request.headers.get("Range", ""):
            self.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        headers = {"Content-Length": str(len(data) - start), "ETag": '"large"'}
        headers |= {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if asked else {}
        response = web.StreamResponse(status=206 if asked else 200, headers=headers)
        await response.prepare(request)
        await self._send(request, response, data[start:])
        return response

    async def _send(self, request: web.Request, response: web.StreamResponse, data: bytes) -> None:
        if self.cut:
            await response.write(data[: self.cut])
            self.cut = 0
            assert request.transport is not None
            request.transport.close()
        elif self.stall:
            await response.write(data[: self.stall])
            self.stalled.set()
            while self.stall:
                await asyncio.sleep(0.02)
        else:
            await response.write(data)

    def _repo(self, request: web.Request) -> Path:
        name = request.match_info["repo"]
        if self.status:
            raise self._raised(self.status, "X-Error-Message", self.message)
        if name not in self.repos:
            raise self._raised(401, "X-Error-Code", "RepoNotFound")
        return self.repos[name]

    def _raised(self, status: int, header: str, value: str) -> web.HTTPException:
        kinds: dict[int, type[web.HTTPException]] = {401: web.HTTPUnauthorized, 403: web.HTTPForbidden}
        return kinds.get(status, web.HTTPInternalServerError)(headers={header: value})

    def _error(self, status: int, code: str) -> web.Response:
        return web.Response(status=status, headers={"X-Error-Code": code})

    def _described(self, path: Path, name: Path) -> dict[str, object]:
        data = path.read_bytes()
        git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        entry: dict[str, object] = {"rfilename": name.as_posix(), "size": len(data), "blobId": git}
        if path.suffix in LARGE:
            entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        return entry


@contextmanager
def hub() -> Iterator[Hub]:
    """A hub without repositories, answering in a thread of its own."""
    served = Hub()
    loop = asyncio.new_event_loop()
    started = threading.Event()
    thread = threading.Thread(target=_serve, args=(served, loop, started))
    thread.start()
    started.wait()
    try:
        yield served
    finally:
        served.stall = 0
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


@contextmanager
def the_hub() -> Iterator[Hub]:
    """A hub that the client in this process takes for the hub."""
    with hub() as served, pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", served.url)
        template = f"{served.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 16)  # what an interruption may lose
        yield served
        huggingface_hub.close_session()


def _serve(served: Hub, loop: asyncio.AbstractEventLoop, started: threading.Event) -> None:
    asyncio.set_event_loop(loop)
    runner = web.AppRunner(_app(served), shutdown_timeout=0)
    loop.run_until_complete(runner.setup())
    site = web.TCPSite(runner, "127.0.0.1", 0)
    loop.run_until_complete(site.start())
    served.url = "http://{}:{}".format(*runner.addresses[0])
    started.set()
    loop.run_forever()
    loop.run_until_complete(runner.cleanup())
    loop.close()


def _app(served: Hub) -> web.Application:
    app = web.Application()
    repo = "{repo:[^/]+/[^/]+}"
    app.router.add_get(f"/api/models/{repo}", served.info)
    app.router.add_get(f"/api/models/{repo}/revision/{{revision}}", served.info)
    app.router.add_get(f"/kept/{repo}/{{file:.+}}", served.kept)
    app.router.add_get(f"/{repo}/resolve/{{revision}}/{{file:.+}}", served.resolve)
    return app
