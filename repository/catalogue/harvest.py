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
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple, TypeVarTuple

from sqlalchemy import ColumnElement, Select, bindparam, exists, func, literal, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from repository.catalogue import feed_days, sets
from repository.catalogue.parts import parts
from repository.catalogue.straight import Straight, moment_of
from repository.models import Article, HarvestSet, Moment, Publisher, SetMember, Title, TitleIssn
from repository.vocabulary import as_utc_text

MOST_COUNTED = 100_000
"""A list longer than this is not counted to the end: the count would cost more than the page."""

_AFTER_COLON = chr(ord(":") + 1)

Columns = TypeVarTuple("Columns")


@dataclass(frozen=True, slots=True)
class Range:
    """A part of the feed that one index holds in order: everything, one publisher's, one journal's, or one set's."""

    publisher_id: int | None = None
    title_id: int | None = None
    set_id: int | None = None

    @property
    def place(self) -> str:
        """Its name where days are counted (catalogue.sets)."""
        if self.publisher_id is not None:
            return sets.place_of_publisher(self.publisher_id)
        if self.title_id is not None:
            return sets.place_of_title(self.title_id)
        return feed_days.WHOLE if self.set_id is None else sets.place_of_set(self.set_id)


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

    @property
    def whole_days(self) -> bool:
        """Whether it begins and ends with a day (UTC), or not at all."""
        begins = self.since is None or self.since.time() == time()
        return begins and (self.until is None or self.until.time() == time(23, 59, 59))


class Entry(NamedTuple):
    """One article as the feed has it; ``record`` is None where only headers were asked for."""

    change_number: int
    datestamp: datetime
    article_id: str
    state: str
    title_id: int
    publisher_id: int
    places: list[str]
    record: dict[str, Any] | None = None


_HEADER = (
    Article.change_number,
    Article.datestamp,
    Article.id,
    Article.state,
    Article.title_id,
    Article.publisher_id,
    Article.places,
)


def numbers(session: Session, part: Range, span: Span, *, after: tuple[datetime, int] | None, limit: int) -> list[int]:
    """Up to ``limit`` change numbers of ``part`` inside ``span`` after the place ``after`` (datestamp, change number).

    Ordered by that place. They are read from the index alone, however deep in the feed they stand.
    """
    stamp, number = _key(part)
    if after is None:
        statement = _within(select(number), part, span)
    else:
        # The place is the only lower bound: given two, SQLite begins at the other and reads what was given before.
        place = tuple_(literal(after[0], Moment()), literal(after[1], Article.change_number.type))
        statement = _within(select(number), part, Span(span.horizon, None, span.until))
        statement = statement.where(tuple_(stamp, number) > place)
    return list(session.execute(statement.order_by(stamp, number).limit(limit)).scalars())


def entries(session: Session, wanted: Sequence[int], *, records: bool) -> list[Entry]:
    """What stands in the feed under these change numbers, in their order; what has gone on is passed over."""
    columns = (*_HEADER, Article.record) if records else _HEADER
    found: dict[int, Entry] = {}
    for some in parts(wanted):
        rows = session.execute(select(*columns).where(Article.change_number.in_(some)))
        found |= {row[0]: Entry(*row) for row in rows}
    return [found[one] for one in wanted if one in found]


def standing(session: Session, wanted: Sequence[int]) -> dict[int, datetime]:
    """The datestamps of those of these change numbers under which anything stands in the feed still."""
    found: dict[int, datetime] = {}
    for some in parts(wanted):
        rows = session.execute(select(Article.change_number, Article.datestamp).where(Article.change_number.in_(some)))
        found |= {row.change_number: row.datestamp for row in rows}
    return found


def place_of(session: Session, number: int) -> tuple[datetime, int]:
    """The place in the feed of what was announced under this number and stands there still."""
    stamp = session.execute(select(Article.datestamp).where(Article.change_number == number)).scalar_one()
    return stamp, number


def entry(session: Session, article_id: str) -> Entry | None:
    """One article, whether or not its datestamp has come; None if there is none."""
    row = session.execute(select(*_HEADER, Article.record).where(Article.id == article_id)).first()
    return Entry(*row) if row else None


