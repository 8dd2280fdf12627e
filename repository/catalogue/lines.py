"""A table as lines of text in the order of its keys: the same lines, octet for octet, from SQLite and PostgreSQL.

They are those of PostgreSQL's COPY in text format: fields parted by a tabulator, ``\\N`` for what is absent. So what is
written into the one database is what is compared afterwards with what it gives back.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import JSON, BigInteger, Boolean, Column, Date, Integer, LargeBinary, String, Table, Text

from repository.models import Bytewise, Moment

ABSENT = rb"\N"
_SPECIAL = re.compile(rb"[\x08-\x0d\\]")
_ESCAPED = {
    b"\b": rb"\b", b"\t": rb"\t", b"\n": rb"\n", b"\x0b": rb"\v", b"\f": rb"\f", b"\r": rb"\r", b"\\": rb"\\",
}  # fmt: skip
_PLAIN = {escaped: plain for plain, escaped in _ESCAPED.items()}
_ESCAPE = re.compile(rb"\\[btnvfr\\]")
_MOMENT = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?")
_DAY = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LARGEST = {"Integer": (1 << 31) - 1, "BigInteger": (1 << 63) - 1}


class Unfit(ValueError):
    """A value that SQLite keeps and PostgreSQL, or the column there, does not take; the message says why."""


Encode = Callable[[Any], bytes]


def of_sqlite(connection: sqlite3.Connection, table: Table, unfit: Callable[[str, str, str], None]) -> Iterator[bytes]:
    """Every row as a line, from a connection that gives texts as octets (``text_factory = bytes``).

    A row with a value that has no place in PostgreSQL is told to ``unfit`` (key, column, why) and is no line.
    """
    columns = list(table.columns)
    encoders = [_encoder(column) for column in columns]
    keys = key_places(table)
    names = ", ".join(f'"{column.name}"' for column in columns)
    order = ", ".join(f'"{columns[place].name}"' for place in keys)
    rows = connection.execute(f'SELECT {names} FROM "{table.name}" ORDER BY {order}')  # noqa: S608 (names of ours)
    for row in rows:
        try:
            yield b"\t".join([
                ABSENT if value is None else encode(value) for encode, value in zip(encoders, row, strict=True)
            ]) + b"\n"  # fmt: skip
        except Unfit:
            key = ", ".join(_shown(row[place]) for place in keys)
            for column, encode, value in zip(columns, encoders, row, strict=True):
                try:
                    _ = value is None or encode(value)
                except Unfit as why:
                    unfit(key, column.name, str(why))


def sorts_by_octets(connection: psycopg.Connection[Any]) -> bool:
    """Whether the database itself does, so that the indexes of its keys stand in our order. ICU's has another name."""
    asked = "SELECT datcollate, to_jsonb(d) ->> 'datlocprovider' FROM pg_database d WHERE datname = current_database()"
    collation, provider = connection.execute(asked).fetchone() or ("", "")
    return collation in {"C", "POSIX"} and provider in {None, "c"}


def of_postgresql(connection: psycopg.Connection[Any], table: Table, *, by_octets: bool = False) -> Iterator[bytes]:
    """Every row as a line, in the order in which :func:`of_sqlite` gives them; the session's time zone is UTC.

    ``by_octets``: the database sorts so by itself (:func:`sorts_by_octets`), and is not told to.
    """
    told = sql.SQL("COPY (SELECT {} FROM {} ORDER BY {}) TO STDOUT").format(
        sql.SQL(", ").join(_told(column) for column in table.columns),
        sql.Identifier(table.name),
        sql.SQL(", ").join(_ordered(column, by_octets) for column in table.primary_key.columns),
    )
    rest = b""
    with connection.cursor() as cursor, cursor.copy(told) as copy:
        for block in copy:
            *lines, rest = (rest + bytes(block)).split(b"\n")
            for line in lines:
                yield line + b"\n"
    assert not rest, "the last row has an end"


def key_places(table: Table) -> list[int]:
    """Where in a line the columns of the primary key stand, in the key's order."""
    places = {column.name: place for place, column in enumerate(table.columns)}
    return [places[column.name] for column in table.primary_key.columns]


def keys_of(table: Table) -> Callable[[bytes], tuple[Any, ...]]:
    """What tells from a line where its row stands among the others: keys compare as both databases order them."""
    places = key_places(table)
    columns = list(table.columns)
    numbers = [isinstance(columns[place].type, Integer) for place in places]

    def key(line: bytes) -> tuple[Any, ...]:
        fields = fields_of(line)
        return tuple(
            int(fields[place]) if number else fields[place] for place, number in zip(places, numbers, strict=True)
        )

    return key


