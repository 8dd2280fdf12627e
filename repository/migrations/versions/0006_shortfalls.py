"""How much of its lists each title lacks is counted beforehand, and not when a page is asked for.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from repository.models import Id, Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; every title that has lists is to be counted at once."""
    op.create_table(
        "shortfall",
        sa.Column("title_id", Id, nullable=False),
        sa.Column("expected", sa.Integer(), nullable=True),
        sa.Column("missing", sa.Integer(), nullable=True),
        sa.Column("counted_at", Moment(), nullable=True),
        sa.Column("due", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["title_id"], ["title.id"], name="fk_shortfall_title_id"),
        sa.PrimaryKeyConstraint("title_id", name="pk_shortfall"),
    )
    op.create_index("ix_shortfall_due_title_id", "shortfall", ["due", "title_id"])
    shortfall = sa.table("shortfall", sa.column("title_id"), sa.column("due", Moment()))
    listed = sa.table("expectation", sa.column("title_id"))
    at_once = sa.literal(datetime(1970, 1, 1, tzinfo=UTC), Moment())
    op.execute(sa.insert(shortfall).from_select(["title_id", "due"], sa.select(listed.c.title_id, at_once).distinct()))


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("shortfall")
