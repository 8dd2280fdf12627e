"""One at a time who changes the schema, enters articles, begins an inventory, settles alerts or corrects tallies.

SQLite has one writer anyway; these are PostgreSQL's.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

_MIGRATING = _MAHFUZ = 0x6D616866757A  # "mahfuz" as a number; the one after it was the clock's in older versions
_ENTERING = _MAHFUZ + 2
_COMPARING = _MAHFUZ + 3
_LOOKING = _MAHFUZ + 4
_CORRECTING = _MAHFUZ + 5


def take_schema(session: Session) -> None:
    """Wait until no other transaction changes the schema; ours may until it ends."""
    _wait_for(session, _MIGRATING)


def take(session: Session) -> None:
    """Wait until no other transaction enters articles or journals; ours may until it ends.

    Two that enter the first article of one journal at once would else make two journals of it, or fall over each
    other. Taken before any article is locked, so that nobody who has it waits for somebody who wants it.
    """
    _wait_for(session, _ENTERING)


def take_inventories(session: Session) -> None:
    """Wait until no other transaction begins an inventory; ours may until it ends."""
    _wait_for(session, _COMPARING)


def take_alerts(session: Session) -> None:
    """Wait until no other transaction settles alerts; ours may until it ends.

    What is looked up after it is newer than what any other has written down: no alert is opened from an older look.
    """
    _wait_for(session, _LOOKING)


def take_recounts(session: Session) -> None:
    """Wait until no other transaction corrects tallies; ours may until it ends."""
    _wait_for(session, _CORRECTING)


def _wait_for(session: Session, lock: int) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
