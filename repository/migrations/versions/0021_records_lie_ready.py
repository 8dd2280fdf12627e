"""Records lie ready in the order of the feed, written out and compressed.

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.models import Bytewise, Id, Moment

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; the clock fills them."""
    op.create_table(
        "sheaf",
        sa.Column("id", Id, nullable=False),
        sa.Column("form", Bytewise, nullable=False),
        sa.Column("first_datestamp", Moment(), nullable=False),
        sa.Column("first_number", sa.BigInteger(), nullable=False),
        sa.Column("last_datestamp", Moment(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("crc", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in ("numbers", "ends", "deflated")),
        sa.PrimaryKeyConstraint("id", name="pk_sheaf"),
        sa.UniqueConstraint("form", "last_datestamp", "last_number", name="uq_sheaf_form_last_datestamp_last_number"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # It is compressed already: to try again costs time and gains nothing.
        op.execute("ALTER TABLE sheaf ALTER COLUMN deflated SET STORAGE EXTERNAL")
    op.create_table(
        "sheaf_form",
        sa.Column("form", Bytewise, nullable=False),
        sa.Column("datestamp", Moment(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("followed", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("form", name="pk_sheaf_form"),
    )


def downgrade() -> None:
    """Take them away again: they hold nothing that is not written out anew."""
    op.drop_table("sheaf_form")
    op.drop_table("sheaf")
