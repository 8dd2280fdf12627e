"""How many there are of what: numbers kept in the transaction that changes them, so that no page counts."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from repository.models import Tally


@dataclass(frozen=True, slots=True)
class Count:
    """``number`` things of ``bytes`` octets together."""

    number: int
    bytes: int


def add(session: Session, what: str, state: str, number: int, octets: int = 0, *, place: str = "") -> None:
    """Add ``number`` (or take away, when negative) of what is in ``state`` at ``place``."""
    if number == 0 and octets == 0:
        return
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(Tally).values(what=what, place=place, state=state, number=number, bytes=octets)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["what", "place", "state"],
            set_={"number": Tally.number + number, "bytes": Tally.bytes + octets},
        )
    )


def of(session: Session, what: str) -> dict[tuple[str, str], Count]:
    """``{(place, state): Count}`` of everything of this kind that is not nought."""
    rows = session.execute(
        select(Tally.place, Tally.state, Tally.number, Tally.bytes)
        .where(Tally.what == what)
        .order_by(Tally.place, Tally.state)
    )
    return {(row.place, row.state): Count(row.number, row.bytes) for row in rows if row.number}
