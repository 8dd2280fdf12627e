"""Certificates that were issued: signed, kept as files under ``home/evidence``, and told as events."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from fixity.evidence.certificate import KIND, Wanted, certificate
from fixity.evidence.room import Evidence
from repository.canonical import canonical
from repository.catalogue import chain, testimony
from repository.catalogue.periods import Period
from repository.storage.durable import write_text
from repository.vocabulary import EventType

_NAME = re.compile(r"fixity-\d{4}-\d\d-\d\d-\d{4}-\d\d-\d\d-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Issued:
    """One certificate as it is kept."""

    name: str
    """``fixity-2026-01-01-2026-12-31-0f3a9c…``: its period, and the first digits of the SHA-256 of what was signed."""
    signed: dict[str, Any]

    @property
    def document(self) -> dict[str, Any]:
        """What was signed."""
        said: dict[str, Any] = self.signed[KIND]
        return said

    @property
    def period(self) -> Period:
        """The days of which it tells."""
        told = self.document["period"]
        return Period(date.fromisoformat(told["from"]), date.fromisoformat(told["to"]))

    @property
    def text(self) -> str:
        """The signed envelope as it is handed out: ASCII."""
        return json.dumps(self.signed, ensure_ascii=True, indent=1) + "\n"


def issue(evidence: Evidence, wanted: Wanted, at: datetime, by: str | None = None) -> Issued:
    """A certificate is signed, kept, and told in the chain of events; ``by`` is who asked for it on a page.

    The file is there before the event says so. Raises UsageError, DatabaseUnavailable.
    """
    document = certificate(evidence, wanted, at)
    digest = hashlib.sha256(canonical(document)).hexdigest()
    period = wanted.period
    name = f"fixity-{period.first.isoformat()}-{period.last.isoformat()}-{digest[:16]}"
    made = Issued(name, evidence.signer.signed(KIND, document))
    folder = _folder(evidence)
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    write_text(folder / f"{name}.json", made.text)
    detail = {"certificate": name, "sha256": digest, "key": made.signed["signature"]["key"]}
    with evidence.catalogue.writing() as session:
        testimony.witness(
            session,
            EventType.SIGNATURE,
            at=at,
            outcome="success",
            agent=evidence.agent,
            detail=detail | ({"by": by} if by else {}),
            store=wanted.store,
        )
    chain.link_all(evidence.catalogue)
    return made


def kept(evidence: Evidence) -> Iterator[Issued]:
    """Every certificate that was issued, the last issued first."""
    found = [one for file in _folder(evidence).glob("*.json") if (one := find(evidence, file.stem)) is not None]
    yield from sorted(found, key=lambda one: (one.document["issued_at"], one.name), reverse=True)


def find(evidence: Evidence, name: str) -> Issued | None:
    """The certificate of this name, if it was issued here."""
    if _NAME.fullmatch(name) is None:
        return None
    try:
        signed = json.loads((_folder(evidence) / f"{name}.json").read_text(encoding="ascii"))
        return Issued(name, signed) if signed[KIND]["kind"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _folder(evidence: Evidence) -> Path:
    return evidence.folder / "certificates"
