"""A copy's row says until when the promise holds for it, so that one promise may differ from another, and change.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.models import Id, Moment

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it. Until a round has dated the rows that are there (catalogue.timetable) the promise is held to be over
    when they are due: earlier than it is, and never later.
    """
    op.create_table(
        "policy_in_force",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("aip_id", Id, nullable=False),
        sa.Column("started_at", Moment(), nullable=False),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.CheckConstraint("id = 1", name="ck_policy_in_force_one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_policy_in_force"),
    )
    op.add_column("copy", sa.Column("promised_until", Moment(), nullable=True))
    op.execute("UPDATE copy SET promised_until = next_due WHERE verified_at IS NOT NULL")
    op.create_index("ix_copy_store_promised_until_aip_id", "copy", ["store", "promised_until", "aip_id"])
    where = sa.text("promised_until IS NULL")
    op.create_index("ix_copy_unpromised", "copy", ["store", "next_due"], postgresql_where=where, sqlite_where=where)
    op.drop_index("ix_copy_store_verified_at_next_due", "copy")


def downgrade() -> None:
    """Take it away again."""
    op.create_index("ix_copy_store_verified_at_next_due", "copy", ["store", "verified_at", "next_due"])
    op.drop_index("ix_copy_unpromised", "copy")
    op.drop_index("ix_copy_store_promised_until_aip_id", "copy")
    op.drop_column("copy", "promised_until")
    op.drop_table("policy_in_force")