def size(session: Session, part: Range, span: Span) -> int | None:
    """How many entries ``part`` has inside ``span``; None where counting them would be dear.

    Of whole days it is known from what is counted of each (catalogue.feed_days).
    """
    _, number = _key(part)
    if span.whole_days:
        since = as_utc_text(span.since)[:10] if span.since else feed_days.FIRST_DAY
        until = as_utc_text(span.until)[:10] if span.until else feed_days.LAST_DAY
        ahead = select(func.count()).select_from(_beyond(select(number), part, span).subquery())
        return feed_days.number(session, part.place, since, until) - session.execute(ahead).scalar_one()
    some = _within(select(number), part, span).limit(MOST_COUNTED + 1).subquery()
    counted = session.execute(select(func.count()).select_from(some)).scalar_one()
    return counted if counted <= MOST_COUNTED else None


def first(session: Session, horizon: datetime) -> tuple[datetime, str] | None:
    """The earliest datestamp of the feed, and the article that bears it; None while nothing can be harvested."""
    row = session.execute(
        _within(select(Article.datestamp, Article.id), WHOLE_FEED, Span(horizon))
        .order_by(Article.datestamp, Article.change_number)
        .limit(1)
    ).first()
    return (row[0], row[1]) if row else None


_LATEST = Straight(
    select(Article.__table__.c.datestamp, Article.__table__.c.change_number)
    .where(Article.__table__.c.datestamp < bindparam("end", type_=Moment()))
    .order_by(Article.__table__.c.datestamp.desc(), Article.__table__.c.change_number.desc())
    .limit(1)
)


def latest(session: Session, span: Span) -> tuple[datetime, int] | None:
    """The place of the newest record that is not past the end of ``span``, wherever that begins; None without one."""
    rows = _LATEST(session, {"end": span.end})
    return (moment_of(rows[0][0]), rows[0][1]) if rows else None


def range_of_publisher(session: Session, slug: str) -> Range | None:
    """The part of the feed that one publisher delivered; None for an unknown one."""
    row = session.execute(select(Publisher.id).where(Publisher.slug == slug)).first()
    return Range(publisher_id=row[0]) if row else None


def range_of_journal(session: Session, issn: str) -> Range | None:
    """The part of the feed that appeared in the journal to which ``issn`` leads; None for an unknown one."""
    row = session.execute(select(TitleIssn.title_id).where(TitleIssn.issn == issn)).first()
    return Range(title_id=row[0]) if row else None


def range_of_set(session: Session, spec: str) -> Range | None:
    """The part of the feed that stands in the set of this setSpec; None for an unknown one."""
    row = session.execute(select(HarvestSet.id).where(HarvestSet.spec == spec)).first()
    return Range(set_id=row[0]) if row else None


def slugs(session: Session, publisher_ids: Collection[int]) -> dict[int, str]:
    """The slug of each of these publishers."""
    rows = session.execute(select(Publisher.id, Publisher.slug).where(Publisher.id.in_(publisher_ids)))
    return {row[0]: row[1] for row in rows}


def issns(session: Session, title_ids: Collection[int]) -> dict[int, str]:
    """The ISSN that names the set of each of these journals, where it has one."""
    rows = session.execute(select(Title.id, Title.set_issn).where(Title.id.in_(title_ids), Title.set_issn.is_not(None)))
    return {row.id: row.set_issn for row in rows}


def specs(session: Session, entries: Sequence[Entry]) -> dict[int, list[str]]:
    """By change number, the setSpecs of the further sets in which each of these stands."""
    numbers = {one.change_number: sets.sets_among(one.places) for one in entries}
    known: dict[int, str] = {}
    for some in parts(sorted({number for each in numbers.values() for number in each})):
        rows = session.execute(select(HarvestSet.id, HarvestSet.spec).where(HarvestSet.id.in_(some)))
        known |= {row.id: row.spec for row in rows}
    return {entry: [known[number] for number in each] for entry, each in numbers.items()}


def publishers(session: Session, after: int, limit: int, horizon: datetime) -> list[tuple[int, str, str]]:
    """Up to ``limit`` publishers with anything in the feed, after the row ``after``: row, slug, name."""
    inside = _any_of(Article.publisher_id == Publisher.id, horizon)
    statement = select(Publisher.id, Publisher.slug, Publisher.name).where(Publisher.id > after, inside)
    return [(row[0], row[1], row[2]) for row in session.execute(statement.order_by(Publisher.id).limit(limit))]


