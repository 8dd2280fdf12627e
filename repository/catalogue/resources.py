"""Bags as other archives are told of them: listed by ranges of their numbers, and changed as the change log says.

Nothing is counted and no row is skipped: a part of the list is a range of AIP numbers, a part of the changes a range
of change numbers, so that each lies under the same address for ever and costs the same however many there are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session

from repository.catalogue import changes, heads
from repository.catalogue.browse import Place, places_of
from repository.catalogue.harvest import Span
from repository.catalogue.parts import parts
from repository.models import Aip, Article, Change, Copy, Publisher
from repository.vocabulary import GIVEN_UP, ArticleState, CopyState, Digest, bag_key, bag_name

Publishers = Collection[int] | None
"""Whose bags: the rows of these publishers; None: everybody's."""

EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""From when on a log tells every change that never lost any: the same for each who asks, at whatever moment."""

_KEPT = exists().where(Copy.aip_id == Aip.id, Copy.state.not_in(GIVEN_UP))


class ChangeKind(StrEnum):
    """What became of a bag, in the words of ResourceSync (ANSI/NISO Z39.99-2017, section 12.1)."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Resource:
    """One bag: a version of an article, its seal, its length, and since when it is kept."""

    number: int
    article_id: str
    version: int
    seal: str
    bytes: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Changed:
    """One change of one bag."""

    kind: ChangeKind
    at: datetime
    resource: Resource


@dataclass(frozen=True, slots=True)
class FoundBag:
    """A whole bag, and the stores whose copy of it is known to be good: no other is given out."""

    article_id: str
    version: int
    aip_id: int
    bytes: int
    seal: str
    publisher_id: int
    places: tuple[Place, ...]

    @property
    def key(self) -> str:
        """Its key in every store."""
        return bag_key(self.article_id, self.version)

    @property
    def path(self) -> str:
        """What it is called when it is given out."""
        return f"{bag_name(self.article_id, self.version)}.tar"

    @property
    def offset(self) -> int:
        """It begins where the object begins."""
        return 0

    @property
    def digest(self) -> Digest:
        """The seal."""
        return Digest("sha256", self.seal)


def publishers_named(session: Session, names: Collection[str]) -> frozenset[int]:
    """The rows of the publishers of these names; a name that the archive does not know has none."""
    return frozenset(session.scalars(select(Publisher.id).where(Publisher.name.in_(names))))


def bag(session: Session, article_id: str, version: int) -> FoundBag | None:
    """The bag of this version as long as its article is shown and some store keeps it; None otherwise."""
    found = session.execute(
        select(Aip.id, Aip.bytes, Aip.seal, Article.publisher_id)
        .join(Article, Article.id == Aip.article_id)
        .where(Aip.article_id == article_id, Aip.version == version, Article.state == ArticleState.ACTIVE, _KEPT)
    ).first()
    if found is None:
        return None
    places = tuple(place for place in places_of(session, found.id) if place.state == CopyState.INTACT)
    return FoundBag(article_id, version, found.id, found.bytes, found.seal, found.publisher_id, places)


def last_number(session: Session) -> int:
    """The greatest number of a bag; 0 where there is none."""
    return session.execute(select(func.max(Aip.id))).scalar_one() or 0


