"""What the night watch is asked of its copies: figures that lead to lists, and lists that lead to copies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, UnaryExpression, and_, false, or_, select, update
from sqlalchemy.orm import Session

from repository.catalogue import copies, tallies
from repository.catalogue.tallies import Count
from repository.models import Aip, Article, Copy
from repository.vocabulary import CopyState

COUNT_NO_FURTHER = 10_000
"""A figure that nobody keeps is counted up to here; beyond it a page says "more than"."""

ATTENTION = (CopyState.DAMAGED.value, CopyState.MISSING.value, copies.UNREADABLE)
"""The states that somebody has to look at, the worst first."""


@dataclass(frozen=True, slots=True)
class CopyLine:
    """One copy in a list."""

    aip_id: int
    store: str
    article_id: str
    version: int
    title: str | None
    seal: str
    bytes: int
    state: str
    verified_at: datetime | None
    unreadable_since: datetime | None
    next_due: datetime


@dataclass(frozen=True, slots=True)
class Promise:
    """Within how many days each copy is read to the end again, by store."""

    days: Mapping[str, float]
    otherwise: float = 90.0

    def of(self, store: str) -> float:
        """The days promised for ``store``."""
        return self.days.get(store, self.otherwise)

    def since(self, store: str, at: datetime) -> datetime:
        """A copy in ``store`` that was last verified before this moment is overdue at ``at``."""
        return at - timedelta(days=self.of(store))


BY_AGE = ("overdue", "within", "oldest")
"""Verified longer ago than promised · intact and verified in time · all, the longest ago first."""

QUESTIONS = (*BY_AGE, "never")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which copies a list shows: of one store or all, in one state or any, answering one of the :data:`QUESTIONS`."""

    store: str | None = None
    state: str | None = None
    question: str | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """The figures of the dashboard, all read at one moment."""

    states: dict[tuple[str, str], Count]
    total: Count
    within: Count
    never: Count
    overdue: Count
    overdue_is_more: bool
    oldest: datetime | None

    def of_state(self, state: str) -> Count:
        """How many copies are in ``state``, over all stores."""
        return added(count for (_place, name), count in self.states.items() if name == state)

    @property
    def stores(self) -> list[str]:
        """The stores in which there is a copy."""
        return sorted({place for place, _state in self.states})


def added(counts: Iterable[Count]) -> Count:
    """The sum of these counts."""
    every = list(counts)
    return Count(sum(count.number for count in every), sum(count.bytes for count in every))


def figures(session: Session, promise: Promise, at: datetime) -> Watched:
    """The dashboard's figures. Nothing here reads more than :data:`COUNT_NO_FURTHER` rows of a large table."""
    states = tallies.of(session, "copies")
    stores = sorted({store for store, _state in states})
    late = session.execute(
        select(Copy.state, Copy.unreadable_since, Aip.bytes)
        .join(Aip, Aip.id == Copy.aip_id)
        .where(*_late(promise, stores, at))
        .order_by(Copy.verified_at, Copy.aip_id)
        .limit(COUNT_NO_FURTHER + 1)
    ).all()
    intact = added(count for (_store, state), count in states.items() if state == CopyState.INTACT)
    late_intact = [row.bytes for row in late if row.state == CopyState.INTACT and row.unreadable_since is None]
    return Watched(
        states=states,
        total=added(states.values()),
        within=Count(max(intact.number - len(late_intact), 0), max(intact.bytes - sum(late_intact), 0)),
        never=added(tallies.of(session, "never verified").values()),
        overdue=Count(min(len(late), COUNT_NO_FURTHER), sum(row.bytes for row in late[:COUNT_NO_FURTHER])),
        overdue_is_more=len(late) > COUNT_NO_FURTHER,
        oldest=copies.oldest_verification(session),
    )


def listed(
    session: Session,
    wanted: Wanted,
    promise: Promise,
    at: datetime,
    *,
    after: tuple[str, int, str] | None = None,
    limit: int,
) -> list[CopyLine]:
    """The next copies that are ``wanted``, after the cursor of the last one seen (:func:`cursor`)."""
    stores = [wanted.store] if wanted.store else sorted(copies.stores_with_copies(session))
    if wanted.question in BY_AGE:
        return _by_age(session, wanted, promise, stores, at, after, limit)
    beyond = (after[1], after[2]) if after else (0, "")
    # One store at a time, so that each step is a walk along (store, state, aip_id); then merged by key.
    lines: list[CopyLine] = []
    for store in stores:
        where = [Copy.store == store, *_in_state(wanted)]
        where.append(Copy.aip_id > beyond[0] if store <= beyond[1] else Copy.aip_id >= beyond[0])
        lines += _lines(session, where, (Copy.aip_id.asc(),), limit)
    return sorted(lines, key=lambda line: (line.aip_id, line.store))[:limit]


