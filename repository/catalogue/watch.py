"""What the night watch is asked of its copies: figures that lead to lists, and lists that lead to copies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, case, literal, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from repository.catalogue import copies, tallies
from repository.catalogue.tallies import Count
from repository.models import Aip, Article, Copy, Moment
from repository.vocabulary import CopyState

COUNT_NO_FURTHER = 2_000
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
    promised_until: datetime | None
    verified_in: int | None
    """The round that verified it last; None where that was at its storing."""

    @property
    def asked_for(self) -> bool:
        """Whether a person asked for it to be read, and it was not yet."""
        return self.next_due <= copies.ASKED_FOR


OLDEST, NEVER = "oldest", "never"
BY_PROMISE = ("overdue", "within")
"""Verified longer ago than promised · intact and verified in time."""

QUESTIONS = (*BY_PROMISE, OLDEST, NEVER)


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


def figures(session: Session, at: datetime) -> Watched:
    """The dashboard's figures. Nothing here reads more than :data:`COUNT_NO_FURTHER` rows of a large table."""
    states = tallies.of(session, "copies")
    stores = sorted({store for store, _state in states})
    late: list[Row[str, int]] = []
    for store in stores:
        walk = select(Copy.state, Aip.bytes).join(Aip, Aip.id == Copy.aip_id)
        walk = walk.where(Copy.store == store, Copy.promised_until < at).order_by(Copy.promised_until, Copy.aip_id)
        late += session.execute(walk.limit(COUNT_NO_FURTHER + 1 - len(late))).all()
    intact = added(count for (_store, state), count in states.items() if state == CopyState.INTACT)
    late_intact = added(Count(1, line.bytes) for line in late if line.state == CopyState.INTACT)
    return Watched(
        states=states,
        total=added(copies.kept(session).values()),
        within=Count(max(intact.number - late_intact.number, 0), max(intact.bytes - late_intact.bytes, 0)),
        never=added(tallies.of(session, "never verified").values()),
        overdue=added(Count(1, line.bytes) for line in late[:COUNT_NO_FURTHER]),
        overdue_is_more=len(late) > COUNT_NO_FURTHER,
        oldest=copies.oldest_verification(session),
    )


def listed(
    session: Session,
    wanted: Wanted,
    at: datetime,
    *,
    after: tuple[str, int, str] | None = None,
    limit: int,
) -> list[CopyLine]:
    """The next copies that are ``wanted``, after the cursor of the last one seen (:func:`cursor`).

    Every list is one walk along one index from where the last page ended. A condition that must not
    lure the database away from that index is written so that no index can serve it (:func:`_in_stores`).
    """
    stores = [wanted.store] if wanted.store else sorted({store for store, _state in tallies.of(session, "copies")})
    if wanted.question in BY_PROMISE:
        return _by_promise(session, wanted, stores, at, after, limit)
    if wanted.question == OLDEST or wanted.state == copies.UNREADABLE:
        return _by_moment(session, wanted, stores, after, limit)
    beyond = (after[1], after[2]) if after else (0, "")
    if wanted.question == NEVER:
        where = [
            Copy.verified_at.is_(None),
            Copy.state != CopyState.DISPOSED,
            *_in_state(wanted),
            _in_stores(stores),
            _beyond(_KEY, beyond),
        ]
        return _lines(session, select(Copy).where(*where).order_by(*_KEY).limit(limit))
    found: list[Copy] = []
    for store in stores:
        for state in [wanted.state] if wanted.state else CopyState:
            where = [Copy.store == store, Copy.state == state, *_in_state(wanted)]
            where.append(Copy.aip_id > beyond[0] if store <= beyond[1] else Copy.aip_id >= beyond[0])
            found += session.execute(select(Copy).where(*where).order_by(Copy.aip_id).limit(limit)).scalars()
    return _described(session, sorted(found, key=lambda copy: (copy.aip_id, copy.store))[:limit])


def cursor(line: CopyLine, wanted: Wanted) -> tuple[str, int, str]:
    """Where a list of ``wanted`` goes on after ``line``."""
    if wanted.question in BY_PROMISE:
        moment = line.promised_until
    else:
        moment = line.unreadable_since if _is_of_silence(wanted) else line.verified_at
    return (moment.isoformat() if moment else "", line.aip_id, line.store)


def copy_of(session: Session, article_id: str, version: int, store: str) -> CopyLine | None:
    """One copy, or None where there is none."""
    found = (
        select(Copy)
        .join(Aip, Aip.id == Copy.aip_id)
        .where(Aip.article_id == article_id, Aip.version == version, Copy.store == store)
    )
    return next(iter(_lines(session, found)), None)


def read_soon(session: Session, aip_id: int, store: str, at: datetime) -> None:
    """A reader found this copy wanting: it is due at once. What is known of its bytes is for the audit to say."""
    session.execute(
        update(Copy)
        .where(Copy.aip_id == aip_id, Copy.store == store, Copy.next_due > at, Copy.state != CopyState.DISPOSED)
        .values(next_due=at)
    )


