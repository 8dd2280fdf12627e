"""A catalogue moved from SQLite to PostgreSQL: every row written, read back and compared, or nothing is there.

All of it is one transaction of the target, so whatever ends it (a kill, a broken line, a difference) leaves an empty
database, and the same may be tried again. The source is held against writers meanwhile and is not changed.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Table, inspect

from repository.catalogue import Catalogue, lines, schema
from repository.errors import DatabaseUnavailable, UsageError
from repository.models import ChainEnd, ChangeHead
from repository.models import Table as Model

TOLD = 20
"""So many differences, or values that have no place, are told one by one."""
_BLOCK = 1000
_OWN_ROWS = {ChangeHead.__tablename__: 1, ChainEnd.__tablename__: 1, "access_head": 1}
"""What a catalogue has in which there is nothing yet."""

Progress = Callable[[int, int], None]
_Done = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Unlike:
    """A row that the two have otherwise: ``columns`` that differ, none where one of them lacks the row."""

    table: str
    key: str
    what: str
    columns: tuple[str, ...] = ()


@dataclass
class Moved:
    """One table on both sides: the number of its rows, and the SHA-256 of all of them in the order of their keys."""

    table: str
    rows: int = 0
    rows_there: int = 0
    sha256: str = ""
    sha256_there: str = ""
    unlike: list[Unlike] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether not one octet differs."""
        return (self.rows, self.sha256) == (self.rows_there, self.sha256_there)


def move(source: Catalogue, target: Catalogue, progress: Progress = lambda _done, _of_all: None) -> list[Moved]:
    """Every row of ``source`` is in ``target``, which was empty, and was compared; or nothing is there.

    Where a table is not equal the target stays empty, and the answer says which row it is. Raises UsageError for a
    target that is not empty or holds other texts than UTF-8, for schemas that are not this version's and for values
    that have no place in PostgreSQL (all of them looked for, the first told); DatabaseUnavailable.
    """
    tables = Model.metadata.sorted_tables
    _check_source(source)
    _check_target(target)
    schema.migrate(target)
    with (
        source.writing() as session,  # which changes nothing, and lets nobody else
        _as_octets(session.connection().connection.driver_connection) as rows,
        _transaction(target) as there,
    ):
        total = sum(_count(rows, table) for table in tables)
        _take(there, target, tables)
        _write(rows, there, tables, lambda done: progress(done, 2 * total))
        found = _compare(rows, there, tables, lambda done: progress(total + done, 2 * total))
        if not all(one.equal for one in found):
            there.rollback()
            return found
    with _transaction(target) as there:
        there.execute("ANALYZE")  # else its first questions would be planned for empty tables
    return found


def _check_source(source: Catalogue) -> None:
    present = schema.revision_of(source)
    if present != schema.HEAD:
        remedy = "run `mahfuz init` with it first" if present and present < schema.HEAD else "it was made otherwise"
        raise UsageError(f"{source.shown_url} has schema {present}, this version works with {schema.HEAD}: {remedy}")


def _check_target(target: Catalogue) -> None:
    with target.reading() as session:
        connection = session.connection()
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        present = set(inspect(connection).get_table_names())
        revision = schema.revision_of(target)
        if encoding != "UTF8":
            raise UsageError(f"{target.shown_url} keeps texts as {encoding}: make the database with --encoding=UTF8")
        if revision is None and present:
            raise UsageError(f"{target.shown_url} is not empty: it has the table {min(present)!r}; name an empty one")
        if revision not in (None, schema.HEAD):
            raise UsageError(
                f"{target.shown_url} has schema {revision}, this version works with {schema.HEAD}: name an empty one"
            )


def _write(rows: sqlite3.Connection, there: psycopg.Connection[Any], tables: Sequence[Table], done: _Done) -> None:
    unfit: list[tuple[str, str, str, str]] = []
    number = written = 0
    for table in tables:

        def told(key: str, column: str, why: str, table: Table = table) -> None:
            nonlocal number
            number += 1
            if number <= TOLD:
                unfit.append((table.name, key, column, why))

        found = lines.of_sqlite(rows, table, told)
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(table.name), sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
        )
        with there.cursor() as cursor, cursor.copy(statement) as copy:
            while block := list(islice(found, _BLOCK)):
                if not number:  # else all are only looked through: nothing will be kept
                    copy.write(b"".join(block))
                written += len(block)
                done(written)
        _set_sequence(there, table)
    if number:
        raise UsageError(
            f"{number} values of the SQLite catalogue have no place in PostgreSQL, and nothing was copied. Mend them "
            "in the SQLite file, then run this again (docs/moving.md):\n"
            + "\n".join(f"  {table}, key {key}, {column}: {why}" for table, key, column, why in unfit)
            + (f"\n  and {number - TOLD} more" if number > TOLD else "")
        )


