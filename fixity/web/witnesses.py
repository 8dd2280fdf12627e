"""Lists that bear witness to the watch itself: its canaries, and the tallies that were counted again."""

from __future__ import annotations

from collections.abc import Iterator

from flask import render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from fixity.web.room import Dashboard
from repository.catalogue import canaries, recount
from repository.catalogue.walks import every
from repository.models import Miscount
from repository.web import paging
from repository.web.tables import csv_answer

A_PAGE = 100
CANARY_COLUMNS = ("store", "canary", "expected", "outcome", "caught", "read_at", "caught_at", "note")
TALLY_COLUMNS = (
    "what", "part", "place", "state", "tallied", "counted", "tallied_bytes", "counted_bytes", "first_seen", "last_seen",
)  # fmt: skip


def canaries_listed(room: Dashboard) -> ResponseReturnValue:
    """The bags that are known to be bad, of one store or of all, as the last round saw them; as a page or as CSV."""
    store = request.args.get("store") or None
    if store is not None and not paging.storable(store):
        raise BadRequest
    with room.catalogue.reading() as rows:
        flock = [one for one in canaries.latest(rows) if store in (None, one.store)]
    if request.args.get("format") == "csv":
        told = (
            (
                one.store, one.name, one.expected, one.outcome, "yes" if one.outcome == one.expected else "no",
                one.read_at, one.caught_at, one.note,
            )
            for one in flock
        )  # fmt: skip
        return csv_answer("canaries", CANARY_COLUMNS, told)
    return render_template(
        "fixity/canaries.html",
        canaries=flock,
        store=store,
        stores=sorted(room.places),
        as_csv=paging.here(format="csv"),
    )


def tallies_listed(room: Dashboard) -> ResponseReturnValue:
    """When the tallies were counted again last, and those that were wrong; as a page or as CSV."""
    if request.args.get("format") == "csv":
        return csv_answer("tallies", TALLY_COLUMNS, (_row(one) for one in _every(room)))
    after = paging.asked_key(str, int, str, str)
    with room.catalogue.reading() as rows:
        last, complete = recount.last(rows), recount.last(rows, complete=True)
        found = recount.miscounts(rows, after=after, limit=A_PAGE + 1)
    shown, following = paging.page_of(found, A_PAGE, _key)
    return render_template(
        "fixity/tallies.html",
        lines=shown,
        following=following,
        begun=after is not None,
        last=last,
        complete=complete,
        as_csv=paging.here(format="csv", after=None),
    )


def _key(one: Miscount) -> tuple[str, int, str, str]:
    return (one.what, one.part, one.place, one.state)


def _every(room: Dashboard) -> Iterator[Miscount]:
    return every(room.catalogue, lambda rows, after, limit: recount.miscounts(rows, after=after, limit=limit), _key)


def _row(one: Miscount) -> tuple[object, ...]:
    return (
        one.what, one.part, one.place, one.state, one.tallied, one.counted, one.tallied_bytes, one.counted_bytes,
        one.first_seen, one.last_seen,
    )  # fmt: skip
