"""Institutions, licences, entitlements, triggers and usage: who may read what for ever, and what was read.

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.models import ABOUT_RECORDS, Bytewise, Id, Moment

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_ADDED = (("title", "preceding_id"), ("staff", "institution_id"), ("staff", "publisher_id"))
_TABLES = (
    "supply_link",
    "entitlement_act",
    "trigger_scope",
    "licence_period",
    "licence_party",
    "licence_document",
    "entitlement",
    "trigger_trial",
    "trigger_institution",
    "requestor",
    "membership",
    "licence",
    "institution_network",
    "institution_login",
    "usage_seen",
    "usage_day",
    "trigger_event",
    "institution",
    "document",
    "consortium",
    "access_head",
)


def upgrade() -> None:
    """Add the tables, all of them empty but for the one row of ``access_head``."""
    op.create_table(
        "access_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_access_head_one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_access_head"),
    )
    op.create_table(
        "consortium",
        sa.Column("id", Id, nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_consortium"),
        sa.UniqueConstraint("code", name="uq_consortium_code"),
    )
    op.create_table(
        "document",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_document"),
    )
    op.create_index("ix_document_at", "document", ["at"])
    op.create_table(
        "institution",
        sa.Column("id", Id, nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sort_key", Bytewise, nullable=False),
        sa.Column("folded", Bytewise, nullable=False),
        sa.Column("ror", sa.String(length=9), nullable=True),
        sa.Column("isni", sa.String(length=16), nullable=True),
        sa.Column("counter_id", sa.String(length=64), nullable=True),
        sa.Column("resolver", sa.Text(), nullable=True),
        sa.Column("contact", sa.Text(), nullable=True),
        sa.Column("supply", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_institution"),
        sa.UniqueConstraint("code", name="uq_institution_code"),
        sa.UniqueConstraint("counter_id", name="uq_institution_counter_id"),
    )
    op.create_index("ix_institution_folded_id", "institution", ["folded", "id"])
    op.create_index("ix_institution_sort_key_id", "institution", ["sort_key", "id"])
    op.create_table(
        "trigger_event",
        sa.Column("id", Id, nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("audience", sa.String(length=16), nullable=False),
        sa.Column("nation", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("effective", Moment(), nullable=False),
        sa.Column("until", Moment(), nullable=True),
        sa.Column("preview", sa.JSON(), nullable=False),
        sa.Column("proposed_by", sa.String(length=120), nullable=False),
        sa.Column("proposed_at", Moment(), nullable=False),
        sa.Column("approved_by", sa.String(length=120), nullable=True),
        sa.Column("approved_at", Moment(), nullable=True),
        sa.Column("refused_by", sa.String(length=120), nullable=True),
        sa.Column("refused_at", Moment(), nullable=True),
        sa.Column("revoked_by", sa.String(length=120), nullable=True),
        sa.Column("revoked_at", Moment(), nullable=True),
        sa.Column("said", sa.Text(), nullable=True),
        sa.Column("next_due", Moment(), nullable=True),
        sa.Column("announced_state", sa.String(length=16), nullable=True),
        sa.Column("announced_to", sa.String(length=32), nullable=True),
        sa.Column("announced", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("approved_by IS NULL OR approved_by <> proposed_by", name="ck_trigger_event_two_people"),
        sa.PrimaryKeyConstraint("id", name="pk_trigger_event"),
        sa.UniqueConstraint("code", name="uq_trigger_event_code"),
    )
    op.create_index("ix_trigger_event_next_due_id", "trigger_event", ["next_due", "id"])
    op.create_table(
        "usage_day",
        sa.Column("institution_id", Id, autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("title_id", Id, autoincrement=False, nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("access_type", sa.String(length=16), nullable=False),
        sa.Column("metric", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "institution_id", "day", "title_id", "year", "access_type", "metric", name="pk_usage_day"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_usage_day_day_title_id", "usage_day", ["day", "title_id"])
    op.create_table(
        "usage_seen",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_usage_seen"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_usage_seen_at", "usage_seen", ["at"])
    op.create_table(
        "institution_login",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", Bytewise, nullable=False),
        sa.Column("institution_id", Id, nullable=False),
        sa.ForeignKeyConstraint(["institution_id"], ["institution.id"], name="fk_institution_login_institution_id"),
        sa.PrimaryKeyConstraint("kind", "value", name="pk_institution_login"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_institution_login_institution_id", "institution_login", ["institution_id"])
    op.create_table(
        "institution_network",
        sa.Column("id", Id, nullable=False),
        sa.Column("institution_id", Id, nullable=False),
        sa.Column("given", sa.String(length=90), nullable=False),
        sa.Column("first", sa.String(length=32), nullable=False),
        sa.Column("last", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["institution_id"], ["institution.id"], name="fk_institution_network_institution_id"),
        sa.PrimaryKeyConstraint("id", name="pk_institution_network"),
        sa.UniqueConstraint("institution_id", "first", "last", name="uq_institution_network_institution_id_first_last"),
    )
    op.create_index("ix_institution_network_first_last_id", "institution_network", ["first", "last", "id"])
    op.create_table(
        "licence",
        sa.Column("id", Id, nullable=False),
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", Bytewise, nullable=False),
        sa.Column("publisher_id", Id, nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("basis", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("closure", sa.String(length=16), nullable=True),
        sa.Column("perpetual", sa.String(length=16), nullable=False),
        sa.Column("perpetual_from", sa.String(length=10), nullable=True),
        sa.Column("perpetual_to", sa.String(length=10), nullable=True),
        sa.Column("back_years", sa.Integer(), nullable=False),
        sa.Column("hosting", sa.String(length=16), nullable=False),
        sa.Column("archival_copy", sa.Boolean(), nullable=True),
        sa.Column("supply", sa.Boolean(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.CheckConstraint("(status = 'closed') = (closure IS NOT NULL)", name="ck_licence_closed_for_a_reason"),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name="fk_licence_publisher_id"),
        sa.PrimaryKeyConstraint("id", name="pk_licence"),
        sa.UniqueConstraint("code", name="uq_licence_code"),
    )
    op.create_index("ix_licence_publisher_id_code", "licence", ["publisher_id", "code"])
    op.create_index("ix_licence_status_code", "licence", ["status", "code"])
    op.create_table(
        "membership",
        sa.Column("consortium_id", Id, nullable=False),
        sa.Column("institution_id", Id, nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["consortium_id"], ["consortium.id"], name="fk_membership_consortium_id"),
        sa.ForeignKeyConstraint(["institution_id"], ["institution.id"], name="fk_membership_institution_id"),
        sa.PrimaryKeyConstraint("consortium_id", "institution_id", "since", name="pk_membership"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_membership_institution_id_consortium_id", "membership", ["institution_id", "consortium_id"])
    op.create_table(
        "requestor",
        sa.Column("id", Id, nullable=False),
        sa.Column("institution_id", Id, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("key_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("closed_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["institution_id"], ["institution.id"], name="fk_requestor_institution_id"),
        sa.PrimaryKeyConstraint("id", name="pk_requestor"),
        sa.UniqueConstraint("key_sha256", name="uq_requestor_key_sha256"),
    )
    op.create_index("ix_requestor_institution_id", "requestor", ["institution_id"])
    op.create_table(
        "trigger_institution",
        sa.Column("trigger_id", Id, nullable=False),
        sa.Column("institution_id", Id, nullable=False),
        sa.ForeignKeyConstraint(["institution_id"], ["institution.id"], name="fk_trigger_institution_institution_id"),
        sa.ForeignKeyConstraint(["trigger_id"], ["trigger_event.id"], name="fk_trigger_institution_trigger_id"),
        sa.PrimaryKeyConstraint("trigger_id", "institution_id", name="pk_trigger_institution"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "trigger_trial",
        sa.Column("id", Id, nullable=False),
        sa.Column("trigger_id", Id, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["trigger_id"], ["trigger_event.id"], name="fk_trigger_trial_trigger_id"),
        sa.PrimaryKeyConstraint("id", name="pk_trigger_trial"),
    )
    op.create_index("ix_trigger_trial_trigger_id", "trigger_trial", ["trigger_id"])
    op.create_table(
        "entitlement",
        sa.Column("id", Id, nullable=False),
        sa.Column("licence_id", Id, nullable=False),
        sa.Column("institution_id", Id, nullable=True),
        sa.Column("title_id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_date", sa.String(length=10), nullable=True),
        sa.Column("first_volume", sa.Text(), nullable=True),
        sa.Column("first_issue", sa.Text(), nullable=True),
        sa.Column("last_date", sa.String(length=10), nullable=True),
        sa.Column("last_volume", sa.Text(), nullable=True),
        sa.Column("last_issue", sa.Text(), nullable=True),
        sa.Column("embargo", sa.String(length=16), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("row", sa.Integer(), nullable=True),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["institution_id"], ["institution.id"], name="fk_entitlement_institution_id"),
        sa.ForeignKeyConstraint(["licence_id"], ["licence.id"], name="fk_entitlement_licence_id"),
        sa.ForeignKeyConstraint(["title_id"], ["title.id"], name="fk_entitlement_title_id"),
        sa.PrimaryKeyConstraint("id", name="pk_entitlement"),
    )
    op.create_index("ix_entitlement_institution_id_id", "entitlement", ["institution_id", "id"])
    op.create_index("ix_entitlement_licence_id_id", "entitlement", ["licence_id", "id"])
    op.create_index("ix_entitlement_title_id_licence_id_id", "entitlement", ["title_id", "licence_id", "id"])
    op.create_index(
        "ix_entitlement_unsettled",
        "entitlement",
        ["state", "id"],
        postgresql_where=sa.text("state <> 'agreed'"),
        sqlite_where=sa.text("state <> 'agreed'"),
    )
    op.create_table(
        "licence_document",
        sa.Column("licence_id", Id, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["licence_id"], ["licence.id"], name="fk_licence_document_licence_id"),
        sa.ForeignKeyConstraint(["sha256"], ["document.sha256"], name="fk_licence_document_sha256"),
        sa.PrimaryKeyConstraint("licence_id", "sha256", name="pk_licence_document"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "licence_party",
        sa.Column("id", Id, nullable=False),
        sa.Column("licence_id", Id, nullable=False),
        sa.Column("institution_id", Id, nullable=True),
        sa.Column("consortium_id", Id, nullable=True),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        sa.CheckConstraint("(institution_id IS NULL) <> (consortium_id IS NULL)", name="ck_licence_party_one_of_both"),
        sa.ForeignKeyConstraint(["consortium_id"], ["consortium.id"], name="fk_licence_party_consortium_id"),
        sa.ForeignKeyConstraint(["institution_id"], ["institution.id"], name="fk_licence_party_institution_id"),
        sa.ForeignKeyConstraint(["licence_id"], ["licence.id"], name="fk_licence_party_licence_id"),
        sa.PrimaryKeyConstraint("id", name="pk_licence_party"),
    )
    op.create_index("ix_licence_party_consortium_id_licence_id", "licence_party", ["consortium_id", "licence_id"])
    op.create_index("ix_licence_party_institution_id_licence_id", "licence_party", ["institution_id", "licence_id"])
    op.create_index("ix_licence_party_licence_id", "licence_party", ["licence_id"])
    op.create_table(
        "licence_period",
        sa.Column("licence_id", Id, nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["licence_id"], ["licence.id"], name="fk_licence_period_licence_id"),
        sa.PrimaryKeyConstraint("licence_id", "since", name="pk_licence_period"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "trigger_scope",
        sa.Column("id", Id, nullable=False),
        sa.Column("trigger_id", Id, nullable=False),
        sa.Column("title_id", Id, nullable=True),
        sa.Column("publisher_id", Id, nullable=True),
        sa.CheckConstraint("(title_id IS NULL) <> (publisher_id IS NULL)", name="ck_trigger_scope_one_of_both"),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name="fk_trigger_scope_publisher_id"),
        sa.ForeignKeyConstraint(["title_id"], ["title.id"], name="fk_trigger_scope_title_id"),
        sa.ForeignKeyConstraint(["trigger_id"], ["trigger_event.id"], name="fk_trigger_scope_trigger_id"),
        sa.PrimaryKeyConstraint("id", name="pk_trigger_scope"),
    )
    op.create_index("ix_trigger_scope_publisher_id", "trigger_scope", ["publisher_id"])
    op.create_index("ix_trigger_scope_title_id", "trigger_scope", ["title_id"])
    op.create_index("ix_trigger_scope_trigger_id", "trigger_scope", ["trigger_id"])
    op.create_table(
        "entitlement_act",
        sa.Column("id", Id, nullable=False),
        sa.Column("entitlement_id", Id, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("side", sa.String(length=16), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["document"], ["document.sha256"], name="fk_entitlement_act_document"),
        sa.ForeignKeyConstraint(["entitlement_id"], ["entitlement.id"], name="fk_entitlement_act_entitlement_id"),
        sa.PrimaryKeyConstraint("id", name="pk_entitlement_act"),
    )
    op.create_index("ix_entitlement_act_entitlement_id_id", "entitlement_act", ["entitlement_id", "id"])
    op.create_table(
        "supply_link",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("article_id", sa.String(length=32), nullable=False),
        sa.Column("institution_id", Id, nullable=True),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("left", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name="fk_supply_link_article_id"),
        sa.ForeignKeyConstraint(["institution_id"], ["institution.id"], name="fk_supply_link_institution_id"),
        sa.PrimaryKeyConstraint("id", name="pk_supply_link"),
    )
    op.create_index("ix_supply_link_expires_at", "supply_link", ["expires_at"])
    op.create_index("ix_supply_link_institution_id", "supply_link", ["institution_id"])
    op.execute("INSERT INTO access_head (id, number) VALUES (1, 0)")
    for table, column in _ADDED:
        op.add_column(table, sa.Column(column, Id, nullable=True))
        op.create_index(f"ix_{table}_{column}", table, [column])
    only = sa.text(ABOUT_RECORDS)
    op.create_index("ix_event_records", "event", ["id"], postgresql_where=only, sqlite_where=only)


def downgrade() -> None:
    """Take them away again, with all that was recorded in them."""
    op.drop_index("ix_event_records", "event")
    for table, column in reversed(_ADDED):
        op.drop_index(f"ix_{table}_{column}", table)
        op.drop_column(table, column)  # not in a batch: SQLite would make the table anew, and rows point at it
    for table in _TABLES:
        op.drop_table(table)