def read_now(session: Session, aip_id: int, store: str) -> bool:
    """A person asks for this copy to be read: it comes before all others. False where there is none to read."""
    found = session.execute(
        update(Copy)
        .where(Copy.aip_id == aip_id, Copy.store == store, Copy.state != CopyState.DISPOSED)
        .values(next_due=copies.ASKED_FOR)
    )
    return bool(found.rowcount)  # type: ignore[attr-defined]


_KEY = (Copy.aip_id, Copy.store)
_NOT_SILENT = case((Copy.unreadable_since.is_(None), 1), else_=0) == 1


def _is_of_silence(wanted: Wanted) -> bool:
    return wanted.state == copies.UNREADABLE and wanted.question not in (OLDEST, *BY_PROMISE)


def _in_state(wanted: Wanted) -> list[ColumnElement[bool]]:
    if wanted.state == copies.UNREADABLE:
        return [Copy.unreadable_since.is_not(None), Copy.state.in_((CopyState.INTACT, CopyState.UNVERIFIED))]
    if wanted.state in (CopyState.INTACT, CopyState.UNVERIFIED):
        return [Copy.state == wanted.state, _NOT_SILENT]
    return [Copy.state == wanted.state] if wanted.state else []


def _by_moment(
    session: Session,
    wanted: Wanted,
    stores: Sequence[str],
    after: tuple[str, int, str] | None,
    limit: int,
) -> list[CopyLine]:
    """Copies in the order of their last verification (or of their store's silence), the longest ago first."""
    column = Copy.unreadable_since if _is_of_silence(wanted) else Copy.verified_at
    where: list[ColumnElement[bool]] = [column.is_not(None), _in_stores(stores), *_in_state(wanted)]
    if after is not None and after[0]:
        moment = datetime.fromisoformat(after[0])
        place = tuple_(literal(moment, Moment()), literal(after[1]), literal(after[2]))
        where.append(tuple_(column, *_KEY) > place)
    return _lines(session, select(Copy).where(*where).order_by(column, *_KEY).limit(limit))


def _by_promise(
    session: Session,
    wanted: Wanted,
    stores: Sequence[str],
    at: datetime,
    after: tuple[str, int, str] | None,
    limit: int,
) -> list[CopyLine]:
    """Copies of which the promise has run out, or has not yet, by when it does: one walk in each store, merged."""
    column = Copy.promised_until
    where = [column < at] if wanted.question == "overdue" else [Copy.state == CopyState.INTACT, _NOT_SILENT]
    where += [*_in_state(wanted), column.is_not(None)]
    found: list[Copy] = []
    for store in stores:
        beyond = [column >= at] if wanted.question == "within" else []
        if after is not None and after[0]:
            moment = literal(datetime.fromisoformat(after[0]), Moment())
            # Of equal moments and numbers the stores stand in the order of their names.
            number = literal(after[1] - (store > after[2]))
            beyond = [tuple_(column, Copy.aip_id) > tuple_(moment, number)]
        walk = select(Copy).where(Copy.store == store, *where, *beyond).order_by(column, Copy.aip_id).limit(limit)
        found += session.execute(walk).scalars()
    found.sort(key=lambda copy: (copy.promised_until or at, copy.aip_id, copy.store))
    return _described(session, found[:limit])


def _in_stores(stores: Sequence[str]) -> ColumnElement[bool]:
    return Copy.store.concat("").in_(stores)


def _beyond(key: tuple[InstrumentedAttribute[int], InstrumentedAttribute[str]], after: tuple[int, str]) -> Any:
    return tuple_(*key) > tuple_(literal(after[0]), literal(after[1]))


def _lines(session: Session, walk: Select[Copy]) -> list[CopyLine]:
    """The copies of ``walk`` in its order."""
    return _described(session, session.execute(walk).scalars().all())


def _described(session: Session, found: Sequence[Copy]) -> list[CopyLine]:
    """These copies in their order, with what they are copies of, in one look-up by key."""
    title = Article.record["title"].as_string().label("title")
    bags = {
        row.id: row
        for row in session.execute(
            select(Aip.id, Aip.article_id, Aip.version, Aip.seal, Aip.bytes, title)
            .join(Article, Article.id == Aip.article_id)
            .where(Aip.id.in_({copy.aip_id for copy in found}))
        )
    }
    return [
        CopyLine(
            aip_id=copy.aip_id,
            store=copy.store,
            article_id=bags[copy.aip_id].article_id,
            version=bags[copy.aip_id].version,
            title=bags[copy.aip_id].title,
            seal=bags[copy.aip_id].seal,
            bytes=bags[copy.aip_id].bytes,
            state=copies.shown_state(copy),
            verified_at=copy.verified_at,
            unreadable_since=copy.unreadable_since,
            next_due=copy.next_due,
            promised_until=copy.promised_until,
            verified_in=copy.verified_in,
        )
        for copy in found
    ]
