"""Every article stands in its sets, each day of each part of the feed is counted, and announcements are settled.

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from repository.catalogue.feed_days import Count, Line
from repository.catalogue.links import keys_of
from repository.catalogue.sets import specs_of
from repository.models import Bytewise, Id, Moment
from repository.vocabulary import ArticleRecord

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_PAGE = 500
_SETS = sa.table("harvest_set", *map(sa.column, ("id", "spec", "name")))
_MEMBERS = sa.table("set_member", sa.column("set_id"), sa.column("datestamp", Moment()), sa.column("change_number"))
_DAYS = sa.table("feed_day", *map(sa.column, ("place", "day", "number", "deleted", "digest")))
_ARTICLES = sa.table(
    "article",
    *map(sa.column, ("id", "title_id", "publisher_id", "state", "change_number")),
    sa.column("record", sa.JSON()),
    sa.column("datestamp", Moment()),
    sa.column("places", sa.JSON()),
)


def upgrade() -> None:
    """Add them; what is held already is put into its sets and counted, once."""
    op.create_table(
        "harvest_set",
        sa.Column("id", Id, nullable=False),
        sa.Column("spec", Bytewise, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_harvest_set"),
        sa.UniqueConstraint("spec", name="uq_harvest_set_spec"),
    )
    op.create_table(
        "set_member",
        sa.Column("set_id", Id, nullable=False),
        sa.Column("datestamp", Moment(), nullable=False),
        sa.Column("change_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["set_id"], ["harvest_set.id"], name="fk_set_member_set_id"),
        sa.PrimaryKeyConstraint("set_id", "datestamp", "change_number", name="pk_set_member"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "feed_day",
        sa.Column("place", Bytewise, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("place", "day", name="pk_feed_day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "announcement",
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("datestamp", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("first", name="pk_announcement"),
    )
    op.add_column("title", sa.Column("set_issn", sa.String(9), nullable=True))
    op.add_column("article", sa.Column("places", sa.JSON(), server_default="[]", nullable=False))
    # As its set was named until now: the linking ISSN, else the electronic, else the printed one, if it leads there.
    leads = "SELECT issn FROM title_issn WHERE title_issn.title_id = title.id"
    preferred = " ".join(
        f"WHEN {kind} IN ({leads}) THEN {kind}" for kind in ("issn_l", "issn_electronic", "issn_print")
    )
    op.execute(f"UPDATE title SET set_issn = CASE {preferred} ELSE ({leads} ORDER BY issn LIMIT 1) END")  # noqa: S608
    _gather(op.get_bind())


def downgrade() -> None:
    """Take them away again."""
    for table, column in (("article", "places"), ("title", "set_issn")):
        op.drop_column(table, column)  # not in a batch: SQLite would make the table anew, and rows point at it
    for name in ("announcement", "feed_day", "set_member", "harvest_set"):
        op.drop_table(name)


def _gather(connection: sa.Connection) -> None:
    numbers: dict[str, int] = {}
    days: dict[tuple[str, str], Count] = defaultdict(Count)
    retracted = _retracted(connection)
    for page in _pages(connection):
        members, standing = [], []
        for row in page:
            record = ArticleRecord.from_json(row.record)
            specs = specs_of(record, retracted=not retracted.isdisjoint(keys_of(record)))
            for spec, name in specs.items():
                if spec not in numbers:
                    numbers[spec] = len(numbers) + 1
                    connection.execute(sa.insert(_SETS), {"id": numbers[spec], "spec": spec, "name": name})
            at = {"datestamp": row.datestamp, "change_number": row.change_number}
            members += [{"set_id": numbers[spec], **at} for spec in specs]
            places = [f"p{row.publisher_id}", f"t{row.title_id}", *(f"s{numbers[spec]}" for spec in specs)]
            standing.append({"which": row.id, "where": places})
            line = Line(row.id, row.datestamp, row.state == "withdrawn")
            for place in ("", *places):
                days[place, line.day] += line.count
        stands = sa.update(_ARTICLES).where(_ARTICLES.c.id == sa.bindparam("which"))
        connection.execute(stands.values(places=sa.bindparam("where", type_=sa.JSON())), standing)
        if members:
            connection.execute(sa.insert(_MEMBERS), members)
    counted = [
        {"place": place, "day": day, "number": one.number, "deleted": one.deleted, "digest": one.digest.to_bytes(32)}
        for (place, day), one in days.items()
    ]
    if counted:
        connection.execute(sa.insert(_DAYS), counted)
    if numbers and connection.dialect.name == "postgresql":
        last = sa.text("SELECT setval(pg_get_serial_sequence('harvest_set', 'id'), :last)")
        connection.execute(last, {"last": len(numbers)})


def _retracted(connection: sa.Connection) -> set[str]:
    """By what notices that are shown call the articles that they retract."""
    said = sa.text(
        "SELECT link.target FROM link JOIN article ON article.id = link.article_id "
        "WHERE link.type = 'retracted-article' AND article.state = 'active'"
    )
    return set(connection.execute(said).scalars())


def _pages(connection: sa.Connection) -> Iterator[list[Any]]:
    after = ""
    while page := list(
        connection.execute(sa.select(_ARTICLES).where(_ARTICLES.c.id > after).order_by(_ARTICLES.c.id).limit(_PAGE))
    ):
        yield page
        after = page[-1].id
