"""One question answered in full: may the readers of this institution open this article on that day, and why."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from repository.access import rights
from repository.access.readers import Known
from repository.access.told import Asked
from repository.models import Article


def explained(session: Session, article: Article, known: Known, on: datetime) -> Asked:
    """The decision on an article for a reader at a moment, with what is needed to tell of it."""
    decision = rights.on_article(session, article, known.reader, on)
    return Asked(article.id, article.doi, article.record.get("title"), known, on, decision)


def moment_of(day: date | None, zone: ZoneInfo) -> datetime:
    """The moment that is meant by a day: now for today or for none, else its last, when all that begins on it has."""
    now = datetime.now(zone)
    return now if day is None or day == now.date() else datetime.combine(day, time.max, zone)
