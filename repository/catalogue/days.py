"""What the watch read in each store on each day: added up as rounds go on, and read by the page and the forecast."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

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
    if rows:
        session.connection().execute(_ADD[session.get_bind().dialect.name], rows)


def note_late(session: Session, at: datetime, late: Mapping[str, int]) -> None:
    """How many copies of each store are late now; the last word of a day is what stands."""
    rows = [
        {"store": store, "day": at.date().isoformat(), "late": late[store], **dict.fromkeys(COUNTED, 0)}
        for store in sorted(late)
    ]
    if rows:
        session.connection().execute(_LATE[session.get_bind().dialect.name], rows)


def since(session: Session, first: date) -> Sequence[WatchDay]:
    """Every day from ``first`` on, by day and store: as many rows as days and stores."""
    rows = select(WatchDay).where(WatchDay.day >= first.isoformat()).order_by(WatchDay.day, WatchDay.store)
    return session.execute(rows).scalars().all()


def measured(session: Session, first: date) -> dict[str, Measured]:
    """What was read to its end in each store from ``first`` on."""
    told = WatchDay.intact + WatchDay.damaged
    rows = session.execute(
        select(WatchDay.store, func.sum(told), func.sum(WatchDay.bytes), func.sum(WatchDay.milliseconds))
        .where(WatchDay.day >= first.isoformat())
        .group_by(WatchDay.store)
    )
    return {store: Measured(int(copies), int(octets), int(ms) / 1000) for store, copies, octets, ms in rows if copies}


def totals(session: Session, first: date) -> dict[str, dict[str, int]]:
    """The :data:`COUNTED` numbers of each store from ``first`` on, added up: as many rows as days and stores."""
    sums = [func.sum(getattr(WatchDay, name)).label(name) for name in COUNTED]
    where = WatchDay.day >= first.isoformat()
    rows = session.execute(select(WatchDay.store, *sums).where(where).group_by(WatchDay.store)).mappings()
    return {row["store"]: {name: int(row[name]) for name in COUNTED} for row in rows}


def _upsert(insert: Callable[[Any], Any], *, late: bool) -> Any:
    statement = insert(WatchDay.__table__)
    fresh = statement.excluded
    changed = {"late": fresh.late} if late else {name: getattr(WatchDay, name) + fresh[name] for name in COUNTED}
    return statement.on_conflict_do_update(index_elements=["store", "day"], set_=changed)


_DIALECTS = (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
_ADD = {dialect: _upsert(insert, late=False) for dialect, insert in _DIALECTS}
_LATE = {dialect: _upsert(insert, late=True) for dialect, insert in _DIALECTS}
