"""Every change to who may read what: told as an event, and counted, so that whatever was worked out before is known
to be old."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from repository.catalogue import testimony
from repository.catalogue.upsert import Upsert
from repository.models import ABOUT_RECORDS, AccessHead, Event
from repository.vocabulary import EventType

_MOVE = Upsert(AccessHead, lambda _new: {"number": AccessHead.__table__.c.number + 1})
_THERE = Upsert(AccessHead)
_TAKEN = "access changes taken"


def take(session: Session) -> None:
    """Nobody else changes these records until our transaction ends: what is looked up after it stays true."""
    if session.info.get(_TAKEN) is (ours := session.get_transaction()) and ours is not None:
        return  # by a table that enters a thousand rows, for each of them
    _THERE(session, [{"id": 1, "number": 0}])
    session.execute(select(AccessHead.number).where(AccessHead.id == 1).with_for_update())
    if not session.in_nested_transaction():  # what was locked behind a savepoint is not locked behind its rollback
        session.info[_TAKEN] = session.get_transaction()


def moved(session: Session) -> None:
    """The number of changes grows by one."""
    _MOVE(session, [{"id": 1, "number": 1}])


def number(session: Session) -> int:
    """The number of changes so far."""
    return session.execute(select(AccessHead.number).where(AccessHead.id == 1)).scalar_one_or_none() or 0


def noted(
    session: Session,
    by: str,
    record: str,
    code: str,
    what: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    *,
    at: datetime,
) -> None:
    """An event tells the change of one record beside the change itself: the values before and after, where they differ.

    ``record`` is the kind of thing (``institution``, ``licence`` …), ``code`` its name, ``what`` was done a verb.
    Values are JSON. The number of changes grows.
    """
    old, new = before or {}, after or {}
    detail: dict[str, Any] = {"record": record, "code": code, "what": what}
    for name, mine, other in (("before", old, new), ("after", new, old)):
        told = {key: value for key, value in mine.items() if key not in other or other[key] != value}
        if told:
            detail[name] = told
    testimony.witness(session, EventType.POLICY_ASSIGNMENT, at=at, outcome="success", agent=by, detail=detail)
    moved(session)


def of_record(
    session: Session, record: str, code: str, *, before: int | None = None, limit: int = 50
) -> Sequence[Event]:
    """The events of one record, the newest first; those older than the one with the number ``before``."""
    walk = select(Event).where(text(ABOUT_RECORDS))
    walk = walk.where(Event.detail["record"].as_string() == record, Event.detail["code"].as_string() == code)
    if before is not None:
        walk = walk.where(Event.id < before)
    return session.execute(walk.order_by(Event.id.desc()).limit(limit)).scalars().all()
