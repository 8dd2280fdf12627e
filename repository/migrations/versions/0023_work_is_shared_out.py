"""In which home the bytes of a delivery lie, and an index of the copies that wait to be mended.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_LOST = sa.text("state IN ('damaged', 'missing')")


def upgrade() -> None:
    """Each home tells of its own deliveries when its worker looks at them next."""
    op.add_column("delivery", sa.Column("home", sa.String(32), nullable=True))
    op.create_index("ix_copy_lost", "copy", ["next_due", "aip_id"], postgresql_where=_LOST, sqlite_where=_LOST)


def downgrade() -> None:
    """Without them."""
    op.drop_index("ix_copy_lost", "copy")
    op.drop_column("delivery", "home")
