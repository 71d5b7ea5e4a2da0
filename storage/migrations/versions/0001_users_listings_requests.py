"""Users, their listings, and the requests for texts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    _create_users()
    _create_listings()
    _create_photos()
    _create_notes()
    _create_requests()


def downgrade() -> None:
    """Drop the tables."""
    for table in ("requests", "notes", "photos", "listings", "users"):
        op.drop_table(table)


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("checkpoint", sa.Text),
        sa.Column("awaits_correction_of", sa.BigInteger),
        sa.Column("blocked", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
    )


def _create_listings() -> None:
    op.create_table(
        "listings",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("collecting", sa.Boolean, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("case", sa.Text),
        sa.Column("window_opened_at", sa.Double),
        sa.Column("card_due_at", sa.Double),
        sa.Column("wants_text", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_listings_user_id", "listings", ["user_id"])
    _create_index("uq_listings_collecting", "listings", ["user_id"], "collecting", unique=True)
    _create_index("ix_listings_due", "listings", ["card_due_at"], "card_due_at IS NOT NULL")


def _create_photos() -> None:
    op.create_table(
        "photos",
        sa.Column("listing_id", BIG, sa.ForeignKey("listings.id"), primary_key=True),
        sa.Column("file_unique_id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("file_id", sa.Text, nullable=False),
        sa.Column("message_id", sa.BigInteger, nullable=False),
        sa.Column("album", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("mime", sa.Text),
        sa.Column("size", sa.BigInteger),
    )
    op.create_index("ix_photos_user_id_message_id", "photos", ["user_id", "message_id"])
    op.create_index("ix_photos_user_id_album", "photos", ["user_id", "album"])


def _create_notes() -> None:
    op.create_table(
        "notes",
        sa.Column("listing_id", BIG, sa.ForeignKey("listings.id"), primary_key=True),
        sa.Column("message_id", sa.BigInteger, primary_key=True),
        sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("ix_notes_user_id_message_id", "notes", ["user_id", "message_id"])


def _create_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("listing_id", BIG, sa.ForeignKey("listings.id"), nullable=False),
        sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("checkpoints", sa.JSON, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("finished_at", sa.Double),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_requests_listing_id", "requests", ["listing_id"])
    op.create_index("ix_requests_user_id", "requests", ["user_id"])
    _create_index("ix_requests_open", "requests", ["user_id", "id"], "state IN ('pending', 'running')")


def _create_index(name: str, table: str, columns: list[str], where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
