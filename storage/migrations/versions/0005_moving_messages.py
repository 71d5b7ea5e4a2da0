"""Messages that stay the last ones of their chats."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("users", sa.Column("last_message_id", sa.BigInteger))
    op.add_column("outbox", sa.Column("moves", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("outbox", "moves")
    op.drop_column("users", "last_message_id")
