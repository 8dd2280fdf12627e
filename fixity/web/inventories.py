"""What the stores list beside what the catalogue says: of each store the last inventory, and every difference."""

from __future__ import annotations

from collections.abc import Iterator

from flask import render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from fixity.web.room import Dashboard
from repository.catalogue import inventories
from repository.catalogue.walks import every
from repository.models import Difference, Inventory
from repository.vocabulary import DifferenceKind, bag_key, parse_bag_key
from repository.web import paging
from repository.web.tables import csv_answer

A_PAGE = 100
COLUMNS = ("store", "kind", "key", "expected_bytes", "found_bytes", "holds", "first_seen", "last_seen")
OVERVIEW_COLUMNS = (
    "store", "complete_at", "copies", "objects", "bytes", "arriving", *(kind.value for kind in DifferenceKind),
    "last_at", "held_up",
)  # fmt: skip


def overview(room: Dashboard) -> ResponseReturnValue:
    """Of each store: when it was compared last, how much it lists, and how many differences of which kind stand."""
    stores = sorted(room.places)
    with room.catalogue.reading() as rows:
        last = inventories.last_of(rows, stores)
    if request.args.get("format") == "csv":
        return csv_answer("inventory", OVERVIEW_COLUMNS, (_overview_row(store, *last[store]) for store in stores))
    return render_template(
        "fixity/inventories.html",
        stores=stores,
        last=last,
        kinds=list(DifferenceKind),
        room=room,
        as_csv=paging.here(format="csv"),
    )


def listed(room: Dashboard) -> ResponseReturnValue:
    """The differences that stand, as a page or as CSV."""
    store, kind = request.args.get("store") or None, request.args.get("kind") or None
    if (store and not paging.storable(store)) or (kind and kind not in set(DifferenceKind)):
        raise BadRequest
    if request.args.get("format") == "csv":
        return csv_answer("differences", COLUMNS, (_row(one) for one in _every(room, store, kind)))
    after = paging.asked_key(str, str, str)
    with room.catalogue.reading() as rows:
        found = inventories.listed(rows, store=store, kind=kind, after=after, limit=A_PAGE + 1)
    shown, following = paging.page_of(found, A_PAGE, lambda one: (one.store, one.kind, one.key))
    return render_template(
        "fixity/differences.html",
        lines=[(one, parse_bag_key(one.key) if _has_row(one) else None) for one in shown],
        following=following,
        begun=after is not None,
        store=store,
        kind=kind,
        as_csv=paging.here(format="csv", after=None),
    )


def _overview_row(store: str, latest: Inventory | None, complete: Inventory | None) -> tuple[object, ...]:
    told: tuple[object, ...] = (None,) * (5 + len(DifferenceKind))
    if complete is not None:
        found = (complete.found.get(kind.value, 0) for kind in DifferenceKind)
        told = (complete.started_at, complete.copies, complete.objects, complete.bytes, complete.arriving, *found)
    return (store, *told, latest.started_at if latest else None, latest.held_up if latest else None)


def _has_row(one: Difference) -> bool:
    """Whether the catalogue knows of a copy there, so that the copy has a page."""
    place = parse_bag_key(one.key)
    return place is not None and one.expected_bytes is not None and one.key == bag_key(*place)


def _every(room: Dashboard, store: str | None, kind: str | None) -> Iterator[Difference]:
    return every(
        room.catalogue,
        lambda rows, after, limit: inventories.listed(rows, store=store, kind=kind, after=after, limit=limit),
        lambda one: (one.store, one.kind, one.key),
    )


def _row(one: Difference) -> tuple[object, ...]:
    return (
        one.store, one.kind, one.key, one.expected_bytes, one.found_bytes, one.holds, one.first_seen, one.last_seen,
    )  # fmt: skip
