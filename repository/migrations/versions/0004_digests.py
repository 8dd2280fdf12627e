"""Digests: the letters that tell publishers what became of their deliveries.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.models import Id, Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, and the order in which a publisher's deliveries were finished."""
    op.create_table(
        "digest",
        sa.Column("publisher_id", Id, nullable=False),
        sa.Column("until", Moment(), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try", Moment(), nullable=False),
        sa.Column("sent_at", Moment(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("lease", sa.String(length=32), nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name="fk_digest_publisher_id"),
        sa.PrimaryKeyConstraint("publisher_id", "until", name="pk_digest"),
    )
    op.create_index("ix_digest_state_publisher_id_until", "digest", ["state", "publisher_id", "until"])
    op.create_index("ix_delivery_publisher_id_finished_at_id", "delivery", ["publisher_id", "finished_at", "id"])


def downgrade() -> None:
    """Take both away again."""
    op.drop_index("ix_delivery_publisher_id_finished_at_id", "delivery")
    op.drop_table("digest")
