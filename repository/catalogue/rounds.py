"""Rounds of the night watch: begun, noted while they go on, ended; one that was killed is closed by the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, insert, not_, or_, select
from sqlalchemy.orm import Session

from repository.catalogue import testimony, whole
from repository.catalogue.copies import CopyRef
from repository.models import Event, Round
from repository.vocabulary import EventType

INTERRUPTED = " (interrupted)"
"""Ends the scope of a round that was killed before its end."""
_COUNTED = ("expected", "intact", "damaged", "missing", "unreadable", "mended", "bytes")


@dataclass(frozen=True, slots=True)
class RoundCounts:
    """How many copies a round has an answer for, by outcome; ``bytes`` were read to the end."""

    intact: int = 0
    damaged: int = 0
    missing: int = 0
    unreadable: int = 0
    mended: int = 0
    bytes: int = 0

    @property
    def expected(self) -> int:
        """Every copy that the round took up: the sum of the four outcomes, by definition."""
        return self.intact + self.damaged + self.missing + self.unreadable


@dataclass(frozen=True, slots=True)
class Testimony:
    """A PREMIS event about one copy; ``outcome`` is ``success``, ``failure`` or ``unknown`` (doubt)."""

    type: EventType
    at: datetime
    outcome: str
    article_id: str
    version: int
    store: str
    detail: dict[str, Any]


def testify(session: Session, agent: str, events: Sequence[Testimony]) -> None:
    """Append ``events`` in their order, in one statement."""
    if events:
        rows = [
            {
                "type": event.type,
                "at": event.at,
                "outcome": event.outcome,
                "agent": agent,
                "detail": event.detail,
                "article_id": event.article_id,
                "version": event.version,
                "store": event.store,
            }
            for event in events
        ]
        session.execute(insert(Event), rows)


def begin(session: Session, scope: str, at: datetime, agent: str) -> int:
    """Enter a round that begins now; its number. Rounds that nobody ended are closed as interrupted.

    Should one of those be alive after all (two rounds may go on side by side), its next
    :func:`note` opens it again, and its own event will tell of the copies that it read from here on.
    """
    unended = select(Round).where(Round.finished_at.is_(None)).order_by(Round.id).with_for_update()
    for row in session.execute(unended).scalars():
        row.finished_at, row.scope = at, label(row) + INTERRUPTED
        _witness(session, row, at, agent)
    entered = Round(started_at=at, scope=scope[: 120 - len(INTERRUPTED)])
    session.add(entered)
    session.flush()
    return entered.id


def note(session: Session, number: int, counts: RoundCounts, *, finished_at: datetime | None = None) -> None:
    """What round ``number`` has found so far; with ``finished_at``, all that it will find."""
    row = session.get_one(Round, number, with_for_update=True)
    row.scope, row.finished_at = label(row), finished_at
    row.expected = counts.expected
    row.intact, row.damaged, row.missing = counts.intact, counts.damaged, counts.missing
    row.unreadable, row.mended, row.bytes = counts.unreadable, counts.mended, counts.bytes
    session.flush()


def read_whole(session: Session, number: int, refs: Sequence[CopyRef]) -> None:
    """Round ``number`` has read these copies whole; told in the transaction that says so of each copy."""
    if refs:
        row = session.get_one(Round, number, with_for_update=True)
        row.verified += len(refs)
        row.verified_bytes += sum(ref.bytes for ref in refs)
        row.verified_set = whole.with_copies(row.verified_set, refs)
        session.flush()


def end(session: Session, number: int, counts: RoundCounts, at: datetime, agent: str) -> None:
    """Close round ``number`` with all that it has found, and bear witness to it in one event."""
    note(session, number, counts, finished_at=at)
    _witness(session, session.get_one(Round, number), at, agent)


def _witness(session: Session, row: Round, at: datetime, agent: str) -> None:
    """The one event for every copy that was read whole as nearly all are: how many, and a digest of which.

    What it told of is counted anew from here on, so that no reading is ever told of twice.
    """
    otherwise = "unknown" if row.unreadable else "success"
    testimony.witness(
        session,
        EventType.FIXITY_CHECK,
        at=at,
        outcome="failure" if row.damaged or row.missing else otherwise,
        agent=agent,
        detail={
            "round": row.id,
            "scope": label(row),
            "ended": "interrupted" if was_interrupted(row) else "finished",
            **{name: getattr(row, name) for name in _COUNTED},
            "verified": {
                "copies": row.verified,
                "bytes": row.verified_bytes,
                "digest": whole.digest_of(row.verified_set),
            },
        },
    )
    row.verified, row.verified_bytes, row.verified_set = 0, 0, None
    session.flush()


def latest(session: Session, *, before: int | None = None, limit: int = 20) -> Sequence[Round]:
    """The last rounds, the newest first, older than the one numbered ``before``."""
    rows = select(Round).order_by(Round.id.desc()).limit(limit)
    if before is not None:
        rows = rows.where(Round.id < before)
    return session.execute(rows).scalars().all()


_KEEPS_THE_PROMISE = or_(
    # As fixity.watch.Scope says itself: a store's name has no blank, so that one named "lost" is told apart.
    and_(
        Round.scope.startswith("due"), not_(Round.scope.like("due lost%")), not_(Round.scope.like("due store % lost%"))
    ),
    and_(Round.scope.startswith("all"), not_(Round.scope.startswith("all article "))),
)


def last_ended(session: Session) -> datetime | None:
    """When the last round was carried to its end that takes up what is due, or everything; not one of an article, or of
    what waits to be mended: these say nothing of the rounds that keep the promise."""
    ended = select(Round.finished_at).where(
        Round.finished_at.is_not(None), not_(Round.scope.endswith(INTERRUPTED)), _KEEPS_THE_PROMISE
    )
    return session.execute(ended.order_by(Round.id.desc()).limit(1)).scalar()


def read_since(session: Session, moment: datetime, scope: str) -> int:
    """How many copies rounds whose scope begins with ``scope`` have read since ``moment``.

    Those of a silent store were not read, and take nothing from the share of the others.
    """
    newest_first = select(Round.started_at, Round.scope, Round.expected, Round.unreadable).order_by(Round.id.desc())
    total = 0
    with session.execute(newest_first.execution_options(yield_per=100)) as rows:
        for row in rows:
            if row.started_at < moment:
                break
            if row.scope.startswith(scope):
                total += row.expected - row.unreadable
    return total


def label(row: Round) -> str:
    """What the round went through, for a table: without the mark of its interruption."""
    return row.scope.removesuffix(INTERRUPTED)


def was_interrupted(row: Round) -> bool:
    """Whether the round was killed before its end: what it had written down by then stands."""
    return row.scope.endswith(INTERRUPTED)
