"""Tallies in parts that can be counted again; days of publishers; what stores answered, and what they can.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.models import Id, Moment

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_COUNTS = ("intact", "damaged", "missing", "unreadable", "mended", "bytes")
_BAGS = 65536


def upgrade() -> None:
    """Add the tables. The tallies of copies, bags and articles are counted anew, once; the others are taken over."""
    _recounted()
    op.create_table(
        "recount",
        sa.Column("id", Id, nullable=False),
        sa.Column("started_at", Moment(), nullable=False),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.Column("reached", sa.Integer(), nullable=False),
        sa.Column("ranges", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recount"),
    )
    op.create_table(
        "miscount",
        *_tally_key(),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("tallied", "tallied_bytes", "counted", "counted_bytes")
        ),
        sa.Column("first_seen", Moment(), nullable=False),
        sa.Column("last_seen", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("what", "part", "place", "state", name="pk_miscount"),
    )
    op.create_table(
        "publisher_day",
        sa.Column("publisher_id", Id, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
        sa.Column("late", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name="fk_publisher_day_publisher_id"),
        sa.PrimaryKeyConstraint("publisher_id", "day", name="pk_publisher_day"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_publisher_day_day", "publisher_day", ["day"])
    op.create_table(
        "store_answer",
        sa.Column("store", sa.String(64), nullable=False),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.Column("answered_at", Moment(), nullable=True),
        sa.Column("silent_since", Moment(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("free_bytes", sa.BigInteger(), nullable=True),
        sa.Column("total_bytes", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("store", name="pk_store_answer"),
    )
    op.create_table(
        "store_trial",
        sa.Column("store", sa.String(64), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("needed", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("tried_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("store", "name", name="pk_store_trial"),
    )
    not_shown = sa.text("state <> 'active'")
    op.create_index("ix_article_not_active", "article", ["id"], postgresql_where=not_shown, sqlite_where=not_shown)


def downgrade() -> None:
    """Take them away again; the tallies are put together."""
    op.drop_index("ix_article_not_active", "article")
    for table in ("store_trial", "store_answer", "publisher_day", "miscount", "recount"):
        op.drop_table(table)
    _set_aside()
    _tally_table(parts=False)
    op.execute(
        "INSERT INTO tally (what, place, state, number, bytes) SELECT what, place, state, sum(number), sum(bytes) "
        "FROM tally_before WHERE what <> 'added' GROUP BY what, place, state"
    )
    op.drop_table("tally_before")


def _set_aside() -> None:
    op.rename_table("tally", "tally_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE tally_before RENAME CONSTRAINT pk_tally TO pk_tally_before")


def _recounted() -> None:
    _set_aside()
    _tally_table(parts=True)
    day = "to_char(aip.registered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
    first_two = "get_byte(decode(substr(id, 1, 2), 'hex'), 0)"
    if op.get_bind().dialect.name == "sqlite":
        day = "strftime('%Y-%m-%d', aip.registered_at)"
        digits = "'0123456789abcdef'"
        first_two = f"16 * (instr({digits}, substr(id, 1, 1)) - 1) + instr({digits}, substr(id, 2, 1)) - 1"
    shown = (
        "CASE WHEN copy.unreadable_since IS NOT NULL AND copy.state IN ('intact', 'unverified') "
        "THEN 'unreadable' ELSE copy.state END"
    )
    copies = "FROM copy JOIN aip ON aip.id = copy.aip_id"
    new = f"{copies} WHERE verified_at IS NULL AND copy.state <> 'disposed'"
    of_this = "SELECT 1 FROM copy WHERE copy.aip_id = aip.id"
    gone = f"EXISTS ({of_this}) AND NOT EXISTS ({of_this} AND copy.state <> 'disposed')"
    part = f"aip.id / {_BAGS}"
    _count("'copies'", part, "store", shown, "sum(aip.bytes)", copies)
    _count("'never verified'", part, "store", "''", "sum(aip.bytes)", new)
    _count("'added'", "0", "store", day, "sum(aip.bytes)", copies)
    _count("'aips'", part, "''", f"CASE WHEN {gone} THEN 'disposed' ELSE 'kept' END", "sum(bytes)", "FROM aip")
    _count("'articles'", first_two, "''", "state", "0", "FROM article")
    op.execute(
        "INSERT INTO tally (what, part, place, state, number, bytes) "
        "SELECT what, 0, place, state, number, bytes FROM tally_before "
        "WHERE what NOT IN ('copies', 'never verified', 'aips', 'articles')"
    )
    op.drop_table("tally_before")


def _count(what: str, part: str, place: str, state: str, octets: str, rows: str) -> None:
    columns = f"{what}, {part}, {place}, {state}, count(*), {octets}"
    op.execute(
        f"INSERT INTO tally (what, part, place, state, number, bytes) SELECT {columns} {rows} GROUP BY 1, 2, 3, 4"
    )


def _tally_key() -> tuple[sa.Column[str], sa.Column[int], sa.Column[str], sa.Column[str]]:
    return (
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
    )


def _tally_table(*, parts: bool) -> None:
    key = [column for column in _tally_key() if parts or column.name != "part"]
    op.create_table(
        "tally",
        *key,
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(*(column.name for column in key), name="pk_tally"),
    )
