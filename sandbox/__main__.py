"""Run the local Telegram alone until Ctrl+C: `python -m sandbox`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from sandbox.server import Sandbox
from sandbox.web.page import NOTICE


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=NOTICE)
    parser.add_argument("--port", type=int, default=8080, help="default 8080; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--token", default="42:SANDBOX", help="the token that the bot must show")
    return parser.parse_args()


async def serve(given: argparse.Namespace) -> None:
    """Serve until cancelled."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Sandbox(given.token, given.port, given.host) as sandbox:
        sys.stdout.write(f"{NOTICE}\nWeb chat and Bot API: {sandbox.url}\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> int:
    """Run the server; return 0 after a stop, 2 if it could not start."""
    try:
        asyncio.run(serve(arguments()))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
