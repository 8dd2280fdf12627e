"""Heartbeats: each part of the program that runs says so again and again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from repository.models import Heartbeat

FORGOTTEN = timedelta(days=30)
"""A machine that was silent so long was taken away, if another one runs the part. Containers have a new name each."""


@dataclass(frozen=True, slots=True)
class Who:
    """One running part, by the machine and process in which it runs."""

    part: str
    """``clock``, ``worker`` or ``web``."""
    host: str
    pid: int
    started_at: datetime
    version: str


def beat(session: Session, who: Who, at: datetime) -> None:
    """It runs at ``at``. A part that runs twice on one machine is one. Machines long silent are forgotten."""
    session.execute(delete(Heartbeat).where(Heartbeat.part == who.part, Heartbeat.beat_at < at - FORGOTTEN))
    row = session.get(Heartbeat, (who.part, who.host), with_for_update=True)
    if row is None:
        row = Heartbeat(part=who.part, host=who.host)
        session.add(row)
    row.pid, row.started_at, row.beat_at, row.version = who.pid, who.started_at, at, who.version
    session.flush()


def beats(session: Session) -> dict[str, list[Heartbeat]]:
    """Every part that ever ran, with its machines; the last that beat comes last."""
    found: dict[str, list[Heartbeat]] = {}
    for row in session.execute(select(Heartbeat).order_by(Heartbeat.beat_at)).scalars():
        found.setdefault(row.part, []).append(row)
    return found
