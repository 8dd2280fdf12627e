"""Ledgers as the catalogue knows them: how far each tells, in which stores it lies, and whether it is whole."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from repository.catalogue import chain
from repository.catalogue.copies import CopyRef
from repository.catalogue.parts import parts
from repository.catalogue.upsert import Upsert
from repository.models import Ledger, LedgerCopy
from repository.vocabulary import AuditOutcome, ledger_key


def enter(session: Session, ledger: Ledger, stores: Mapping[str, datetime | None], due: datetime) -> None:
    """A ledger that lies in these stores, and when it was read whole in each (None: it was only listed there)."""
    row = {column.key: getattr(ledger, column.key) for column in Ledger.__table__.columns}
    _ENTER(session, [row])
    for store, at in stores.items():
        kept(session, ledger.name, store, at, due)


def kept(session: Session, name: str, store: str, at: datetime | None, due: datetime) -> None:
    """It lies in the store; read whole there at ``at``, or not yet."""
    state = AuditOutcome.INTACT if at is not None else AuditOutcome.UNREADABLE
    _KEEP(session, [{"name": name, "store": store, "state": state, "verified_at": at, "next_due": due}])


def latest(session: Session) -> Ledger | None:
    """The ledger that was made last."""
    return session.execute(select(Ledger).order_by(Ledger.at.desc(), Ledger.name.desc()).limit(1)).scalar_one_or_none()


def gone_on_from(session: Session) -> Ledger | None:
    """The last ledger whose events are those of this catalogue's chain: the next one tells what came after."""
    rows = session.execute(select(Ledger).order_by(Ledger.at.desc(), Ledger.position.desc()))
    for row in rows.scalars():
        known = chain.hash_at(session, row.position) if row.position else chain.START
        if known == row.hash:
            return row
    return None


def known(session: Session, names: Sequence[str]) -> set[str]:
    """Those of these ledgers that the catalogue knows."""
    found: set[str] = set()
    for some in parts(names):
        found.update(session.execute(select(Ledger.name).where(Ledger.name.in_(some))).scalars())
    return found


def lacking(session: Session, store: str, *, limit: int = 1000) -> Sequence[Ledger]:
    """The first ledgers that do not lie in ``store`` yet, in the order of the days."""
    there = exists().where(LedgerCopy.name == Ledger.name, LedgerCopy.store == store)
    return session.execute(select(Ledger).where(~there).order_by(Ledger.name).limit(limit)).scalars().all()


def due(session: Session, stores: Collection[str], at: datetime, *, limit: int) -> list[CopyRef]:
    """The copies of ledgers that are to be read again by ``at``, the longest due first."""
    rows = (
        select(LedgerCopy.store, Ledger)
        .join(Ledger, Ledger.name == LedgerCopy.name)
        .where(LedgerCopy.next_due <= at, LedgerCopy.store.in_(stores))
        .order_by(LedgerCopy.next_due, LedgerCopy.name, LedgerCopy.store)
        .limit(limit)
    )
    return [ref(row.Ledger, row.store) for row in session.execute(rows)]


def ref(ledger: Ledger, store: str) -> CopyRef:
    """A ledger in one store as an auditor reads it: as every other bag."""
    return CopyRef(0, store, ledger.name, 1, ledger.seal, ledger.bytes, place=ledger_key(ledger.name))


def others(session: Session, one: CopyRef) -> list[CopyRef]:
    """The same ledger in the other stores."""
    ledger = session.get_one(Ledger, one.article_id)
    rows = select(LedgerCopy.store).where(LedgerCopy.name == ledger.name, LedgerCopy.store != one.store)
    return [ref(ledger, store) for store in session.execute(rows.order_by(LedgerCopy.store)).scalars()]


def record(session: Session, one: CopyRef, outcome: AuditOutcome, at: datetime, next_due: datetime) -> None:
    """What one reading of a ledger told, and when it is to be read again."""
    row = session.get_one(LedgerCopy, (one.article_id, one.store))
    row.state, row.next_due = outcome, next_due
    if outcome is AuditOutcome.INTACT:
        row.verified_at = at
    session.flush()


def not_whole(session: Session) -> dict[str, int]:
    """Store to how many ledgers in it are known to be damaged or gone."""
    bad = (AuditOutcome.DAMAGED, AuditOutcome.MISSING)
    rows = select(LedgerCopy.store, func.count()).where(LedgerCopy.state.in_(bad)).group_by(LedgerCopy.store)
    return {row[0]: row[1] for row in session.execute(rows)}


_ENTER = Upsert(Ledger)
_KEEP = Upsert(LedgerCopy)
