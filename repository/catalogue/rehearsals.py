"""Rehearsals as they are kept: what was written again for a trial, from what, and how it differed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.models import Article, Rehearsal


def begin(session: Session, at: datetime, *, whole: bool, store: str | None, first: str) -> int:
    """A rehearsal begins; its number."""
    row = Rehearsal(started_at=at, whole=whole, store=store, first=first, details=[])
    session.add(row)
    session.flush()
    return row.id


def latest(session: Session, *, limit: int) -> Sequence[Rehearsal]:
    """The last rehearsals, the newest first, whether or not they came to their end."""
    return session.execute(select(Rehearsal).order_by(Rehearsal.id.desc()).limit(limit)).scalars().all()


def last_ended(session: Session) -> Rehearsal | None:
    """The last one that was carried to its end."""
    rows = select(Rehearsal).where(Rehearsal.finished_at.is_not(None)).order_by(Rehearsal.id.desc())
    return session.execute(rows.limit(1)).scalar_one_or_none()


def first_begun(session: Session) -> datetime | None:
    """When the first of all began."""
    return session.execute(select(Rehearsal.started_at).order_by(Rehearsal.id).limit(1)).scalar_one_or_none()


def is_due(session: Session, at: datetime, days: float) -> bool:
    """Whether the last one that was carried to its end began ``days`` ago, or there is none; nought days: never."""
    last = last_ended(session)
    return days > 0 and (last is None or last.started_at <= at - timedelta(days=days))


def next_first(session: Session) -> str:
    """Behind which article the next sample begins: where the last one ended, so that in time all have their turn.

    Empty where that was the last of all: it begins anew.
    """
    rows = select(Rehearsal.last).where(Rehearsal.finished_at.is_not(None), ~Rehearsal.whole)
    last = session.execute(rows.order_by(Rehearsal.id.desc()).limit(1)).scalar_one_or_none() or ""
    more = select(Article.id).where(Article.id > last).limit(1)
    return last if session.execute(more).first() is not None else ""
