"""Stores that are to be given up: asked for by one person, approved by another, and only where nothing is lost."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, literal, select, tuple_
from sqlalchemy.orm import Session, aliased

from repository.catalogue import Catalogue, copies, disposals, testimony
from repository.errors import NotNow
from repository.models import (
    Aip,
    Canary,
    Copy,
    Disposal,
    DisposalTurn,
    Lacking,
    Ledger,
    LedgerCopy,
    Notice,
    Retirement,
    SignedHead,
    SignedHeadCopy,
    StoreEntry,
)
from repository.texts import marked
from repository.vocabulary import GIVEN_UP, AuditOutcome, CopyState, EventType, RetirementState, TurnState

OPEN = (RetirementState.ASKED, RetirementState.APPROVED)
_RANGE = 20_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Short:
    """A bag that too few other stores keep: how many do, and what is known of its copies."""

    aip_id: int
    article_id: str
    version: int
    seal: str
    bytes: int
    kept: int
    states: tuple[tuple[str, str], ...]


def ask(
    session: Session,
    store: str,
    *,
    by: str,
    reason: str,
    at: datetime,
    stores: Collection[str],
    needed: int,
    agent: str,
) -> Retirement:
    """One member of staff wants this store given up; nothing happens until another one agrees. Raises NotNow.

    ``stores`` are those of the settings; ``needed``: so many others are to keep every bag.
    """
    disposals.staff_member(session, by)
    row = session.get(StoreEntry, store)
    if row is None or row.retired_at is not None:
        raise NotNow(marked("No store of the archive is named %(store)s, or it was retired already."), store=store)
    if any(one.state in OPEN for one in of(session, store)):
        raise NotNow(marked("The retirement of %(store)s was asked for already."), store=store)
    left = others(session, store, stores)
    if len(left) < needed:
        raise NotNow(
            marked("Only %(left)s other stores would be left, and %(needed)s copies are promised: add a store first."),
            left=len(left),
            needed=needed,
        )
    asked = Retirement(store=store, state=RetirementState.ASKED, asked_by=by, reason=reason, asked_at=at)
    session.add(asked)
    session.flush()
    witness(session, asked, agent, at, {"asked by": by, "reason": reason})
    return asked


def approve(session: Session, store: str, *, by: str, at: datetime, agent: str) -> Retirement:
    """A second person agrees; the clock proves it, and only then it is done. Raises NotNow for the one who asked."""
    row = _open(session, store)
    disposals.staff_member(session, by)
    if row.state != RetirementState.ASKED:
        raise NotNow(marked("The retirement of %(store)s does not wait for an approval any more."), store=store)
    if by == row.asked_by:
        raise NotNow(marked("%(login)s asked for it: somebody else has to approve it."), login=by)
    row.state, row.approved_by, row.approved_at, row.next_due = RetirementState.APPROVED, by, at, at
    session.flush()
    witness(session, row, agent, at, {"approved by": by})
    return row


def cancel(session: Session, store: str, *, by: str, at: datetime, agent: str) -> Retirement:
    """The store stays. Raises NotNow when no retirement of it is under way: what is done cannot be undone."""
    row = _open(session, store)
    row.state, row.cancelled_by, row.cancelled_at, row.next_due = RetirementState.CANCELLED, by, at, None
    session.flush()
    witness(session, row, agent, at, {"cancelled by": by})
    return row


def of(session: Session, store: str) -> Sequence[Retirement]:
    """Every retirement of this store, the newest first."""
    rows = select(Retirement).where(Retirement.store == store).order_by(Retirement.id.desc())
    return session.execute(rows).scalars().all()


def due(session: Session, at: datetime) -> Sequence[Retirement]:
    """What is to be proved by now."""
    rows = select(Retirement).where(Retirement.next_due <= at).order_by(Retirement.next_due, Retirement.id)
    return session.execute(rows).scalars().all()


def later(session: Session, identifier: int, trouble: str, proof: dict[str, Any] | None, again: datetime) -> None:
    """It cannot be done now, for this reason; it is proved again then."""
    row = session.get_one(Retirement, identifier, with_for_update=True, populate_existing=True)
    if row.state == RetirementState.APPROVED:
        row.trouble, row.proof, row.next_due = trouble, proof, again
        session.flush()


def done(session: Session, identifier: int, proof: dict[str, Any], at: datetime, agent: str) -> bool:
    """No copy in the store is expected any more; False where it was cancelled meanwhile.

    Its rows are told as given up from now on (:func:`give_up`); what lies in it is left alone.
    """
    row = session.get_one(Retirement, identifier, with_for_update=True, populate_existing=True)
    entry = session.get_one(StoreEntry, row.store, with_for_update=True, populate_existing=True)
    if row.state != RetirementState.APPROVED:
        return False
    row.state, row.trouble, row.proof, row.next_due = RetirementState.DONE, None, proof, None
    entry.retired_at, entry.lease, entry.lease_until, entry.held_up = at, None, None, None
    for table in (LedgerCopy, Canary, Lacking):
        session.execute(delete(table).where(table.store == row.store))
    session.flush()
    witness(session, row, agent, at, {"done": True, "asked by": row.asked_by, "approved by": row.approved_by, **proof})
    return True


def give_up(catalogue: Catalogue, store: str, at: datetime) -> bool:
    """Every copy in a retired store is told as given up; False while somebody is reading one of the next.

    A page of rows and a transaction at a time. A copy that a part enters which was not started again follows later.
    """
    while True:
        with catalogue.writing() as session:
            counted = {state for place, state in copies.kept(session) if place == store}
            if not counted:
                return True
            rows = _some(session, store)
            if not rows:
                return True
            if not copies.give_up(session, rows, store, at, CopyState.RETIRED):
                return False


def others(session: Session, store: str, stores: Collection[str]) -> list[str]:
    """The stores that would be left: without those that are given up, or are to be."""
    leaving = select(Retirement.store).where(Retirement.state.in_(OPEN))
    gone = select(StoreEntry.store).where(StoreEntry.retired_at.is_not(None))
    return sorted(set(stores) - {store} - set(session.execute(leaving.union(gone)).scalars()))


def count(session: Session, store: str) -> int:
    """How many copies of it are promised, by the tallies."""
    return sum(one.number for (place, _), one in copies.kept(session).items() if place == store)


def short(catalogue: Catalogue, store: str, left: Collection[str], needed: int, at: datetime) -> Iterator[Short]:
    """Each bag of the store that is not whole in so many of the stores ``left``, as last read within its promise.

    Every row is looked at, in the order of the AIPs, and no tally is believed; a range and a transaction at a time.
    """
    other = aliased(Copy)
    whole = (
        select(func.count())
        .select_from(other)
        .where(other.aip_id == Copy.aip_id, other.store.in_(list(left)), other.state == CopyState.INTACT)
        .where(other.unreadable_since.is_(None), other.promised_until >= at)
        .scalar_subquery()
    )
    low = 0
    while True:
        with catalogue.reading() as session:
            highest = session.execute(select(func.max(Aip.id))).scalar() or 0
            here = (Copy.store == store, Copy.state.not_in(GIVEN_UP), Copy.aip_id > low, Copy.aip_id <= low + _RANGE)
            lacking = select(Copy.aip_id, whole.label("kept")).where(*here, whole < needed).order_by(Copy.aip_id)
            found = {row.aip_id: row.kept for row in session.execute(lacking)}
            told = list(_described(session, found))
        yield from told
        low += _RANGE
        if low >= highest:
            return


def ledgers_short(session: Session, left: Collection[str], needed: int) -> list[str]:
    """The ledgers that too few of the stores ``left`` keep whole."""
    whole = (
        select(func.count())
        .where(
            LedgerCopy.name == Ledger.name, LedgerCopy.store.in_(list(left)), LedgerCopy.state == AuditOutcome.INTACT
        )
        .scalar_subquery()
    )
    return list(session.execute(select(Ledger.name).where(whole < needed).order_by(Ledger.name)).scalars())


def heads_short(session: Session, left: Collection[str], needed: int) -> list[str]:
    """The signed heads that were put into too few of the stores ``left``."""
    put = (
        select(func.count())
        .where(SignedHeadCopy.key == SignedHead.key, SignedHeadCopy.store.in_(list(left)))
        .scalar_subquery()
    )
    return list(session.execute(select(SignedHead.key).where(put < needed).order_by(SignedHead.key)).scalars())


def notices(session: Session, after: tuple[str, int], limit: int) -> Sequence[Notice]:
    """The next notices after one, by article and number."""
    rows = select(Notice).order_by(Notice.article_id, Notice.number).limit(limit)
    # As a pair: said with OR, every page begins at the first notice of all.
    beyond = tuple_(Notice.article_id, Notice.number) > tuple_(*map(literal, after))
    return session.execute(rows.where(beyond)).scalars().all()


def disposals_open(session: Session, store: str) -> list[int]:
    """Disposals that are not over and have not had their turn in this store."""
    rows = (
        select(Disposal.id)
        .join(DisposalTurn, DisposalTurn.disposal_id == Disposal.id)
        .where(Disposal.state.in_(disposals.OPEN), DisposalTurn.store == store, DisposalTurn.state != TurnState.DONE)
    )
    return list(session.execute(rows.order_by(Disposal.id)).scalars())


def witness(session: Session, row: Retirement, agent: str, at: datetime, detail: dict[str, Any]) -> None:
    """An event about a decision, beside what was decided."""
    testimony.witness(
        session,
        EventType.POLICY_ASSIGNMENT,
        at=at,
        outcome="success",
        agent=agent,
        detail={"retirement": row.id, **detail},
        store=row.store,
    )


def _open(session: Session, store: str) -> Retirement:
    rows = select(Retirement).where(Retirement.store == store, Retirement.state.in_(OPEN)).with_for_update()
    found = session.execute(rows.execution_options(populate_existing=True)).scalars().first()
    if found is None:
        raise NotNow(marked("No retirement of %(store)s is under way."), store=store)
    return found


def _some(session: Session, store: str) -> list[tuple[int, int]]:
    for state in CopyState:
        if state not in GIVEN_UP:
            rows = select(Aip.id, Aip.bytes).join(Copy, Copy.aip_id == Aip.id)
            rows = rows.where(Copy.store == store, Copy.state == state).order_by(Copy.aip_id).limit(_AT_ONCE)
            if found := [(row.id, row.bytes) for row in session.execute(rows)]:
                return found
    return []


def _described(session: Session, found: dict[int, int]) -> Iterator[Short]:
    numbers = list(found)
    for begin in range(0, len(numbers), _AT_ONCE):
        some = numbers[begin : begin + _AT_ONCE]
        states: dict[int, list[tuple[str, str]]] = {}
        for copy in session.execute(select(Copy).where(Copy.aip_id.in_(some)).order_by(Copy.store)).scalars():
            states.setdefault(copy.aip_id, []).append((copy.store, copies.shown_state(copy)))
        for aip in session.execute(select(Aip).where(Aip.id.in_(some)).order_by(Aip.id)).scalars():
            kept = tuple(states.get(aip.id, ()))
            yield Short(aip.id, aip.article_id, aip.version, aip.seal, aip.bytes, found[aip.id], kept)
