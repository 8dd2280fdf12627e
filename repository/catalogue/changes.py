"""The change log: every change that a harvester must hear of gets the next number, in the order in which it is seen.

The row of :class:`~repository.models.ChangeHead` is locked from the moment the
number is taken to the commit, so numbers become visible in their order, on
SQLite (one writer) and on PostgreSQL (row lock) alike. The datestamp lies one
to two seconds ahead of the clock and readers show only what is not ahead of
theirs: a record becomes visible exactly when the clock reaches its datestamp,
so nothing older than an answer already given can appear afterwards. A commit so
slow that the clock overtook it is announced again (:func:`in_time`), also when
its process was killed before it could look (:func:`take_up`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, insert, select
from sqlalchemy.orm import Session

from repository.catalogue import Catalogue, feed_days, opened, sets
from repository.catalogue.parts import parts
from repository.models import Announcement, Article, Change, ChangeHead
from repository.vocabulary import ArticleState, utc_now

AHEAD = timedelta(seconds=1)
_TO_WRITE = timedelta(seconds=3)
_FAR_AHEAD = timedelta(minutes=1)
_LEFT = timedelta(seconds=30)
"""An announcement that is unsettled so long after its datestamp has been left behind."""

_A_SECOND = 1000
"""Articles that are surely written down in a second."""

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
    return announce_all(session, [article])


def announce_all(session: Session, articles: Sequence[Article], *, promised: datetime | None = None) -> datetime:
    """As :func:`announce`, for several articles: the next numbers in their order, and one datestamp for all.

    That datestamp is the one ``promised`` (by :func:`promise`), unless the clock has come too near to it meanwhile.
    """
    head, places, moment = _locked_head_and_places(session, articles)
    soonest = moment.replace(microsecond=0) + timedelta(seconds=1) + AHEAD
    if promised is None or promised > soonest + _FAR_AHEAD:
        promised = soonest  # by a clock that went wrong: everything after it would wait for that moment
    # Many take a while to write, and the moment must still be to come when they are there.
    soonest += timedelta(seconds=len(articles) // _A_SECOND)
    head.datestamp = max(head.datestamp, soonest, promised)
    if articles:
        told = Announcement(first=head.number + 1, last=head.number + len(articles), datestamp=head.datestamp)
        session.add(told)
    _numbered(session, head, articles, [head.datestamp] * len(articles), places)
    return head.datestamp


def promise(session: Session) -> datetime:
    """A datestamp that can be written down before bytes move: a few seconds ahead, time enough for small objects."""
    head = session.execute(select(ChangeHead.datestamp)).scalar_one()
    return max(head, now(session).replace(microsecond=0) + timedelta(seconds=1) + AHEAD + _TO_WRITE)


def announce_as_they_were(session: Session, told: Sequence[tuple[Article, datetime]]) -> None:
    """Give each the next number with a datestamp of the past: only for a catalogue written again from its bags."""
    if not told:
        return
    articles = [article for article, _ in told]
    head, places, _ = _locked_head_and_places(session, articles)
    head.datestamp = max(head.datestamp, *(datestamp for _, datestamp in told))
    _numbered(session, head, articles, [datestamp for _, datestamp in told], places)


def _locked_head_and_places(
    session: Session, articles: Sequence[Article]
) -> tuple[ChangeHead, dict[str, list[str]], datetime]:
    """The head, locked, where the articles belong at that moment, and the moment by the clock that stamps.

    Where they belong is worked out before, so that nobody waits for it; but a trigger may have opened or closed
    something while we waited for the head, and whoever tells of that looks for changes that bear lower numbers than
    ours.
    """
    triggers = opened.standing(session, utc_now())
    places = sets.places_of(session, articles, triggers)
    head, moment = _locked_head(session), now(session)
    since = opened.standing(session, moment)
    return head, places if since == triggers else sets.places_of(session, articles, since), moment


def last_number_of_all(session: Session) -> int:
    """The number of the last change once every writer before us has committed; they wait for our commit."""
    return _locked_head(session).number


def _locked_head(session: Session) -> ChangeHead:
    """The head as it is after every writer before us, locked until our commit."""
    asked = select(ChangeHead).where(ChangeHead.id == 1).with_for_update().execution_options(populate_existing=True)
    return session.execute(asked).scalar_one()


def _numbered(
    session: Session,
    head: ChangeHead,
    articles: Sequence[Article],
    datestamps: Sequence[datetime],
    places: Mapping[str, list[str]],
) -> None:
    """Give each article the next number; it leaves the places in the feed where it stood for those where it belongs."""
    told = _told(session, [article.change_number for article in articles if article.change_number > 0])
    stood = [
        sets.Standing(article.id, article.datestamp, article.change_number, article.places)
        for article in articles
        if article.change_number > 0
    ]
    for article, datestamp in zip(articles, datestamps, strict=True):
        head.number += 1
        article.change_number, article.datestamp = head.number, datestamp
        article.places = places[article.id]
    session.add_all(articles)
    session.flush()
    if articles:
        session.connection().execute(_INSERT, [_entry(article) for article in articles])
    sets.leave(session, stood)
    sets.join(session, articles)
    feed_days.moved(
        session,
        ((_line(one.article_id, one.datestamp, told[one.change_number]), one.places) for one in stood),
        ((_line(one.id, one.datestamp, one.state), one.places) for one in articles),
    )


def _told(session: Session, numbers: Sequence[int]) -> dict[int, str]:
    """In which state an article was announced, by the number of the change."""
    found: dict[int, str] = {}
    for some in parts(numbers):
        rows = session.execute(select(Change.number, Change.state).where(Change.number.in_(some)))
        found |= {row.number: row.state for row in rows}
    return found


def _line(article_id: str, datestamp: datetime, state: str) -> feed_days.Line:
    return feed_days.Line(article_id, datestamp, state == ArticleState.WITHDRAWN)


def _entry(article: Article) -> dict[str, Any]:
    return {
        "number": article.change_number,
        "article_id": article.id,
        "version": article.version,
        "state": article.state,
        "datestamp": article.datestamp,
    }


def in_time(catalogue: Catalogue, datestamp: datetime) -> datetime:
    """``datestamp``, under which changes have just been committed, or the one under which they were announced again.

    To be called after every commit that announced something: were the clock already past the
    datestamp when the commit was done, a harvester might have gone past it too. Whoever is killed
    before this call leaves the announcement unsettled, and the clock announces it again
    (:func:`take_up`). Raises DatabaseUnavailable.
    """
    while True:
        with suppress(_Overtaken), catalogue.writing() as session:
            session.execute(delete(Announcement).where(Announcement.datestamp == datestamp))
            # After the deletion: whatever it found had been committed before this moment.
            if now(session) >= datestamp:
                raise _Overtaken
            return datestamp
        with catalogue.writing() as session:
            again = _announced_again(session, select(Announcement).where(Announcement.datestamp == datestamp))
        if again is None:
            return datestamp  # all of it was announced again, by others or with later changes
        datestamp = again


def take_up(catalogue: Catalogue) -> datetime | None:
    """Announce again what somebody announced who has not come back since to see whether he was in time.

    Returned is the new datestamp, None when there was nothing. Raises DatabaseUnavailable.
    """
    with catalogue.reading() as session:
        left = now(session) - _LEFT
        if session.execute(select(Announcement.first).where(Announcement.datestamp < left)).first() is None:
            return None
    with catalogue.writing() as session:
        again = _announced_again(session, select(Announcement).where(Announcement.datestamp < left))
    return None if again is None else in_time(catalogue, again)


class _Overtaken(Exception):
    """The clock has reached a datestamp before its commit was known to be done."""


def _announced_again(session: Session, left: Select[Announcement]) -> datetime | None:
    """What these announcements told of and nobody has announced since, under a new datestamp; None if there is none."""
    rows = session.execute(left.order_by(Announcement.first).with_for_update()).scalars().all()
    ids: set[str] = set()
    for row in rows:
        of_it = select(Article.id).where(Article.change_number.between(row.first, row.last))
        ids.update(session.execute(of_it).scalars())
        session.delete(row)
    session.flush()
    # Before the head, as every writer does: who holds the head waits for nobody's article.
    still = [one for one in locked(session, ids) if any(row.first <= one.change_number <= row.last for row in rows)]
    return announce_all(session, still) if still else None


def locked(session: Session, ids: Iterable[str]) -> list[Article]:
    """The articles with these ids as they are now, locked; in one order everywhere, so that two transactions never
    wait for each other."""
    found: list[Article] = []
    for some in parts(sorted(ids)):
        rows = select(Article).where(Article.id.in_(some)).order_by(Article.id).with_for_update()
        found += session.execute(rows.execution_options(populate_existing=True)).scalars()
    return found


def last_number(session: Session) -> int:
    """The number of the last change that has been announced; 0 before the first."""
    return session.execute(select(ChangeHead.number)).scalar_one()


def datestamp_of(session: Session, article_id: str, version: int) -> datetime | None:
    """The latest datestamp under which this version of this article was announced."""
    return session.execute(
        select(func.max(Change.datestamp)).where(Change.article_id == article_id, Change.version == version)
    ).scalar_one()
