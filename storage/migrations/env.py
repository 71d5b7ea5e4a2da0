"""Alembic's entry point: run migrations inside the transaction of the given connection."""

from alembic import context

from storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite too: the transaction was begun with BEGIN IMMEDIATE
)
context.run_migrations()
