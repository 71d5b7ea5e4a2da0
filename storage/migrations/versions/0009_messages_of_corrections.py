"""The message that a correction came in, so that the correction follows its edits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column and its index."""
    op.add_column("corrections", sa.Column("message_id", sa.BigInteger))
    op.drop_index("ix_corrections_user_id", "corrections")
    op.create_index("ix_corrections_user_id_message_id", "corrections", ["user_id", "message_id"])


def downgrade() -> None:
    """Drop the column and its index."""
    op.drop_index("ix_corrections_user_id_message_id", "corrections")
    op.create_index("ix_corrections_user_id", "corrections", ["user_id"])
    op.drop_column("corrections", "message_id")
