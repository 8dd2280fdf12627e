"""PREMIS events: who did what to what, when, and how it ended. Written, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from repository.models import Event
from repository.vocabulary import EventType

_INSERT = insert(Event)


def witness(
    session: Session,
    kind: EventType,
    *,
    at: datetime,
    outcome: str,
    agent: str,
    detail: dict[str, Any],
    article_id: str | None = None,
    version: int | None = None,
    store: str | None = None,
    delivery_id: str | None = None,
) -> None:
    """Append one event. ``outcome`` is ``success``, ``failure`` or ``unknown`` (doubt)."""
    session.connection().execute(
        _INSERT,
        {
            "type": kind,
            "at": at,
            "outcome": outcome,
            "agent": agent,
            "detail": detail,
            "article_id": article_id,
            "version": version,
            "store": store,
            "delivery_id": delivery_id,
        },
    )


def listed(
    session: Session, *, article_id: str | None = None, since: datetime | None = None, limit: int
) -> Sequence[Event]:
    """The latest events, the newest first: of one article or of all, told of ``since`` or later."""
    walk = select(Event).order_by(Event.id.desc())
    if article_id is not None:
        walk = walk.where(Event.article_id == article_id)
    if since is not None:
        # Of one article there are few; of all, the index over moments is the one to walk.
        walk = walk.where(Event.at >= since)
        walk = walk if article_id is not None else walk.order_by(None).order_by(Event.at.desc(), Event.id.desc())
    return session.execute(walk.limit(limit)).scalars().all()


def is_told(session: Session, kind: EventType, article_id: str, version: int | None = None, **detail: Any) -> bool:
    """Whether an event of this kind about the article, this version of it, tells all this of it."""
    rows = select(Event.detail).where(Event.article_id == article_id, Event.type == kind.value)
    if version is not None:
        rows = rows.where(Event.version == version)
    return any(detail.items() <= told.items() for told in session.execute(rows).scalars())


def witness_all(
    session: Session,
    kind: EventType,
    versions: Sequence[tuple[str, int, dict[str, Any]]],
    *,
    at: datetime,
    outcome: str,
    agent: str,
    delivery_id: str | None = None,
) -> None:
    """One event of the same kind for each ``(article id, version, detail)``; else as :func:`witness`."""
    told = {"type": kind, "at": at, "outcome": outcome, "agent": agent, "store": None, "delivery_id": delivery_id}
    rows = [
        {**told, "article_id": article, "version": version, "detail": detail} for article, version, detail in versions
    ]
    if rows:
        session.connection().execute(_INSERT, rows)
