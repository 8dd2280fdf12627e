"""What the operators of the door watch: each publisher's day, the queue, and deliveries found by a name or a DOI."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Select, func, literal, select, tuple_
from sqlalchemy.orm import Session

from repository.catalogue.browse import DeliveryLine, delivery_lines
from repository.catalogue.deliveries import OF_PUBLISHER, folded, tally_place
from repository.models import Delivery, DeliveryArticle, DeliveryName, Moment, Publisher, Tally
from repository.vocabulary import ArticleRecord, DeliveryState, article_id, bare_doi

_LARGEST = "\U0010ffff"
_MOST_NAMES = 1000

_STATES = tuple(DeliveryState)
"""Said where some are counted by state since a moment: else SQLite reads all, in the order of their states."""


@dataclass(frozen=True, slots=True)
class PublisherDay:
    """One publisher at the door: what came since a moment, by what became of it, and what waits now."""

    id: int
    name: str
    slug: str
    last_delivery: datetime | None
    oldest_waiting: datetime | None
    since: dict[str, int] = field(default_factory=dict)
    """State to the number of deliveries accepted since then."""
    now: dict[str, int] = field(default_factory=dict)
    """State to the number of all deliveries."""

    @property
    def received(self) -> int:
        """How many deliveries came since then, whatever became of them."""
        return sum(self.since.values())


@dataclass(frozen=True, slots=True)
class Waiting:
    """A delivery whose story is not finished."""

    id: str
    publisher: str
    file_names: tuple[str, ...]
    bytes: int
    accepted_on: datetime
    stage: str | None
    done: int
    expected: int
    attempts: int
    held_up: str | None


def publishers(
    session: Session, since: datetime, *, after: tuple[str, int] | None = None, limit: int
) -> list[PublisherDay]:
    """The next publishers by name, each with its deliveries since ``since``: four queries, however many there are."""
    of_it = Delivery.publisher_id == Publisher.id
    last = select(func.max(Delivery.accepted_on)).where(of_it).correlate(Publisher).scalar_subquery()
    oldest = (
        select(func.min(Delivery.accepted_on))
        .where(of_it, Delivery.state == DeliveryState.RECEIVED)
        .correlate(Publisher)
        .scalar_subquery()
    )
    statement = select(Publisher.id, Publisher.name, Publisher.slug, last, oldest)
    if after is not None:
        statement = statement.where(tuple_(Publisher.slug, Publisher.id) > tuple_(literal(after[0]), literal(after[1])))
    rows = session.execute(statement.order_by(Publisher.slug, Publisher.id).limit(limit))
    days = [PublisherDay(*row) for row in rows]
    by_id = {day.id: day for day in days}
    counted = session.execute(
        select(Delivery.publisher_id, Delivery.state, func.count())
        .where(Delivery.publisher_id.in_(by_id), Delivery.state.in_(_STATES), Delivery.accepted_on >= since)
        .group_by(Delivery.publisher_id, Delivery.state)
    )
    for publisher, state, number in counted:
        by_id[publisher].since[state] = number
    by_place = {tally_place(day.slug): day for day in days}
    kept = session.execute(
        select(Tally.place, Tally.state, Tally.number).where(Tally.what == OF_PUBLISHER, Tally.place.in_(by_place))
    )
    for place, state, number in kept:
        if number:
            by_place[place].now[state] = number
    return days


def counts_of(session: Session, slug: str) -> dict[str, int]:
    """State to the number of one publisher's deliveries."""
    rows = session.execute(
        select(Tally.state, Tally.number).where(Tally.what == OF_PUBLISHER, Tally.place == tally_place(slug))
    )
    return {state: number for state, number in rows if number}


def counts_within(session: Session, publisher: int | None, since: datetime, until: datetime) -> dict[str, int]:
    """State to the number of the deliveries that came from ``since`` on and before ``until``: costs as many rows."""
    where = [Delivery.state.in_(_STATES), Delivery.accepted_on >= since, Delivery.accepted_on < until]
    if publisher is not None:
        where.append(Delivery.publisher_id == publisher)
    rows = session.execute(select(Delivery.state, func.count()).where(*where).group_by(Delivery.state))
    return {row[0]: row[1] for row in rows}


def queue(session: Session, *, after: tuple[datetime, str] | None = None, limit: int) -> list[Waiting]:
    """The deliveries that are not finished, the longest waiting first."""
    statement = select(Delivery, Publisher.name)
    if after is not None:
        place = tuple_(literal(after[0], Moment()), literal(after[1]))
        statement = statement.where(tuple_(Delivery.accepted_on, Delivery.id) > place)
    return _waiting(session, statement, limit)


def paused(session: Session, *, limit: int) -> list[Waiting]:
    """The first of the queue that say for what they wait."""
    return _waiting(session, select(Delivery, Publisher.name).where(Delivery.held_up.is_not(None)), limit)


def finished_before(session: Session, state: str, moment: datetime, *, up_to: int) -> tuple[int, datetime | None]:
    """How many deliveries have been in ``state`` since before ``moment``, counted no further than ``up_to``; the first
    of them, by when it came in, since when."""
    rows = session.execute(
        select(Delivery.finished_at)
        .where(Delivery.state == state, Delivery.accepted_on < moment, Delivery.finished_at < moment)
        .order_by(Delivery.accepted_on, Delivery.id)
        .limit(up_to)
    )
    moments = rows.scalars().all()
    return len(moments), moments[0] if moments else None


def _waiting(session: Session, statement: Select[Delivery, str], limit: int) -> list[Waiting]:
    rows = session.execute(
        statement.join(Publisher, Publisher.id == Delivery.publisher_id)
        .where(Delivery.state == DeliveryState.RECEIVED)
        .order_by(Delivery.accepted_on, Delivery.id)
        .limit(limit)
    )
    return [
        Waiting(
            id=row.Delivery.id,
            publisher=row.name,
            file_names=tuple(row.Delivery.file_names),
            bytes=row.Delivery.bytes,
            accepted_on=row.Delivery.accepted_on,
            stage=row.Delivery.stage,
            done=row.Delivery.done,
            expected=row.Delivery.expected,
            attempts=row.Delivery.attempts,
            held_up=row.Delivery.held_up,
        )
        for row in rows
    ]


def found(session: Session, words: str, *, limit: int) -> list[DeliveryLine]:
    """Deliveries with this id, of an article with this DOI or id, or with a file whose name begins so; newest first.

    Of more than a thousand with such a name only those that come first by name are looked at.
    """
    asked = words.strip()
    articles = (asked, article_id(ArticleRecord(doi=bare_doi(asked))))
    wanted = [
        Delivery.id == asked,
        Delivery.id.in_(select(DeliveryArticle.delivery_id).where(DeliveryArticle.article_id.in_(articles))),
    ]
    if name := folded(asked):
        named = select(DeliveryName.delivery_id).where(
            DeliveryName.folded >= name, DeliveryName.folded < name + _LARGEST
        )
        few = named.order_by(DeliveryName.folded, DeliveryName.delivery_id).limit(_MOST_NAMES).subquery()
        wanted.append(Delivery.id.in_(select(few.c.delivery_id)))
    lines = {line.id: line for where in wanted for line in delivery_lines(session, where, limit=limit)}
    newest_first = sorted(lines.values(), key=lambda line: (line.accepted_on, line.id), reverse=True)
    return newest_first[:limit]
