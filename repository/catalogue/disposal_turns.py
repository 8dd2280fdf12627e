"""The turns of a disposal: which store is next, what is given up there, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from repository.catalogue import copies, disposals, tallies, testimony
from repository.models import Disposal, DisposalTurn
from repository.vocabulary import ArticleState, CopyState, DisposalState, EventType, TurnState


@dataclass(frozen=True, slots=True)
class Due:
    """A disposal that has something to do: a store's turn, or (``store`` None) a cancellation that is to be told."""

    id: int
    article_id: str
    store: str | None
    bags: tuple[disposals.Bag, ...]


def due(session: Session, at: datetime, *, limit: int) -> list[Due]:
    """What has its day by now, the longest waiting first."""
    rows = select(Disposal).where(Disposal.next_due <= at).order_by(Disposal.next_due, Disposal.id).limit(limit)
    return [
        Due(row.id, row.article_id, _next(session, row), disposals.bags_of(session, row))
        for row in session.execute(rows).scalars()
    ]


def _next(session: Session, row: Disposal) -> str | None:
    """The store whose turn it is; None when no store has one."""
    if row.state != DisposalState.APPROVED:
        return None
    return next((one.store for one in disposals.turns_of(session, row.id) if one.state != TurnState.DONE), None)


def noticed(session: Session, identifier: int, number: int) -> None:
    """The stores know of it, by the notice of this number: only from then on may anything be deleted."""
    disposals.locked(session, identifier).noticed = number
    session.flush()


def settled(session: Session, identifier: int) -> None:
    """The stores know that it was cancelled: nothing is left to do."""
    disposals.locked(session, identifier).next_due = None
    session.flush()


def begin(session: Session, what: Due, at: datetime) -> bool:
    """The store's turn begins: its copies are given up, and no longer promised, before a byte of them goes.

    False when it may not begin now: cancelled or not yet due, the article shown again, or a copy just being read.
    """
    row = disposals.locked(session, what.id)
    article = disposals.article(session, what.article_id)
    turn = next((one for one in disposals.turns_of(session, what.id) if one.state != TurnState.DONE), None)
    may = (
        row.state == DisposalState.APPROVED
        and row.noticed is not None
        and article.state == ArticleState.WITHDRAWN
        and turn is not None
        and turn.store == what.store
        and row.next_due is not None
        and row.next_due <= at
    )
    if not may or turn is None or not copies.give_up(session, disposals.refs(what.bags), turn.store, at):
        return False
    turn.state, turn.at = TurnState.BEGUN, at
    session.flush()
    return True


def stands(session: Session, what: Due) -> bool:
    """Whether it is still approved: nobody has stopped it since its turn began."""
    state = session.execute(select(Disposal.state).where(Disposal.id == what.id)).scalar()
    return bool(state == DisposalState.APPROVED)


def deleted(
    session: Session,
    what: Due,
    bags: Sequence[disposals.Bag],
    details: Sequence[dict[str, Any]],
    at: datetime,
    agent: str,
) -> None:
    """These bags are gone from the store, which said so: an event each.

    Where somebody stopped the disposal meanwhile their copies are the archive's again: they are missed.
    """
    row = disposals.locked(session, what.id)
    if row.state == DisposalState.CANCELLED and what.store is not None:
        copies.missed(session, disposals.refs(bags), what.store, at)
    for bag, detail in zip(bags, details, strict=True):
        testimony.witness(
            session,
            EventType.DELETION,
            at=at,
            outcome="success",
            agent=agent,
            detail={"disposal": row.id, "asked by": row.asked_by, "approved by": row.approved_by, **detail},
            article_id=what.article_id,
            version=bag.version,
            store=what.store,
        )


def done(session: Session, what: Due, at: datetime) -> None:
    """Nothing is left of the bags in this store; the next store's turn comes in its time."""
    row = disposals.locked(session, what.id)
    turns = disposals.turns_of(session, what.id)
    for turn in turns:
        if turn.store == what.store:
            turn.state, turn.at = TurnState.DONE, at
    over = all(turn.state == TurnState.DONE for turn in turns)
    if row.state == DisposalState.APPROVED:
        row.state = DisposalState.DONE if over else DisposalState.APPROVED
        row.next_due, row.trouble = None if over else at + timedelta(days=row.delay_days), None
        session.flush()
        if over:
            count_gone(session, what.bags)


