"""What the watch said of the bags that are known to be bad, as of the last round that looked at each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

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
    statement = _UPSERT[session.get_bind().dialect.name]
    rows: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for look in looks:
        row = {
            "store": look.store,
            "name": look.name,
            "expected": look.expected,
            "outcome": look.outcome,
            "read_at": at,
            "caught_at": at if look.caught else None,
            "note": look.note,
        }
        rows[look.caught].append(row)
    for caught, some in rows.items():
        if some:
            session.connection().execute(statement[caught], some)


def known(session: Session) -> set[tuple[str, str]]:
    """(store, name) of every canary that a round has looked at."""
    return {(row.store, row.name) for row in session.execute(select(Canary.store, Canary.name))}


def latest(session: Session) -> Sequence[Canary]:
    """Every canary as it was seen last, by store and name: a handful for each store."""
    return session.execute(select(Canary).order_by(Canary.store, Canary.name)).scalars().all()


def _upsert(insert: Callable[[Any], Any], *, caught: bool) -> Any:
    statement = insert(Canary.__table__)
    told = ["expected", "outcome", "read_at", "note", *(["caught_at"] if caught else [])]
    return statement.on_conflict_do_update(
        index_elements=["store", "name"], set_={name: getattr(statement.excluded, name) for name in told}
    )


_UPSERT = {
    dialect: {caught: _upsert(insert, caught=caught) for caught in (True, False)}
    for dialect, insert in (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
}
