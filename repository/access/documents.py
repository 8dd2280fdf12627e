"""Files that bear witness: a licence, an invoice, a letter; each kept once, under the digest of its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.access import changes, words
from repository.errors import BadValue
from repository.models import Document, Licence, LicenceDocument
from repository.texts import marked

MOST = 10 << 20
"""Bytes of one document."""
_LONGEST = 200

TOO_LARGE = marked("%(name)s is too large: a document has at most %(most)s MiB.")
EMPTY = marked("%(name)s is empty.")


@dataclass(frozen=True, slots=True)
class About:
    """A document without its bytes."""

    sha256: str
    name: str
    bytes: int
    by: str
    at: datetime


def keep(session: Session, by: str, name: str, content: bytes, *, at: datetime) -> str:
    """These bytes are kept; the digest by which they are known. Raises BadValue."""
    plain = "".join(letter for letter in name.replace("\\", "/").rpartition("/")[2] if letter.isprintable())
    called = words.line(plain, 10_000) or "document"
    called = called if len(called) <= _LONGEST else called[: _LONGEST - 12] + called[-12:]
    if not content:
        raise BadValue(EMPTY, name=called)
    if len(content) > MOST:
        raise BadValue(TOO_LARGE, name=called, most=MOST >> 20)
    sha256 = hashlib.sha256(content).hexdigest()
    if session.execute(select(Document.sha256).where(Document.sha256 == sha256)).first() is None:
        session.add(Document(sha256=sha256, name=called, bytes=len(content), content=content, by=by, at=at))
        session.flush()
    return sha256


def attach(session: Session, by: str, licence: Licence, name: str, content: bytes, *, at: datetime) -> str:
    """A document belongs to a licence; its digest. Raises BadValue."""
    changes.take(session)
    sha256 = keep(session, by, name, content, at=at)
    if session.get(LicenceDocument, (licence.id, sha256)) is None:
        session.add(LicenceDocument(licence_id=licence.id, sha256=sha256))
        session.flush()
        told = {"document": about(session, sha256).name, "sha256": sha256}
        changes.noted(session, by, "licence", licence.code, "document added", after=told, at=at)
    return sha256


def of(session: Session, licence: Licence) -> Sequence[About]:
    """The documents of a licence, the oldest first."""
    rows = (
        _ABOUT.join(LicenceDocument, LicenceDocument.sha256 == Document.sha256)
        .where(LicenceDocument.licence_id == licence.id)
        .order_by(Document.at, Document.sha256)
    )
    return [About(*row) for row in session.execute(rows)]


def about(session: Session, sha256: str) -> About:
    """One document, which there is, without its bytes."""
    return About(*session.execute(_ABOUT.where(Document.sha256 == sha256)).one())


def content_of(session: Session, sha256: str) -> bytes | None:
    """The bytes of a document; None where there is none of this digest."""
    return session.execute(select(Document.content).where(Document.sha256 == sha256)).scalar_one_or_none()


_ABOUT = select(Document.sha256, Document.name, Document.bytes, Document.by, Document.at)
