"""Generated texts and the feedback of users."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables and columns."""
    _create_descriptions()
    _create_votes()
    _create_corrections()
    _create_comparisons()


def downgrade() -> None:
    """Drop the tables and columns."""
    for table in ("comparisons", "corrections", "votes", "descriptions"):
        op.drop_table(table)


def _create_descriptions() -> None:
    op.create_table(
        "descriptions",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("listing_id", BIG, sa.ForeignKey("listings.id"), nullable=False),
        sa.Column("request_id", BIG, sa.ForeignKey("requests.id"), nullable=False),
        sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("case", sa.Text),
        sa.Column("checkpoint", sa.Text, nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("draft", sa.Text),
        sa.Column("masked", sa.Text),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("diversity", sa.Double),
        sa.Column("scores", sa.JSON, nullable=False),
        sa.Column("timings", sa.JSON, nullable=False),
        sa.Column("moderation", sa.JSON, nullable=False),
        sa.Column("photo_sha256", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sqlite_autoincrement=True,
    )
    for column in ("listing_id", "request_id", "user_id"):
        op.create_index(f"ix_descriptions_{column}", "descriptions", [column])
    op.create_index("ix_descriptions_checkpoint_id", "descriptions", ["checkpoint", "id"])


def _create_votes() -> None:
    op.create_table(
        "votes",
        sa.Column("description_id", BIG, sa.ForeignKey("descriptions.id"), primary_key=True),
        sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("value", sa.SmallInteger, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("voted_at", sa.Double, nullable=False),
    )
    op.create_index("ix_votes_user_id", "votes", ["user_id"])


def _create_corrections() -> None:
    op.create_table(
        "corrections",
        sa.Column("description_id", BIG, sa.ForeignKey("descriptions.id"), primary_key=True),
        sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("diff", sa.Text, nullable=False),
        sa.Column("corrected_at", sa.Double, nullable=False),
    )
    op.create_index("ix_corrections_user_id", "corrections", ["user_id"])


def _create_comparisons() -> None:
    op.create_table(
        "comparisons",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("listing_id", BIG, sa.ForeignKey("listings.id"), nullable=False),
        sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("first_id", BIG, sa.ForeignKey("descriptions.id"), nullable=False),
        sa.Column("second_id", BIG, sa.ForeignKey("descriptions.id"), nullable=False),
        sa.Column("choice", sa.Text),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("chosen_at", sa.Double),
        sqlite_autoincrement=True,
    )
    for column in ("listing_id", "user_id", "first_id", "second_id"):
        op.create_index(f"ix_comparisons_{column}", "comparisons", [column])
