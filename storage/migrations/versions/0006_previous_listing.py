"""The listing that an album may belong to, until the user says so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column."""
    op.add_column("listings", sa.Column("previous_id", sa.BigInteger))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("listings", "previous_id")
