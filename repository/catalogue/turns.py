"""One writer of articles and journals at a time, on PostgreSQL as SQLite has it by itself."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

_LOCK = 0x6D616866757A + 2  # "mahfuz" and two: the advisory lock of those who enter articles and journals


def take(session: Session) -> None:
    """Wait until no other transaction enters articles or journals; ours may until it ends.

    Two that enter the first article of one journal at once would else make two journals of it, or fall over each
    other. Taken before any article is locked, so that nobody who has it waits for somebody who wants it.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
