"""How much of its lists each title lacks, as counted last: a page of titles reads these rows and no list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from repository.catalogue.parts import parts
from repository.catalogue.upsert import Upsert
from repository.models import Expectation, Shortfall

_AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
_AGAIN = timedelta(days=7)
"""What goes on up to now grows without anybody telling us."""
_BUSY = timedelta(minutes=10)


def changed(session: Session, identifiers: Iterable[int]) -> None:
    """Articles of these titles, or lines of their lists, came or went: those with lists are to be counted anew."""
    for some in parts(sorted(set(identifiers))):
        due = update(Shortfall).where(Shortfall.title_id.in_(some), Shortfall.due > _AT_ONCE)
        session.execute(due.values(due=_AT_ONCE))


def listed(session: Session, identifier: int) -> None:
    """A list of this title came or went: it is to be counted, or counted anew."""
    _ENTER(session, [{"title_id": identifier, "due": _AT_ONCE}])


def joined(session: Session, kept: int, gone: int) -> None:
    """The lists of the title ``gone`` are those of ``kept`` now."""
    if session.execute(delete(Shortfall).where(Shortfall.title_id == gone)).rowcount:  # type: ignore[attr-defined]
        listed(session, kept)


def of(session: Session, identifiers: Sequence[int]) -> dict[int, Shortfall]:
    """What was counted last of each of these titles."""
    rows = session.execute(select(Shortfall).where(Shortfall.title_id.in_(identifiers))).scalars()
    return {row.title_id: row for row in rows}


def are_short(session: Session, identifiers: Sequence[int], most: int) -> bool:
    """Whether the lists of these titles have no more than ``most`` lines together: then they are counted in no time."""
    some = select(Expectation.id).where(Expectation.title_id.in_(identifiers)).limit(most + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one() <= most


def claim(session: Session, now: datetime) -> tuple[int, datetime] | None:
    """The title that is to be counted first and the moment until which it is ours; None when none is due."""
    due = select(Shortfall).where(Shortfall.due <= now).order_by(Shortfall.due, Shortfall.title_id).limit(1)
    row = session.execute(due.with_for_update(skip_locked=True)).scalars().first()
    if row is None:
        return None
    row.due = now + _BUSY
    return row.title_id, row.due


def settle(session: Session, identifier: int, claimed: datetime, expected: int, missing: int, now: datetime) -> None:
    """What was counted of a claimed title. If something came meanwhile, it is due again already and stays so."""
    ours = Shortfall.title_id == identifier
    if expected:
        counted = {"expected": expected, "missing": missing, "counted_at": now}
        session.execute(update(Shortfall).where(ours).values(**counted))
        session.execute(update(Shortfall).where(ours, Shortfall.due == claimed).values(due=now + _AGAIN))
    else:
        session.execute(delete(Shortfall).where(ours, Shortfall.due == claimed))


_ENTER = Upsert(Shortfall, lambda _row: {"due": _AT_ONCE})
