"""What members of staff decided about deliveries that wait for a person: written once, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.models import Decision
from repository.vocabulary import Verdict


def decide(
    session: Session,
    delivery_id: str,
    verdict: Verdict,
    *,
    by: str,
    at: datetime,
    reason: str = "",
    codes: Sequence[str] = (),
) -> None:
    """Enter one decision; ``codes`` are the findings in spite of which articles are released."""
    session.add(Decision(delivery_id=delivery_id, verdict=verdict, codes=list(codes), reason=reason, by=by, at=at))
    session.flush()


def of(session: Session, delivery_id: str) -> Sequence[Decision]:
    """Every decision about a delivery, the first first."""
    return (
        session.execute(select(Decision).where(Decision.delivery_id == delivery_id).order_by(Decision.id))
        .scalars()
        .all()
    )


def released(session: Session, delivery_id: str) -> dict[str, str]:
    """``{code: reason}`` of the findings that keep no article of this delivery out any more; the last reason counts."""
    return {
        code: decision.reason
        for decision in of(session, delivery_id)
        if decision.verdict == Verdict.RELEASE
        for code in decision.codes
    }
