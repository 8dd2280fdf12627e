"""The due dates of copies brought to what is promised now: after the settings changed, or a clock was ahead.

A changed promise must not wait until each copy's old date has come, and what was read while a clock stood a year ahead
must not wait for a year. Rows are walked by an index, in short transactions; whoever reads a copy meanwhile dates it
anew anyway.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from repository.catalogue import contents, copies
from repository.catalogue.upsert import Upsert
from repository.models import Aip, Article, Copy, PolicyInForce
from repository.promise import Promises

BAGS = 500
"""The copies of so many AIPs are dated anew in one transaction."""

_AHEAD = timedelta(hours=1)
"""Clocks of several machines may differ by so much without anybody caring."""


_ENTER = Upsert(PolicyInForce)


@dataclass(frozen=True, slots=True)
class InForce:
    """How far the copies' dates follow from a promise. ``finished_at`` None: it is still being applied."""

    digest: str
    aip_id: int
    started_at: datetime
    finished_at: datetime | None


def in_force(session: Session) -> InForce | None:
    """The promise that was applied last, or is being applied; None in a catalogue without any."""
    row = session.get(PolicyInForce, 1)
    return InForce(row.digest, row.aip_id, row.started_at, row.finished_at) if row else None


def is_applied(session: Session, promises: Promises) -> bool:
    """Whether every copy is dated by ``promises``: one look, so that a tick with nothing to do writes nothing."""
    held = in_force(session)
    return held is not None and held.digest == promises.digest and held.finished_at is not None


def apply(session: Session, promises: Promises, at: datetime) -> bool:
    """Date the copies of the next :data:`BAGS` AIPs by ``promises``; False when there is nothing to do.

    A copy is never dated later than it was: where a promise becomes longer each copy is read once more at its old date.
    The row is locked, so that two processes take turns; the last promise that is brought wins.
    """
    fresh = select(PolicyInForce).where(PolicyInForce.id == 1).with_for_update()
    fresh = fresh.execution_options(populate_existing=True)
    row = session.execute(fresh).scalar_one_or_none()
    if row is None:
        _ENTER(session, [{"id": 1, "digest": "", "aip_id": 0, "started_at": at}])
        row = session.execute(fresh).scalar_one()
    if row.digest != promises.digest:
        row.digest, row.aip_id, row.started_at, row.finished_at = promises.digest, 0, at, None
    if row.finished_at is not None:
        return False
    bags = select(Aip.id).where(Aip.id > row.aip_id).order_by(Aip.id).limit(BAGS)
    some = list(session.execute(bags).scalars())
    if not some:
        row.finished_at = at
        return False
    _date(session, promises, at, [Copy.aip_id.in_(some), Copy.verified_at.is_not(None)])
    row.aip_id = some[-1]
    return True


def waits_too_long(session: Session, store: str, promises: Promises, at: datetime) -> bool:
    """Whether a copy in ``store`` is to be read later than any that was verified at ``at`` would be: one look."""
    return session.execute(select(Copy.aip_id).where(*_beyond(store, promises, at)).limit(1)).first() is not None


def bring_forward(session: Session, store: str, promises: Promises, at: datetime, *, limit: int) -> int:
    """Up to ``limit`` such copies have the day that the promise gives them; how many these were."""
    return _date(session, promises, at, _beyond(store, promises, at), limit=limit)


def _beyond(store: str, promises: Promises, at: datetime) -> tuple[ColumnElement[bool], ...]:
    days = max(one.of(store) for one in (promises.otherwise, *(each.promise for each in promises.classes)))
    return Copy.store == store, Copy.next_due > at + timedelta(days=days) + _AHEAD, Copy.next_due < copies.NEVER_DUE


def _date(
    session: Session,
    promises: Promises,
    at: datetime,
    where: Iterable[ColumnElement[bool]],
    limit: int | None = None,
) -> int:
    """Reckoned from the last verification. Where that lies ahead nobody knows when it really was.

    Such copies, and those never verified, are spread over the cycle that begins now, so that no wave comes of it.
    """
    walk = (
        select(Copy.aip_id, Copy.store, Copy.verified_at, Copy.next_due, Copy.promised_until)
        .add_columns(Aip.article_id, Aip.version, Article.title_id, Article.publisher_id)
        .join(Aip, Aip.id == Copy.aip_id)
        .join(Article, Article.id == Aip.article_id)
        .where(*where)
        .order_by(*((Copy.next_due, Copy.aip_id) if limit else (Copy.aip_id, Copy.store)))
        .limit(limit)
        .with_for_update(of=Copy, skip_locked=limit is not None)
    )
    rows = session.execute(walk).all()
    held = contents.contents(session, [(row.title_id, row.publisher_id) for row in rows])
    changed = []
    for row in rows:
        days = promises.of(held[row.title_id, row.publisher_id]).of(row.store)
        name = (row.article_id, row.version, row.store)
        if row.verified_at is None or row.verified_at > at:
            due = copies.first_due(*name, at, days)
        else:
            due = copies.next_due(*name, row.verified_at, days)
        due, until = min(row.next_due, due), row.promised_until
        if row.verified_at is not None:
            until = min(row.verified_at, at) + timedelta(days=days)
        if (due, until) != (row.next_due, row.promised_until):
            dated = {"next_due": due, "promised_until": until}
            changed.append({"aip_id": row.aip_id, "store": row.store, **dated})
    if changed:
        session.execute(update(Copy), changed)
    return len(rows)
