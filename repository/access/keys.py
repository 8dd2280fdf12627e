"""The keys with which machines of an institution fetch what is theirs: known by their SHA-256 alone."""

from __future__ import annotations

import hashlib

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.models import Institution, Requestor

_LONGEST = 200


def requestor_of(session: Session, key: str) -> Requestor | None:
    """Whose key this is; None for one that nobody has, or that is closed, or whose institution is."""
    if not key or len(key) > _LONGEST:
        return None
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return session.execute(
        select(Requestor)
        .join(Institution, Institution.id == Requestor.institution_id)
        .where(Requestor.key_sha256 == digest, Requestor.closed_at.is_(None), Institution.active)
    ).scalar_one_or_none()
