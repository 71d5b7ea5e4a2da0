"""Migrate the schema of a database to the version of this code; `python -m storage.migrations` does it by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, func, inspect, select, text

from storage.errors import StorageError

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def get_head() -> str:
    """Return the revision that this code expects: the last migration."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def migrate(connection: Connection) -> None:
    """Upgrade the schema to the head inside the transaction of `connection`.

    Raises `StorageError` if a newer version of the bot has migrated the database.
    """
    if connection.dialect.name == "postgresql":  # in SQLite the transaction is the only writer already
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("opisalka migrations"))))
    at = get_revision(connection)
    if at is not None and at > get_head():
        raise StorageError("database-newer")
    if at != get_head():
        from alembic import command  # a start that finds nothing to do need not wait for it

        command.upgrade(build_alembic_config(connection), "head")


def get_revision(connection: Connection) -> str | None:
    """Return the revision of the schema; None before the first migration."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def build_alembic_config(connection: Connection) -> Config:
    """Return the Alembic config for a connection."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config
