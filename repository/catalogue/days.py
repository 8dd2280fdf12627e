"""What the watch read in each store on each day: added up as rounds go on, and read by the page and the forecast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository.catalogue.upsert import Upsert
from repository.models import WatchDay

COUNTED = ("intact", "damaged", "missing", "unreadable", "mended", "bytes", "milliseconds")


@dataclass(frozen=True, slots=True)
class Measured:
    """What was read to the end in one store: ``copies`` of ``bytes`` octets in ``seconds`` of one reader."""

    copies: int
    bytes: int
    seconds: float


def add(session: Session, at: datetime, counts: Mapping[str, Mapping[str, int]]) -> None:
    """Add what was read since the last time to the day of ``at``: store to the :data:`COUNTED` numbers.

    In the order of the stores, so that two rounds never wait for each other. A round that is killed may
    leave its last batch out here (never in the states of the copies).
    """
    rows = [
        {"store": store, "day": at.date().isoformat(), **{name: counts[store].get(name, 0) for name in COUNTED}}
        for store in sorted(counts)
    ]
    _ADD(session, rows)


def note_late(session: Session, at: datetime, late: Mapping[str, int]) -> None:
    """How many copies of each store are late now; the last word of a day is what stands."""
    rows = [
        {"store": store, "day": at.date().isoformat(), "late": late[store], **dict.fromkeys(COUNTED, 0)}
        for store in sorted(late)
    ]
    _LATE(session, rows)


def since(session: Session, first: date) -> Sequence[WatchDay]:
    """Every day from ``first`` on, by day and store: as many rows as days and stores."""
    rows = select(WatchDay).where(WatchDay.day >= first.isoformat()).order_by(WatchDay.day, WatchDay.store)
    return session.execute(rows).scalars().all()


def measured(session: Session, first: date) -> dict[str, Measured]:
    """What was read to its end in each store from ``first`` on."""
    return {
        store: Measured(told, sums["bytes"], sums["milliseconds"] / 1000)
        for store, sums in totals(session, first).items()
        if (told := sums["intact"] + sums["damaged"])
    }


def totals(session: Session, first: date) -> dict[str, dict[str, int]]:
    """The :data:`COUNTED` numbers of each store from ``first`` on, added up: as many rows as days and stores."""
    sums = [func.sum(getattr(WatchDay, name)).label(name) for name in COUNTED]
    where = WatchDay.day >= first.isoformat()
    rows = session.execute(select(WatchDay.store, *sums).where(where).group_by(WatchDay.store)).mappings()
    return {row["store"]: {name: int(row[name]) for name in COUNTED} for row in rows}


_ADD = Upsert(WatchDay, lambda more: {name: getattr(WatchDay, name) + more[name] for name in COUNTED})
_LATE = Upsert(WatchDay, lambda now: {"late": now.late})
