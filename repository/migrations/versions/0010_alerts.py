"""Alerts by cause, the letters that tell of them, and the heartbeats of the parts.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.models import Id, Moment

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and the orders in which the copies of a store fell silent and were verified."""
    op.create_table(
        "alert",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("last_seen_at", Moment(), nullable=False),
        sa.Column("objects", sa.BigInteger(), nullable=False),
        sa.Column("more", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("acknowledged_at", Moment(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=120), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("told_at", Moment(), nullable=True),
        sa.Column("told_level", sa.String(length=16), nullable=True),
        sa.Column("escalated_at", Moment(), nullable=True),
        sa.Column("closed_at", Moment(), nullable=True),
        sa.Column("end_told_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
    )
    still_open = sa.text("closed_at IS NULL")
    op.create_index(
        "ix_alert_open",
        "alert",
        ["kind", "subject"],
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    op.create_index("ix_alert_closed_at_id", "alert", ["closed_at", "id"])
    op.create_table(
        "alert_letter",
        sa.Column("id", Id, nullable=False),
        sa.Column("channel", sa.String(length=80), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try", Moment(), nullable=False),
        sa.Column("sent_at", Moment(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("lease", sa.String(length=32), nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_alert_letter"),
    )
    op.create_index("ix_alert_letter_state_id", "alert_letter", ["state", "id"])
    op.create_table(
        "heartbeat",
        sa.Column("part", sa.String(length=16), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", Moment(), nullable=False),
        sa.Column("beat_at", Moment(), nullable=False),
        sa.Column("version", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("part", "host", name="pk_heartbeat"),
    )
    silent = sa.text("unreadable_since IS NOT NULL")
    op.create_index(
        "ix_copy_silent", "copy", ["store", "unreadable_since"], sqlite_where=silent, postgresql_where=silent
    )
    op.create_index("ix_copy_store_verified_at_next_due", "copy", ["store", "verified_at", "next_due"])


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("ix_copy_store_verified_at_next_due", "copy")
    op.drop_index("ix_copy_silent", "copy")
    op.drop_table("heartbeat")
    op.drop_table("alert_letter")
    op.drop_table("alert")
