"""What was found lately of the machines and over the network: small, written anew at each look, and soon forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from repository.models import SystemLine

ARCHIVE = ""
"""In the place of a host: what is so whichever machine looks."""
FORGOTTEN_AFTER = timedelta(days=7)
"""A machine that has not looked for so long is not of the archive any more."""


@dataclass(frozen=True, slots=True)
class Found:
    """One line as it is kept; ``said`` and ``remedy`` are the sentence with what fills it."""

    code: str
    subject: str
    verdict: str
    said: Mapping[str, Any]
    remedy: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What was found to one question: about ``host``, and about one ``part`` there or about whichever."""

    host: str
    question: str
    part: str = ""
    lines: Sequence[Found] = field(default=())


def keep(session: Session, answers: Iterable[Answered], at: datetime) -> None:
    """What was found takes the place of what was found before; what nobody looks after any more is forgotten."""
    session.execute(delete(SystemLine).where(SystemLine.asked_at < at - FORGOTTEN_AFTER))
    for one in answers:
        same = (SystemLine.host == one.host, SystemLine.question == one.question, SystemLine.part == one.part)
        session.execute(delete(SystemLine).where(*same))
        rows = [
            {"host": one.host, "question": one.question, "position": position, "part": one.part, "asked_at": at}
            | {"code": line.code, "subject": line.subject, "verdict": line.verdict}
            | {"said": dict(line.said), "remedy": dict(line.remedy) if line.remedy else None}
            for position, line in enumerate(one.lines)
        ]
        if rows:
            session.execute(insert(SystemLine), rows)


def kept(session: Session) -> Sequence[SystemLine]:
    """All of it: a few lines for each machine."""
    order = (SystemLine.host, SystemLine.question, SystemLine.part, SystemLine.position)
    return session.execute(select(SystemLine).order_by(*order)).scalars().all()


def last_asked(session: Session, host: str) -> dict[tuple[str, str], datetime]:
    """When each question was last asked of ``host``, by question and part; one that found nothing is not there."""
    asked = select(SystemLine.question, SystemLine.part, func.max(SystemLine.asked_at)).where(SystemLine.host == host)
    rows = session.execute(asked.group_by(SystemLine.question, SystemLine.part))
    return {(question, part): at for question, part, at in rows}
