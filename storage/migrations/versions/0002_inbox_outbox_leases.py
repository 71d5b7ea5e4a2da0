"""Pending updates, pending messages, and leases of processes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables and columns."""
    _create_inbox()
    _create_outbox()
    _create_slots()
    _create_leases()


def downgrade() -> None:
    """Drop the tables and columns."""
    for table in ("leases", "slots", "outbox", "inbox"):
        op.drop_table(table)


def _create_inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("update_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("user_id", sa.BigInteger),
        sa.Column("payload", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("received_at", sa.Double, nullable=False),
        sa.Column("finished_at", sa.Double),
    )
    op.create_index("ix_inbox_finished_at", "inbox", ["finished_at"])
    _create_index("ix_inbox_new", "inbox", ["update_id"], "state = 'new'")
    _create_index("ix_inbox_user", "inbox", ["user_id"], "user_id IS NOT NULL")
    _create_index("uq_inbox_running", "inbox", ["user_id"], "state = 'running'", unique=True)


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("chat_id", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("keyboard", sa.Text),
        sa.Column("slot", sa.Text),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("photos", sa.JSON, nullable=False),
        sa.Column("document", sa.Text),
        sa.Column("request_id", sa.BigInteger),
        sa.Column("fresh", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("ready_at", sa.Double, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("created_at", sa.Double, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_chat_id", "outbox", ["chat_id"])
    _create_index("ix_outbox_pending", "outbox", ["chat_id", "priority", "id"], "state = 'pending'")
    _create_index("uq_outbox_slot", "outbox", ["slot"], "state = 'pending'", unique=True)
    _create_index("uq_outbox_sending", "outbox", ["chat_id"], "state = 'sending'", unique=True)


def _create_slots() -> None:
    op.create_table(
        "slots",
        sa.Column("slot", sa.Text, primary_key=True),
        sa.Column("chat_id", sa.BigInteger, nullable=False),
        sa.Column("message_id", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_slots_chat_id", "slots", ["chat_id"])


def _create_leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
    )
    op.create_index("ix_leases_owner", "leases", ["owner"])


def _create_index(name: str, table: str, columns: list[str], where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
