"""Disposals as they are decided: asked for by one person, approved by another, stopped at any moment before a turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository.catalogue import copies, holdings, testimony
from repository.errors import NotNow
from repository.models import Article, Copy, Disposal, DisposalTurn, Staff
from repository.texts import marked
from repository.vocabulary import GIVEN_UP, ArticleState, CopyState, DisposalState, EventType, TurnState

OPEN = (DisposalState.ASKED, DisposalState.APPROVED, DisposalState.HELD)


@dataclass(frozen=True, slots=True)
class Bag:
    """One version that is to be given up: nothing but the object with this seal is ever deleted."""

    aip_id: int
    version: int
    seal: str
    bytes: int


def ask(
    session: Session,
    article_id: str,
    version: int | None,
    *,
    by: str,
    reason: str,
    at: datetime,
    stores: Sequence[str],
    wait_days: int,
    delay_days: int,
    agent: str,
) -> Disposal:
    """One member of staff wants these versions given up; nothing happens until another one agrees.

    ``stores`` have their turns in this order. Raises NotNow for an article that is not withdrawn, has nothing
    left, or is being disposed of already, and for somebody who is no member of staff.
    """
    found = article(session, article_id)
    staff_member(session, by)
    if found.state != ArticleState.WITHDRAWN:
        raise NotNow(marked("The article is not withdrawn: only what is withdrawn can be disposed of."))
    if any(one.state in OPEN for one in of(session, article_id)):
        raise NotNow(marked("A disposal of this article is under way already."))
    left = [aip for aip in holdings.aips_of(session, article_id) if not is_gone(session, aip.id)]
    wanted = [aip for aip in left if version in (None, aip.version)]
    if not wanted:
        raise NotNow(marked("Nothing of it is left that could be disposed of."))
    row = Disposal(
        article_id=article_id,
        version=version,
        bags=[{"version": aip.version, "seal": aip.seal, "bytes": aip.bytes} for aip in wanted],
        state=DisposalState.ASKED,
        asked_by=by,
        reason=reason,
        asked_at=at,
        wait_days=wait_days,
        delay_days=delay_days,
    )
    session.add(row)
    session.flush()
    session.add_all(
        DisposalTurn(disposal_id=row.id, position=position, store=store, state=TurnState.WAITING)
        for position, store in enumerate(stores)
    )
    session.flush()
    witness(session, row, agent, at, {"disposal": row.id, "asked by": by, "reason": reason, "bags": row.bags})
    return row


def approve(session: Session, identifier: int, *, by: str, at: datetime, agent: str) -> Disposal:
    """A second person agrees, and the waiting period begins. Raises NotNow for the person who asked."""
    row = locked(session, identifier)
    staff_member(session, by)
    if row.state != DisposalState.ASKED:
        raise NotNow(marked("Disposal %(number)s does not wait for an approval any more."), number=identifier)
    if by == row.asked_by:
        raise NotNow(marked("%(login)s asked for this disposal: somebody else has to approve it."), login=by)
    row.state, row.approved_by, row.approved_at = DisposalState.APPROVED, by, at
    row.not_before = row.next_due = at + timedelta(days=row.wait_days)
    session.flush()
    witness(session, row, agent, at, {"disposal": row.id, "approved by": by, "not before": f"{row.not_before:%F}"})
    return row


def cancel(session: Session, identifier: int, *, by: str, reason: str, at: datetime, agent: str) -> Disposal:
    """Nothing more is given up, whatever stood in the way; copies given up so far are missed, and mended, from now on.

    Where the stores were told of the disposal they are to be told of this too (:func:`due`). Raises NotNow when
    it is over.
    """
    row = locked(session, identifier)
    if row.state not in OPEN:
        raise NotNow(marked("Disposal %(number)s is over: there is nothing to stop."), number=identifier)
    row.state, row.cancelled_by, row.cancelled_at, row.cancel_reason = DisposalState.CANCELLED, by, at, reason
    row.trouble, row.next_due = None, at if row.noticed is not None else None
    for turn in turns_of(session, identifier):
        if turn.state != TurnState.WAITING:
            state = CopyState.MISSING if turn.state == TurnState.DONE else CopyState.UNVERIFIED
            copies.take_back(session, refs(bags_of(session, row)), turn.store, state, at)
    session.flush()
    witness(session, row, agent, at, {"disposal": row.id, "cancelled by": by, "reason": reason})
    return row


def go_on(session: Session, identifier: int, *, by: str, at: datetime, agent: str) -> Disposal:
    """A disposal that was held because other bytes lay in a store is tried again. Raises NotNow for any other."""
    row = locked(session, identifier)
    staff_member(session, by)
    if row.state != DisposalState.HELD:
        raise NotNow(marked("Disposal %(number)s is not held up by other bytes."), number=identifier)
    row.state, row.next_due, row.trouble = DisposalState.APPROVED, at, None
    session.flush()
    witness(session, row, agent, at, {"disposal": row.id, "to go on": by})
    return row


def of(session: Session, article_id: str) -> Sequence[Disposal]:
    """Every disposal of this article, the newest first."""
    rows = select(Disposal).where(Disposal.article_id == article_id).order_by(Disposal.id.desc())
    return session.execute(rows).scalars().all()


def underway(session: Session, *, limit: int) -> Sequence[Disposal]:
    """Disposals that are not over, the oldest first."""
    rows = select(Disposal).where(Disposal.state.in_(OPEN)).order_by(Disposal.id).limit(limit)
    return session.execute(rows).scalars().all()


def turns_of(session: Session, identifier: int) -> Sequence[DisposalTurn]:
    """The stores' turns in their order."""
    rows = select(DisposalTurn).where(DisposalTurn.disposal_id == identifier).order_by(DisposalTurn.position)
    return session.execute(rows).scalars().all()


