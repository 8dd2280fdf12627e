"""The feed that harvesters read: articles in the order of their datestamps, one index range a page, never an offset.

A reader takes the clock first (:func:`repository.catalogue.changes.now`), in a
transaction of its own, then opens the transaction in which it reads, and never
looks past that moment, the *horizon*. Datestamps are given ahead of the clock,
so whatever such a reader does not see is stamped later than its horizon, and
asking again from that moment finds it. Core selects of plain tuples: a harvest
of millions of rows makes no objects of the mapper's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVarTuple

from sqlalchemy import ColumnElement, Select, exists, func, literal, select, tuple_
from sqlalchemy.orm import Session

from repository.models import Article, Moment, Publisher, Tally, Title, TitleIssn

MOST_COUNTED = 100_000
"""A list longer than this is not counted to the end: the count would cost more than the page."""

Columns = TypeVarTuple("Columns")


@dataclass(frozen=True, slots=True)
class Range:
    """A part of the feed that one index holds in order: everything, or one publisher's, or one journal's."""

    publisher_id: int | None = None
    title_id: int | None = None


WHOLE_FEED = Range()


@dataclass(frozen=True, slots=True)
class Span:
    """Which datestamps: ``since`` and ``until`` (a whole second, to its end), and none past the ``horizon``."""

    horizon: datetime
    since: datetime | None = None
    until: datetime | None = None

    @property
    def end(self) -> datetime:
        """The first moment that is no longer inside."""
        past = self.horizon + timedelta(microseconds=1)
        if self.until is None or self.until >= self.horizon:
            return past
        return min(past, self.until + timedelta(seconds=1))


class Entry(NamedTuple):
    """One article as the feed has it; ``record`` is None where only headers were asked for."""

    change_number: int
    datestamp: datetime
    article_id: str
    state: str
    title_id: int
    publisher_id: int
    record: dict[str, Any] | None = None


_HEADER = (
    Article.change_number,
    Article.datestamp,
    Article.id,
    Article.state,
    Article.title_id,
    Article.publisher_id,
)


def page(
    session: Session,
    part: Range,
    span: Span,
    *,
    after: tuple[datetime, int] | None,
    limit: int,
    records: bool,
) -> list[Entry]:
    """Up to ``limit`` entries of ``part`` inside ``span`` after the place ``after`` (datestamp, change number).

    Ordered by that place. The cost is that of the rows returned, however deep in the feed they stand.
    """
    columns = (*_HEADER, Article.record) if records else _HEADER
    if after is None:
        statement = _within(select(*columns), part, span)
    else:
        # The place is the only lower bound: given two, SQLite begins at the other and reads what was given before.
        place = tuple_(literal(after[0], Moment()), literal(after[1], Article.change_number.type))
        statement = _within(select(*columns), part, Span(span.horizon, None, span.until))
        statement = statement.where(tuple_(Article.datestamp, Article.change_number) > place)
    statement = statement.order_by(Article.datestamp, Article.change_number).limit(limit)
    return [Entry(*row) for row in session.execute(statement)]


def entry(session: Session, article_id: str) -> Entry | None:
    """One article, whether or not its datestamp has come; None if there is none."""
    row = session.execute(select(*_HEADER, Article.record).where(Article.id == article_id)).first()
    return Entry(*row) if row else None


def size(session: Session, part: Range, span: Span) -> int | None:
    """How many entries ``part`` has inside ``span``; None where counting them would be dear."""
    if part == WHOLE_FEED and span.since is None and span.until is None:
        kept = select(func.coalesce(func.sum(Tally.number), 0)).where(Tally.what == "articles").scalar_subquery()
        ahead = select(func.count()).where(Article.datestamp >= span.end).scalar_subquery()
        # One statement: both numbers belong to one moment of the catalogue.
        return int(session.execute(select(kept - ahead)).scalar_one())
    some = _within(select(Article.change_number), part, span).limit(MOST_COUNTED + 1).subquery()
    number = session.execute(select(func.count()).select_from(some)).scalar_one()
    return number if number <= MOST_COUNTED else None


def first(session: Session, horizon: datetime) -> tuple[datetime, str] | None:
    """The earliest datestamp of the feed, and the article that bears it; None while nothing can be harvested."""
    row = session.execute(
        _within(select(Article.datestamp, Article.id), WHOLE_FEED, Span(horizon))
        .order_by(Article.datestamp, Article.change_number)
        .limit(1)
    ).first()
    return (row[0], row[1]) if row else None


def range_of_publisher(session: Session, slug: str) -> Range | None:
    """The part of the feed that one publisher delivered; None for an unknown one."""
    row = session.execute(select(Publisher.id).where(Publisher.slug == slug)).first()
    return Range(publisher_id=row[0]) if row else None


def range_of_journal(session: Session, issn: str) -> Range | None:
    """The part of the feed that appeared in the journal to which ``issn`` leads; None for an unknown one."""
    row = session.execute(select(TitleIssn.title_id).where(TitleIssn.issn == issn)).first()
    return Range(title_id=row[0]) if row else None


def slugs(session: Session, publisher_ids: Collection[int]) -> dict[int, str]:
    """The slug of each of these publishers."""
    rows = session.execute(select(Publisher.id, Publisher.slug).where(Publisher.id.in_(publisher_ids)))
    return {row[0]: row[1] for row in rows}


def issns(session: Session, title_ids: Collection[int]) -> dict[int, str]:
    """One ISSN for each of these journals that has any: the linking one, else the electronic, else the print one.

    Only an ISSN that leads to this very journal is chosen, so that no two journals share one.
    """
    rows = session.execute(
        select(Title.id, TitleIssn.issn, Title.issn_l, Title.issn_electronic, Title.issn_print)
        .join(TitleIssn, TitleIssn.title_id == Title.id)
        .where(Title.id.in_(title_ids))
    )
    best: dict[int, tuple[int, str]] = {}
    for title_id, issn, *preferred in rows:
        candidate = (preferred.index(issn) if issn in preferred else len(preferred), issn)
        best[title_id] = min(best.get(title_id, candidate), candidate)
    return {title_id: issn for title_id, (_, issn) in best.items()}


def publishers(session: Session, after: int, limit: int, horizon: datetime) -> list[tuple[int, str, str]]:
    """Up to ``limit`` publishers with anything in the feed, after the row ``after``: row, slug, name."""
    inside = _any_of(Article.publisher_id == Publisher.id, horizon)
    statement = select(Publisher.id, Publisher.slug, Publisher.name).where(Publisher.id > after, inside)
    return [(row[0], row[1], row[2]) for row in session.execute(statement.order_by(Publisher.id).limit(limit))]


def journals(session: Session, after: int, limit: int, horizon: datetime) -> list[tuple[int, str, str]]:
    """Up to ``limit`` journals with an ISSN and anything in the feed, after the row ``after``: row, ISSN, name."""
    rows: Sequence[Any] = session.execute(
        select(Title.id, Title.name).where(Title.id > after, *_listed(horizon)).order_by(Title.id).limit(limit)
    ).all()
    chosen = issns(session, [row[0] for row in rows])
    return [(row[0], chosen[row[0]], row[1]) for row in rows]


def number_of_sets(session: Session, horizon: datetime) -> int:
    """How many publishers and journals :func:`publishers` and :func:`journals` list."""
    some = select(func.count()).select_from(Publisher).where(_any_of(Article.publisher_id == Publisher.id, horizon))
    others = select(func.count()).select_from(Title).where(*_listed(horizon))
    return int(session.execute(select(some.scalar_subquery() + others.scalar_subquery())).scalar_one())


def _within(statement: Select[*Columns], part: Range, span: Span) -> Select[*Columns]:
    statement = statement.where(Article.datestamp < span.end)
    if span.since is not None:
        statement = statement.where(Article.datestamp >= span.since)
    if part.publisher_id is not None:
        return statement.where(Article.publisher_id == part.publisher_id)
    if part.title_id is not None:
        return statement.where(Article.title_id == part.title_id)
    return statement


def _any_of(whose: ColumnElement[bool], horizon: datetime) -> ColumnElement[bool]:
    return exists().where(whose, Article.datestamp < Span(horizon).end)


def _listed(horizon: datetime) -> tuple[ColumnElement[bool], ...]:
    return _any_of(Article.title_id == Title.id, horizon), exists().where(TitleIssn.title_id == Title.id)
