"""A harvest read from its files, however large: the newest header of each record, counted by day as the archive is."""

from __future__ import annotations

import gzip
import io
import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import IO

from lxml import etree

from oai_pmh.whole.days import Counted
from repository.catalogue.feed_days import NONE, Line
from repository.errors import UsageError

_OAI = "{http://www.openarchives.org/OAI/2.0/}"
_AT_ONCE = 10_000
_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


@dataclass(frozen=True, slots=True)
class Header:
    """What a harvester knows of one record."""

    identifier: str
    datestamp: str
    deleted: bool


class Harvested:
    """The newest header of every record of a harvest, kept in a file beside the memory: millions do not fill it."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("")  # a temporary file of SQLite's own, gone with the connection
        self._rows.execute("PRAGMA synchronous = OFF")
        self._rows.execute("CREATE TABLE header (name TEXT PRIMARY KEY, stamp TEXT, deleted INTEGER) WITHOUT ROWID")
        self._rows.execute("CREATE INDEX by_day ON header (stamp)")

    def close(self) -> None:
        """Give the file back."""
        self._rows.close()

    def add(self, headers: Iterable[Header]) -> int:
        """Take these in, in the order in which they were harvested; of two of one record the newer counts."""
        number, some = 0, []
        for header in headers:
            some.append((header.identifier, header.datestamp, header.deleted))
            number += 1
            if len(some) == _AT_ONCE:
                self._enter(some)
                some = []
        self._enter(some)
        return number

    def _enter(self, rows: list[tuple[str, str, bool]]) -> None:
        with self._rows:
            self._rows.executemany(
                "INSERT INTO header VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
                "stamp = excluded.stamp, deleted = excluded.deleted WHERE excluded.stamp >= stamp",
                rows,
            )

    def days(self, until: str) -> Iterator[Counted]:
        """What is counted of each day, of records with a datestamp of ``until`` or before."""
        rows = self._rows.execute("SELECT name, stamp, deleted FROM header WHERE stamp <= ? ORDER BY stamp", (until,))
        for day, some in groupby(rows, lambda row: row[1][:10]):
            yield Counted(day, sum((_line(name, stamp, bool(deleted)).count for name, stamp, deleted in some), NONE))

    def of_day(self, day: str) -> dict[str, tuple[str, bool]]:
        """Every record of one day by its identifier: its datestamp, and whether it is deleted."""
        rows = self._rows.execute(
            "SELECT name, stamp, deleted FROM header WHERE stamp >= ? AND stamp <= ?", (day, f"{day}~")
        )
        return {name: (stamp, bool(deleted)) for name, stamp, deleted in rows}


def _line(name: str, stamp: str, deleted: bool) -> Line:
    return Line(name.rpartition(":")[2], datetime.fromisoformat(stamp).astimezone(UTC), deleted)


def read(file: Path) -> Iterator[Header]:
    """The headers in a file: answers to ListRecords or ListIdentifiers (one, or several one behind another), or lines.

    A line holds an identifier, a datestamp and, for a deleted record, ``deleted``, parted by blanks or tabs. Gzip is
    read whatever the file is called. Raises UsageError that names the line, OSError.
    """
    with file.open("rb") as raw, closing(_plain(raw)) as opened, _whole(file):
        begin = opened.peek(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        yield from (_of_xml(opened, str(file)) if begin == b"<" else _of_lines(opened, str(file)))


@contextmanager
def _whole(file: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(f"{file} is no whole gzip file: {error}; load it again") from error


def _plain(raw: IO[bytes]) -> io.BufferedReader:
    magic = raw.read(2)
    raw.seek(0)
    return io.BufferedReader(gzip.GzipFile(fileobj=raw) if magic == b"\x1f\x8b" else raw)  # type: ignore[arg-type]


def _of_xml(opened: IO[bytes], file: str) -> Iterator[Header]:
    try:
        ends = (_OAI + "header", _OAI + "record")
        for _, node in etree.iterparse(opened, tag=ends, resolve_entities=False, no_network=True, huge_tree=True):
            if node.tag == _OAI + "header":
                name, stamp = node.findtext(_OAI + "identifier") or "", node.findtext(_OAI + "datestamp") or ""
                yield _checked(name.strip(), stamp.strip(), node.get("status") == "deleted", f"{file}, {name!r}")
            _forget(node)
    except etree.XMLSyntaxError as error:
        raise UsageError(f"{file} is no answer of OAI-PMH from its beginning to its end: {error}") from error


def _forget(node: etree._Element) -> None:
    """Of a list of millions nothing is kept but what is being read; the parser is still inside what is around it."""
    node.clear()
    around = node.getparent()
    while around is not None and node.getprevious() is not None:
        del around[0]


def _of_lines(opened: IO[bytes], file: str) -> Iterator[Header]:
    for number, line in enumerate(opened, start=1):
        words = line.decode("utf-8", "replace").split()
        if words:
            gone = words[2:] == ["deleted"]
            if len(words) < 2 or (words[2:] and not gone):
                raise UsageError(f"{file}, line {number}: write an identifier, a datestamp and perhaps 'deleted'")
            yield _checked(words[0], words[1], gone, f"{file}, line {number}")


def _checked(name: str, stamp: str, deleted: bool, where: str) -> Header:
    if not name or not _STAMP.fullmatch(stamp):
        raise UsageError(f"{where}: {stamp!r} is no datestamp such as 2026-11-23T09:05:00Z")
    return Header(name, stamp, deleted)
