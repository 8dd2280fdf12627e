"""What the watch read on each day, by store and by publisher: added up as rounds go on, for pages and forecast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository.catalogue.upsert import Upsert
from repository.models import Publisher, PublisherDay, WatchDay
from repository.turkish import tr_fold

COUNTED = ("intact", "damaged", "missing", "unreadable", "mended", "bytes", "milliseconds")
OF_PUBLISHERS = COUNTED[:-1]
"""What is counted of each publisher."""


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


def add_of_publishers(session: Session, at: datetime, counts: Mapping[int, Mapping[str, int]]) -> None:
    """As :func:`add`, by the number of the publisher: the :data:`OF_PUBLISHERS` numbers, of all stores together."""
    rows = [
        {"publisher_id": publisher, "day": at.date().isoformat()}
        | {name: counts[publisher].get(name, 0) for name in OF_PUBLISHERS}
        for publisher in sorted(counts)
    ]
    _ADD_OF_PUBLISHERS(session, rows)


def note_late_of_publishers(session: Session, at: datetime, late: Mapping[int, int]) -> None:
    """As :func:`note_late`, by publisher; who is not named has none that is late."""
    day = at.date().isoformat()
    were = select(PublisherDay.publisher_id).where(PublisherDay.day == day, PublisherDay.late > 0)
    now = dict.fromkeys(session.execute(were).scalars(), 0) | dict(late)
    rows = [
        {"publisher_id": publisher, "day": day, "late": now[publisher], **dict.fromkeys(OF_PUBLISHERS, 0)}
        for publisher in sorted(now)
    ]
    _LATE_OF_PUBLISHERS(session, rows)


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


def of_publisher(session: Session, publisher: int, first: date) -> Sequence[PublisherDay]:
    """Every day of one publisher from ``first`` on, on which something of it was read."""
    rows = select(PublisherDay).where(PublisherDay.publisher_id == publisher, PublisherDay.day >= first.isoformat())
    return session.execute(rows.order_by(PublisherDay.day)).scalars().all()


def publishers(session: Session, first: date) -> list[tuple[Publisher, dict[str, int]]]:
    """The publishers of which something was read from ``first`` on, by name, each with its sums.

    As many rows as days and publishers. ``late`` is the largest of a day, not a sum: a copy is late on many days.
    """
    sums = [func.sum(getattr(PublisherDay, name)).label(name) for name in OF_PUBLISHERS]
    late = func.max(func.coalesce(PublisherDay.late, 0)).label("late")
    some = (
        select(PublisherDay.publisher_id, *sums, late)
        .where(PublisherDay.day >= first.isoformat())
        .group_by(PublisherDay.publisher_id)
        .subquery()
    )
    rows = session.execute(select(Publisher, some).join(some, some.c.publisher_id == Publisher.id)).all()
    found = [(row[0], {name: int(getattr(row, name)) for name in (*OF_PUBLISHERS, "late")}) for row in rows]
    return sorted(found, key=lambda one: (tr_fold(one[0].name), one[0].id))


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
_ADD_OF_PUBLISHERS = Upsert(
    PublisherDay, lambda more: {name: getattr(PublisherDay, name) + more[name] for name in OF_PUBLISHERS}
)
_LATE_OF_PUBLISHERS = Upsert(PublisherDay, lambda now: {"late": now.late})
