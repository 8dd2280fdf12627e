"""When copies were verified, and since when they are silent, is looked up in each store and in none over all.

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_SILENT = sa.text("unreadable_since IS NOT NULL")


def upgrade() -> None:
    """One index for each question, led by the store: a store whose copies are few is not searched among all others."""
    op.create_index("ix_copy_store_verified_at_aip_id", "copy", ["store", "verified_at", "aip_id"])
    op.drop_index("ix_copy_verified_at_aip_id", "copy")
    op.drop_index("ix_copy_unreadable_since_aip_id", "copy")
    _silent(["store", "unreadable_since", "aip_id"])


def downgrade() -> None:
    """Over all stores again."""
    _silent(["store", "unreadable_since"])
    op.create_index("ix_copy_unreadable_since_aip_id", "copy", ["unreadable_since", "aip_id"])
    op.create_index("ix_copy_verified_at_aip_id", "copy", ["verified_at", "aip_id"])
    op.drop_index("ix_copy_store_verified_at_aip_id", "copy")


def _silent(columns: list[str]) -> None:
    op.drop_index("ix_copy_silent", "copy")
    op.create_index("ix_copy_silent", "copy", columns, postgresql_where=_SILENT, sqlite_where=_SILENT)
