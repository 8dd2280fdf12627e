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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.orm import Session

from repository.catalogue.parts import parts
from repository.catalogue.upsert import Upsert
from repository.models import FeedDay
from repository.vocabulary import as_utc_text

MODULUS = 1 << 256
_OCTETS = 32


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
    def number(self) -> int:
        """What it adds to the digest of its day."""
        said = f"{self.article_id} {as_utc_text(self.datestamp)}{' deleted' if self.deleted else ''}"
        return int.from_bytes(hashlib.sha256(said.encode()).digest())


@dataclass(slots=True)
class Day:
    """What is counted of one day."""

    number: int = 0
    deleted: int = 0
    digest: int = 0

    def add(self, line: Line, times: int = 1) -> None:
        """One record more, or (``times`` -1) one less."""
        self.number += times
        self.deleted += times * line.deleted
        self.digest = (self.digest + times * line.number) % MODULUS


_KEEP = Upsert(FeedDay, lambda now: {"number": now.number, "deleted": now.deleted, "digest": now.digest})

Placed = tuple[Line, Iterable[str]]
"""A record, and the parts of the feed in which it is counted beside the whole."""


def moved(session: Session, left: Iterable[Placed], entered: Iterable[Placed]) -> None:
    """Take away the records that ``left`` their days and add those that ``entered`` theirs.

    The caller holds the lock of the change log (catalogue.changes): nobody else counts meanwhile.
    """
    steps: dict[tuple[str, str], Day] = defaultdict(Day)
    for times, records in ((-1, left), (1, entered)):
        for line, places in records:
            for place in ("", *places):
                steps[place, line.day].add(line, times)
    for some in parts(sorted(steps)):
        known = {
            (row.place, row.day): row
            for row in session.execute(
                select(FeedDay.place, FeedDay.day, FeedDay.number, FeedDay.deleted, FeedDay.digest).where(
                    tuple_(FeedDay.place, FeedDay.day).in_(some)
                )
            )
        }
        kept, gone = [], []
        for key in some:
            step, row = steps[key], known.get(key)
            number = step.number + (row.number if row else 0)
            deleted = step.deleted + (row.deleted if row else 0)
            digest = (step.digest + (int.from_bytes(row.digest) if row else 0)) % MODULUS
            if number:
                kept.append(_row(key, number, deleted, digest))
            elif row:
                gone.append(key)
        _KEEP(session, kept)
        if gone:
            session.execute(delete(FeedDay).where(tuple_(FeedDay.place, FeedDay.day).in_(gone)))


def _row(key: tuple[str, str], number: int, deleted: int, digest: int) -> dict[str, object]:
    place, day = key
    return {
        "place": place,
        "day": day,
        "number": number,
        "deleted": deleted,
        "digest": digest.to_bytes(_OCTETS),
    }


def days(session: Session, place: str, since: str = "", until: str = "9999-12-31") -> Sequence[FeedDay]:
    """The days of one part of the feed that have any record, from ``since`` to ``until``, in their order."""
    rows = select(FeedDay).where(FeedDay.place == place, FeedDay.day >= since, FeedDay.day <= until)
    return session.execute(rows.order_by(FeedDay.day)).scalars().all()


def number(session: Session, place: str, since: str = "", until: str = "9999-12-31") -> int:
    """How many records one part of the feed has on these days: as many rows are added up as there are days."""
    rows = select(func.coalesce(func.sum(FeedDay.number), 0)).where(
        FeedDay.place == place, FeedDay.day >= since, FeedDay.day <= until
    )
    return int(session.execute(rows).scalar_one())
