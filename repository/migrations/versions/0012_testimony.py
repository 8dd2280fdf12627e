"""Events are linked into a chain whose end is signed; a round says which copies it read whole, and a copy in which.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.models import Bytewise, Id, Moment

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them. The events that are there are linked, in their order, by whoever links events next."""
    op.add_column("event", sa.Column("position", sa.BigInteger(), nullable=True))
    op.add_column("event", sa.Column("hash", sa.LargeBinary(32), nullable=True))
    op.create_index("ix_event_position", "event", ["position"], unique=True)
    _partial("ix_event_unlinked", "position IS NULL")
    _partial("ix_event_rebuilt", "type = 'metadata modification'")
    op.create_table(
        "chain_end",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_chain_end_one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_chain_end"),
    )
    op.create_table(
        "signed_head",
        sa.Column("key", Bytewise, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_signed_head"),
    )
    op.create_index("ix_signed_head_at", "signed_head", ["at"])
    op.create_table(
        "signed_head_copy",
        sa.Column("key", Bytewise, nullable=False),
        sa.Column("store", sa.String(64), nullable=False),
        sa.Column("put_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["key"], ["signed_head.key"], name="fk_signed_head_copy_key"),
        sa.PrimaryKeyConstraint("key", "store", name="pk_signed_head_copy"),
    )
    op.add_column("copy", sa.Column("verified_in", Id, nullable=True))
    op.add_column("round", sa.Column("verified", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("round", sa.Column("verified_bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("round", sa.Column("verified_set", sa.LargeBinary(384), nullable=True))


def downgrade() -> None:
    """Take them away again; what was signed stays in the stores."""
    for column in ("verified_set", "verified_bytes", "verified"):
        op.drop_column("round", column)
    op.drop_column("copy", "verified_in")
    op.drop_table("signed_head_copy")
    op.drop_table("signed_head")
    op.drop_table("chain_end")
    for index in ("ix_event_rebuilt", "ix_event_unlinked", "ix_event_position"):
        op.drop_index(index, "event")
    for column in ("hash", "position"):
        op.drop_column("event", column)


def _partial(name: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "event", ["id"], postgresql_where=where, sqlite_where=where)
