"""What can only be known by looking, and takes too long for a page: kept with the day of the last look."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fixity.evidence.room import Evidence
from fixity.standing import keep
from repository.errors import Doubt
from repository.storage.durable import write_text
from repository.vocabulary import as_utc_text

FRESH = timedelta(days=31)
"""An older look proves nothing of today."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What was seen at the last look; each part is empty until somebody looked."""

    at: datetime | None = None
    testimony: Mapping[str, Any] | None = None
    """As ``mahfuz events verify --json`` tells it."""
    scanner: str | None = None
    scanner_silent: str | None = None
    """Why the scanner that there is did not answer."""

    def fresh(self, at: datetime) -> bool:
        """Whether the look is recent enough to be believed."""
        return self.at is not None and at - self.at <= FRESH

    def as_json(self) -> dict[str, Any]:
        """As it is kept, and as it lies in the pack."""
        return {
            "at": as_utc_text(self.at) if self.at else None,
            "testimony": dict(self.testimony) if self.testimony is not None else None,
            "scanner": self.scanner,
            "scanner_silent": self.scanner_silent,
        }


def look(evidence: Evidence, at: datetime) -> Looks:
    """Try every store, walk the whole chain of events, ask the virus scanner; what was seen is kept.

    This writes objects of its own into the stores and takes them away again; what they can is kept where the clock
    keeps it. Raises DatabaseUnavailable.
    """
    for found in evidence.probe() if evidence.probe else ():
        keep(evidence.catalogue, found, at)
    scanner = silent = None
    try:
        scanner = evidence.scanner()
    except Doubt as error:
        silent = str(error)
    seen = Looks(
        at=at,
        testimony=evidence.prove() if evidence.prove else None,
        scanner=scanner,
        scanner_silent=silent,
    )
    evidence.folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    write_text(evidence.folder / "looks.json", json.dumps(seen.as_json(), ensure_ascii=False, indent=1) + "\n")
    return seen


def last(evidence: Evidence) -> Looks:
    """What was seen at the last look; empty where there was none."""
    try:
        data = json.loads((evidence.folder / "looks.json").read_text(encoding="utf-8"))
        return Looks(
            at=datetime.fromisoformat(data["at"]),
            testimony=data["testimony"],
            scanner=data["scanner"],
            scanner_silent=data["scanner_silent"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return Looks()
