"""Usage as a ledger tells it: the sums of every day that is over, by the code of an institution and an ISSN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ingest.ledger_tables.kept import Kept
from repository.access.usage import THE_PLATFORM, THE_WORLD
from repository.catalogue import Catalogue, titles
from repository.catalogue.upsert import Upsert
from repository.models import Institution, TitleIssn, UsageDay
from repository.vocabulary import utc_now

KEY = ("day", "institution", "issn", "year", "access_type", "metric")
_AGAIN = timedelta(days=2)
"""A day of the archive's zone may have gone on when the ledger before was made: it is told again, as it ended."""

_ADD = Upsert(UsageDay)
_CORRECT = Upsert(UsageDay, lambda told: {"number": told.number})


def tell(catalogue: Catalogue, mark: str | None) -> Iterator[Mapping[str, Any]]:
    """The sums in the order of :data:`KEY`, a day at a time; those of days behind the mark."""
    today = utc_now().date()
    after = datetime.fromisoformat(mark).date() - _AGAIN if mark is not None else date.min
    while True:
        with catalogue.reading() as session:
            days = select(func.min(UsageDay.day)).where(UsageDay.day > after, UsageDay.day < today)
            day = session.execute(days).scalar()
            told = _of_day(session, day) if day is not None else []
        if day is None:
            return
        yield from told
        after = day


def _of_day(session: Session, day: date) -> list[Mapping[str, Any]]:
    issn = select(func.min(TitleIssn.issn)).where(TitleIssn.title_id == UsageDay.title_id).scalar_subquery()
    rows = session.execute(
        select(UsageDay, Institution.code, issn.label("issn"))
        .outerjoin(Institution, Institution.id == UsageDay.institution_id)
        .where(UsageDay.day == day)
    )
    told = [
        {
            # A moment, so that it can be compared with the one at which a rehearsal began.
            "day": f"{day.isoformat()}T00:00:00+00:00",
            "institution": row.code or "",
            "issn": row.issn or "",
            "year": row.UsageDay.year,
            "access_type": row.UsageDay.access_type,
            "metric": row.UsageDay.metric,
            "number": row.UsageDay.number,
        }
        for row in rows
    ]
    return sorted(told, key=lambda one: [str(one[name]) for name in KEY])


def enter(session: Session, told: Sequence[Mapping[str, Any]], newer: bool) -> None:
    """What another catalogue counted is counted here. What is of an institution or a journal unknown here is not."""
    codes = {one["institution"] for one in told}
    known = {
        code: number for number, code in session.execute(select(Institution.id, Institution.code)) if code in codes
    }
    found: dict[str, int | None] = {"": THE_PLATFORM}
    for issn in {one["issn"] for one in told} - {""}:
        title = titles.title_by_issn(session, [issn])
        found[issn] = title.id if title is not None else None
    rows = [
        {
            "institution_id": known[one["institution"]] if one["institution"] else THE_WORLD,
            "day": datetime.fromisoformat(one["day"]).date(),
            "title_id": found[one["issn"]],
            **{name: one[name] for name in ("year", "access_type", "metric", "number")},
        }
        for one in told
        if (not one["institution"] or one["institution"] in known) and found[one["issn"]] is not None
    ]
    (_CORRECT if newer else _ADD)(session, rows)


USAGE = (Kept("usage", tell, enter, key=KEY, grows=True, moment="day"),)
