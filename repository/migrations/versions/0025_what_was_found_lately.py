"""What each machine found of itself, and the clock over the network, is kept for the page of the system.

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.models import Moment

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One small table."""
    op.create_table(
        "system_line",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("question", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(length=8), nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.Column("remedy", sa.JSON(), nullable=True),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("host", "question", "position", "part", name="pk_system_line"),
    )


def downgrade() -> None:
    """Without it."""
    op.drop_table("system_line")
