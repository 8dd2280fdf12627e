"""What waits to be done, by kind, as the catalogue knows it: the truth, whatever was handed to whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from repository.catalogue import copies
from repository.models import Announcement, Copy, Delivery
from repository.vocabulary import DeliveryState

NO_FURTHER = 10_000
"""A queue longer than that is told as more than so many: counting on would read a large table."""


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue at one moment. ``more``: ``waiting`` was not counted further."""

    name: str
    waiting: int
    oldest: datetime | None = None
    """Since when the first has waited, or (``overdue``) when its promise ran out."""
    more: bool = False
    running: int = 0
    stalled: int = 0
    """Begun by somebody who gives no sign of life any more."""
    failed: int = 0
    """Given up after the last attempt."""


def queues(session: Session, at: datetime) -> Iterator[Queue]:
    """Deliveries that are not finished, copies past their promise, copies to be mended, changes not yet announced.

    Each by a walk along an index that ends at :data:`NO_FURTHER`.
    """
    received = Delivery.state == DeliveryState.RECEIVED
    held = select(func.count()).select_from(Delivery).where(received, Delivery.held_up.is_not(None))
    waiting = _walked(session, "deliveries", Delivery.accepted_on, received)
    yield Queue("deliveries", waiting.waiting, waiting.oldest, waiting.more, stalled=session.scalar(held) or 0)
    stores = sorted(copies.stores_with_copies(session))
    promised = Copy.promised_until
    late = [_walked(session, "", promised, Copy.store == store, promised < at) for store in stores]
    oldest = min((one.oldest for one in late if one.oldest is not None), default=None)
    yield Queue("overdue", sum(one.waiting for one in late), oldest, any(one.more for one in late))
    broken = [count for (_, state), count in copies.kept(session).items() if state in copies.LOST]
    yield Queue("mending", sum(count.number for count in broken))
    yield _walked(session, "announcements", Announcement.datestamp, Announcement.datestamp < at)


def _walked(
    session: Session,
    name: str,
    since: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None],
    *where: ColumnElement[bool],
) -> Queue:
    some = select(since.label("since")).where(*where).order_by(since).limit(NO_FURTHER + 1).subquery()
    number, oldest = session.execute(select(func.count(), func.min(some.c.since)).select_from(some)).one()
    return Queue(name, min(number, NO_FURTHER), oldest, number > NO_FURTHER)
