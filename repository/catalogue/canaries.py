"""What the watch said of the bags that are known to be bad, as of the last round that looked at each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository.catalogue.upsert import Upsert
from repository.models import Canary
from repository.vocabulary import AuditOutcome


@dataclass(frozen=True, slots=True)
class Look:
    """What one audit said of one canary."""

    store: str
    name: str
    expected: AuditOutcome
    outcome: AuditOutcome
    note: str | None = None

    @property
    def caught(self) -> bool:
        """Whether it was seen for what it is."""
        return self.outcome is self.expected

    @property
    def missed(self) -> bool:
        """Whether it was seen for something else; a store that does not answer is doubt, and neither."""
        return not self.caught and self.outcome is not AuditOutcome.UNREADABLE


def write_down(session: Session, looks: Iterable[Look], at: datetime) -> None:
    """The last look at each canary; ``caught_at`` stays what it was where it was not caught."""
    rows = [
        {
            "store": look.store,
            "name": look.name,
            "expected": look.expected,
            "outcome": look.outcome,
            "read_at": at,
            "caught_at": at if look.caught else None,
            "note": look.note,
        }
        for look in looks
    ]
    _WRITE(session, rows)


def known(session: Session) -> set[tuple[str, str]]:
    """(store, name) of every canary that a round has looked at."""
    return {(row.store, row.name) for row in session.execute(select(Canary.store, Canary.name))}


def latest(session: Session) -> Sequence[Canary]:
    """Every canary as it was seen last, by store and name: a handful for each store."""
    return session.execute(select(Canary).order_by(Canary.store, Canary.name)).scalars().all()


_WRITE = Upsert(
    Canary,
    lambda seen: {
        "expected": seen.expected,
        "outcome": seen.outcome,
        "read_at": seen.read_at,
        "caught_at": func.coalesce(seen.caught_at, Canary.caught_at),
        "note": seen.note,
    },
)