def listed(session: Session, after: int, until: int, whose: Publishers, limit: int) -> list[Resource]:
    """Up to ``limit`` bags of articles that are shown, with numbers greater than ``after`` and at most ``until``."""
    asked = (
        select(Aip.id, Aip.article_id, Aip.version, Aip.seal, Aip.bytes, Aip.registered_at)
        .join(Article, Article.id == Aip.article_id)
        .where(Aip.id > after, Aip.id <= until, Article.state == ArticleState.ACTIVE, _KEPT, *_of(whose))
        .order_by(Aip.id)
        .limit(limit)
    )
    return [Resource(*row) for row in session.execute(asked)]


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where the log of changes begins: its first number, the first that is a change, and from when on all are told.

    What a catalogue that was written again from its bags entered then are no changes. Of what stands there it is told
    alone what was withdrawn before: a client that is to begin anew hears of it so.
    """

    lowest: int
    number: int
    since: datetime


def log_begins(session: Session) -> Beginning | None:
    """Where the log begins; None while there is none."""
    moment = max((one.at for one in heads.declarations(session)), default=None)
    first = session.execute(select(Change.number, Change.datestamp).order_by(Change.number).limit(1)).first()
    if first is None:
        return Beginning(1, 1, moment) if moment else None
    if moment is None:
        return Beginning(first.number, first.number, EVER)
    low, high = first.number, changes.last_number(session) + 1
    while low < high:  # datestamps ascend with the numbers from that moment on, and before it all are earlier
        middle = (low + high) // 2
        found = session.execute(
            select(Change.number, Change.datestamp).where(Change.number >= middle).order_by(Change.number).limit(1)
        ).first()
        if found is None or found.datestamp >= moment:
            high = middle
        else:
            low = found.number + 1
    return Beginning(first.number, low, moment)


def last_change(session: Session, horizon: datetime) -> int:
    """The number of the last change whose datestamp the clock has reached; 0 where there is none."""
    reached = select(Change.number).where(Change.datestamp < Span(horizon).end).order_by(Change.number.desc()).limit(1)
    return session.execute(reached).scalar() or 0


def datestamps(session: Session, numbers: Sequence[int]) -> dict[int, datetime]:
    """When each of these changes was made."""
    found: dict[int, datetime] = {}
    for some in parts(numbers):
        rows = session.execute(select(Change.number, Change.datestamp).where(Change.number.in_(some)))
        found |= {row.number: row.datestamp for row in rows}
    return found


def changed(
    session: Session, first: int, last: int, whose: Publishers, horizon: datetime, begins: Beginning
) -> list[Changed]:
    """What became of which bag by the changes ``first`` to ``last``, in their order, as far as the clock has come.

    A version that is announced again is ``updated``, also where its bytes are the same: what is announced twice was
    announced too late the first time, and nobody may miss it.
    """
    now = session.execute(
        select(Change.number, Change.article_id, Change.version, Change.state, Change.datestamp)
        .join(Article, Article.id == Change.article_id)
        .where(
            Change.number.between(first, last),
            or_(Change.number >= begins.number, Change.state != ArticleState.ACTIVE),
            Change.datestamp < Span(horizon).end,
            *_of(whose),
        )
        .order_by(Change.number)
    ).all()
    articles = sorted({row.article_id for row in now})
    before = _states(session, articles, max(last, begins.number - 1))
    bags = _bags(session, articles)
    found = []
    for row in now:
        told = before[row.article_id]
        place = next(index for index, one in enumerate(told) if one[0] == row.number)
        at = max(row.datestamp, begins.since)
        if row.number < begins.number and told[place + 1 :] and told[place + 1][0] < begins.number:
            continue  # not how it stood in the end
        shown = told[place - 1][1] if place and told[place - 1][2] == ArticleState.ACTIVE else 0
        for resource, kept in bags.get(row.article_id, ()):
            if resource.version > row.version:
                continue
            if row.state != ArticleState.ACTIVE:
                found.append(Changed(ChangeKind.DELETED, at, resource))
            elif kept and resource.version > shown:
                found.append(Changed(ChangeKind.CREATED, at, resource))
            elif kept and resource.version == row.version:
                found.append(Changed(ChangeKind.UPDATED, at, resource))
    return found


def _states(session: Session, articles: Sequence[str], last: int) -> dict[str, list[tuple[int, int, str]]]:
    """Number, version and state of every change of these articles up to ``last``."""
    found: dict[str, list[tuple[int, int, str]]] = {}
    for some in parts(articles):
        rows = session.execute(
            select(Change.article_id, Change.number, Change.version, Change.state)
            .where(Change.article_id.in_(some), Change.number <= last)
            .order_by(Change.number)
        )
        for row in rows:
            found.setdefault(row.article_id, []).append((row.number, row.version, row.state))
    return found


def _bags(session: Session, articles: Sequence[str]) -> dict[str, list[tuple[Resource, bool]]]:
    """The bags of these articles in the order of their versions, and whether any store still keeps each."""
    found: dict[str, list[tuple[Resource, bool]]] = {}
    for some in parts(articles):
        rows = session.execute(
            select(Aip.id, Aip.article_id, Aip.version, Aip.seal, Aip.bytes, Aip.registered_at, _KEPT)
            .where(Aip.article_id.in_(some))
            .order_by(Aip.article_id, Aip.version)
        )
        for number, article, version, seal, octets, since, kept in rows:
            resource = Resource(number, article, version, seal, octets, since)
            found.setdefault(article, []).append((resource, bool(kept)))
    return found


def _of(whose: Publishers) -> tuple[ColumnElement[bool], ...]:
    return () if whose is None else (Article.publisher_id.in_(whose),)
