"""Alerts: one open row for each cause, opened when it is found, closed when it has been over for a while, kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, literal, select, tuple_
from sqlalchemy.orm import Session

from repository.causes import AlertLevel, Cause, InDoubt
from repository.errors import UsageError
from repository.models import Alert, Moment

CALM = timedelta(minutes=5)
"""An alert is closed when its cause has been over for so long: what comes and goes is one alert and not many."""

_LONGEST_SUBJECT, _LONGEST_NOTE = 200, 2000


@dataclass(frozen=True, slots=True)
class Changes:
    """What one evaluation changed."""

    opened: tuple[Alert, ...]
    closed: tuple[Alert, ...]


def settle(session: Session, found: Iterable[Cause | InDoubt], at: datetime) -> Changes:
    """The open alerts are those of the causes found; call it in the transaction in which they were looked for.

    An alert whose cause is not among them is closed once that has been so for :data:`CALM`; one of which nothing is
    known stays as it is. A level rises with its cause and never sinks: who was woken is told when it is over.
    """
    known = {(alert.kind, alert.subject): alert for alert in still_open(session, limit=None)}
    opened, seen, doubted = [], set(), set()
    for one in found:
        if isinstance(one, InDoubt):
            doubted.add((one.kind, one.subject))
            continue
        key = (one.kind, one.subject[:_LONGEST_SUBJECT])
        seen.add(key)
        alert = known.get(key)
        if alert is None:
            alert = Alert(kind=key[0], subject=key[1], level=one.weight, opened_at=at, since=one.since or at)
            session.add(alert)
            opened.append(alert)
        elif one.weight is AlertLevel.CRITICAL:
            alert.level = AlertLevel.CRITICAL
        alert.since = one.since or alert.since
        alert.last_seen_at, alert.objects, alert.more, alert.detail = at, one.objects, one.more, dict(one.detail)
    closed = []
    for key, alert in known.items():
        # Seen in the future, by a clock that was set back since: its calm begins now.
        alert.last_seen_at = min(alert.last_seen_at, at)
        unsure = key in doubted or (key[0], None) in doubted
        if key not in seen and not unsure and alert.last_seen_at + CALM <= at:
            alert.closed_at = at
            closed.append(alert)
    session.flush()
    return Changes(tuple(opened), tuple(closed))


def still_open(session: Session, *, limit: int | None) -> Sequence[Alert]:
    """The open alerts, those that nobody has acknowledged first, the critical before the others, the oldest first."""
    asked = select(Alert).where(Alert.closed_at.is_(None))
    order = (Alert.acknowledged_at.is_not(None), Alert.level != AlertLevel.CRITICAL, Alert.opened_at, Alert.id)
    return session.execute(asked.order_by(*order).limit(limit)).scalars().all()


def number_open(session: Session) -> int:
    """How many alerts are open: as many as there are causes, so that they may be counted."""
    return session.execute(select(func.count()).select_from(Alert).where(Alert.closed_at.is_(None))).scalar_one()


def over(session: Session, *, before: tuple[datetime, int] | None = None, limit: int) -> Sequence[Alert]:
    """The closed alerts, the last closed first, closed before the one with this moment and id."""
    asked = select(Alert).where(Alert.closed_at.is_not(None))
    if before is not None:
        asked = asked.where(tuple_(Alert.closed_at, Alert.id) < tuple_(literal(before[0], Moment()), before[1]))
    return session.execute(asked.order_by(Alert.closed_at.desc(), Alert.id.desc()).limit(limit)).scalars().all()


def acknowledge(session: Session, number: int, *, by: str, at: datetime, note: str = "") -> Alert:
    """Somebody looks after it: it is not escalated. Who did so first stays named; the last note counts.

    Raises UsageError when there is no such alert, or when it is over.
    """
    alert = session.get(Alert, number, with_for_update=True)
    if alert is None:
        raise UsageError(f"no alert has the number {number}; `mahfuz alerts` lists the open ones")
    if alert.closed_at is not None:
        raise UsageError(
            f"the alert {number} is over since {alert.closed_at:%Y-%m-%d %H:%M} UTC: nothing is left to do"
        )
    if alert.acknowledged_at is None:
        alert.acknowledged_at, alert.acknowledged_by = at, by[:120]
    if note.strip():
        alert.note = note.strip()[:_LONGEST_NOTE]
    session.flush()
    return alert


def cause_of(alert: Alert) -> Cause:
    """The cause as the alert has it now."""
    return Cause(
        kind=alert.kind,
        subject=alert.subject,
        objects=alert.objects,
        more=alert.more,
        since=alert.since,
        detail=alert.detail,
        level=AlertLevel(alert.level),
    )
