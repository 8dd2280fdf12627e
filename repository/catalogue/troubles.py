"""What stands in the way of copies that are not whole or not readable: looked up for the first of them, by index."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from repository.catalogue.copies import ASKED_FOR
from repository.models import Aip, Copy, Event
from repository.vocabulary import CopyState, EventType


@dataclass(frozen=True, slots=True)
class NotWhole:
    """One copy that is damaged or missing. ``decision``: a person must decide; ``emptied``: so is its whole store.

    ``in_hand``: somebody holds it at this moment, as a rule to mend it.
    """

    state: str
    decision: bool
    emptied: bool
    in_hand: bool


def silence(session: Session, store: str) -> tuple[datetime | None, datetime | None]:
    """Since when the first and the last of the copies of a store could not be read; None where all can."""
    # Two questions: a database answers each from one end of the index, and both together by reading all of it.
    first, last = (
        session.execute(select(end).where(Copy.store == store, Copy.unreadable_since.is_not(None))).scalar()
        for end in (func.min(Copy.unreadable_since), func.max(Copy.unreadable_since))
    )
    return first, last


def answered_since(session: Session, store: str, moment: datetime) -> bool:
    """Whether a copy in ``store`` was read to its end after ``moment``."""
    read = select(Copy.aip_id).where(Copy.store == store, Copy.verified_at > moment).limit(1)
    return session.execute(read).first() is not None


def due_unasked(session: Session, store: str, at: datetime, *, up_to: int) -> int:
    """How many copies in ``store`` are due by ``at`` and have not been asked for in vain yet, counted up to there."""
    waiting = (
        select(Copy.aip_id)
        .where(Copy.store == store, Copy.next_due <= at, Copy.unreadable_since.is_(None))
        .order_by(Copy.next_due)
        .limit(up_to)
    )
    return session.execute(select(func.count()).select_from(waiting.subquery())).scalar_one()


def first_due(session: Session) -> datetime | None:
    """The day that has come first for any copy, or comes next; of those that a person asked for it tells nothing."""
    return session.execute(select(func.min(Copy.next_due)).where(Copy.next_due > ASKED_FOR)).scalar()


def not_whole(session: Session, store: str, at: datetime, *, limit: int) -> list[NotWhole]:
    """The first copies of a store that are damaged or missing, each with what its last mending came to."""
    rows: list[Row[str, int, str, datetime | None]] = []
    for state in (CopyState.DAMAGED, CopyState.MISSING):
        rows += session.execute(
            select(Aip.article_id, Aip.version, Copy.state, Copy.lease_until)
            .join(Aip, Aip.id == Copy.aip_id)
            .where(Copy.store == store, Copy.state == state)
            .order_by(Copy.aip_id)
            .limit(limit - len(rows))
        ).all()
    told = _told(session, store, {row.article_id for row in rows})
    found = []
    for row in rows:
        decision, emptied = told.get((row.article_id, row.version), (False, False))
        held = row.lease_until is not None and row.lease_until > at
        found.append(NotWhole(row.state, decision, emptied, held and not decision))
    return found


def _told(session: Session, store: str, articles: set[str]) -> dict[tuple[str, int], tuple[bool, bool]]:
    """By article and version: whether the last attempt to mend the copy left it to a person, and found it emptied."""
    events = session.execute(
        select(Event.article_id, Event.version, Event.type, Event.detail)
        .where(
            Event.article_id.in_(articles),
            Event.store == store,
            Event.type.in_((EventType.RECOVERY, EventType.FIXITY_CHECK)),
            Event.outcome != "success",
        )
        .order_by(Event.id)
    )
    told = {}
    for event in events:
        decision = "decision" in event.detail
        if event.type == EventType.RECOVERY or decision:
            told[event.article_id, event.version] = (decision, bool(event.detail.get("emptied")))
    return told
