"""What ingest is given to work with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ingest.profiles import Profiles
from ingest.unpack import Limits
from ingest.virus import Clamd
from repository.catalogue import Catalogue
from repository.promise import Promises
from repository.storage import Store


@dataclass(frozen=True, slots=True)
class Door:
    """The archive as ingest sees it; it reads no settings of its own."""

    catalogue: Catalogue
    stores: Sequence[Store]
    """In the order of the settings; every bag goes into all of them."""
    home: Path
    agent: str
    clock: Callable[[], datetime]
    promises: Promises
    """From which follows when a copy is first read again."""
    limits: Limits
    parallel: int = 4
    """So many articles of one delivery at once."""
    processes: int = 1
    """So many deliveries of one command at once, see :mod:`ingest.workers`."""
    profiles: Profiles = Profiles()  # noqa: RUF009 (frozen)
    virus_scanner: Clamd | None = None
    """What every unpacked member is shown to before it is looked at; None: nothing is scanned."""
    progress: Callable[[int, int], None] = lambda _done, _of: None
