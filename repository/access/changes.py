"""Whatever changes who may read what is told in the testimony, and makes what was worked out before it out of date."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from repository.catalogue import testimony
from repository.models import AccessHead
from repository.vocabulary import EventType


def noted(
    session: Session,
    *,
    by: str,
    record: str,
    code: str,
    what: str,
    at: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Bear witness to a change of one record, in the transaction that makes it: what of it was, and what is."""
    detail: dict[str, Any] = {"record": record, "code": code, "what": what}
    detail |= {"before": dict(before)} if before else {}
    detail |= {"after": dict(after)} if after else {}
    testimony.witness(session, EventType.POLICY_ASSIGNMENT, at=at, outcome="success", agent=by, detail=detail)
    grown = session.connection().execute(update(AccessHead).values(number=AccessHead.number + 1))
    if grown.rowcount == 0:
        session.connection().execute(insert(AccessHead).values(id=1, number=1))


def number(session: Session) -> int:
    """How many changes there were: what was worked out under another number is out of date."""
    return session.execute(select(AccessHead.number)).scalar_one_or_none() or 0
