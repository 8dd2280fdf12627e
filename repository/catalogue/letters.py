"""Letters of every kind, digests and alerts: how an attempt to hand one in is written down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from repository.models import AlertLetter, Digest
from repository.vocabulary import DigestState


def settle(
    session: Session,
    letter: AlertLetter | Digest,
    state: DigestState,
    *,
    told: Sequence[str],
    at: datetime,
    next_try: datetime,
    problem: str | None,
) -> None:
    """Write down how an attempt ended, and give the letter back."""
    known: Any = inspect(letter)
    row: Any = session.get_one(type(letter), known.identity)
    row.state, row.told, row.problem, row.next_try = state, list(told), problem, next_try
    row.attempts += 1
    row.sent_at = at if state is DigestState.SENT else None
    row.lease = row.lease_until = None
    session.flush()
