"""Expectations come with deliveries too, go on up to now, and are counted once however many lists name them.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.models import Bytewise

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. What was loaded before counts each line for itself until it is loaded again."""
    with op.batch_alter_table("expectation") as table:
        table.add_column(sa.Column("delivery_id", sa.String(length=32), nullable=True))
        table.add_column(sa.Column("key", Bytewise, nullable=True))
        table.add_column(sa.Column("goes_on", sa.Boolean(), server_default=sa.false(), nullable=False))
        table.create_foreign_key("fk_expectation_delivery_id", "delivery", ["delivery_id"], ["id"])
    op.execute("UPDATE expectation SET key = coalesce(doi, 'line ' || id)")
    with op.batch_alter_table("expectation") as table:
        table.alter_column("key", existing_type=Bytewise, nullable=False)
    op.create_index("ix_expectation_delivery_id", "expectation", ["delivery_id"])
    op.create_index("ix_expectation_title_id_key_id", "expectation", ["title_id", "key", "id"])


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("ix_expectation_title_id_key_id", "expectation")
    op.drop_index("ix_expectation_delivery_id", "expectation")
    with op.batch_alter_table("expectation") as table:
        table.drop_constraint("fk_expectation_delivery_id", type_="foreignkey")
        for column in ("goes_on", "key", "delivery_id"):
            table.drop_column(column)
