"""The change log: every change that a harvester must hear of gets the next number, in the order in which it is seen.

The row of :class:`~repository.models.ChangeHead` is locked from the moment the
number is taken to the commit, so numbers become visible in their order, on
SQLite (one writer) and on PostgreSQL (row lock) alike. The datestamp lies one
to two seconds ahead of the clock and readers show only what is not ahead of
theirs: a record becomes visible exactly when the clock reaches its datestamp,
so nothing older than an answer already given can appear afterwards. A commit so
slow that the clock overtook it is stamped again (:func:`restamp`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from repository.models import Article, Change, ChangeHead
from repository.vocabulary import utc_now

AHEAD = timedelta(seconds=1)
_TO_WRITE = timedelta(seconds=3)
_FAR_AHEAD = timedelta(minutes=1)

_INSERT = insert(Change)


def now(session: Session) -> datetime:
    """The moment by the clock that stamps: the database server's where there is one, so that hosts agree."""
    if session.get_bind().dialect.name == "postgresql":
        moment = session.execute(select(func.clock_timestamp())).scalar_one()
        assert isinstance(moment, datetime)
        return moment.astimezone(UTC)
    return utc_now()


def announce(session: Session, article: Article) -> datetime:
    """Give ``article``, as it now is, the next change number and datestamp; the datestamp is returned.

    The last thing a transaction does: every other writer waits from here to the commit.
    """
    head = _locked_head(session)
    whole = now(session).replace(microsecond=0)
    head.datestamp = max(head.datestamp, whole + timedelta(seconds=1) + AHEAD)
    return _numbered(session, head, article, head.datestamp)


def announce_all(session: Session, articles: Sequence[Article], *, promised: datetime | None = None) -> datetime:
    """As :func:`announce`, for several articles: the next numbers in their order, and one datestamp for all.

    That datestamp is the one ``promised`` (by :func:`promise`), unless the clock has come too near to it meanwhile.
    """
    head = _locked_head(session)
    soonest = now(session).replace(microsecond=0) + timedelta(seconds=1) + AHEAD
    if promised is None or promised > soonest + _FAR_AHEAD:
        promised = soonest  # by a clock that went wrong: everything after it would wait for that moment
    head.datestamp = max(head.datestamp, soonest, promised)
    for article in articles:
        head.number += 1
        article.change_number, article.datestamp = head.number, head.datestamp
    entries = [_entry(article) for article in articles]
    session.flush()
    session.connection().execute(_INSERT, entries)
    return head.datestamp


def promise(session: Session) -> datetime:
    """A datestamp that can be written down before bytes move: a few seconds ahead, time enough for small objects."""
    head = session.execute(select(ChangeHead.datestamp)).scalar_one()
    return max(head, now(session).replace(microsecond=0) + timedelta(seconds=1) + AHEAD + _TO_WRITE)


def announce_as_it_was(session: Session, article: Article, datestamp: datetime) -> None:
    """Give the next number with a datestamp of the past: only for a catalogue written again from its bags."""
    head = _locked_head(session)
    head.datestamp = max(head.datestamp, datestamp)
    _numbered(session, head, article, datestamp)


def _locked_head(session: Session) -> ChangeHead:
    """The head as it is after every writer before us, locked until our commit."""
    asked = select(ChangeHead).where(ChangeHead.id == 1).with_for_update().execution_options(populate_existing=True)
    return session.execute(asked).scalar_one()


def _numbered(session: Session, head: ChangeHead, article: Article, datestamp: datetime) -> datetime:
    head.number += 1
    article.change_number, article.datestamp = head.number, datestamp
    session.add(article)
    session.flush()
    session.connection().execute(_INSERT, _entry(article))
    return datestamp


def _entry(article: Article) -> dict[str, Any]:
    return {
        "number": article.change_number,
        "article_id": article.id,
        "version": article.version,
        "state": article.state,
        "datestamp": article.datestamp,
    }


def restamp(session: Session, article_id: str, seen: datetime, besides: Sequence[str] = ()) -> datetime | None:
    """Announce again a change whose datestamp ``seen`` was already past when it was committed; None if another has.

    ``besides`` are the articles that were announced with it: those that still bear the same datestamp go along.
    """
    ids = select(Article).where(Article.id.in_([article_id, *besides]), Article.datestamp == seen)
    # Locked before the head, as every writer does: who holds the head waits for nobody's article.
    late = session.execute(ids.order_by(Article.id).with_for_update()).scalars().all()
    if all(article.id != article_id for article in late):
        return None
    return announce_all(session, late)


def datestamp_of(session: Session, article_id: str, version: int) -> datetime | None:
    """The latest datestamp under which this version of this article was announced."""
    return session.execute(
        select(func.max(Change.datestamp)).where(Change.article_id == article_id, Change.version == version)
    ).scalar_one()
