"""The last 90 days of the watch, day by day: drawn by the server, with the table from which it is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest

from fixity.web.room import Dashboard, asked_publisher
from repository.catalogue import days
from repository.models import Publisher, PublisherDay, WatchDay
from repository.vocabulary import utc_now
from repository.web import paging
from repository.web.tables import csv_answer

DAYS = 90
STEP, HEIGHT = 10, 44
"""Of one day and of one strip, in units of the drawing."""

STRIPS = ("intact", "damaged", "unreadable", "late")
COLUMNS = ("day", "intact", "damaged", "missing", "unreadable", "mended", "late", "bytes")


@dataclass(frozen=True, slots=True)
class Strip:
    """One kind of count over the days: bars on a scale of its own, so that one in a million is still to be seen."""

    name: str
    largest: int
    total: int
    bars: tuple[tuple[int, float, float, int], ...]
    """Of each day that has any: x, y, height, count."""


@dataclass(frozen=True, slots=True)
class Chart:
    """The days and their strips."""

    days: tuple[date, ...]
    counts: Mapping[date, Mapping[str, int]]
    strips: tuple[Strip, ...]

    @property
    def width(self) -> int:
        """Of the drawing."""
        return STEP * len(self.days)


def chart(session: Session, today: date, store: str | None = None, publisher: Publisher | None = None) -> Chart:
    """The last :data:`DAYS` days in ``store``, or of one publisher, or of all together.

    ``damaged`` in a strip counts the missing too.
    """
    span = tuple(today - timedelta(days=back) for back in reversed(range(DAYS)))
    counts: dict[date, Counter[str]] = {}
    if publisher is None:
        rows: Sequence[WatchDay | PublisherDay] = days.since(session, span[0])
    else:
        rows = days.of_publisher(session, publisher.id, span[0])
    for row in rows:
        if store is None or store == getattr(row, "store", None):
            day = counts.setdefault(date.fromisoformat(row.day), Counter())
            day.update({name: getattr(row, name) for name in days.OF_PUBLISHERS})
            day["late"] += row.late or 0
    strips = tuple(strip(name, _numbers(name, span, counts)) for name in STRIPS)
    return Chart(span, counts, strips)


def days_listed(room: Dashboard) -> ResponseReturnValue:
    """The drawing and its table, of one store, of one publisher or of all; as a page or as CSV."""
    store = request.args.get("store") or None
    if store is not None and (store not in room.places or request.args.get("publisher")):
        raise BadRequest
    with room.catalogue.reading() as rows:
        publisher = asked_publisher(rows)
        drawn = chart(rows, utc_now().date(), store, publisher)
    if request.args.get("format") == "csv":
        return csv_answer("days", COLUMNS, _rows(drawn))
    return render_template(
        "fixity/days.html",
        chart=drawn,
        height=HEIGHT,
        store=store,
        publisher=publisher,
        stores=sorted(room.places),
        as_csv=paging.here(format="csv"),
    )


def publishers_listed(room: Dashboard) -> ResponseReturnValue:
    """Every publisher with the sums of its last :data:`DAYS` days, as a page or as CSV."""
    first = utc_now().date() - timedelta(days=DAYS - 1)
    with room.catalogue.reading() as rows:
        found = days.publishers(rows, first)
    if request.args.get("format") == "csv":
        told = ((one.name, one.slug, *(sums[name] for name in COLUMNS[1:])) for one, sums in found)
        return csv_answer("publishers", ("publisher", "slug", *COLUMNS[1:]), told)
    return render_template(
        "fixity/publishers.html", publishers=found, first=first.isoformat(), as_csv=paging.here(format="csv")
    )


def strip(name: str, numbers: Sequence[int]) -> Strip:
    """Bars of these numbers, one a day."""
    largest = max(numbers, default=0)
    bars = []
    for place, number in enumerate(numbers):
        if number:
            tall = max(2.0, HEIGHT * number / largest)
            bars.append((place * STEP, HEIGHT - tall, tall, number))
    return Strip(name, largest, sum(numbers), tuple(bars))


def _numbers(name: str, span: Sequence[date], counts: Mapping[date, Mapping[str, int]]) -> list[int]:
    wanted = ("damaged", "missing") if name == "damaged" else (name,)
    return [sum(counts[day].get(each, 0) for each in wanted) if day in counts else 0 for day in span]


def _rows(drawn: Chart) -> list[tuple[object, ...]]:
    return [
        (day.isoformat(), *(drawn.counts[day].get(name, 0) for name in COLUMNS[1:]))
        for day in reversed(drawn.days)
        if day in drawn.counts
    ]
