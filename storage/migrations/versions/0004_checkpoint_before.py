"""Which captioner wrote before the chosen one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Bring it in."""
    op.add_column("users", sa.Column("checkpoint_before", sa.Text))


def downgrade() -> None:
    """Take it out."""
    op.drop_column("users", "checkpoint_before")
