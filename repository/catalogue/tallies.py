"""How many there are of what: numbers kept in the transaction that changes them, so that no page counts.

What is large is tallied in parts, each the number of a range of keys. A part can be counted again in a moment and
compared with its tally in the same moment (catalogue.recount), whatever is written meanwhile; and writers of
different ranges do not wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository.catalogue.upsert import Upsert
from repository.models import Tally


@dataclass(frozen=True, slots=True)
class Count:
    """``number`` things of ``bytes`` octets together."""

    number: int
    bytes: int

    def __add__(self, other: Count) -> Count:
        return Count(self.number + other.number, self.bytes + other.bytes)


NOTHING = Count(0, 0)
BAGS_IN_A_PART = 1 << 16
DIGITS_OF_ARTICLES = 2
"""By so many digits of its id an article belongs to a part, of which there are 256."""


def part_of_bag(aip_id: int) -> int:
    """The part in which an AIP and its copies are tallied."""
    return aip_id // BAGS_IN_A_PART


def part_of_article(identifier: str) -> int:
    """The part in which an article is tallied: its id is a digest, so each has as many as the others."""
    return int(identifier[:DIGITS_OF_ARTICLES], 16)


@dataclass(frozen=True, slots=True)
class Step:
    """``number`` things (less than nought: taken away) of so many octets, now in ``state`` at ``place``."""

    what: str
    state: str
    number: int
    bytes: int = 0
    place: str = ""
    part: int = 0


_ADD = Upsert(Tally, lambda more: {"number": Tally.number + more.number, "bytes": Tally.bytes + more.bytes})


def step(session: Session, steps: Iterable[Step]) -> None:
    """Take all these steps; in one order everywhere, so that two transactions never wait for each other."""
    together: dict[tuple[str, int, str, str], Step] = {}
    for one in steps:
        key = (one.what, one.part, one.place, one.state)
        before = together.get(key)
        together[key] = (
            replace(one, number=one.number + before.number, bytes=one.bytes + before.bytes) if before else one
        )
    rows = [asdict(one) for _, one in sorted(together.items()) if one.number or one.bytes]
    _ADD(session, rows)


def add(session: Session, what: str, state: str, number: int, octets: int = 0, *, place: str = "") -> None:
    """Add ``number`` (or take away, when negative) of what is in ``state`` at ``place``."""
    step(session, [Step(what, str(state), number, octets, place)])


def of(session: Session, what: str, *, since: str = "") -> dict[tuple[str, str], Count]:
    """``{(place, state): Count}`` of everything of this kind that is not nought; of states from ``since`` on."""
    rows = session.execute(
        select(Tally.place, Tally.state, func.sum(Tally.number), func.sum(Tally.bytes))
        .where(Tally.what == what, Tally.state >= since)
        .group_by(Tally.place, Tally.state)
        .order_by(Tally.place, Tally.state)
    )
    return {(place, state): Count(int(number), int(octets)) for place, state, number, octets in rows if number}
