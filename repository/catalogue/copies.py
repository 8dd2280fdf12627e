"""Copies: which is due to be read, who reads it now, and what the reading told. Damage and doubt stay apart."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from repository.catalogue import tallies
from repository.models import Aip, Copy
from repository.vocabulary import AuditOutcome, CopyState, bag_key

UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class CopyRef:
    """All that an auditor needs to know of one copy: where it lies and what it must be."""

    aip_id: int
    store: str
    article_id: str
    version: int
    seal: str
    bytes: int
    lease: str | None = None

    @property
    def key(self) -> str:
        """The key under which it lies in its store."""
        return bag_key(self.article_id, self.version)


def shown_state(copy: Copy) -> str:
    """The state as counted and shown: ``unreadable`` while the store is silent about a copy believed whole."""
    doubted = copy.unreadable_since is not None and copy.state in (CopyState.INTACT, CopyState.UNVERIFIED)
    return UNREADABLE if doubted else copy.state


def enter(session: Session, aip: Aip, store: str, verified_at: datetime | None, next_due: datetime) -> None:
    """A copy that lies in ``store``: intact if it was read back to the end, unverified if it was only found."""
    state = CopyState.INTACT if verified_at else CopyState.UNVERIFIED
    session.add(Copy(aip_id=aip.id, store=store, state=state, verified_at=verified_at, next_due=next_due))
    tallies.add(session, "copies", state, 1, aip.bytes, place=store)
    if verified_at is None:
        tallies.add(session, "never verified", "", 1, aip.bytes, place=store)
    session.flush()


def of(session: Session, aip_id: int) -> Sequence[Copy]:
    """The copies of an AIP, by the name of their store."""
    return session.execute(select(Copy).where(Copy.aip_id == aip_id).order_by(Copy.store)).scalars().all()


def refs_of(session: Session, aip_id: int) -> list[CopyRef]:
    """The copies of an AIP as an auditor takes them."""
    return _refs(session, Copy.aip_id == aip_id, limit=1000)


def claim_due(
    session: Session, *, at: datetime, lease_for: timedelta, limit: int, stores: Iterable[str] | None = None
) -> list[CopyRef]:
    """Take up to ``limit`` copies whose day has come, the longest overdue first, for ``lease_for``.

    A claim that is not answered by :func:`record` lapses: nobody has to clean up after a crash.
    """
    where = [Copy.next_due <= at, or_(Copy.lease_until.is_(None), Copy.lease_until <= at)]
    if stores is not None:
        where.append(Copy.store.in_(list(stores)))
    picked = session.execute(
        select(Copy.aip_id, Copy.store)
        .where(*where)
        .order_by(Copy.next_due, Copy.aip_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    lease = secrets.token_hex(16)
    for aip_id, store in picked:
        session.execute(
            update(Copy)
            .where(Copy.aip_id == aip_id, Copy.store == store)
            .values(lease=lease, lease_until=at + lease_for)
        )
    return _refs(session, Copy.lease == lease, limit=limit) if picked else []


def walk(
    session: Session,
    *,
    after: tuple[int, str] = (0, ""),
    limit: int,
    article_id: str | None = None,
    store: str | None = None,
) -> list[CopyRef]:
    """The next ``limit`` copies after ``after`` in the order of (AIP, store): every copy once, paged by key."""
    beyond = or_(Copy.aip_id > after[0], and_(Copy.aip_id == after[0], Copy.store > after[1]))
    where: list[ColumnElement[bool]] = [beyond]
    if article_id is not None:
        where.append(Aip.article_id == article_id)
    if store is not None:
        where.append(Copy.store == store)
    return _refs(session, *where, limit=limit)


def record(session: Session, ref: CopyRef, outcome: AuditOutcome, *, at: datetime, next_due: datetime) -> bool:
    """Write down what one reading told; False when the claim had lapsed and somebody else has it (nothing is written).

    INTACT is the only outcome that sets ``verified_at``. UNREADABLE leaves what was known
    of the bytes and notes since when the store has been silent.
    """
    copy = session.execute(
        select(Copy).where(Copy.aip_id == ref.aip_id, Copy.store == ref.store).with_for_update()
    ).scalar_one_or_none()
    if copy is None or (ref.lease is not None and copy.lease != ref.lease):
        return False
    before, never = shown_state(copy), copy.verified_at is None
    if outcome is AuditOutcome.UNREADABLE:
        copy.unreadable_since = copy.unreadable_since or at
    else:
        copy.unreadable_since = None
        copy.state = CopyState(outcome.value)
        if outcome is AuditOutcome.INTACT:
            copy.verified_at = at
    copy.next_due, copy.lease, copy.lease_until = next_due, None, None
    _count_move(session, copy.store, before, shown_state(copy), ref.bytes)
    if never and copy.verified_at is not None:
        tallies.add(session, "never verified", "", -1, -ref.bytes, place=copy.store)
    session.flush()
    return True


def stores_with_copies(session: Session) -> set[str]:
    """The names of the stores in which the catalogue knows of a copy."""
    return {place for place, _state in tallies.of(session, "copies")}


def oldest_verification(session: Session) -> datetime | None:
    """The moment of the verification that lies longest ago, among copies verified at all."""
    return session.execute(select(func.min(Copy.verified_at)).where(Copy.verified_at.is_not(None))).scalar_one_or_none()


def overdue(session: Session, at: datetime, *, up_to: int | None = None) -> int:
    """How many copies should have been read before ``at``; counted no further than ``up_to`` where a page asks."""
    late = select(Copy.aip_id).where(Copy.next_due < at)
    if up_to is not None:
        late = late.limit(up_to)
    return session.execute(select(func.count()).select_from(late.subquery())).scalar_one()


def _count_move(session: Session, store: str, before: str, after: str, octets: int) -> None:
    if before != after:
        tallies.add(session, "copies", before, -1, -octets, place=store)
        tallies.add(session, "copies", after, 1, octets, place=store)


def _refs(session: Session, *where: ColumnElement[bool], limit: int) -> list[CopyRef]:
    rows = session.execute(
        select(Copy.aip_id, Copy.store, Aip.article_id, Aip.version, Aip.seal, Aip.bytes, Copy.lease)
        .join(Aip, Aip.id == Copy.aip_id)
        .where(*where)
        .order_by(Copy.aip_id, Copy.store)
        .limit(limit)
    )
    return [CopyRef(*row) for row in rows]
