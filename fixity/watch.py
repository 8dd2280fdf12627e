"""What the night watch is given to work with, and what it is asked to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from repository.catalogue import Catalogue
from repository.storage import Store

LEASE = timedelta(hours=1)
"""How long a claim stands unless it is renewed: after a kill its copies wait no longer than this."""

READERS = 4
"""Copies read side by side in one store."""

FIXITY_DAYS = 90.0
"""The promise for a copy in a store that has none of its own."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What a round needs, as the switchboard hands it over."""

    catalogue: Catalogue
    stores: Mapping[str, Store]
    fixity_days: Mapping[str, float]
    """Within how many days each copy is verified again, by store."""
    quarantine: Path
    """The folder for damaged bytes; also where a copy to mend from is fetched to."""
    agent: str
    clock: Callable[[], datetime]
    progress: Callable[[int, int], None] = lambda _done, _of_all: None
    stopping: Callable[[], bool] = lambda: False
    """Asked before every reading: True ends the round early, with everything that was read written down."""
    readers: int = READERS
    lease: timedelta = LEASE

    def days(self, store: str) -> float:
        """The promise for ``store``."""
        return self.fixity_days.get(store, FIXITY_DAYS)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which copies a round takes up: those that are due, or all; of one article, or in one store, or anywhere.

    ``deep`` checks the manifests inside each bag as well; without ``mend`` no store is changed.
    """

    due: bool
    article_id: str | None = None
    store: str | None = None
    deep: bool = False
    mend: bool = True

    def __str__(self) -> str:
        words = ["due" if self.due else "all"]
        words += [f"article {self.article_id}"] if self.article_id else []
        words += [f"store {self.store}"] if self.store else []
        words += ["deep"] if self.deep else []
        words += [] if self.mend else ["no mend"]
        return " ".join(words)
