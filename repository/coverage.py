"""Which part of a journal is meant: dated and numbered coverage, and embargoes as KBART writes them (NISO RP-9-2014).

Dates are partial, ``2015``, ``2015-03`` or ``2015-03-14``, and each stands for all its days. Where a part of a
journal is asked for, doubt is the reader's: an article dated ``2015`` lies in what begins in March 2015. Where an
embargo holds something back, doubt is the publisher's: all days of the date have to be free.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_EMBARGO = re.compile(r"(?:R(\d{1,4})([DMY]))?;?(?:P(\d{1,4})([DMY]))?")
_NUMBER = re.compile(r"\d{1,9}")


class Days(NamedTuple):
    """All days from ``first`` to ``last``; None: without end."""

    first: date
    last: date | None

    def meets(self, other: Days) -> bool:
        """Whether the two have a day in common."""
        return (self.last is None or other.first <= self.last) and (other.last is None or self.first <= other.last)

    def common(self, other: Days) -> Days | None:
        """The days that both have; None where there are none."""
        if not self.meets(other):
            return None
        ends = [one for one in (self.last, other.last) if one is not None]
        return Days(max(self.first, other.first), min(ends, default=None))


def joined(runs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Runs of years, which come in their order, those that meet made one."""
    found: list[tuple[int, int]] = []
    for begin, end in runs:
        if begin > end:
            continue
        if found and begin <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def runs_of(years: Iterable[int]) -> list[tuple[int, int]]:
    """Years in any order, as runs."""
    return joined((year, year) for year in sorted(set(years)))


@lru_cache(maxsize=1 << 14)
def days_of(partial: str | None) -> Days | None:
    """The days for which a partial date stands; None for what is none (also ``2015-13`` or ``2015-02-30``)."""
    found = _PARTIAL.fullmatch(partial or "")
    if not found:
        return None
    year, month, day = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    try:
        first = date(year, month or 1, day or 1)
        if day:
            return Days(first, first)
        last = date(year, month, monthrange(year, month)[1]) if month else date(year, 12, 31)
    except ValueError:
        return None
    return Days(first, last)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an article stands in its journal: the partial date of its issue, volume and issue as the publisher says."""

    published: str | None
    volume: str | None
    issue: str | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """The first and the last of a run (KBART 6.6.3 to 6.6.8), each by date, volume and issue; None: not said.

    An end of which nothing at all is said is open.
    """

    first_date: str | None = None
    first_volume: str | None = None
    first_issue: str | None = None
    last_date: str | None = None
    last_volume: str | None = None
    last_issue: str | None = None

    def has(self, place: Place) -> bool:
        """Whether the run has this place: not before its first and not after its last.

        At each end numbers tell, where the end has a volume and both are numbers: dates of one volume differ between
        print and screen. Else dates tell. What can be compared by neither is not in the run.
        """
        first = _beside(place, self.first_date, self.first_volume, self.first_issue)
        last = _beside(place, self.last_date, self.last_volume, self.last_issue)
        return first in (_OPEN, 0, 1) and last in (_OPEN, 0, -1)


_OPEN = 9
_INCOMPARABLE = 8


def _beside(place: Place, day: str | None, volume: str | None, issue: str | None) -> int:
    """-1: before this end, 0: at it, 1: after it."""
    if day is None and volume is None:
        return _OPEN
    here, there = _number(place.volume), _number(volume)
    if here is not None and there is not None:
        if here != there:
            return -1 if here < there else 1
        here, there = _number(place.issue), _number(issue)
        if here is None or there is None or here == there:
            return 0
        return -1 if here < there else 1
    days, end = days_of(place.published), days_of(day)
    if days is None or end is None:
        return _INCOMPARABLE
    if days.meets(end):
        return 0
    return -1 if days.first < end.first else 1


@lru_cache(maxsize=1 << 14)
def _number(text: str | None) -> int | None:
    found = _NUMBER.fullmatch((text or "").strip())
    return int(found[0]) if found else None


@dataclass(frozen=True, slots=True)
class Embargo:
    """What KBART's ``embargo_info`` says: only the last ``R…`` are given, and all but the last ``P…`` (6.6.13)."""

    rolling: tuple[int, str] | None = None
    wall: tuple[int, str] | None = None

    def is_over(self, published: str | None, on: date) -> bool:
        """Whether what was published then is before the moving wall on this day: every one of its days."""
        if self.wall is None:
            return True
        days = days_of(published)
        return days is not None and days.last is not None and days.last < _begins(self.wall, on)

    def still_rolls(self, published: str | None, on: date) -> bool:
        """Whether it is among the last that are given on this day."""
        if self.rolling is None:
            return True
        days = days_of(published)
        return days is not None and days.last is not None and days.last >= _begins(self.rolling, on)


def embargo_of(text: str | None) -> Embargo | None:
    """``P1Y``, ``R180D`` or ``R10Y;P30D`` as an embargo, none for an empty one; None for what says nothing."""
    given = (text or "").strip().upper()
    found = _EMBARGO.fullmatch(given)
    if not found or given.endswith(";") or (found[1] and found[3] and ";" not in given) or given.startswith(";"):
        return None
    rolling = (int(found[1]), found[2]) if found[1] else None
    wall = (int(found[3]), found[4]) if found[3] else None
    return Embargo(rolling, wall)


def _begins(span: tuple[int, str], on: date) -> date:
    """The first day of the last so many days, months or calendar years: the current one counts as the first."""
    number, unit = span
    if unit == "D":
        return on - timedelta(days=number)
    if unit == "Y":
        return date(max(on.year - number + 1, 1), 1, 1)
    months = on.year * 12 + on.month - 1 - number
    year, month = max(months // 12, 1), months % 12 + 1
    return date(year, month, min(on.day, monthrange(year, month)[1]))
