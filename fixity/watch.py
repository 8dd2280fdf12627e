"""What the night watch is given to work with, and what it is asked to look at."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from fixity.budget import Budget
from repository.catalogue import Catalogue
from repository.catalogue.copies import CopyRef
from repository.promise import Promises
from repository.storage import Store

LEASE = timedelta(hours=1)
"""How long a claim stands unless it is renewed: after a kill its copies wait no longer than this."""

READERS = 4
"""Copies read side by side in one store."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What a round needs, as the switchboard hands it over."""

    catalogue: Catalogue
    stores: Mapping[str, Store]
    promises: Promises
    """Within how many days each copy is verified again."""
    quarantine: Path
    """The folder for damaged bytes; also where a copy to mend from is fetched to."""
    agent: str
    clock: Callable[[], datetime]
    progress: Callable[[int, int], None] = lambda _done, _of_all: None
    stopping: Callable[[], bool] = lambda: False
    """Asked before every reading: True ends the round early, with everything that was read written down."""
    canaries: Path | None = None
    """The folder in which the bags with known damage are made; None: none are laid out, and none read."""
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    """What a round may take of a store; one that is not named has no limit."""
    unreadable_days: float = 7.0
    """A copy that could not be read for so long, in a store that gives others, is damaged and no longer in doubt."""
    readers: int = READERS
    lease: timedelta = LEASE

    def days(self, ref: CopyRef) -> float:
        """Within how many days this copy is verified again."""
        return self.promises.of(ref.content).of(ref.store)

    def deep_turn(self, ref: CopyRef, at: datetime) -> bool:
        """Whether the reading of ``ref`` at ``at`` is a deep one: one in every ``deep_days / days`` of its cycles.

        Which one follows from the copy's name and the date alone, so that nothing need be kept and
        each day has its share of deep readings.
        """
        deep_days, days = self.promises.of(ref.content).deep_days, self.days(ref)
        if deep_days is None:
            return False
        every = max(1, int(deep_days / days))
        cycle = int(at.timestamp() / (days * 86400))
        return (cycle + zlib.crc32(f"{ref.key}@{ref.store}".encode())) % every == 0


@dataclass(frozen=True, slots=True)
class Scope:
    """Which copies a round takes up: those that are due, or all; of one article, or in one store, or anywhere.

    ``lost``: of the due ones only those that wait to be mended, however many have been read today.
    ``deep`` checks the manifests inside each bag as well; without ``mend`` no store is changed.
    """

    due: bool
    article_id: str | None = None
    store: str | None = None
    deep: bool = False
    mend: bool = True
    lost: bool = False

    def __str__(self) -> str:
        words = ["due" if self.due else "all"]
        words += [f"article {self.article_id}"] if self.article_id else []
        words += [f"store {self.store}"] if self.store else []
        words += ["lost"] if self.lost else []
        words += ["deep"] if self.deep else []
        words += [] if self.mend else ["no mend"]
        return " ".join(words)
