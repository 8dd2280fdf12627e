"""Today's round: how far it has come, how fast it goes, and when it ends if it goes on so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from repository.catalogue import copies, days, rounds
from repository.catalogue.tallies import Count
from repository.models import Round

COUNT_NO_FURTHER = 20_000
"""Where the count of what is still due ends."""


@dataclass(frozen=True, slots=True)
class Today:
    """What was read since midnight (UTC), and the round that goes on now, if one does."""

    read: Count
    """Copies of which the store gave knowledge, and the bytes of those read to their end."""
    going: Round | None
    copies_per_second: float | None
    bytes_per_second: float | None
    left: int
    """Copies that this round has still to take up."""
    left_is_more: bool
    ends_at: datetime | None
    """None: nothing goes on, or too little of it is known yet."""


def today(session: Session, at: datetime) -> Today:
    """The figures, from the day's own and from the round's; what is left is counted no further than a bound."""
    sums = days.totals(session, at.date()).values()
    told = sum(one["intact"] + one["damaged"] + one["missing"] for one in sums)
    read = Count(told, sum(one["bytes"] for one in sums))
    going = next((row for row in rounds.latest(session, limit=5) if row.finished_at is None), None)
    if going is None:
        return Today(read, None, None, None, 0, False, None)
    seconds = max((at - going.started_at).total_seconds(), 1.0)
    left, more = _left(session, going)
    if not going.expected:
        return Today(read, going, None, None, left, more, None)
    rate = going.expected / seconds
    ends_at = at + timedelta(seconds=min(left / rate, 10_000 * 86_400))
    return Today(read, going, rate, going.bytes / seconds, left, more, ends_at)


def _left(session: Session, going: Round) -> tuple[int, bool]:
    if rounds.label(going).startswith("due"):
        found = copies.due(session, going.started_at, up_to=COUNT_NO_FURTHER + 1)
        return min(found, COUNT_NO_FURTHER), found > COUNT_NO_FURTHER
    if rounds.label(going) == "all":
        held = sum(count.number for count in copies.kept(session).values())
        return max(held - going.expected, 0), False
    return 0, True
