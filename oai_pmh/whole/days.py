"""What is counted of each day of a set, told so that anyone can compare a harvest with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from oai_pmh import sets
from oai_pmh.verbs import Window
from repository.catalogue import changes, feed_days
from repository.catalogue.feed_days import Count
from repository.vocabulary import as_utc_text

LINE = "{what stands behind the last colon of the identifier} {datestamp}, and ' deleted' behind it if it is so"
DIGEST = "the sum, modulo 2^256, of the SHA-256 of a line of UTF-8 for each record; 64 hexadecimal digits"


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted of one day, one year, or everything, by its name."""

    name: str
    count: Count

    def as_json(self) -> dict[str, Any]:
        """For machines: the digest in hexadecimal."""
        return {"number": self.count.number, "deleted": self.count.deleted, "digest": self.count.hexadecimal}


@dataclass(frozen=True, slots=True)
class Account:
    """A set as it is counted at ``moment``: whole, by year, and by day where a year was asked for."""

    set_spec: str | None
    moment: datetime
    change_number: int
    """The last change that is counted."""
    whole: Counted
    years: tuple[Counted, ...]
    days: tuple[Counted, ...]


def account(window: Window, set_spec: str | None, year: str | None) -> Account | None:
    """The figures of a set; None when there is no such set. As many rows are read as there are days with a change.

    Raises DatabaseUnavailable.
    """
    moment = window.now()
    with window.catalogue.reading() as session:
        part = sets.range_of(session, set_spec)
        if part is None:
            return None
        rows = feed_days.days(session, part.place)
        head = changes.last_number(session)
    counted = [Counted(row.day, feed_days.count_of(row)) for row in rows]
    by_year: dict[str, list[Counted]] = {}
    for day in counted:
        by_year.setdefault(day.name[:4], []).append(day)
    return Account(
        set_spec=set_spec,
        moment=moment,
        change_number=head,
        whole=summed("", counted),
        years=tuple(summed(name, days) for name, days in by_year.items()),
        days=tuple(by_year.get(year, ())) if year else (),
    )


def summed(name: str, days: Iterable[Counted]) -> Counted:
    """Several days as one."""
    return Counted(name, sum((day.count for day in days), feed_days.NONE))


def as_json(window: Window, told: Account) -> dict[str, Any]:
    """The account for machines. A day that is not over yet may gain records, and every day may lose some."""
    return {
        "base_url": window.address,
        "set": told.set_spec,
        "as_of": as_utc_text(told.moment),
        "change_number": told.change_number,
        "line": LINE,
        "digest_is": DIGEST,
        **told.whole.as_json(),
        "years": [{"year": year.name, **year.as_json()} for year in told.years],
        "days": [{"day": day.name, **day.as_json()} for day in told.days],
    }
