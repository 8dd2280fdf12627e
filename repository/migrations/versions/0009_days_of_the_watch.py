"""What the watch read in each store on each day.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_COUNTS = ("intact", "damaged", "missing", "unreadable", "mended", "bytes", "milliseconds")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "watch_day",
        sa.Column("store", sa.String(64), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
        sa.Column("late", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("store", "day", name="pk_watch_day"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("watch_day")
