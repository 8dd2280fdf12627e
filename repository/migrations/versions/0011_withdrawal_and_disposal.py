"""Withdrawals are notices that lie beside the bags; a disposal needs two people, and goes store by store.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.models import Id, Moment

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "notice",
        sa.Column("article_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=True),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name="fk_notice_article_id"),
        sa.PrimaryKeyConstraint("article_id", "number", name="pk_notice"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "disposal",
        sa.Column("id", Id, nullable=False),
        sa.Column("article_id", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("bags", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_by", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.Column("wait_days", sa.Integer(), nullable=False),
        sa.Column("delay_days", sa.Integer(), nullable=False),
        sa.Column("approved_by", sa.String(length=120), nullable=True),
        sa.Column("approved_at", Moment(), nullable=True),
        sa.Column("not_before", Moment(), nullable=True),
        sa.Column("next_due", Moment(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("noticed", sa.Integer(), nullable=True),
        sa.Column("cancelled_by", sa.String(length=120), nullable=True),
        sa.Column("cancelled_at", Moment(), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("approved_by IS NULL OR approved_by <> asked_by", name="ck_disposal_two_people"),
        sa.CheckConstraint(
            "state NOT IN ('approved', 'held', 'done') OR approved_by IS NOT NULL", name="ck_disposal_approved"
        ),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name="fk_disposal_article_id"),
        sa.PrimaryKeyConstraint("id", name="pk_disposal"),
    )
    op.create_index("ix_disposal_article_id_id", "disposal", ["article_id", "id"])
    op.create_index("ix_disposal_next_due_id", "disposal", ["next_due", "id"])
    op.create_index("ix_disposal_state_id", "disposal", ["state", "id"])
    op.create_table(
        "disposal_turn",
        sa.Column("disposal_id", Id, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("store", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["disposal_id"], ["disposal.id"], name="fk_disposal_turn_disposal_id"),
        sa.PrimaryKeyConstraint("disposal_id", "position", name="pk_disposal_turn"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("disposal_turn")
    op.drop_table("disposal")
    op.drop_table("notice")
