"""Run as a program: writes a listing and a note in each transaction, prints a line after each, until it is killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from storage.records import Note
from storage.store import Store
from tests.support.storage.samples import new_listing


async def main(path: str) -> None:
    store = await Store.open(f"sqlite+aiosqlite:///{path}")
    while True:
        async with store.transaction() as tx:
            listing = await new_listing(tx)
            await tx.listings.set_note(listing.id, Note(1, "text"))
        sys.stdout.write(f"{listing.id}\n")
        sys.stdout.flush()


asyncio.run(main(sys.argv[1]))