def is_gone(session: Session, aip_id: int) -> bool:
    """Whether an AIP was disposed of in every store."""
    return aip_id in gone(session, [aip_id])


def gone(session: Session, aip_ids: Sequence[int]) -> set[int]:
    """Those of these AIPs that were given up in every store."""
    states: dict[int, set[str]] = {}
    for row in session.execute(select(Copy.aip_id, Copy.state).where(Copy.aip_id.in_(aip_ids))):
        states.setdefault(row.aip_id, set()).add(row.state)
    return {aip_id for aip_id, found in states.items() if found <= set(GIVEN_UP)}


def bags_of(session: Session, row: Disposal) -> tuple[Bag, ...]:
    """What the disposal is of, as the catalogue has it now; a seal that differs from the approved one is not there."""
    found = {aip.version: aip for aip in holdings.aips_of(session, row.article_id)}
    bags = []
    for told in row.bags:
        aip = found.get(told["version"])
        if aip is not None:
            bags.append(Bag(aip.id, aip.version, told["seal"], told["bytes"]))
    return tuple(bags)


def refs(bags: Sequence[Bag]) -> list[tuple[int, int]]:
    """The bags as ``(AIP, bytes)``."""
    return [(bag.aip_id, bag.bytes) for bag in bags]


def article(session: Session, article_id: str) -> Article:
    """The article, locked: what its state is holds until our commit."""
    rows = select(Article).where(Article.id == article_id).with_for_update().execution_options(populate_existing=True)
    found = session.execute(rows).scalar_one_or_none()
    if found is None:
        raise NotNow(marked("There is no article %(article)s."), article=article_id)
    return found


def locked(session: Session, identifier: int) -> Disposal:
    """The disposal, locked until our commit. Raises NotNow when there is none."""
    rows = select(Disposal).where(Disposal.id == identifier).with_for_update().execution_options(populate_existing=True)
    found = session.execute(rows).scalar_one_or_none()
    if found is None:
        raise NotNow(marked("There is no disposal %(number)s."), number=identifier)
    return found


def staff_member(session: Session, login: str) -> None:
    """Raises NotNow for somebody who is no member of staff, or may not sign in."""
    known = select(func.count()).select_from(Staff).where(Staff.login == login, Staff.login != "", Staff.active)
    if not session.execute(known).scalar_one():
        raise NotNow(marked("%(login)s is no member of staff who may sign in."), login=login)


def witness(
    session: Session,
    row: Disposal,
    agent: str,
    at: datetime,
    detail: dict[str, Any],
    *,
    outcome: str = "success",
    store: str | None = None,
) -> None:
    """An event about a decision, beside what was decided."""
    testimony.witness(
        session,
        EventType.POLICY_ASSIGNMENT,
        at=at,
        outcome=outcome,
        agent=agent,
        detail=detail,
        article_id=row.article_id,
        version=row.version,
        store=store,
    )
