"""What was read, as it was counted: a sum of a day, of no reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.ledger_tables.journals import first_issns, places_of
from ingest.ledger_tables.kept import Kept, Told, since
from repository.catalogue import Catalogue
from repository.catalogue.upsert import Upsert
from repository.models import Institution, UsageDay
from repository.vocabulary import utc_now

_KEY = ("day", "institution", "issn", "year", "access_type", "metric")
_ENTER = Upsert(UsageDay, lambda new: {"number": new.number})


def _usage(catalogue: Catalogue, mark: str | None) -> Iterator[Told]:
    """Day by day, each when it is over; those since the mark, and the one before it, with what they have come to."""
    days = select(UsageDay.day).where(UsageDay.day < utc_now().date()).distinct().order_by(UsageDay.day)
    if (begin := since(mark)) is not None:
        days = days.where(UsageDay.day >= begin.date() - timedelta(days=1))
    with catalogue.reading() as session:
        every = session.execute(days).scalars().all()
        issns = first_issns(session) if every else {}
        codes = {row.id: row.code for row in session.execute(select(Institution.id, Institution.code))} if every else {}
    for day in every:
        with catalogue.reading() as session:
            rows = session.execute(select(UsageDay).where(UsageDay.day == day)).scalars().all()
        told = [
            {
                "day": day.isoformat(),
                "institution": codes.get(row.institution_id),
                "issn": issns.get(row.title_id),
                "year": row.year,
                "access_type": row.access_type,
                "metric": row.metric,
                "number": row.number,
            }
            for row in rows
            if (row.institution_id == 0 or row.institution_id in codes) and (row.title_id == 0 or row.title_id in issns)
        ]
        yield from sorted(told, key=lambda one: "\t".join(str(one[name]) for name in _KEY))


def _enter_usage(session: Session, told: Sequence[Told], _newer: bool) -> None:
    """A day that is told later, in a later ledger, is told as it was in the end."""
    codes = {row.code: row.id for row in session.execute(select(Institution.code, Institution.id))}
    places = places_of(session, {one["issn"] for one in told if one["issn"]})
    rows = []
    for one in told:
        institution = codes.get(one["institution"]) if one["institution"] else 0
        title = places.get(one["issn"]) if one["issn"] else 0
        if institution is not None and title is not None:
            plain = {name: one[name] for name in ("year", "access_type", "metric", "number")}
            rows.append(
                {"institution_id": institution, "title_id": title, "day": date.fromisoformat(one["day"]), **plain}
            )
    _ENTER(session, rows)


USAGE = (Kept("usage", _usage, _enter_usage, key=_KEY, grows=True),)
