"""What no article's bag holds is laid down in ledgers; writing the catalogue again from the stores is rehearsed.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.models import Bytewise, Id, Moment

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them. The first ledger tells everything that is there."""
    op.create_table(
        "ledger",
        sa.Column("name", Bytewise, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("seal", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_ledger"),
    )
    op.create_index("ix_ledger_at", "ledger", ["at"])
    op.create_table(
        "ledger_copy",
        sa.Column("name", Bytewise, nullable=False),
        sa.Column("store", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("verified_at", Moment(), nullable=True),
        sa.Column("next_due", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["name"], ["ledger.name"], name="fk_ledger_copy_name"),
        sa.PrimaryKeyConstraint("name", "store", name="pk_ledger_copy"),
    )
    op.create_index("ix_ledger_copy_next_due", "ledger_copy", ["next_due"])
    op.create_table(
        "rehearsal",
        sa.Column("id", Id, nullable=False),
        sa.Column("started_at", Moment(), nullable=False),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("store", sa.String(64), nullable=True),
        sa.Column("first", Bytewise, nullable=False),
        sa.Column("last", Bytewise, nullable=False),
        sa.Column("articles", sa.BigInteger(), nullable=False),
        sa.Column("aips", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("ledgers", sa.BigInteger(), nullable=False),
        sa.Column("differences", sa.BigInteger(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("doubt", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_rehearsal"),
    )
    op.create_index("ix_delivery_finished_at_id", "delivery", ["finished_at", "id"])


def downgrade() -> None:
    """Take them away again; what was laid down stays in the stores."""
    op.drop_index("ix_delivery_finished_at_id", "delivery")
    op.drop_table("rehearsal")
    op.drop_table("ledger_copy")
    op.drop_table("ledger")
