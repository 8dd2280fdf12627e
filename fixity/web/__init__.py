"""The dashboard of the night watch: what needs a person first, then figures that each open the list behind them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, NotFound

from fixity.forecast import forecasts
from fixity.today import today
from fixity.web import answered, bars, inventories, retirement, stores, witnesses
from fixity.web.promises import forecast
from fixity.web.room import Dashboard
from fixity.web.stores import STATES
from repository.access.web.guard import Route, Who, lay, member
from repository.catalogue import (
    alerts,
    browse,
    canaries,
    chain,
    copies,
    heads,
    hints,
    holdings,
    ledgers,
    proofs,
    recount,
    rehearsals,
    rounds,
    testimony,
    watch,
)
from repository.catalogue.hints import Hint, Work
from repository.catalogue.tallies import NOTHING
from repository.catalogue.walks import every
from repository.catalogue.watch import CopyLine, Wanted
from repository.models import Article, Event, Round, SignedHead
from repository.vocabulary import ArticleRecord, CopyState, EventType, bag_key, utc_now
from repository.web import paging
from repository.web.tables import csv_answer

A_PAGE = 100
_NOT_WHOLE = (CopyState.DAMAGED, CopyState.MISSING)
ROUND_COLUMNS = (
    "number", "started_at", "finished_at", "scope", "expected", "intact", "damaged", "missing", "unreadable", "mended",
    "bytes", "interrupted",
)  # fmt: skip
COPY_COLUMNS = (
    "article", "version", "store", "state", "verified_at", "unreadable_since", "next_due", "bytes", "seal", "title",
    "verified_in_round",
)  # fmt: skip
STATE_COLUMNS = ("store", "place", "state", "copies", "bytes", "promised_days")
EVENT_COLUMNS = ("event", "at", "type", "outcome", "store", "version", "agent", "detail")
MOST_EVENTS = 200


class Testimony(NamedTuple):
    """How far the chain of events goes, was verified and signed."""

    proof: proofs.Standing
    head: SignedHead | None
    events: int


def dashboard(room: Dashboard) -> ResponseReturnValue:
    """Needs attention; verified in time by copies and bytes; never verified; the oldest; by store and state; rounds.

    As CSV: the copies by store and state.
    """
    now = utc_now()
    with room.catalogue.reading() as rows:
        watched = watch.figures(rows, now)
        shown = sorted({*watched.stores, *room.places}, key=lambda store: (store not in room.places, store))
        if request.args.get("format") == "csv":
            return csv_answer("copies-by-store", STATE_COLUMNS, _states(room, watched, shown))
        of_today = today(rows, now)
        counted, miscounts = recount.last(rows, complete=True), recount.miscounts(rows, limit=1000)
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
        today=of_today,
        recounted=counted,
        miscounts=miscounts,
        stores=shown,
        as_csv=paging.here(format="csv"),
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
    """One copy: what it must be and what was found, the other copies of the same bag, and what was done.

    As CSV: what was done.
    """
    with room.catalogue.reading() as rows:
        line = watch.copy_of(rows, identifier, version, store)
        if line is None:
            raise NotFound
        record = ArticleRecord.from_json(rows.get_one(Article, identifier).record)
        salvaged_in = holdings.salvaged_from(rows, identifier, version)
        others = [(other, copies.shown_state(other)) for other in copies.of(rows, line.aip_id) if other.store != store]
        events = browse.events_of_copy(rows, identifier, version, store, limit=MOST_EVENTS)
    if request.args.get("format") == "csv":
        return csv_answer("events", EVENT_COLUMNS, (_event_row(event) for event in events))
    of_here = [event for event in events if event.store == store]
    return render_template(
        "fixity/copy.html",
        line=line,
        record=record,
        others=others,
        all_damaged=all(state in _NOT_WHOLE for state in (line.state, *(state for _, state in others))),
        salvaged_in=salvaged_in,
        events=events,
        checked=next((event for event in of_here if event.type == EventType.FIXITY_CHECK), None),
        mending=next((event for event in of_here if event.type == EventType.RECOVERY), None),
        kept=next((event for event in of_here if event.type == EventType.QUARANTINE), None),
        key=bag_key(identifier, version),
        room=room,
        verified_in=paging.key_text((line.verified_in + 1,)) if line.verified_in else None,
        as_csv=paging.here(format="csv"),
    )


def read_again(room: Dashboard, identifier: str, version: int, store: str) -> ResponseReturnValue:
    """A person asks for this copy to be read: the clock does it before all others, and mends it where it must."""
    person = member()
    assert person is not None
    with room.catalogue.writing() as rows:
        line = watch.copy_of(rows, identifier, version, store)
        if line is None or not watch.read_now(rows, line.aip_id, store):
            raise NotFound
        testimony.witness(
            rows,
            EventType.POLICY_ASSIGNMENT,
            at=utc_now(),
            outcome="success",
            agent=room.agent,
            detail={"decision": "read again at once", "by": person.login},
            article_id=identifier,
            version=version,
            store=store,
        )
        hints.leave(rows, Hint(Work.COPIES, identifier))
    return redirect(url_for("fixity.copy", identifier=identifier, version=version, store=store))


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
            Route("/staff/fixity/publishers", bars.publishers_listed, Who.STAFF),
            Route("/staff/fixity/forecast", forecast, Who.STAFF),
            Route("/staff/fixity/canaries", witnesses.canaries_listed, Who.STAFF),
            Route("/staff/fixity/tallies", witnesses.tallies_listed, Who.STAFF),
            Route("/staff/storage", stores.storage, Who.STAFF),
            Route("/staff/storage/growth", stores.growth, Who.STAFF),
            Route("/staff/storage/trials", stores.trials, Who.STAFF),
            Route("/staff/storage/<store>/lacking", retirement.lacking, Who.STAFF),
            Route("/staff/storage/<store>/retirement", retirement.retirement, Who.STAFF),
            Route("/staff/storage/<store>/retirement", retirement.decide, Who.STAFF, ("POST",)),
            Route("/staff/rounds", rounds_listed, Who.STAFF),
            Route("/staff/fixity/found", answered.found_listed, Who.STAFF),
            Route("/staff/inventory", inventories.overview, Who.STAFF, endpoint="inventory"),
            Route("/staff/inventory/differences", inventories.listed, Who.STAFF, endpoint="differences"),
            Route("/staff/copies", copies_listed, Who.STAFF),
            Route("/staff/copies/<hex32:identifier>/<int(max=999999):version>/<store>", copy, Who.STAFF),
            Route(
                "/staff/copies/<hex32:identifier>/<int(max=999999):version>/<store>/again",
                read_again,
                Who.STAFF,
                ("POST",),
            ),
        ),
    )


def _wanted() -> Wanted:
    question = next((name for name in watch.QUESTIONS if request.args.get(name)), None)
    state = request.args.get("state") or None
    if state is not None and state not in STATES:
        raise BadRequest
    return Wanted(store=paging.asked_store(), state=state, question=question)


def _every_copy(room: Dashboard, wanted: Wanted) -> Iterator[CopyLine]:
    now = utc_now()
    return every(
        room.catalogue,
        lambda rows, after, limit: watch.listed(rows, wanted, now, after=after, limit=limit),
        lambda line: watch.cursor(line, wanted),
    )


def _every_round(room: Dashboard) -> Iterator[Round]:
    return every(
        room.catalogue,
        lambda rows, before, limit: rounds.latest(rows, before=before, limit=limit),
        lambda row: row.id,
    )


def _states(room: Dashboard, watched: watch.Watched, shown: Sequence[str]) -> Iterator[tuple[object, ...]]:
    for store in shown:
        for state in STATES:
            count = watched.states.get((store, state), NOTHING)
            yield (store, room.places.get(store), state, count.number, count.bytes, room.days(store))


def _event_row(event: Event) -> tuple[object, ...]:
    told = json.dumps(event.detail, ensure_ascii=False, sort_keys=True)
    return (event.id, event.at, event.type, event.outcome, event.store, event.version, event.agent, told)


def _copy_row(line: CopyLine) -> tuple[object, ...]:
    return (
        line.article_id, line.version, line.store, line.state, line.verified_at, line.unreadable_since,
        None if line.asked_for else line.next_due,
        line.bytes, line.seal, line.title, line.verified_in,
    )  # fmt: skip


def _round_row(row: Round) -> tuple[object, ...]:
    return (
        row.id, row.started_at, row.finished_at, rounds.label(row), row.expected, row.intact, row.damaged, row.missing,
        row.unreadable, row.mended, row.bytes, "yes" if rounds.was_interrupted(row) else "no",
    )  # fmt: skip
