"""What the door finds to be the matter: deliveries held up or waiting, and feeds that fail or are late."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ingest.feeds import Feed, standings
from repository.catalogue import intake
from repository.causes import Cause, Found, InDoubt, Question
from repository.vocabulary import DeliveryState

FAILING = timedelta(hours=1)
"""A feed that fails for so long has been looked at again meanwhile, as a rule."""
COUNT_NO_FURTHER = 1000


def questions(feeds: Callable[[], Sequence[Feed]], quarantine_after: timedelta) -> list[Question]:
    """All that is asked of deliveries and feeds. ``quarantine_after``: so long may a delivery wait for a person."""
    return [
        Question(("ingest-held",), held_up),
        Question(("feed-failing", "feed-late"), lambda session, at: feeds_failing(session, at, feeds())),
        Question(("quarantine-waiting",), lambda session, at: in_quarantine(session, at, quarantine_after)),
    ]


def held_up(session: Session, at: datetime) -> Found:  # noqa: ARG001 (as every question is asked)
    """Deliveries that pause through no fault of their own; one that is being tried again leaves it open."""
    paused = intake.paused(session, limit=COUNT_NO_FURTHER)
    if paused:
        number, more = len(paused), len(paused) == COUNT_NO_FURTHER
        detail = {"cause": paused[0].held_up or "", "delivery": paused[0].id}
        yield Cause("ingest-held", "", number, more, detail=detail)
    elif any(one.attempts > 1 for one in intake.queue(session, limit=COUNT_NO_FURTHER)):
        yield InDoubt("ingest-held")


def feeds_failing(session: Session, at: datetime, feeds: Sequence[Feed]) -> Iterator[Cause]:
    """Each feed that cannot be read for :data:`FAILING`, or that brings nothing for longer than agreed."""
    for one in standings(session, feeds, at):
        publisher = one.feed.publisher
        if one.row is not None and one.row.last_error is not None:
            if one.row.error_since is not None and one.row.error_since <= at - FAILING:
                detail = {"publisher": publisher, "cause": one.row.last_error}
                yield Cause("feed-failing", one.feed.name, since=one.row.error_since, detail=detail)
        elif one.late:
            yield Cause("feed-late", one.feed.name, since=one.expected_by, detail={"publisher": publisher})


def in_quarantine(session: Session, at: datetime, after: timedelta) -> Iterator[Cause]:
    """Deliveries that were quarantined before so long."""
    number, first = intake.finished_before(session, DeliveryState.QUARANTINED, at - after, up_to=COUNT_NO_FURTHER)
    if number:
        more = number == COUNT_NO_FURTHER
        yield Cause("quarantine-waiting", "", number, more, since=first, detail={"days": after.days})
