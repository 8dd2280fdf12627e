"""Signed heads as the catalogue knows them: what was signed when, and in which stores it lies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, func, insert, select
from sqlalchemy.orm import Session

from repository.models import ChainEnd, Event, SignedHead, SignedHeadCopy
from repository.vocabulary import HEADS, EventType, time_stamp_key


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


def first(session: Session) -> datetime | None:
    """When a head was signed for the first time."""
    return session.execute(select(func.min(SignedHead.at))).scalar()


def lacking(session: Session, store: str, *, limit: int = 1000) -> Sequence[SignedHead]:
    """The first heads that do not lie in ``store`` yet, in the order of the days."""
    there = exists().where(SignedHeadCopy.key == SignedHead.key, SignedHeadCopy.store == store)
    return session.execute(select(SignedHead).where(~there).order_by(SignedHead.key).limit(limit)).scalars().all()


def kept(session: Session, key: str, store: str, at: datetime) -> None:
    """The head lies in the store since ``at``, and was read back."""
    known = session.get(SignedHeadCopy, (key, store))
    if known is None:
        session.execute(insert(SignedHeadCopy).values(key=key, store=store, put_at=at))


def unstamped(session: Session, *, since: datetime, limit: int) -> Sequence[SignedHead]:
    """Heads signed ``since`` or later that have no time stamp, the newest first: it speaks for all before it."""
    wanted = select(SignedHead).where(SignedHead.time_stamp.is_(None), SignedHead.at >= since)
    return session.execute(wanted.order_by(SignedHead.at.desc()).limit(limit)).scalars().all()


def unstamped_since(session: Session, *, since: datetime) -> tuple[int, datetime | None]:
    """How many heads signed ``since`` or later have no time stamp, and the moment of the oldest of them."""
    wanted = select(func.count(), func.min(SignedHead.at))
    count, oldest = session.execute(wanted.where(SignedHead.time_stamp.is_(None), SignedHead.at >= since)).one()
    return count, oldest


def stamp(session: Session, key: str, answer: bytes) -> None:
    """Keep the time stamp of a head, unless there is one already."""
    row = session.get_one(SignedHead, key, with_for_update=True, populate_existing=True)
    row.time_stamp = row.time_stamp or answer


def lacking_time_stamp(session: Session, store: str, *, limit: int = 1000) -> Sequence[SignedHead]:
    """The first heads that lie in ``store`` without their time stamp, where there is one."""
    put = (SignedHeadCopy.key == SignedHead.key, SignedHeadCopy.store == store)
    wanted = select(SignedHead).join(SignedHeadCopy, SignedHeadCopy.key == SignedHead.key)
    wanted = wanted.where(*put, SignedHead.time_stamp.is_not(None), SignedHeadCopy.time_stamp_put_at.is_(None))
    return session.execute(wanted.order_by(SignedHead.key).limit(limit)).scalars().all()


def time_stamp_kept(session: Session, key: str, store: str, at: datetime) -> None:
    """The time stamp of the head lies in the store since ``at``, and was read back."""
    session.get_one(SignedHeadCopy, (key, store)).time_stamp_put_at = at


def kept_in(session: Session, store: str, month: str = "") -> set[str]:
    """The keys of the heads and time stamps that were put into ``store``, of one ``month`` (``2026-11``) or of all."""
    wanted = select(SignedHeadCopy.key, SignedHeadCopy.time_stamp_put_at).where(SignedHeadCopy.store == store)
    if month:
        begin = HEADS + month
        wanted = wanted.where(SignedHeadCopy.key >= begin, SignedHeadCopy.key < begin + "~")
    found = set()
    for key, stamped in session.execute(wanted):
        found |= {key, time_stamp_key(key)} if stamped else {key}
    return found


def first_kept_in(session: Session, store: str) -> str | None:
    """The key of the oldest head that was put into ``store``."""
    return session.execute(select(func.min(SignedHeadCopy.key)).where(SignedHeadCopy.store == store)).scalar()


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
