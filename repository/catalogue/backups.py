"""When the catalogue was last backed up, and into which file: kept in the catalogue itself, for every host to see.

A catalogue that was restored knows of the backups before the one that it came from, and of none after.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.models import Backup

FOREIGN = "foreign"
"""Of one that somebody made by other means: it was not opened by us, and has no digest here."""


def note(
    session: Session, at: datetime, *, host: str, place: str, size: int, sha256: str, schema: str, kind: str
) -> None:
    """One more was made. ``place`` is its file as ``host`` names it; ``at`` the moment of which it tells."""
    session.add(Backup(at=at, host=host, place=place, bytes=size, sha256=sha256, schema=schema, kind=kind))


def latest(session: Session) -> Backup | None:
    """The last one: made whole and opened again by us, or told of by whoever made it (:data:`FOREIGN`)."""
    return session.execute(select(Backup).order_by(Backup.at.desc(), Backup.id.desc()).limit(1)).scalar_one_or_none()
