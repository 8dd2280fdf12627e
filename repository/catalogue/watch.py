"""What the night watch is asked of its copies: figures that lead to lists, and lists that lead to copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, literal, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from repository.catalogue import copies, tallies
from repository.catalogue.tallies import NOTHING, Count
from repository.models import Aip, Article, Copy, Moment
from repository.vocabulary import GIVEN_UP, CopyState

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
        return sum((count for (_place, name), count in self.states.items() if name == state), NOTHING)

    @property
    def stores(self) -> list[str]:
        """The stores in which there is a copy."""
        return sorted({place for place, _state in self.states})


def figures(session: Session, at: datetime) -> Watched:
    """The dashboard's figures. Nothing here reads more than :data:`COUNT_NO_FURTHER` rows of a large table."""
    states = tallies.of(session, "copies")
    stores = sorted({store for store, _state in states})
    late: list[Row[str, int]] = []
    for store in stores:
        walk = select(Copy.state, Aip.bytes).join(Aip, Aip.id == Copy.aip_id)
        walk = walk.where(Copy.store == store, Copy.promised_until < at).order_by(Copy.promised_until, Copy.aip_id)
        late += session.execute(walk.limit(COUNT_NO_FURTHER + 1 - len(late))).all()
    intact = sum((count for (_store, state), count in states.items() if state == CopyState.INTACT), NOTHING)
    late_intact = sum((Count(1, line.bytes) for line in late if line.state == CopyState.INTACT), NOTHING)
    return Watched(
        states=states,
        total=sum(copies.kept(session).values(), NOTHING),
        within=Count(max(intact.number - late_intact.number, 0), max(intact.bytes - late_intact.bytes, 0)),
        never=sum(tallies.of(session, "never verified").values(), NOTHING),
        overdue=sum((Count(1, line.bytes) for line in late[:COUNT_NO_FURTHER]), NOTHING),
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

    Every list is walks along an index, in each store from where the last page ended, merged.
    """
    stores = [wanted.store] if wanted.store else sorted({store for store, _state in tallies.of(session, "copies")})
    column = _ordered_by(wanted)
    where = [*_asked(wanted, at, begins=after is None), *_in_state(wanted)]
    by_state = column is None and wanted.state is None
    walks = [[*where, Copy.state == state] for state in CopyState] if by_state else [where]
    order = [Copy.aip_id] if column is None else [column, Copy.aip_id]
    found: list[Copy] = []
    for store in stores:
        here = [Copy.store == store, *_beyond(column, store, after)]
        for one in walks:
            found += session.execute(select(Copy).where(*here, *one).order_by(*order).limit(limit)).scalars()
    found.sort(key=lambda copy: (_moment(copy, column) or at, copy.aip_id, copy.store))
    return _described(session, found[:limit])


def cursor(line: CopyLine, wanted: Wanted) -> tuple[str, int, str]:
    """Where a list of ``wanted`` goes on after ``line``."""
    moment = _moment(line, _ordered_by(wanted))
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
        .where(Copy.aip_id == aip_id, Copy.store == store, Copy.next_due > at, Copy.state.not_in(GIVEN_UP))
        .values(next_due=at)
    )


def read_now(session: Session, aip_id: int, store: str) -> bool:
    """A person asks for this copy to be read: it comes before all others. False where there is none to read."""
    found = session.execute(
        update(Copy)
        .where(Copy.aip_id == aip_id, Copy.store == store, Copy.state.not_in(GIVEN_UP))
        .values(next_due=copies.ASKED_FOR)
    )
    return bool(found.rowcount)  # type: ignore[attr-defined]


def _ordered_by(wanted: Wanted) -> InstrumentedAttribute[Any] | None:
    """The moment by which a list stands; None: by the AIP alone."""
    if wanted.question in BY_PROMISE:
        return Copy.promised_until
    if wanted.question in (OLDEST, NEVER):
        return Copy.verified_at
    return Copy.unreadable_since if wanted.state == copies.UNREADABLE else None


def _moment(one: Copy | CopyLine, column: InstrumentedAttribute[Any] | None) -> datetime | None:
    return None if column is None else getattr(one, column.key)


def _asked(wanted: Wanted, at: datetime, *, begins: bool) -> list[ColumnElement[bool]]:
    """What a question says of a copy. ``begins``: nothing of the list has been shown yet."""
    if wanted.question == OLDEST:
        return [Copy.verified_at.is_not(None)]
    if wanted.question == NEVER:
        return [Copy.verified_at.is_(None), Copy.state.not_in(GIVEN_UP)]
    if wanted.question == "overdue":
        return [Copy.promised_until < at]
    if wanted.question == "within":
        intact = [Copy.state == CopyState.INTACT, Copy.unreadable_since.is_(None)]
        return [*intact, Copy.promised_until >= at if begins else Copy.promised_until.is_not(None)]
    return []


def _in_state(wanted: Wanted) -> list[ColumnElement[bool]]:
    if wanted.state == copies.UNREADABLE:
        return [Copy.unreadable_since.is_not(None), Copy.state.in_((CopyState.INTACT, CopyState.UNVERIFIED))]
    if wanted.state in (CopyState.INTACT, CopyState.UNVERIFIED):
        return [Copy.state == wanted.state, Copy.unreadable_since.is_(None)]
    return [Copy.state == wanted.state] if wanted.state else []


def _beyond(
    column: InstrumentedAttribute[Any] | None, store: str, after: tuple[str, int, str] | None
) -> list[ColumnElement[bool]]:
    """What comes in ``store`` after the place of a cursor: of one moment and one AIP the stores stand by name."""
    if after is None:
        return []
    moment, number = after[0], after[1] - (store > after[2])
    if column is None or not moment:
        return [Copy.aip_id > number]
    return [tuple_(column, Copy.aip_id) > tuple_(literal(datetime.fromisoformat(moment), Moment()), literal(number))]


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
