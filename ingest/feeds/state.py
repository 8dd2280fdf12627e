"""How each feed stands: whether it was looked at, fails, or has brought nothing for longer than it may."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from ingest.feeds.feed import Feed
from repository.catalogue import feeds as rows
from repository.models import Feed as Row


class FeedState(StrEnum):
    """One word for it; a feed that fails may be late as well."""

    OK = "ok"
    LATE = "late"
    FAILING = "failing"
    NOT_LOOKED_AT = "not looked at"


@dataclass(frozen=True, slots=True)
class Standing:
    """A feed with what the catalogue remembers of it; ``row`` is None when it was never looked at."""

    feed: Feed
    row: Row | None
    expected_by: datetime | None
    late: bool

    @property
    def state(self) -> FeedState:
        """Failing goes before late: who fails cannot bring anything."""
        if self.row is not None and self.row.last_error is not None:
            return FeedState.FAILING
        if self.late:
            return FeedState.LATE
        return FeedState.OK if self.row is not None and self.row.last_looked_at else FeedState.NOT_LOOKED_AT

    @property
    def needs_attention(self) -> bool:
        """Whether somebody should look: it fails, or is late."""
        return self.state in {FeedState.FAILING, FeedState.LATE}


@dataclass(frozen=True, slots=True)
class Expected:
    """When the next delivery of a publisher is expected, and whether it is overdue."""

    by: datetime
    late: bool


def standings(session: Session, feeds: Sequence[Feed], now: datetime) -> list[Standing]:
    """Every feed in the order given, by a query for each five hundred. Time runs from the last delivery, or from the
    first look at a feed that has not brought any."""
    known = rows.states_of(session, [feed.name for feed in feeds])
    found = []
    for feed in feeds:
        row = known.get(feed.name)
        last = (row.last_arrival_at or row.since) if row else None
        by = feed.expected_by(last) if last else None
        found.append(Standing(feed, row, by, last is not None and feed.late(last, now)))
    return found


def expected_of(found: Iterable[Standing]) -> dict[str, Expected]:
    """Publisher to the first moment at which one of its feeds is expected to bring something."""
    first: dict[str, Expected] = {}
    for one in sorted((one for one in found if one.expected_by is not None), key=lambda one: not one.late):
        assert one.expected_by is not None
        name = " ".join(one.feed.publisher.split())
        known = first.get(name)
        if known is None or (known.late == one.late and one.expected_by < known.by):
            first[name] = Expected(one.expected_by, one.late)
    return first
