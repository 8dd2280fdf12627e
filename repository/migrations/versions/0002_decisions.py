"""Deliveries show how far they have come and are found by name, staff decide about them, titles are
agreed with one publisher or several, articles point at others.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.models import Bytewise, Id, Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, and the tables of names and decisions."""
    with op.batch_alter_table("delivery") as table:
        table.add_column(sa.Column("begun", sa.Integer(), server_default="0", nullable=False))
        table.add_column(sa.Column("stage", sa.String(length=16), nullable=True))
        table.add_column(sa.Column("done", sa.Integer(), server_default="0", nullable=False))
        table.add_column(sa.Column("expected", sa.Integer(), server_default="0", nullable=False))
        table.add_column(sa.Column("held_up", sa.Text(), nullable=True))
        table.create_index(
            "ix_delivery_publisher_id_state_accepted_on_id", ["publisher_id", "state", "accepted_on", "id"]
        )
    op.create_table(
        "delivery_name",
        sa.Column("folded", Bytewise, nullable=False),
        sa.Column("delivery_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name="fk_delivery_name_delivery_id"),
        sa.PrimaryKeyConstraint("folded", "delivery_id", name="pk_delivery_name"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_delivery_name_delivery_id", "delivery_name", ["delivery_id"])
    op.create_table(
        "decision",
        sa.Column("id", Id, nullable=False),
        sa.Column("delivery_id", sa.String(length=32), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("codes", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name="fk_decision_delivery_id"),
        sa.PrimaryKeyConstraint("id", name="pk_decision"),
    )
    op.create_index("ix_decision_delivery_id_id", "decision", ["delivery_id", "id"])
    op.create_table(
        "agreement",
        sa.Column("title_id", Id, nullable=False),
        sa.Column("publisher_id", Id, nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("until", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["title_id"], ["title.id"], name="fk_agreement_title_id"),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name="fk_agreement_publisher_id"),
        sa.PrimaryKeyConstraint("title_id", "publisher_id", name="pk_agreement"),
    )
    op.create_index("ix_agreement_publisher_id", "agreement", ["publisher_id"])
    op.execute(
        "INSERT INTO agreement (title_id, publisher_id, since)"
        " SELECT id, publisher_id, CURRENT_TIMESTAMP FROM title WHERE agreed"
    )
    with op.batch_alter_table("title") as table:
        table.drop_column("agreed")
    op.create_table(
        "expectation",
        sa.Column("id", Id, nullable=False),
        sa.Column("title_id", Id, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("doi", sa.Text(), nullable=True),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("volume", sa.Text(), nullable=True),
        sa.Column("issue", sa.Text(), nullable=True),
        sa.Column("page", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["title_id"], ["title.id"], name="fk_expectation_title_id"),
        sa.PrimaryKeyConstraint("id", name="pk_expectation"),
    )
    op.create_index("ix_expectation_title_id_id", "expectation", ["title_id", "id"])
    op.create_table(
        "alias",
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("article_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name="fk_alias_article_id"),
        sa.PrimaryKeyConstraint("digest", "article_id", name="pk_alias"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_alias_article_id", "alias", ["article_id"])
    op.create_table(
        "link",
        sa.Column("article_id", sa.String(length=32), nullable=False),
        sa.Column("target", Bytewise, nullable=False),
        sa.Column("type", Bytewise, nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name="fk_link_article_id"),
        sa.PrimaryKeyConstraint("article_id", "target", "type", name="pk_link"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_link_target_article_id_type", "link", ["target", "article_id", "type"])


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("link")
    op.drop_table("alias")
    op.drop_table("expectation")
    with op.batch_alter_table("title") as table:
        table.add_column(sa.Column("agreed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute("UPDATE title SET agreed = true WHERE id IN (SELECT title_id FROM agreement)")
    op.drop_table("agreement")
    op.drop_table("decision")
    op.drop_table("delivery_name")
    with op.batch_alter_table("delivery") as table:
        table.drop_index("ix_delivery_publisher_id_state_accepted_on_id")
        for column in ("held_up", "expected", "done", "stage", "begun"):
            table.drop_column(column)