def fields_of(line: bytes) -> Sequence[bytes]:
    """The fields of a line as they are without COPY's escapes."""
    return [_ESCAPE.sub(lambda found: _PLAIN[found[0]], field) for field in line[:-1].split(b"\t")]


def _shown(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _ordered(column: Column[Any], by_octets: bool) -> sql.Composable:
    name = sql.Identifier(column.name)
    if by_octets or column.type is Bytewise or not isinstance(column.type, String):
        return name
    return sql.SQL('{} COLLATE "C"').format(name)


def _told(column: Column[Any]) -> sql.Composable:
    name = sql.Identifier(column.name)
    if isinstance(column.type, Moment):
        return sql.SQL("to_char({}, 'YYYY-MM-DD HH24:MI:SS.US')").format(name)
    return name


def _encoder(column: Column[Any]) -> Encode:
    kind = column.type
    if isinstance(kind, Moment):
        return _moment
    if isinstance(kind, Boolean):
        return _truth
    if isinstance(kind, BigInteger):
        return _number(_LARGEST["BigInteger"])
    if isinstance(kind, Integer):
        return _number(_LARGEST["Integer"])
    if isinstance(kind, LargeBinary):
        return _octets
    if isinstance(kind, JSON):
        return _json
    if isinstance(kind, Date):
        return _day
    assert isinstance(kind, String | Text), f"{column}: no way is known of telling a {kind!r}"
    return _text(kind.length)


def _text(length: int | None) -> Encode:
    def encode(value: Any) -> bytes:
        told = _readable(value)
        if length is not None and len(value) > length and len(value.decode()) > length:
            raise Unfit(f"it is longer than {length} characters")
        return told

    return encode


def _readable(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise Unfit(f"{value!r} is no text")
    if b"\0" in value:
        raise Unfit("it holds a NUL character, which no text of PostgreSQL may hold")
    if not value.isascii():
        try:
            value.decode()
        except UnicodeDecodeError as error:
            raise Unfit(f"it is not UTF-8 (a lone surrogate, or octets of another encoding): {error.reason}") from error
    return _SPECIAL.sub(lambda found: _ESCAPED[found[0]], value) if _SPECIAL.search(value) else value


def _json(value: Any) -> bytes:
    told = _readable(value)
    if b"\\u" in value or b"NaN" in value or b"Infinity" in value:
        _look_inside(value)
    return told


def _look_inside(value: bytes) -> None:
    """JSON may say in ASCII what its readers could not have of PostgreSQL. Raises Unfit."""

    def no_number(name: str) -> float:
        raise Unfit(f"{name} is no number of JSON")

    try:
        told = json.loads(value, parse_constant=no_number)
        again = json.dumps(told, ensure_ascii=False)
        again.encode()
    except UnicodeEncodeError as error:
        raise Unfit("it holds a lone surrogate, which is no character") from error
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, Unfit) else Unfit(f"it is no JSON: {error}") from error
    if "\\u0000" in again.replace("\\\\", ""):
        raise Unfit("it holds a NUL character, which no text of PostgreSQL may hold")


def _moment(value: Any) -> bytes:
    found = _MOMENT.fullmatch(value) if isinstance(value, bytes) else None
    if found is None:
        raise Unfit(f"{_shown(value)!r} is no moment")
    return value[:19] + (found[1] or b".").ljust(7, b"0")  # type: ignore[no-any-return]


def _day(value: Any) -> bytes:
    if not isinstance(value, bytes) or not _DAY.fullmatch(value):
        raise Unfit(f"{_shown(value)!r} is no day")
    return value


def _truth(value: Any) -> bytes:
    if value not in (0, 1):
        raise Unfit(f"{_shown(value)!r} is neither true nor false")
    return b"t" if value else b"f"


def _octets(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise Unfit(f"{value!r} is no octets")
    return rb"\\x" + value.hex().encode()


def _number(largest: int) -> Encode:
    def encode(value: Any) -> bytes:
        if not isinstance(value, int):
            raise Unfit(f"{_shown(value)!r} is no whole number")
        if not -largest - 1 <= value <= largest:
            raise Unfit(f"{value} is larger than the column holds")
        return b"%d" % value

    return encode
