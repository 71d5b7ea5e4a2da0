"""The captioner that a user had before the current choice."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column."""
    op.add_column("users", sa.Column("checkpoint_before", sa.Text))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("users", "checkpoint_before")
