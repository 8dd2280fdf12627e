"""How many records of each part of the feed bear a datestamp of each day, and which: a harvest is proved complete.

The records of a day are one number, which anyone can reckon who has them: the
sum, modulo 2 to the 256th, of the SHA-256 of a line for each record,

    {article id} {datestamp}            or, of a withdrawn one,
    {article id} {datestamp} deleted

where the article id is what stands behind the last colon of the OAI identifier
and the datestamp is written as OAI-PMH writes it. A sum, so that a change costs
as much in a day of millions as in one of three: the old line is taken away, the
new one added, whatever their order. It shows what a harvest lacks; it is no
signature, and says nothing against whoever sets out to forge it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select
from sqlalchemy.orm import Session

from repository.catalogue.parts import parts
from repository.catalogue.upsert import Upsert
from repository.models import FeedDay
from repository.vocabulary import as_utc_text

MODULUS = 1 << 256
WHOLE = ""
"""The place of the whole feed (catalogue.sets)."""

FIRST_DAY, LAST_DAY = "", "9999-12-31"
_OCTETS = 32


@dataclass(frozen=True, slots=True)
class Count:
    """How many records, how many of them withdrawn, and the sum of their lines; what was taken away is negative."""

    number: int = 0
    deleted: int = 0
    digest: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.number + other.number, self.deleted + other.deleted, (self.digest + other.digest) % MODULUS)

    def __neg__(self) -> Count:
        return Count(-self.number, -self.deleted, -self.digest % MODULUS)

    @property
    def hexadecimal(self) -> str:
        """The digest as it is told: 64 digits."""
        return f"{self.digest:064x}"


NONE = Count()


@dataclass(frozen=True, slots=True)
class Line:
    """One record as the digest of its day knows it."""

    article_id: str
    datestamp: datetime
    deleted: bool

    @property
    def day(self) -> str:
        """Its day in UTC, as ISO 8601 writes it."""
        return as_utc_text(self.datestamp)[:10]

    @property
    def count(self) -> Count:
        """What it adds to its day."""
        said = f"{self.article_id} {as_utc_text(self.datestamp)}{' deleted' if self.deleted else ''}"
        return Count(1, int(self.deleted), int.from_bytes(hashlib.sha256(said.encode()).digest()))


_COLUMNS = (FeedDay.place, FeedDay.day, FeedDay.number, FeedDay.deleted, FeedDay.digest)
_KEEP = Upsert(FeedDay, lambda now: {"number": now.number, "deleted": now.deleted, "digest": now.digest})

Placed = tuple[Line, Iterable[str]]
"""A record, and the parts of the feed in which it is counted beside the whole."""


def moved(session: Session, left: Iterable[Placed], entered: Iterable[Placed]) -> None:
    """Take away the records that ``left`` their days and add those that ``entered`` theirs.

    The caller holds the lock of the change log (catalogue.changes): nobody else counts meanwhile.
    """
    steps: dict[tuple[str, str], Count] = defaultdict(Count)
    for gone, records in ((True, left), (False, entered)):
        for line, places in records:
            day, count = line.day, -line.count if gone else line.count
            for place in (WHOLE, *places):
                steps[place, day] += count
    by_day: dict[str, dict[str, Count]] = defaultdict(dict)
    for (place, day), count in steps.items():
        by_day[day][place] = count
    for day, counts in sorted(by_day.items()):
        for some in parts(sorted(counts)):
            _step(session, day, {place: counts[place] for place in some})


def _step(session: Session, day: str, steps: Mapping[str, Count]) -> None:
    # A day and its places, not pairs: to look for (place, day) among pairs SQLite reads every day of every place.
    here = (FeedDay.day == day, FeedDay.place.in_(steps))
    # Columns, not objects: those of an earlier step of this transaction would be as they were then.
    known = {row.place: count_of(row) for row in session.execute(select(*_COLUMNS).where(*here))}
    now = {place: known.get(place, NONE) + step for place, step in steps.items()}
    _KEEP(session, [_row((place, day), count) for place, count in now.items() if count.number])
    if empty := [place for place, count in now.items() if not count.number and place in known]:
        session.execute(delete(FeedDay).where(FeedDay.day == day, FeedDay.place.in_(empty)))


def count_of(row: FeedDay | Row[*tuple[Any, ...]]) -> Count:
    """What a row has counted."""
    return Count(row.number, row.deleted, int.from_bytes(row.digest))


def _row(key: tuple[str, str], count: Count) -> dict[str, object]:
    place, day = key
    digest = count.digest.to_bytes(_OCTETS)
    return {"place": place, "day": day, "number": count.number, "deleted": count.deleted, "digest": digest}


def days(session: Session, place: str, since: str = FIRST_DAY, until: str = LAST_DAY) -> Sequence[FeedDay]:
    """The days of one part of the feed that have any record, from ``since`` to ``until``, in their order."""
    rows = select(FeedDay).where(FeedDay.place == place, FeedDay.day >= since, FeedDay.day <= until)
    return session.execute(rows.order_by(FeedDay.day)).scalars().all()


def number(session: Session, place: str, since: str = FIRST_DAY, until: str = LAST_DAY) -> int:
    """How many records one part of the feed has on these days: as many rows are added up as there are days."""
    rows = select(func.coalesce(func.sum(FeedDay.number), 0)).where(
        FeedDay.place == place, FeedDay.day >= since, FeedDay.day <= until
    )
    return int(session.execute(rows).scalar_one())
