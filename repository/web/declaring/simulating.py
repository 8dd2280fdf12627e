"""The crisis simulator: who keeps what if a publisher stops serving on some day, as a page and as CSV."""

from __future__ import annotations

from collections.abc import Iterator

from flask import render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, NotFound

from repository.access import institutions, simulator
from repository.access.reach import Holding, Reach
from repository.access.simulator import Kept, Simulation
from repository.catalogue import browse, titles
from repository.web import paging
from repository.web.declaring.triggering import MOST_PUBLISHERS
from repository.web.room import ReadingRoom
from repository.web.tables import csv_answer

COLUMNS = (
    "institution", "institution_name", "issn", "title", "years_kept", "licences", "articles_kept",
    "articles_until_subscription_ends", "articles_claimed", "missing", "store",
)  # fmt: skip


def simulated(room: ReadingRoom) -> ResponseReturnValue:
    """The form, and below it the answer for the publisher and the day that the address names."""
    publisher_name = request.args.get("publisher", "")
    day = paging.asked_day("on") or room.now().date()
    code = request.args.get("institution", "")
    if not (paging.storable(publisher_name) and paging.storable(code)):
        raise BadRequest
    with room.catalogue.reading() as rows:
        publishers = browse.publisher_names(rows, limit=MOST_PUBLISHERS)
        publisher = titles.find_publisher(rows, publisher_name) if publisher_name else None
        if publisher_name and publisher is None:
            raise NotFound
        one = institutions.find(rows, code) if code else None
        if code and one is None:
            raise NotFound
        found = None
        if publisher is not None:
            found = simulator.simulate(
                rows,
                day,
                publisher_id=publisher.id,
                institution_ids=[one.id] if one else (),
                stores=room.counter.store_order,
            )
    if found is not None and request.args.get("as") == "csv":
        return csv_answer(f"simulation-{day:%Y-%m-%d}", COLUMNS, cells(found))
    return render_template(
        "access/simulator.html",
        publishers=publishers,
        publisher=publisher_name,
        day=day,
        institution=one,
        found=found,
        lines=list(simulator.lines(found)) if found is not None and one is not None else [],
        years=years,
        source=found.sources[0].store if found is not None and found.sources else "",
        as_csv=paging.here(**{"as": "csv"}),
    )


def years(held: Holding, issues: int) -> str:
    """``2009–2012, 2014``: the years in which these issues appeared."""
    runs = held.years(issues)
    return ", ".join(f"{first}" if first == last else f"{first}–{last}" for first, last in runs)


def cells(found: Simulation) -> Iterator[tuple[object, ...]]:
    store = found.sources[0].store if found.sources else None
    for kept, held, one in simulator.lines(found):
        yield _line(found, kept, held, one, store)


def _line(found: Simulation, kept: Kept, held: Holding, one: Reach, store: str | None) -> tuple[object, ...]:
    licences = " ; ".join(f"{code} ({found.clauses[code]})" for code in sorted(one.by_licence))
    return (
        kept.code,
        kept.name,
        held.issn,
        held.name,
        years(held, one.earned).replace("–", "-"),
        licences,
        one.articles,
        one.until_it_ends,
        one.claimed,
        found.missing.get(held.title_id, 0),
        store,
    )
