"""The dashboard of the night watch: what needs a person first, then figures that each open the list behind them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, NotFound

from fixity.forecast import forecasts
from fixity.web import bars, inventories
from fixity.web.promises import forecast
from fixity.web.room import Dashboard
from repository.access.web.guard import Route, Who, lay
from repository.catalogue import (
    alerts,
    browse,
    canaries,
    chain,
    copies,
    heads,
    holdings,
    ledgers,
    proofs,
    rehearsals,
    rounds,
    watch,
)
from repository.catalogue.watch import CopyLine, Wanted
from repository.models import Article, Round, SignedHead
from repository.vocabulary import ArticleRecord, CopyState, utc_now
from repository.web import paging
from repository.web.tables import csv_answer

A_PAGE = 100
_NOT_WHOLE = (CopyState.DAMAGED, CopyState.MISSING)
STATES = (*(state.value for state in CopyState), copies.UNREADABLE)
ROUND_COLUMNS = (
    "number", "started_at", "finished_at", "scope", "expected", "intact", "damaged", "missing", "unreadable", "mended",
    "bytes", "interrupted",
)  # fmt: skip
COPY_COLUMNS = (
    "article", "version", "store", "state", "verified_at", "unreadable_since", "next_due", "bytes", "seal", "title",
    "verified_in_round",
)  # fmt: skip


class Testimony(NamedTuple):
    """How far the chain of events goes, was verified and signed."""

    proof: proofs.Standing
    head: SignedHead | None
    events: int


def dashboard(room: Dashboard) -> ResponseReturnValue:
    """Needs attention; verified in time by copies and bytes; never verified; the oldest; by store and state; rounds."""
    now = utc_now()
    with room.catalogue.reading() as rows:
        watched = watch.figures(rows, now)
        latest = rounds.latest(rows, limit=8)
        flock = canaries.latest(rows)
        foreseen = forecasts(rows, room.policies, now)
        drawn = bars.chart(rows, now.date())
        open_alerts = alerts.number_open(rows)
        told = Testimony(proofs.standing(rows), heads.latest(rows), chain.end_of(rows).position)
        trials, ledger, lost = rehearsals.latest(rows, limit=5), ledgers.latest(rows), ledgers.not_whole(rows)
    return render_template(
        "fixity/dashboard.html",
        watched=watched,
        open_alerts=open_alerts,
        rehearsals=trials,
        ledger=ledger,
        ledgers_lost=lost,
        attention=watch.ATTENTION,
        states=STATES,
        rounds=latest,
        canaries=flock,
        forecasts=foreseen,
        testimony=told,
        chart=drawn,
        height=bars.HEIGHT,
        room=room,
        stores=sorted({*watched.stores, *room.places}, key=lambda store: (store not in room.places, store)),
        interrupted=rounds.was_interrupted,
        label=rounds.label,
        now=now,
    )


def copies_listed(room: Dashboard) -> ResponseReturnValue:
    """The copies behind a figure, as a page or as CSV."""
    wanted = _wanted()
    if request.args.get("format") == "csv":
        return csv_answer("copies", COPY_COLUMNS, (_copy_row(line) for line in _every_copy(room, wanted)))
    after = paging.asked_key(str, int, str)
    if after is not None and after[0]:
        paging.moment_in(after[0])
    with room.catalogue.reading() as rows:
        listed = watch.listed(rows, wanted, utc_now(), after=after, limit=A_PAGE + 1)
    shown, following = paging.page_of(listed, A_PAGE, lambda line: watch.cursor(line, wanted))
    return render_template(
        "fixity/copies.html",
        lines=shown,
        following=following,
        wanted=wanted,
        begun=after is not None,
        as_csv=paging.here(format="csv", after=None),
    )


def copy(room: Dashboard, identifier: str, version: int, store: str) -> ResponseReturnValue:
    """One copy: what it must be, what is known of it, the other copies of the same bag, and what was done."""
    with room.catalogue.reading() as rows:
        line = watch.copy_of(rows, identifier, version, store)
        if line is None:
            raise NotFound
        record = ArticleRecord.from_json(rows.get_one(Article, identifier).record)
        salvaged_in = holdings.salvaged_from(rows, identifier, version)
        others = [(other, copies.shown_state(other)) for other in copies.of(rows, line.aip_id) if other.store != store]
        events = [
            event
            for event in browse.latest_events(rows, identifier, limit=200)
            if event.store in (None, store) and event.version in (None, version)
        ]
    return render_template(
        "fixity/copy.html",
        line=line,
        record=record,
        others=others,
        all_damaged=all(state in _NOT_WHOLE for state in (line.state, *(state for _, state in others))),
        salvaged_in=salvaged_in,
        events=events,
        room=room,
        verified_in=paging.key_text((line.verified_in + 1,)) if line.verified_in else None,
    )


def rounds_listed(room: Dashboard) -> ResponseReturnValue:
    """Every round of the watch, the newest first, as a page or as CSV."""
    if request.args.get("format") == "csv":
        return csv_answer("rounds", ROUND_COLUMNS, (_round_row(row) for row in _every_round(room)))
    before = paging.asked_key(int)
    with room.catalogue.reading() as rows:
        listed = rounds.latest(rows, before=before[0] if before else None, limit=A_PAGE + 1)
    shown, following = paging.page_of(listed, A_PAGE, lambda row: (row.id,))
    return render_template(
        "fixity/rounds.html",
        rounds=shown,
        following=following,
        begun=before is not None,
        interrupted=rounds.was_interrupted,
        label=rounds.label,
        as_csv=paging.here(format="csv", after=None),
    )


def blueprint(room: Dashboard) -> Blueprint:
    """The pages of the night watch, all of them for staff."""
    return lay(
        Blueprint("fixity", __name__, template_folder="../templates"),
        room,
        (
            Route("/staff/fixity", dashboard, Who.STAFF),
            Route("/staff/fixity/days", bars.days_listed, Who.STAFF),
            Route("/staff/fixity/forecast", forecast, Who.STAFF),
            Route("/staff/rounds", rounds_listed, Who.STAFF),
            Route("/staff/inventory", inventories.overview, Who.STAFF, endpoint="inventory"),
            Route("/staff/inventory/differences", inventories.listed, Who.STAFF, endpoint="differences"),
            Route("/staff/copies", copies_listed, Who.STAFF),
            Route("/staff/copies/<hex32:identifier>/<int(max=999999):version>/<store>", copy, Who.STAFF),
        ),
    )


def _wanted() -> Wanted:
    question = next((name for name in watch.QUESTIONS if request.args.get(name)), None)
    state, store = request.args.get("state"), request.args.get("store")
    if (state and state not in STATES) or (store and not (paging.storable(store) and len(store) <= 64)):
        raise BadRequest
    return Wanted(store=store or None, state=state or None, question=question)


def _every_copy(room: Dashboard, wanted: Wanted) -> Iterator[CopyLine]:
    """All of them, a page and a short transaction at a time: a download of millions holds up no writer."""
    now, after = utc_now(), None
    while True:
        with room.catalogue.reading() as rows:
            page = watch.listed(rows, wanted, now, after=after, limit=500)
        yield from page
        if len(page) < 500:
            return
        after = watch.cursor(page[-1], wanted)


def _every_round(room: Dashboard) -> Iterator[Round]:
    before = None
    while True:
        with room.catalogue.reading() as rows:
            page = rounds.latest(rows, before=before, limit=500)
        yield from page
        if len(page) < 500:
            return
        before = page[-1].id


def _copy_row(line: CopyLine) -> tuple[object, ...]:
    return (
        line.article_id, line.version, line.store, line.state, line.verified_at, line.unreadable_since, line.next_due,
        line.bytes, line.seal, line.title, line.verified_in,
    )  # fmt: skip


def _round_row(row: Round) -> tuple[object, ...]:
    return (
        row.id, row.started_at, row.finished_at, rounds.label(row), row.expected, row.intact, row.damaged, row.missing,
        row.unreadable, row.mended, row.bytes, "yes" if rounds.was_interrupted(row) else "no",
    )  # fmt: skip
