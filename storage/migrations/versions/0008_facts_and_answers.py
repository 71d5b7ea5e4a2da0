"""The facts of drafts, and what sellers answer about them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ADDED = {
    "item": sa.Text,
    "is_set": sa.Boolean,
    "understanding": sa.JSON,
    "understood_revision": sa.Integer,
}


def upgrade() -> None:
    """Create the table and the columns."""
    for name, kind in ADDED.items():
        op.add_column("listings", sa.Column(name, kind))
    op.execute("UPDATE listings SET understood_revision = revision")  # old drafts stay quiet
    op.add_column("users", sa.Column("awaits_item_of", sa.BigInteger))
    op.create_table(
        "answers",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("listing_id", BIG, sa.ForeignKey("listings.id"), nullable=False),
        sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("understanding", sa.JSON, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("answered_at", sa.Double, nullable=False),
        sqlite_autoincrement=True,
    )
    for column in ("listing_id", "user_id"):
        op.create_index(f"ix_answers_{column}", "answers", [column])


def downgrade() -> None:
    """Drop the table and the columns."""
    op.drop_table("answers")
    op.drop_column("users", "awaits_item_of")
    for name in reversed(ADDED):
        op.drop_column("listings", name)