def count_gone(session: Session, bags: Sequence[disposals.Bag]) -> None:
    """Those of these bags that no store has any more count as disposed of, and no longer as kept."""
    for bag in bags:
        if disposals.is_gone(session, bag.aip_id):
            part = tallies.part_of_bag(bag.aip_id)
            given_up = tallies.Step("aips", "disposed", 1, bag.bytes, part=part)
            tallies.step(session, [tallies.Step("aips", "kept", -1, -bag.bytes, part=part), given_up])


def later(session: Session, what: Due, trouble: str, again: datetime) -> None:
    """What was due could not be done now, for this reason: it is tried again then."""
    row = disposals.locked(session, what.id)
    if row.next_due is not None and _next(session, row) == what.store:
        row.trouble, row.next_due = trouble, again
        session.flush()


def put_off(
    session: Session,
    what: Due,
    left: Sequence[disposals.Bag],
    trouble: str,
    at: datetime,
    again: datetime | None,
    agent: str,
) -> None:
    """These bags were not deleted, because a lock holds them (``again``: until then), or something else lies there.

    Then (None) a person has to decide. Their copies are the archive's again, and the watch says what they are.
    """
    row = disposals.locked(session, what.id)
    if _next(session, row) != what.store:
        return  # another clock was faster
    if row.state == DisposalState.APPROVED:
        row.state = DisposalState.APPROVED if again else DisposalState.HELD
        row.next_due, row.trouble = again, trouble
    if what.store is not None and left:
        copies.take_back(session, disposals.refs(left), what.store, CopyState.UNVERIFIED, at)
        for turn in disposals.turns_of(session, what.id):
            if turn.store == what.store and len(left) == len(what.bags):
                turn.state, turn.at = TurnState.WAITING, at
    session.flush()
    told = {"disposal": row.id, "put off": trouble}
    disposals.witness(session, row, agent, at, told, outcome="failure", store=what.store)


def enter_again(
    session: Session,
    article_id: str,
    number: int,
    about: Mapping[str, Any],
    present: Mapping[int, set[str]],
    at: datetime,
) -> None:
    """A disposal that a notice tells of, in a catalogue written again; ``present``: version to the stores that have it.

    Where anything of it is still there, it waits for an approval anew: a notice alone never leads to a deletion.
    """
    known = session.execute(
        select(Disposal.id).where(Disposal.article_id == article_id, Disposal.noticed == number)
    ).first()
    if known is not None:
        return
    versions = [bag["version"] for bag in about["bags"]]
    left = {store for version in versions for store in present.get(version, ())}
    row = Disposal(
        article_id=article_id,
        version=about["version"],
        bags=[{name: bag[name] for name in ("version", "seal", "bytes")} for bag in about["bags"]],
        state=DisposalState.ASKED if left else DisposalState.DONE,
        asked_by=about["asked_by"],
        reason=about["reason"],
        asked_at=datetime.fromisoformat(about["asked_at"]),
        wait_days=about["wait_days"],
        delay_days=about["delay_days"],
        approved_by=None if left else about["approved_by"],
        approved_at=None if left else datetime.fromisoformat(about["approved_at"]),
        not_before=None if left else datetime.fromisoformat(about["not_before"]),
        noticed=number,
    )
    session.add(row)
    session.flush()
    for position, store in enumerate(about["stores"]):
        state = TurnState.WAITING if store in left else TurnState.DONE
        session.add(DisposalTurn(disposal_id=row.id, position=position, store=store, state=state, at=at))
    session.flush()


def cancel_again(session: Session, article_id: str, number: int, *, by: str, reason: str, at: datetime) -> None:
    """The disposal of the notice ``number`` was cancelled, says another notice, in a catalogue written again."""
    which = update(Disposal).where(
        Disposal.article_id == article_id, Disposal.noticed == number, Disposal.state.in_(disposals.OPEN)
    )
    session.execute(which.values(state=DisposalState.CANCELLED, cancelled_by=by, cancelled_at=at, cancel_reason=reason))
