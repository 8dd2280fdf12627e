"""Feeds: what each one offered, and how its last look ended.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.models import Bytewise, Moment

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables."""
    op.create_table(
        "feed",
        sa.Column("name", Bytewise, nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("last_looked_at", Moment(), nullable=True),
        sa.Column("last_arrival_at", Moment(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("error_since", Moment(), nullable=True),
        sa.Column("next_due", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_feed"),
    )
    op.create_table(
        "feed_item",
        sa.Column("feed", Bytewise, nullable=False),
        sa.Column("name", Bytewise, nullable=False),
        sa.Column("set_key", Bytewise, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("modified", Moment(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("delivery_id", sa.String(length=32), nullable=True),
        sa.Column("first_seen", Moment(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("feed", "name", name="pk_feed_item"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_feed_item_feed_state_set_key_name", "feed_item", ["feed", "state", "set_key", "name"])
    op.create_index("ix_feed_item_feed_set_key_name", "feed_item", ["feed", "set_key", "name"])


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("feed_item")
    op.drop_table("feed")
