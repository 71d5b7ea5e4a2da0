"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Bring it in."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Take it out."""
    ${downgrades if downgrades else "pass"}
