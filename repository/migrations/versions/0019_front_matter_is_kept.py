"""The publisher's front matter of each article is kept beside its description.

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table; it is filled as articles come, or from their bags by a rebuild."""
    op.create_table(
        "front_matter",
        sa.Column("article_id", sa.String(32), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name="fk_front_matter_article_id"),
        sa.PrimaryKeyConstraint("article_id", name="pk_front_matter"),
    )


def downgrade() -> None:
    """Without it: the bags hold what it held."""
    op.drop_table("front_matter")
