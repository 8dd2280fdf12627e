"""How the stores stand: what each said when it was asked last, what it can, and how much is added to it a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from repository.catalogue import copies, tallies
from repository.catalogue.tallies import NOTHING, Count
from repository.models import Copy, StoreAnswer, StoreEntry, StoreTrial

MEASURED_DAYS = 90
"""What is added a day is the mean of so many days before today, or of as many as there have been."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One thing that was tried on a store."""

    name: str
    verdict: str
    needed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Growth:
    """What was added to one store, by day (UTC), and what that is in the mean."""

    days: dict[date, Count]
    """From the first day asked for on; a day on which nothing was added is not there."""
    mean: Count | None
    """A day; None before anything was added."""

    def since(self, first: date) -> Count:
        """All that was added from ``first`` on."""
        return sum((count for day, count in self.days.items() if day >= first), NOTHING)

    @property
    def months(self) -> dict[str, Count]:
        """By month, as ``2026-11``."""
        found: dict[str, Count] = {}
        for day, count in sorted(self.days.items()):
            found[f"{day:%Y-%m}"] = found.get(f"{day:%Y-%m}", NOTHING) + count
        return found


def note_answer(
    session: Session,
    store: str,
    at: datetime,
    *,
    problem: str | None,
    free: int | None = None,
    total: int | None = None,
) -> None:
    """A store was asked how it is: it answered, or (``problem``) it did not. Its last known room stays known."""
    row = session.get(StoreAnswer, store, with_for_update=True)
    if row is None:
        row = StoreAnswer(store=store, asked_at=at)
        session.add(row)
    row.asked_at, row.problem = at, problem
    if problem is None:
        row.answered_at, row.silent_since = at, None
        row.free_bytes, row.total_bytes = free, total
    elif row.silent_since is None:
        row.silent_since = at
    session.flush()


def note_trials(session: Session, store: str, tried: Sequence[Tried], at: datetime) -> None:
    """What trying a store showed, in the place of what was known before."""
    session.execute(delete(StoreTrial).where(StoreTrial.store == store))
    rows = [
        {"store": store, "name": one.name, "position": position, "verdict": one.verdict, "needed": one.needed}
        | {"detail": one.detail, "tried_at": at}
        for position, one in enumerate(tried)
    ]
    if rows:
        session.execute(insert(StoreTrial), rows)


def answers(session: Session) -> dict[str, StoreAnswer]:
    """By store, what it said when it was asked last; nobody asks one that was given up."""
    retired = select(StoreEntry.store).where(StoreEntry.retired_at.is_not(None))
    rows = select(StoreAnswer).where(StoreAnswer.store.not_in(retired))
    return {row.store: row for row in session.execute(rows).scalars()}


def trials(session: Session) -> dict[str, list[StoreTrial]]:
    """By store, what it can, in the order of the trials."""
    found: dict[str, list[StoreTrial]] = {}
    for row in session.execute(select(StoreTrial).order_by(StoreTrial.store, StoreTrial.position)).scalars():
        found.setdefault(row.store, []).append(row)
    return found


def growth(session: Session, today: date, *, days: int) -> dict[str, Growth]:
    """By store, what was added in the last ``days`` days, today among them: as many rows as days and stores."""
    first = today - timedelta(days=days - 1)
    found: dict[str, dict[date, Count]] = {}
    for (store, day), count in tallies.of(session, copies.ADDED, since=first.isoformat()).items():
        found.setdefault(store, {})[date.fromisoformat(day)] = count
    return {store: Growth(some, _mean(some, today)) for store, some in found.items()}


def last_verification(session: Session, store: str) -> datetime | None:
    """When a copy in ``store`` was read whole last."""
    return session.execute(select(func.max(Copy.verified_at)).where(Copy.store == store)).scalar()


def _mean(days: dict[date, Count], today: date) -> Count | None:
    first = today - timedelta(days=MEASURED_DAYS - 1)
    some = {day: count for day, count in days.items() if day >= first}
    if not some:
        return None
    long = (today - min(some)).days + 1
    every = sum(some.values(), NOTHING)
    return Count(round(every.number / long), round(every.bytes / long))
