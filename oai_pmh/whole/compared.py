"""A harvest compared with what its archive counts: which days are equal, and which records of the others are not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from oai_pmh.whole.days import Counted
from oai_pmh.whole.harvested import Harvested, Header
from repository.catalogue.feed_days import NONE

MOST_NAMED = 100
"""Records of one day that are named; how many there are is told anyway."""


@dataclass(frozen=True, slots=True)
class Differing:
    """A day of which the harvest has other records than the archive."""

    here: Counted
    there: Counted
    missing: tuple[str, ...] = ()
    """Identifiers that the archive lists under this day and the harvest has not, or has otherwise;"""
    surplus: tuple[str, ...] = ()
    """and those that only the harvest has there: they have changed since, or are of another set."""

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "day": self.there.name,
            "harvest": self.here.as_json(),
            "archive": self.there.as_json(),
            "missing": list(self.missing[:MOST_NAMED]),
            "surplus": list(self.surplus[:MOST_NAMED]),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of it; ``days`` are all that either side has."""

    days: int
    records: int
    """Of the harvest."""
    archive_records: int
    differing: tuple[Differing, ...] = field(default=())

    @property
    def equal(self) -> bool:
        """Whether the harvest has every record of the archive as it is now, and no other."""
        return not self.differing


Listed = Callable[[str], list[Header]]
"""Every header that the archive lists under one day."""


def compare(harvested: Harvested, archive: Mapping[str, Counted], until: str, listed: Listed, most: int) -> Comparison:
    """Day by day, up to the moment ``until``; of the first ``most`` days that differ the records are named."""
    here = {day.name: day for day in harvested.days(until)}
    differing: list[Differing] = []
    for name in sorted(here.keys() | archive.keys()):
        ours, theirs = (side.get(name, Counted(name, NONE)) for side in (here, archive))
        if ours != theirs:
            missing, surplus = _named(harvested, name, listed(name)) if len(differing) < most else ((), ())
            differing.append(Differing(ours, theirs, missing, surplus))
    return Comparison(
        days=len(here.keys() | archive.keys()),
        records=sum(day.count.number for day in here.values()),
        archive_records=sum(day.count.number for day in archive.values()),
        differing=tuple(differing),
    )


def _named(harvested: Harvested, day: str, listed: list[Header]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    ours = harvested.of_day(day)
    theirs = {header.identifier: (header.datestamp, header.deleted) for header in listed}
    missing = sorted(name for name, said in theirs.items() if ours.get(name) != said)
    return tuple(missing), tuple(sorted(ours.keys() - theirs.keys()))
