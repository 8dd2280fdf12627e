"""How far the clock has verified the testimony; time stamps of signed heads; versions salvaged from damaged copies.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.models import Moment

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them: nothing is verified, stamped or salvaged yet."""
    op.create_table(
        "chain_proof",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("looked_at", Moment(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("proved_at", Moment(), nullable=True),
        sa.Column("walked", sa.BigInteger(), nullable=False),
        sa.Column("walked_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("month", sa.String(7), nullable=True),
        sa.Column("began_at", Moment(), nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("problems_since", Moment(), nullable=True),
        sa.Column("silent", sa.JSON(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_chain_proof_one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_chain_proof"),
    )
    op.add_column("signed_head", sa.Column("time_stamp", sa.LargeBinary(), nullable=True))
    op.add_column("signed_head_copy", sa.Column("time_stamp_put_at", Moment(), nullable=True))
    op.add_column("aip", sa.Column("salvage", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Take them away again; what was stamped and salvaged stays in the stores."""
    op.drop_column("aip", "salvage")
    op.drop_column("signed_head_copy", "time_stamp_put_at")
    op.drop_column("signed_head", "time_stamp")
    op.drop_table("chain_proof")
