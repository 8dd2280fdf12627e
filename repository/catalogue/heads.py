"""Signed heads as the catalogue knows them: what was signed when, and in which stores it lies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, insert, select
from sqlalchemy.orm import Session

from repository.models import ChainEnd, Event, SignedHead, SignedHeadCopy
from repository.vocabulary import EventType


def enter(session: Session, head: SignedHead, *, once_since: datetime | None) -> bool:
    """Keep what was signed; False when there is this very one, or one of ``once_since`` or later, already."""
    # Whoever else signs, or links events, waits here: so there are never two of a day.
    session.execute(select(ChainEnd).where(ChainEnd.id == 1).with_for_update())
    known = select(SignedHead.key)
    this = known.where(SignedHead.key == head.key)
    later = known.where(SignedHead.at >= once_since) if once_since else this
    if session.execute(this.union(later)).first() is not None:
        return False
    session.add(head)
    session.flush()
    return True


def latest(session: Session) -> SignedHead | None:
    """The head that was signed last."""
    return session.execute(select(SignedHead).order_by(SignedHead.at.desc()).limit(1)).scalar_one_or_none()


def lacking(session: Session, store: str, *, limit: int = 1000) -> Sequence[SignedHead]:
    """The first heads that do not lie in ``store`` yet, in the order of the days."""
    there = exists().where(SignedHeadCopy.key == SignedHead.key, SignedHeadCopy.store == store)
    return session.execute(select(SignedHead).where(~there).order_by(SignedHead.key).limit(limit)).scalars().all()


def kept(session: Session, key: str, store: str, at: datetime) -> None:
    """The head lies in the store since ``at``, and was read back."""
    known = session.get(SignedHeadCopy, (key, store))
    if known is None:
        session.execute(insert(SignedHeadCopy).values(key=key, store=store, put_at=at))


def kept_in(session: Session, store: str) -> set[str]:
    """The keys of the heads that were put into ``store``."""
    return set(session.execute(select(SignedHeadCopy.key).where(SignedHeadCopy.store == store)).scalars())


def lies_in(session: Session, key: str) -> set[str]:
    """The stores into which the head of this key was put."""
    return set(session.execute(select(SignedHeadCopy.store).where(SignedHeadCopy.key == key)).scalars())


def day_of(at: datetime) -> datetime:
    """The beginning of the day of ``at``, UTC."""
    return at - timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond)


def declarations(session: Session) -> Sequence[Event]:
    """The events, linked or not, that say that the catalogue was written again and what was lost with it."""
    told = select(Event).where(Event.type == EventType.REBUILD.value)
    return session.execute(told.order_by(Event.id)).scalars().all()
