"""What the watch found that was not whole, and what it mended: its events, newest first, behind every such count.

What was whole as before has no event of its own (docs/testimony.md); the round's one event tells of all of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, literal, select, text, tuple_
from sqlalchemy.orm import Session

from repository.models import WATCHED, Article, Event, Moment
from repository.vocabulary import AuditOutcome, EventType

MENDED = "mended"

_WALKS: dict[str, tuple[EventType, str]] = {
    AuditOutcome.DAMAGED: (EventType.FIXITY_CHECK, "failure"),
    AuditOutcome.MISSING: (EventType.FIXITY_CHECK, "failure"),
    AuditOutcome.UNREADABLE: (EventType.FIXITY_CHECK, "unknown"),
    MENDED: (EventType.RECOVERY, "success"),
}
"""Of each answer, the type and the outcome of its events: with the moment they are the index."""

ANSWERS = tuple(map(str, _WALKS))


@dataclass(frozen=True, slots=True)
class Asked:
    """Which of them: one of the :data:`ANSWERS` or all, in one store, of one publisher, of one round, in a span of time
    that ends before ``until``."""

    answer: str | None = None
    store: str | None = None
    publisher_id: int | None = None
    round: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def answer_of(event: Event) -> str:
    """Which of the :data:`ANSWERS` it tells."""
    return MENDED if event.type == EventType.RECOVERY else str(event.detail["outcome"])


def listed(session: Session, asked: Asked, *, before: tuple[datetime, int] | None, limit: int) -> Sequence[Event]:
    """The next ``limit`` of them, older than the event at ``before``: walks along one index, merged."""
    where: list[ColumnElement[bool]] = [text(WATCHED)]  # type: ignore[list-item]
    if asked.store is not None:
        where.append(Event.store == asked.store)
    if asked.round is not None:
        where.append(Event.detail["round"].as_integer() == asked.round)
    if asked.publisher_id is not None:
        of_it = select(Article.id).where(Article.id == Event.article_id, Article.publisher_id == asked.publisher_id)
        where.append(of_it.exists())
    if asked.answer in (AuditOutcome.DAMAGED, AuditOutcome.MISSING):
        where.append(Event.detail["outcome"].as_string() == asked.answer)
    if asked.since is not None:
        where.append(Event.at >= asked.since)
    if asked.until is not None:
        where.append(Event.at < asked.until)
    if before is not None:
        where.append(tuple_(Event.at, Event.id) < tuple_(literal(before[0], Moment()), literal(before[1])))
    found: list[Event] = []
    for kind, outcome in {_WALKS[asked.answer]} if asked.answer else set(_WALKS.values()):
        walk = select(Event).where(Event.type == kind, Event.outcome == outcome, *where)
        found += session.execute(walk.order_by(Event.at.desc(), Event.id.desc()).limit(limit)).scalars()
    return sorted(found, key=lambda event: (event.at, event.id), reverse=True)[:limit]