def journals(session: Session, after: int, limit: int, horizon: datetime) -> list[tuple[int, str, str]]:
    """Up to ``limit`` journals with an ISSN and anything in the feed, after the row ``after``: row, ISSN, name."""
    rows = session.execute(
        select(Title.id, Title.set_issn, Title.name)
        .where(Title.id > after, *_listed(horizon))
        .order_by(Title.id)
        .limit(limit)
    )
    return [(row.id, row.set_issn, row.name) for row in rows]


def number_of_sets(session: Session, horizon: datetime) -> int:
    """How many :func:`publishers`, :func:`journals` and :func:`others` list together."""
    some = select(func.count()).select_from(Publisher).where(_any_of(Article.publisher_id == Publisher.id, horizon))
    journals = select(func.count()).select_from(Title).where(*_listed(horizon))
    rest = select(func.count()).select_from(HarvestSet).where(_any_member(horizon))
    together = some.scalar_subquery() + journals.scalar_subquery() + rest.scalar_subquery()
    return int(session.execute(select(together)).scalar_one())


def _key(part: Range) -> tuple[InstrumentedAttribute[datetime], InstrumentedAttribute[int]]:
    """By which columns this part of the feed is read in order."""
    table = Article if part.set_id is None else SetMember
    return table.datestamp, table.change_number


def _within(statement: Select[*Columns], part: Range, span: Span) -> Select[*Columns]:
    stamp, _ = _key(part)
    statement = _of(statement, part).where(stamp < span.end)
    return statement if span.since is None else statement.where(stamp >= span.since)


def _beyond(statement: Select[*Columns], part: Range, span: Span) -> Select[*Columns]:
    """What is stamped, but not to be shown yet: of the last seconds alone."""
    stamp, _ = _key(part)
    statement = _of(statement, part).where(stamp > span.horizon)
    return statement if span.until is None else statement.where(stamp <= span.until)


def _of(statement: Select[*Columns], part: Range) -> Select[*Columns]:
    if part.publisher_id is not None:
        return statement.where(Article.publisher_id == part.publisher_id)
    if part.title_id is not None:
        return statement.where(Article.title_id == part.title_id)
    return statement if part.set_id is None else statement.where(SetMember.set_id == part.set_id)


def others(session: Session, after: int, limit: int, horizon: datetime) -> list[tuple[int, str, str]]:
    """Up to ``limit`` further sets with anything in the feed, after the row ``after``: row, setSpec, name."""
    inside = _any_member(horizon)
    rows = session.execute(
        select(HarvestSet.id, HarvestSet.spec, HarvestSet.name)
        .where(HarvestSet.id > after, inside)
        .order_by(HarvestSet.id)
        .limit(limit)
    )
    return [(row.id, row.spec, row.name) for row in rows]


def below(session: Session, parent: str, after: str, limit: int, horizon: datetime) -> list[tuple[int, str, str, bool]]:
    """Up to ``limit`` further sets directly below ``parent`` with anything in the feed, after the setSpec ``after``.

    In the order of their setSpecs: row, setSpec, name, and whether there are others below it.
    """
    deeper = aliased(HarvestSet)
    has_more = exists().where(deeper.spec > HarvestSet.spec + ":", deeper.spec < HarvestSet.spec + _AFTER_COLON)
    rows = session.execute(
        select(HarvestSet.id, HarvestSet.spec, HarvestSet.name, has_more)
        .where(HarvestSet.spec > max(after, f"{parent}:"), HarvestSet.spec < parent + _AFTER_COLON)
        .where(~HarvestSet.spec.like(f"{parent}:%:%"), _any_member(horizon))
        .order_by(HarvestSet.spec)
        .limit(limit)
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def set_name(session: Session, spec: str) -> str | None:
    """What a further set is called; None for an unknown one."""
    return session.execute(select(HarvestSet.name).where(HarvestSet.spec == spec)).scalar()


def _any_member(horizon: datetime) -> ColumnElement[bool]:
    return exists().where(SetMember.set_id == HarvestSet.id, SetMember.datestamp < Span(horizon).end)


def _any_of(whose: ColumnElement[bool], horizon: datetime) -> ColumnElement[bool]:
    return exists().where(whose, Article.datestamp < Span(horizon).end)


def _listed(horizon: datetime) -> tuple[ColumnElement[bool], ...]:
    return _any_of(Article.title_id == Title.id, horizon), Title.set_issn.is_not(None)
