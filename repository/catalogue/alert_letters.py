"""What is told of alerts, to whom: planned in the transaction that changes them, kept until it is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from repository.catalogue import alerts
from repository.causes import KINDS, AlertLevel
from repository.models import Alert, AlertLetter
from repository.vocabulary import DigestState

MAIL, ESCALATION, WEBHOOK = "mail", "escalation", "webhook:"
BEGUN, RAISED, ESCALATED, OVER = "begun", "raised", "escalated", "over"
"""What a letter tells of an alert: it began, it weighs more than was told, nobody has acknowledged it, it is over."""


@dataclass(frozen=True, slots=True)
class Channels:
    """By which ways alerts are told, and when."""

    mail: bool
    webhooks: tuple[str, ...]
    gather: timedelta
    """So long is waited for other causes before a letter is made, unless one is critical."""
    escalate: timedelta
    """An alert that nobody acknowledged for so long after it was told is told once more."""

    @property
    def everybody(self) -> list[str]:
        """The names under which letters are told to all, as letters have them."""
        return [*([MAIL] if self.mail else []), *(f"{WEBHOOK}{name}" for name in self.webhooks)]

    @property
    def above(self) -> list[str]:
        """The names under which they are told to those above, where nobody has acknowledged an alert."""
        return [ESCALATION if name == MAIL else name for name in self.everybody]


def plan(session: Session, channels: Channels, at: datetime) -> list[AlertLetter]:
    """Enter the letters that are due, and write down of each alert that it was told. Without a channel nothing is.

    What was told is known by the alert's own row, never by comparing clocks: no jump of one repeats a letter.
    """
    if not channels.everybody:
        return []
    rows = alerts.still_open(session, limit=None)
    begun = [(_began(row), row) for row in rows if row.told_at is None or _rose(row)]
    ended = [(OVER, row) for row in _ended(session)]
    letters: list[AlertLetter] = []
    if any(_due(row.closed_at or row.opened_at, row, channels, at) for _, row in [*begun, *ended]):
        letters += _letters(session, channels.everybody, [*begun, *ended], at)
        escalated = [(OVER, row) for _, row in ended if row.escalated_at]
        letters += _letters(session, [ESCALATION] if channels.mail else [], escalated, at)
        for _, row in begun:
            row.told_at, row.told_level = row.told_at or at, row.level
        for _, row in ended:
            row.end_told_at = at
    unanswered = [(ESCALATED, row) for row in rows if _unanswered(row, channels, at)]
    letters += _letters(session, channels.above, unanswered, at)
    for _, row in unanswered:
        row.escalated_at = at
    session.flush()
    return letters


def unsent(session: Session, *, refused: bool, due: datetime | None, longest_pause: timedelta) -> Sequence[AlertLetter]:
    """The letters that wait, the oldest first. ``refused``: and those that were refused. ``due``: whose time has come.

    A next attempt further ahead than any pause was set by a clock that has been set back since: it is due.
    """
    states = [DigestState.WAITING, *([DigestState.REFUSED] if refused else [])]
    asked = select(AlertLetter).where(AlertLetter.state.in_(states))
    if due is not None:
        asked = asked.where(or_(AlertLetter.next_try <= due, AlertLetter.next_try > due + longest_pause))
    return session.execute(asked.order_by(AlertLetter.id)).scalars().all()


def waiting(session: Session) -> dict[tuple[str, str], tuple[int, datetime, str | None]]:
    """By channel and state: how many letters were tried and not taken, since when, and the problem of the first.

    Letters to the recipients and those of an escalation go through one mail server, and are one channel here.
    """
    found: dict[tuple[str, str], tuple[int, datetime, str | None]] = {}
    rows = session.execute(
        select(AlertLetter)
        .where(AlertLetter.state.in_([DigestState.WAITING, DigestState.REFUSED]), AlertLetter.attempts > 0)
        .order_by(AlertLetter.id)
    ).scalars()
    for row in rows:
        key = (MAIL if row.channel == ESCALATION else row.channel, row.state)
        number, since, problem = found.get(key, (0, row.made_at, row.problem))
        found[key] = (number + 1, since, problem)
    return found


def oldest_waiting(session: Session) -> datetime | None:
    """When the oldest letter was made that nobody has taken yet."""
    return session.execute(
        select(func.min(AlertLetter.made_at)).where(AlertLetter.state == DigestState.WAITING)
    ).scalar()


def claim(session: Session, letter: AlertLetter, lease: str, now: datetime, lease_for: timedelta) -> AlertLetter | None:
    """Take the letter for sending, unless another process has it or has sent it meanwhile."""
    free = or_(
        AlertLetter.lease.is_(None),
        AlertLetter.lease_until < now,
        AlertLetter.lease_until > now + lease_for,  # by a clock that has been set back since
    )
    open_states = AlertLetter.state.in_([DigestState.WAITING, DigestState.REFUSED])
    taken = session.execute(
        update(AlertLetter)
        .where(AlertLetter.id == letter.id, open_states, free)
        .values(lease=lease, lease_until=now + lease_for)
    ).rowcount  # type: ignore[attr-defined]
    return session.get_one(AlertLetter, letter.id, populate_existing=True) if taken else None


def _rose(row: Alert) -> bool:
    return row.level == AlertLevel.CRITICAL and row.told_level != AlertLevel.CRITICAL


def _began(row: Alert) -> str:
    return BEGUN if row.told_at is None else RAISED


def _ended(session: Session) -> Sequence[Alert]:
    """Alerts that are over, were told of, and whose end was not."""
    asked = select(Alert).where(Alert.closed_at.is_not(None), Alert.end_told_at.is_(None), Alert.told_at.is_not(None))
    return session.execute(asked.order_by(Alert.closed_at, Alert.id)).scalars().all()


def _due(moment: datetime, row: Alert, channels: Channels, at: datetime) -> bool:
    return row.level == AlertLevel.CRITICAL or not at - channels.gather < moment <= at


def _unanswered(row: Alert, channels: Channels, at: datetime) -> bool:
    if row.told_at is None or row.acknowledged_at is not None or row.escalated_at is not None:
        return False
    row.told_at = min(row.told_at, at)  # told in the future, by a clock that was set back since
    return bool(channels.escalate) and row.told_at + channels.escalate <= at


def _letters(
    session: Session, names: Sequence[str], told: Sequence[tuple[str, Alert]], at: datetime
) -> list[AlertLetter]:
    """A letter for each of these channels, without what is about the channel itself."""
    made = []
    for name in names:
        way = "webhook" if name.startswith(WEBHOOK) else "mail"
        items = [_item(what, row) for what, row in told if row.kind not in KINDS or KINDS[row.kind].not_by != way]
        if items:
            made.append(
                AlertLetter(
                    channel=name, items=items, state=DigestState.WAITING, told=[], made_at=at, attempts=0, next_try=at
                )
            )
    session.add_all(made)
    session.flush()
    return made


def _item(what: str, row: Alert) -> dict[str, Any]:
    moments = {"opened_at": row.opened_at, "closed_at": row.closed_at}
    told = {name: moment.isoformat() if moment else None for name, moment in moments.items()}
    return {"what": what, "alert": row.id, **told, **alerts.cause_of(row).as_json()}
