"""What a store lists is compared with what the catalogue says, and what differs is kept.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.models import Bytewise, Id, Moment

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables."""
    op.create_table(
        "inventory",
        sa.Column("id", Id, nullable=False),
        sa.Column("store", sa.String(64), nullable=False),
        sa.Column("started_at", Moment(), nullable=False),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.Column("place", Bytewise, nullable=False),
        sa.Column("copies", sa.BigInteger(), nullable=False),
        sa.Column("objects", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("arriving", sa.BigInteger(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.Column("held_up", sa.Text(), nullable=True),
        sa.Column("lease", sa.String(32), nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_inventory"),
    )
    op.create_index("ix_inventory_store_id", "inventory", ["store", "id"])
    op.create_table(
        "difference",
        sa.Column("store", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("key", Bytewise, nullable=False),
        sa.Column("inventory_id", Id, nullable=False),
        sa.Column("expected_bytes", sa.BigInteger(), nullable=True),
        sa.Column("found_bytes", sa.BigInteger(), nullable=True),
        sa.Column("holds", sa.Text(), nullable=True),
        sa.Column("first_seen", Moment(), nullable=False),
        sa.Column("last_seen", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("store", "kind", "key", name="pk_difference"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_difference_store_inventory_id", "difference", ["store", "inventory_id"])


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("difference")
    op.drop_table("inventory")
