"""The lists as they stand at this moment, read a thousand rows at a time: no transaction waits for who reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from repository.catalogue import Catalogue, changes, resources
from repository.catalogue.resources import Changed, Publishers, Resource

MOST_LISTS = 50_000
"""Documents in one index (sitemaps.org); of so many change lists the newest are told."""
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists of one archive. ``part`` bags and ``block`` changes are the most that one document covers.

    A change may concern every version of its article; a block leaves room for ten of each.
    """

    catalogue: Catalogue
    part: int = 50_000
    block: int = 5_000
    clock: Callable[[Session], datetime] = changes.now

    def now(self) -> datetime:
        """The moment at which a list is true; in a transaction of its own, before the one that reads."""
        with self.catalogue.reading() as session:
            return self.clock(session)

    def parts(self) -> range:
        """The numbers of the resource list's parts; there is always one."""
        with self.catalogue.reading() as session:
            last = resources.last_number(session)
        return range(max(last - 1, 0) // self.part + 1)

    def resources(self, number: int, whose: Publishers) -> Iterator[Resource]:
        """The bags of one part."""
        after, until = number * self.part, (number + 1) * self.part
        while after < until:
            with self.catalogue.reading() as session:
                some = resources.listed(session, after, until, whose, _AT_ONCE)
            yield from some
            if len(some) < _AT_ONCE:
                return
            after = some[-1].number

    def blocks(self, horizon: datetime) -> list[tuple[int, datetime, datetime | None]]:
        """Every change list with its interval; the last one is open, and has no end."""
        with self.catalogue.reading() as session:
            since, earliest, opened = self._extent(session, horizon)
            return self._intervals(session, since, range(earliest, opened + 1), opened)

    def block_of(self, number: int, horizon: datetime) -> tuple[datetime, datetime | None] | None:
        """The interval of one change list; None where there is no such list."""
        with self.catalogue.reading() as session:
            since, earliest, opened = self._extent(session, horizon)
            if not earliest <= number <= opened:
                return None
            _, first, last = self._intervals(session, since, range(number, number + 1), opened)[0]
            return first, last

    def _extent(self, session: Session, horizon: datetime) -> tuple[datetime, int, int]:
        """From when on all changes are told, and the numbers of the first and of the open list."""
        begins = resources.log_begins(session)
        if begins is None:
            return resources.EVER, 0, 0
        opened = max(resources.last_change(session, horizon), begins.number - 1) // self.block
        earliest = max((begins.lowest - 1) // self.block, opened - MOST_LISTS + 1)
        return min(begins.since, horizon), earliest, opened

    def _intervals(
        self, session: Session, since: datetime, numbers: range, opened: int
    ) -> list[tuple[int, datetime, datetime | None]]:
        """A list ends with its last change; there the next one begins."""
        lasts = [number * self.block for number in range(numbers.start, numbers.stop + 1)]
        ends = resources.datestamps(session, lasts)
        told: list[tuple[int, datetime, datetime | None]] = []
        begin = max(ends.get(lasts[0], since), since)
        for number in numbers:
            end = max(ends.get((number + 1) * self.block, begin), begin) if number < opened else None
            told.append((number, begin, end))
            begin = end or begin
        return told

    def changes(self, number: int, whose: Publishers, horizon: datetime) -> Iterator[Changed]:
        """What one change list tells."""
        with self.catalogue.reading() as session:
            found = resources.log_begins(session)
        if found is None:
            return
        first, last = number * self.block + 1, (number + 1) * self.block
        for begin in range(first, last + 1, _AT_ONCE):
            with self.catalogue.reading() as session:
                some = resources.changed(session, begin, min(begin + _AT_ONCE - 1, last), whose, horizon, found)
            yield from some
