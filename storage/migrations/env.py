"""Alembic's door: migrations run inside the transaction of the connection that they are given."""

from alembic import context

from storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite too: the transaction was begun with BEGIN IMMEDIATE
)
context.run_migrations()
