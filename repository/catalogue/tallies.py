"""How many there are of what: numbers kept in the transaction that changes them, so that no page counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.catalogue.upsert import Upsert
from repository.models import Tally


@dataclass(frozen=True, slots=True)
class Count:
    """``number`` things of ``bytes`` octets together."""

    number: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Step:
    """``number`` things (less than nought: taken away) of so many octets, now in ``state`` at ``place``."""

    what: str
    state: str
    number: int
    bytes: int = 0
    place: str = ""


_ADD = Upsert(Tally, lambda more: {"number": Tally.number + more.number, "bytes": Tally.bytes + more.bytes})


def step(session: Session, steps: Iterable[Step]) -> None:
    """Take all these steps; in one order everywhere, so that two transactions never wait for each other."""
    together: dict[tuple[str, str, str], Step] = {}
    for one in steps:
        key = (one.what, one.place, one.state)
        before = together.get(key)
        together[key] = (
            replace(one, number=one.number + before.number, bytes=one.bytes + before.bytes) if before else one
        )
    rows = [asdict(one) for _, one in sorted(together.items()) if one.number or one.bytes]
    _ADD(session, rows)


def add(session: Session, what: str, state: str, number: int, octets: int = 0, *, place: str = "") -> None:
    """Add ``number`` (or take away, when negative) of what is in ``state`` at ``place``."""
    step(session, [Step(what, str(state), number, octets, place)])


def of(session: Session, what: str) -> dict[tuple[str, str], Count]:
    """``{(place, state): Count}`` of everything of this kind that is not nought."""
    rows = session.execute(
        select(Tally.place, Tally.state, Tally.number, Tally.bytes)
        .where(Tally.what == what)
        .order_by(Tally.place, Tally.state)
    )
    return {(row.place, row.state): Count(row.number, row.bytes) for row in rows if row.number}