def _compare(
    rows: sqlite3.Connection, there: psycopg.Connection[Any], tables: Sequence[Table], done: _Done
) -> list[Moved]:
    compared, by_octets = 0, lines.sorts_by_octets(there)
    found = []
    for table in tables:
        moved = Moved(table.name)
        ours, theirs = hashlib.sha256(), hashlib.sha256()
        left = lines.of_sqlite(rows, table, lambda *_: None)
        right = lines.of_postgresql(there, table, by_octets=by_octets)
        for mine, other in _side_by_side(left, right, lines.keys_of(table)):
            if mine is not None:
                ours.update(mine)
                moved.rows += 1
            if other is not None:
                theirs.update(other)
                moved.rows_there += 1
            if mine != other and len(moved.unlike) < TOLD:
                moved.unlike.append(_unlike(table, mine, other))
            compared += 1
            if compared % _BLOCK == 0:
                done(compared)
        moved.sha256, moved.sha256_there = ours.hexdigest(), theirs.hexdigest()
        found.append(moved)
    done(compared)
    return found


def _side_by_side(
    left: Iterator[bytes], right: Iterator[bytes], key: Callable[[bytes], tuple[Any, ...]]
) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Rows of the same key together; None where one side has none."""
    mine, other = next(left, None), next(right, None)
    while mine is not None or other is not None:
        if mine is not None and other is not None and (mine == other or key(mine) == key(other)):
            yield mine, other
            mine, other = next(left, None), next(right, None)
        elif other is None or (mine is not None and key(mine) < key(other)):
            yield mine, None
            mine = next(left, None)
        else:
            yield None, other
            other = next(right, None)


def _unlike(table: Table, mine: bytes | None, other: bytes | None) -> Unlike:
    line = mine if mine is not None else other
    assert line is not None
    key = ", ".join(lines.fields_of(line)[place].decode("utf-8", "replace") for place in lines.key_places(table))
    if mine is None or other is None:
        return Unlike(table.name, key, "not in PostgreSQL" if other is None else "not in SQLite")
    pairs = zip(table.columns, lines.fields_of(mine), lines.fields_of(other), strict=True)
    return Unlike(table.name, key, "differs", tuple(column.name for column, one, two in pairs if one != two))


def _count(rows: sqlite3.Connection, table: Table) -> int:
    return int(rows.execute(f'SELECT count(*) FROM "{table.name}"').fetchone()[0])  # noqa: S608 (a name of ours)


def _take(there: psycopg.Connection[Any], target: Catalogue, tables: Sequence[Table]) -> None:
    """The tables are ours until the transaction ends, nobody else reads or writes them, and there is nothing in them.

    Raises UsageError where there is.
    """
    names = sql.SQL(", ").join(sql.Identifier(table.name) for table in tables)
    there.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(names))
    for table in tables:
        limit = _OWN_ROWS.get(table.name, 0)
        counted = sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT {}) AS few")
        found = there.execute(counted.format(sql.Identifier(table.name), sql.Literal(limit + 1))).fetchone()
        if found is not None and found[0] > limit:
            raise UsageError(
                f"{target.shown_url} is not empty: there are rows in {table.name!r}. A copy that was interrupted "
                "leaves none, so somebody works with this database; name an empty one"
            )
    there.execute(sql.SQL("TRUNCATE {}").format(names))
    there.execute("SET LOCAL TIME ZONE 'UTC'")


def _set_sequence(there: psycopg.Connection[Any], table: Table) -> None:
    """The next number that the database gives is the one after the last."""
    for column in table.primary_key.columns:
        asked = there.execute("SELECT pg_get_serial_sequence(%s, %s)", (f'"{table.name}"', column.name))
        sequence = (asked.fetchone() or (None,))[0]
        if sequence is not None:
            last = sql.SQL("SELECT max({}) FROM {}").format(sql.Identifier(column.name), sql.Identifier(table.name))
            highest = (there.execute(last).fetchone() or (None,))[0]
            there.execute("SELECT setval(%s, %s, %s)", (sequence, highest or 1, highest is not None))


@contextmanager
def _as_octets(connection: Any) -> Iterator[sqlite3.Connection]:
    assert isinstance(connection, sqlite3.Connection)
    before, connection.text_factory = connection.text_factory, bytes
    try:
        yield connection
    finally:
        connection.text_factory = before


@contextmanager
def _transaction(target: Catalogue) -> Iterator[psycopg.Connection[Any]]:
    """The driver's own connection, in one transaction. Raises DatabaseUnavailable, UsageError for what is refused."""
    with target.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        try:
            yield driver
            driver.commit()
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(f"{target.shown_url} went away; nothing is there: {error}") from error
        except psycopg.Error as error:
            raise UsageError(f"{target.shown_url} did not take a row, and nothing is there: {error}") from error
        finally:
            connection.invalidate()  # what was not committed goes with it
