"""A connection by which a catalogue is filled: statements that run inside the database, in the same words for both.

What SQLite has no word for is a function of this process, and what PostgreSQL has none for one of the schema
``generating``, which is there only as long as it is filled. Indexes are made when the rows are there.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from bench.generator.size import WORDS, Size, rank_of, word
from sqlalchemy import Table, UniqueConstraint
from sqlalchemy.schema import AddConstraint, CreateIndex, DropConstraint, DropIndex

from repository.catalogue import Catalogue
from repository.models import Aip, Article, ArticleWord, Change, Copy, Event

_LARGE = (Article, ArticleWord, Aip, Copy, Change, Event)

_POSTGRESQL = f"""
    DROP SCHEMA IF EXISTS generating CASCADE;
    CREATE SCHEMA generating;
    CREATE FUNCTION generating.md5_of(n bigint) RETURNS text LANGUAGE sql IMMUTABLE
        RETURN md5(CAST(n AS text));
    CREATE FUNCTION generating.sha256_of(t text) RETURNS text LANGUAGE sql IMMUTABLE
        RETURN encode(sha256(convert_to(t, 'UTF8')), 'hex');
    CREATE FUNCTION generating.octets_of(t text) RETURNS bytea LANGUAGE sql IMMUTABLE
        RETURN sha256(convert_to(t, 'UTF8'));
    CREATE FUNCTION generating.json_of(t text) RETURNS json LANGUAGE sql IMMUTABLE
        RETURN CAST(t AS json);
    CREATE FUNCTION generating.dice(n bigint) RETURNS text LANGUAGE sql IMMUTABLE
        RETURN md5('w' || n);
    CREATE FUNCTION generating.rank_of(h text, k int) RETURNS int LANGUAGE sql IMMUTABLE
        RETURN CAST(floor(3 * exp(CAST(CAST('x' || substr(h, k * 5 + 1, 5) AS bit(20)) AS int) / 1048576.0::float8
                                  * {math.log((WORDS + 3) / 3)}::float8)) AS int) - 3;
    CREATE FUNCTION generating.word(r int) RETURNS text LANGUAGE sql IMMUTABLE
        RETURN 's' || chr(97 + r / 17576 % 26) || chr(97 + r / 676 % 26) || chr(97 + r / 26 % 26) || chr(97 + r % 26);
    SET search_path = public, generating;
    SET session_replication_role = replica;
    SET maintenance_work_mem = '512MB';
    SET work_mem = '256MB'"""


class Filling:
    """The open connection, and what is being made."""

    def __init__(self, connection: Any, size: Size, *, on_postgresql: bool) -> None:
        self._connection, self.size, self.on_postgresql = connection, size, on_postgresql
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.seconds: dict[str, float] = {}

    @property
    def epoch(self) -> int:
        """Now, in seconds since 1970."""
        return int(self.now.timestamp())

    def numbers(self, count: int) -> str:
        """A table ``n(i)`` of the numbers from 0."""
        if self.on_postgresql:
            return f"generate_series(0, {count - 1}::bigint) AS n(i)"
        first = f"SELECT 0 WHERE {count} > 0"
        following = f"SELECT i + 1 FROM c WHERE i + 1 < {count}"
        return f"(WITH RECURSIVE c(i) AS ({first} UNION ALL {following}) SELECT i FROM c) AS n"

    def moment(self, seconds: str) -> str:
        """The moment so many seconds after the beginning of 1970."""
        if self.on_postgresql:
            return f"to_timestamp({seconds})"
        return f"(strftime('%Y-%m-%d %H:%M:%S', {seconds}, 'unixepoch') || '.000000')"

    def day(self, seconds: str) -> str:
        """Its day (UTC), as a text."""
        if self.on_postgresql:
            return f"to_char(to_timestamp({seconds}) AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
        return f"strftime('%Y-%m-%d', {seconds}, 'unixepoch')"

    def date(self, seconds: str) -> str:
        """The same as a date."""
        return f"CAST({self.day(seconds)} AS date)" if self.on_postgresql else self.day(seconds)

    def run(self, statement: str) -> None:
        """One statement, in words that both databases have."""
        self._connection.cursor().execute(statement)

    def vacuum(self) -> None:
        """PostgreSQL has looked at all rows and knows which pages everybody sees, as it comes to know by itself."""
        self._connection.autocommit = True
        self.run("VACUUM (ANALYZE)")
        self._connection.autocommit = False

    def table(self, name: str, question: str) -> None:
        """A table of our own that holds the answer to ``question``, until all is filled."""
        made = f"UNLOGGED TABLE generating.{name}" if self.on_postgresql else f"TEMP TABLE {name}"
        self.run(f"CREATE {made} AS {question}")
        if self.on_postgresql:
            self.run(f"ANALYZE {name}")

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a question."""
        cursor = self._connection.cursor()
        cursor.execute(statement)
        return list(cursor.fetchall())

    def rows(self, table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Rows that this process makes."""
        names = f"{table} ({columns})"
        if self.on_postgresql:
            with self._connection.cursor().copy(f"COPY {names} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join("?" for _ in columns.split(","))
            self._connection.cursor().executemany(f"INSERT INTO {names} VALUES ({marks})", rows)

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """How long it takes is noted; at its end it is written down."""
        began = time.perf_counter()
        if not self.on_postgresql:
            self.run("BEGIN")
        yield
        self.run("COMMIT")
        self.seconds[what] = time.perf_counter() - began


@contextmanager
def filling(catalogue: Catalogue, size: Size) -> Iterator[Filling]:
    """A connection for the length of the block; after it indexes stand, and PostgreSQL has looked at its rows."""
    on_postgresql = catalogue.engine.dialect.name == "postgresql"
    borrowed = catalogue.engine.raw_connection()
    connection: Any = borrowed.driver_connection
    to_fill = Filling(connection, size, on_postgresql=on_postgresql)
    try:
        if on_postgresql:
            connection.execute(_POSTGRESQL)
            connection.commit()
        else:
            _furnish(connection)
        indexes = list(_without_indexes(catalogue, to_fill))
        yield to_fill
        with to_fill.timed("indexes"):
            for statement in indexes:
                to_fill.run(statement)
        with to_fill.timed("statistics"):
            _tidy(to_fill)
    finally:
        borrowed.invalidate()


def _furnish(connection: Any) -> None:
    for pragma in ("foreign_keys = OFF", "journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000"):
        connection.execute(f"PRAGMA {pragma}")
    made = {
        "md5_of": (1, lambda n: hashlib.md5(b"%d" % n, usedforsecurity=False).hexdigest()),
        "sha256_of": (1, lambda t: hashlib.sha256(t.encode()).hexdigest()),
        "octets_of": (1, lambda t: hashlib.sha256(t.encode()).digest()),
        "json_of": (1, lambda t: t),
        "dice": (1, lambda n: hashlib.md5(b"w%d" % n, usedforsecurity=False).hexdigest()),
        "rank_of": (2, lambda h, k: rank_of(int(h[k * 5 : k * 5 + 5], 16) / 1048576)),
        "word": (1, _WORDS.__getitem__),
    }
    for name, (arguments, function) in made.items():
        connection.create_function(name, arguments, function, deterministic=True)


_WORDS = [word(rank) for rank in range(WORDS + 1)]


def _without_indexes(catalogue: Catalogue, to_fill: Filling) -> Iterator[str]:
    """Take the indexes of the large tables away; given are the statements that make them again."""
    dialect = catalogue.engine.dialect
    with to_fill.timed("indexes taken away"):
        for model in _LARGE:
            table = model.__table__
            assert isinstance(table, Table)
            for index in sorted(table.indexes, key=lambda one: str(one.name)):
                to_fill.run(str(DropIndex(index).compile(dialect=dialect)))
                yield str(CreateIndex(index).compile(dialect=dialect))
            if to_fill.on_postgresql:  # SQLite cannot take a constraint away
                for unique in (one for one in table.constraints if isinstance(one, UniqueConstraint)):
                    to_fill.run(str(DropConstraint(unique).compile(dialect=dialect)))
                    yield str(AddConstraint(unique).compile(dialect=dialect))


def _tidy(to_fill: Filling) -> None:
    if not to_fill.on_postgresql:
        return  # nobody analyses an SQLite catalogue: its plans are those without statistics
    for table, column in to_fill.ask(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND (is_identity = 'YES' OR column_default LIKE 'nextval%')"
    ):
        to_fill.run(
            f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'),"
            f" (SELECT coalesce(max({column}), 0) + 1 FROM {table}), false)"
        )
    to_fill.run("DROP SCHEMA generating CASCADE")
    to_fill.run("COMMIT")
    to_fill.vacuum()
