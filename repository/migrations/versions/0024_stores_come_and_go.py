"""What a store that was added lacks still, and that one is given up.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.models import Id, Moment

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Three tables; each store is entered by the first clock that sees it, and all bags are looked through once."""
    op.create_table(
        "store_entry",
        sa.Column("store", sa.String(length=64), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("reached", Id, nullable=False),
        sa.Column("filled_at", Moment(), nullable=True),
        sa.Column("began_at", Moment(), nullable=True),
        sa.Column("copied", sa.BigInteger(), nullable=False),
        sa.Column("copied_bytes", sa.BigInteger(), nullable=False),
        sa.Column("noted_at", Moment(), nullable=True),
        sa.Column("held_up", sa.Text(), nullable=True),
        sa.Column("lease", sa.String(length=32), nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.Column("retired_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("store", name="pk_store_entry"),
    )
    op.create_table(
        "lacking",
        sa.Column("store", sa.String(length=64), nullable=False),
        sa.Column("aip_id", Id, nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("next_try", Moment(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["aip_id"], ["aip.id"], name="fk_lacking_aip_id"),
        sa.PrimaryKeyConstraint("store", "aip_id", name="pk_lacking"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_lacking_store_next_try_aip_id", "lacking", ["store", "next_try", "aip_id"])
    op.create_index("ix_lacking_aip_id", "lacking", ["aip_id"])
    op.create_table(
        "retirement",
        sa.Column("id", Id, nullable=False),
        sa.Column("store", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_by", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.Column("approved_by", sa.String(length=120), nullable=True),
        sa.Column("approved_at", Moment(), nullable=True),
        sa.Column("next_due", Moment(), nullable=True),
        sa.Column("proof", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("cancelled_by", sa.String(length=120), nullable=True),
        sa.Column("cancelled_at", Moment(), nullable=True),
        sa.CheckConstraint("approved_by IS NULL OR approved_by <> asked_by", name="ck_retirement_two_people"),
        sa.CheckConstraint(
            "state NOT IN ('approved', 'done') OR approved_by IS NOT NULL", name="ck_retirement_approved"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_retirement"),
    )
    op.create_index("ix_retirement_next_due_id", "retirement", ["next_due", "id"])
    op.create_index("ix_retirement_store_id", "retirement", ["store", "id"])


def downgrade() -> None:
    """Without them; copies that were given up with their store count as missing again."""
    op.execute("UPDATE copy SET state = 'missing', next_due = '2026-01-01 00:00:00.000000' WHERE state = 'retired'")
    for table in ("retirement", "lacking", "store_entry"):
        op.drop_table(table)
