"""One feed as the settings describe it, and the rule by which a delivery counts as complete."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from ingest.feeds.offered import Source
from ingest.inbox import is_sidecar

_CLKS = re.compile(r"(?i)CLKS\w*\d+[A-Z]\.tar$")
_LATE_AFTER = 1.5


@dataclass(frozen=True, slots=True)
class Feed:
    """Whose deliveries come from where, how often, and what of it is wanted."""

    name: str
    publisher: str
    kind: str
    place: str
    """Where it is, as people are told: no secrets in it."""
    open: Callable[[], AbstractContextManager[Source]]
    """Connects. Raises FeedFailed, UsageError."""
    next_after: Callable[[datetime], datetime]
    quiet_seconds: int
    profile: str | None = None
    """The delivery profile of what comes here; None: the publisher's own, or the default."""
    cadence_days: int | None = None
    pattern: str = "*"
    ignore: Sequence[str] = ()
    after: str = "keep"
    sidecar: str = "none"
    max_wait_days: int = 7
    max_bytes: int = 1 << 40

    @property
    def mirrors(self) -> bool:
        """Whether what comes here are bags of another archive, kept as they are, and no deliveries."""
        return self.kind == "resourcesync"

    def wants(self, name: str) -> bool:
        """Whether a file of this name is asked for: the last segment or the whole name fits the patterns."""
        last = name.rpartition("/")[2]
        if not (fnmatchcase(name, self.pattern) or fnmatchcase(last, self.pattern) or is_sidecar(last)):
            return False
        return not any(fnmatchcase(name, glob) or fnmatchcase(last, glob) for glob in self.ignore)

    def folder(self, home: Path) -> Path:
        """The feed's own folder, in which everything fetched lies until it is kept."""
        plain = re.fullmatch(r"[a-z0-9][a-z0-9\-]{0,62}", self.name)
        return home / "feeds" / (self.name if plain else f".{hashlib.sha256(self.name.encode()).hexdigest()[:24]}")

    def expected_by(self, last: datetime) -> datetime | None:
        """When the next delivery is expected after one at ``last``; None without a cadence."""
        return last + timedelta(days=self.cadence_days) if self.cadence_days else None

    def late(self, last: datetime, now: datetime) -> bool:
        """Whether nothing came for one and a half times the cadence."""
        return self.cadence_days is not None and now - last > timedelta(days=self.cadence_days * _LATE_AFTER)


def completion_problem(names: Sequence[str], sidecar: str) -> str | None:
    """What a set of files still lacks to be a delivery; None when it is whole.

    ``sidecar`` is none, go.xml, ready.xml or md5; sister tars of a CLKS set always need their ready.xml.
    """
    contents = [name for name in names if not is_sidecar(name)]
    if not contents:
        return "the file that belongs to it"
    wanted = "ready.xml" if any(_CLKS.search(name) for name in contents) else sidecar
    if wanted == "none" or any(re.search(rf"(?i)\.{re.escape(wanted)}$", name) for name in names):
        return None
    return f"its {wanted}"