def cursor(line: CopyLine) -> tuple[str, int, str]:
    """Where a list goes on after ``line``."""
    return (line.verified_at.isoformat() if line.verified_at else "", line.aip_id, line.store)


def copy_of(session: Session, article_id: str, version: int, store: str) -> CopyLine | None:
    """One copy, or None where there is none."""
    where = [Aip.article_id == article_id, Aip.version == version, Copy.store == store]
    return next(iter(_lines(session, where, (Copy.aip_id.asc(),), 1)), None)


def read_soon(session: Session, aip_id: int, store: str, at: datetime) -> None:
    """A reader found this copy wanting: it is due at once. What is known of its bytes is for the audit to say."""
    session.execute(
        update(Copy).where(Copy.aip_id == aip_id, Copy.store == store, Copy.next_due > at).values(next_due=at)
    )


def _in_state(wanted: Wanted) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if wanted.question == "never":
        where.append(Copy.verified_at.is_(None))
    if wanted.state == copies.UNREADABLE:
        where += [Copy.unreadable_since.is_not(None), Copy.state.in_((CopyState.INTACT, CopyState.UNVERIFIED))]
    elif wanted.state:
        where.append(Copy.state == wanted.state)
        if wanted.state in (CopyState.INTACT, CopyState.UNVERIFIED):
            where.append(Copy.unreadable_since.is_(None))
    return where


def _by_age(
    session: Session,
    wanted: Wanted,
    promise: Promise,
    stores: Sequence[str],
    at: datetime,
    after: tuple[str, int, str] | None,
    limit: int,
) -> list[CopyLine]:
    """Copies in the order of their last verification, the longest ago first: a walk along (verified_at, aip_id)."""
    where: list[ColumnElement[bool]] = [Copy.verified_at.is_not(None), *_in_state(wanted)]
    if wanted.question == "overdue":
        where += _late(promise, stores, at)
    elif wanted.store:
        where.append(Copy.store == wanted.store)
    if wanted.question == "within":
        in_time = [and_(Copy.store == store, Copy.verified_at >= promise.since(store, at)) for store in stores]
        where += [or_(false(), *in_time), Copy.state == CopyState.INTACT, Copy.unreadable_since.is_(None)]
    if after is not None and after[0]:
        moment = datetime.fromisoformat(after[0])
        later = or_(Copy.aip_id > after[1], and_(Copy.aip_id == after[1], Copy.store > after[2]))
        where.append(or_(Copy.verified_at > moment, and_(Copy.verified_at == moment, later)))
    return _lines(session, where, (Copy.verified_at.asc(), Copy.aip_id.asc(), Copy.store.asc()), limit)


def _late(promise: Promise, stores: Sequence[str], at: datetime) -> list[ColumnElement[bool]]:
    since = {store: promise.since(store, at) for store in stores}
    late = [and_(Copy.store == store, Copy.verified_at < moment) for store, moment in since.items()]
    # The widest bound stands first and alone, so that the index on the moment is the one that is walked.
    return [Copy.verified_at < max(since.values(), default=at), or_(false(), *late)]


def _lines(
    session: Session, where: Sequence[ColumnElement[bool]], order: Sequence[UnaryExpression[Any]], limit: int
) -> list[CopyLine]:
    title = Article.record["title"].as_string().label("title")
    rows = session.execute(
        select(Copy, Aip.article_id, Aip.version, Aip.seal, Aip.bytes, title)
        .join(Aip, Aip.id == Copy.aip_id)
        .join(Article, Article.id == Aip.article_id)
        .where(*where)
        .order_by(*order)
        .limit(limit)
    )
    return [
        CopyLine(
            aip_id=row.Copy.aip_id,
            store=row.Copy.store,
            article_id=row.article_id,
            version=row.version,
            title=row.title,
            seal=row.seal,
            bytes=row.bytes,
            state=copies.shown_state(row.Copy),
            verified_at=row.Copy.verified_at,
            unreadable_since=row.Copy.unreadable_since,
            next_due=row.Copy.next_due,
        )
        for row in rows
    ]
