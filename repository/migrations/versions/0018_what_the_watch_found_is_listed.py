"""What the watch found that was not whole is listed by kind and moment, whatever else there is testimony of.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_WATCHED = sa.text("store IS NOT NULL AND (outcome <> 'success' OR type = 'recovery')")


def upgrade() -> None:
    """One index of the few events that are no routine."""
    columns = ["type", "outcome", "at", "id"]
    op.create_index("ix_event_watched", "event", columns, postgresql_where=_WATCHED, sqlite_where=_WATCHED)


def downgrade() -> None:
    """Without it."""
    op.drop_index("ix_event_watched", "event")
