"""Run migrations by hand: `python -m storage.migrations upgrade head`, `downgrade -1`, `current`, `history`, `check`, …

The commands are Alembic's. The database is that of `DATABASE_URL`, else `data/opisalka.db`. The bot migrates by
itself when
it starts.
"""

from __future__ import annotations

import asyncio
import os
from argparse import Namespace

from alembic.config import CommandLine
from sqlalchemy import Connection

from storage.connection import build_engine, parse_url
from storage.migrate import MIGRATIONS, build_alembic_config

DEFAULT = f"sqlite+aiosqlite:///{MIGRATIONS.parents[1] / 'data' / 'opisalka.db'}"


async def run(line: CommandLine, options: Namespace) -> None:
    """Run one of Alembic's commands in a transaction."""

    def run_command(connection: Connection) -> None:
        config = build_alembic_config(connection)
        config.cmd_opts = options
        line.run_cmd(config, options)

    engine = build_engine(parse_url(os.environ.get("DATABASE_URL") or DEFAULT))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(run_command)
    finally:
        await engine.dispose()


if __name__ == "__main__":
    commands = CommandLine("python -m storage.migrations")
    chosen = commands.parser.parse_args()
    if not hasattr(chosen, "cmd"):
        commands.parser.error("which command?")
    asyncio.run(run(commands, chosen))
