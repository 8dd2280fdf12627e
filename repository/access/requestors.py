"""The keys with which machines of an institution fetch its usage and its holdings: shown once, kept as a digest."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.access import changes, words
from repository.access.institutions import RECORD
from repository.errors import BadValue, NotNow
from repository.models import Institution, Requestor
from repository.texts import marked

_LONGEST = 120

NAME_TAKEN = marked("There is an open key %(given)s already: close it first, or choose another name.")
NO_KEY = marked("There is no open key %(given)s.")


def digest(key: str) -> str:
    """By which a key is known: nobody can make the key from it."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def make(session: Session, by: str, row: Institution, name: str, *, at: datetime) -> str:
    """A new key under the name of a requestor; it is never shown again. Raises BadValue, NotNow."""
    changes.take(session)
    clean = words.line(name, _LONGEST)
    if clean is None:
        raise BadValue(words.NO_NAME)
    if _open(session, row, clean) is not None:
        raise NotNow(NAME_TAKEN, given=clean)
    key = secrets.token_urlsafe(32)
    session.add(Requestor(institution_id=row.id, name=clean, key_sha256=digest(key), created_at=at, created_by=by))
    session.flush()
    changes.noted(session, by, RECORD, row.code, "key made", after={"requestor": clean}, at=at)
    return key


def close(session: Session, by: str, row: Institution, name: str, *, at: datetime) -> None:
    """The key of this requestor opens nothing any more. Raises NotNow."""
    changes.take(session)
    found = _open(session, row, name.strip())
    if found is None:
        raise NotNow(NO_KEY, given=name[:80])
    found.closed_at = at
    session.flush()
    changes.noted(session, by, RECORD, row.code, "key closed", {"requestor": found.name}, at=at)


def of_key(session: Session, key: str) -> Requestor | None:
    """Whose key this is; None for one that nobody has, or that is closed, or whose institution is."""
    return session.execute(
        select(Requestor)
        .join(Institution, Institution.id == Requestor.institution_id)
        .where(Requestor.key_sha256 == digest(key), Requestor.closed_at.is_(None), Institution.active)
    ).scalar_one_or_none()


def of(session: Session, row: Institution) -> Sequence[Requestor]:
    """All keys of an institution, the oldest first."""
    return (
        session.execute(select(Requestor).where(Requestor.institution_id == row.id).order_by(Requestor.id))
        .scalars()
        .all()
    )


def _open(session: Session, row: Institution, name: str) -> Requestor | None:
    mine = select(Requestor).where(
        Requestor.institution_id == row.id, Requestor.name == name, Requestor.closed_at.is_(None)
    )
    return session.execute(mine).scalars().first()
