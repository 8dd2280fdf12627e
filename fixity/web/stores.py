"""The stores: where each stands, what it really can, what it keeps, how it grows and when its room ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from fixity import standing as standings
from fixity.forecast import Forecast, forecasts
from fixity.standing import Full
from fixity.web import bars
from fixity.web.bars import Strip
from fixity.web.room import Dashboard
from repository.catalogue import canaries, copies, filling, inventories, standing, tallies
from repository.catalogue.filling import Progress
from repository.catalogue.standing import Growth
from repository.catalogue.tallies import NOTHING, Count
from repository.models import Canary, Inventory, StoreAnswer, StoreTrial
from repository.vocabulary import GIVEN_UP, CopyState, utc_now
from repository.web import paging
from repository.web.tables import csv_answer

STATES = (*(state.value for state in CopyState), copies.UNREADABLE)
A_YEAR, A_MONTH = 366, 30
SHOWN = (
    "conditional_put", "conditional_parts", "byte_ranges", "versioning", "object_lock", "legal_hold", "exclusive_link",
    "fsync", "deletion_refused",
)  # fmt: skip
"""Of what was tried, what a line about a store names; the list has all of it."""
COLUMNS = (
    "store", "place", "threat", *STATES, "copies", "bytes", "added_in_30_days", "bytes_added_in_30_days",
    "bytes_added_a_day", "free_bytes", "total_bytes", "full_on", "answered_at", "silent_since", "promised_days",
    "promise_kept", "canaries_caught", "canaries", "inventory_at", "tried_at", "lacks", "lacks_bytes", "filled_at",
    "all_there_on", "retired_at",
)  # fmt: skip
GROWTH_COLUMNS = ("store", "day", "copies_added", "bytes_added")
TRIAL_COLUMNS = ("store", "name", "verdict", "needed", "detail", "tried_at")


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything about one store, read at one moment."""

    store: str
    states: dict[str, Count]
    held: Count
    answer: StoreAnswer | None
    verified_at: datetime | None
    trials: list[StoreTrial]
    growth: Growth
    month: Count
    """Added in the last 30 days."""
    full: Full | None
    forecast: Forecast | None
    canaries: list[Canary]
    inventory: Inventory | None
    """The last that is complete."""
    progress: Progress | None
    """What it lacks of all that is kept; None before a clock looked at it."""

    @property
    def caught(self) -> int:
        """Canaries that were seen for what they are."""
        return sum(one.outcome == one.expected for one in self.canaries)

    @property
    def abilities(self) -> list[StoreTrial]:
        """What a line about the store names of what it can, and whatever it lacks that an archive needs."""
        return [one for one in self.trials if one.name in SHOWN or (one.needed and one.verdict != "yes")]


def storage(room: Dashboard) -> ResponseReturnValue:
    """Every store, as a page or as CSV."""
    now = utc_now()
    with room.catalogue.reading() as rows:
        found = _standings(rows, room, now)
    if request.args.get("format") == "csv":
        return csv_answer("stores", COLUMNS, (_row(room, one) for one in found))
    return render_template(
        "fixity/storage.html", stores=found, states=STATES, room=room, now=now, as_csv=paging.here(format="csv")
    )


def growth(room: Dashboard) -> ResponseReturnValue:
    """What was added, day by day and month by month, to one store or to all; as a page or as CSV."""
    store, today = paging.asked_store(), utc_now().date()
    with room.catalogue.reading() as rows:
        found = standing.growth(rows, today, days=A_YEAR)
    some = {name: one for name, one in found.items() if store in (None, name)}
    if request.args.get("format") == "csv":
        return csv_answer("growth", GROWTH_COLUMNS, _days(some))
    together = Growth(_added(some), None)
    span = [today - timedelta(days=back) for back in reversed(range(bars.DAYS))]
    return render_template(
        "fixity/growth.html",
        growth=together,
        strips=[_strip(name, span, together) for name in ("bytes", "number")],
        first=span[0],
        last=span[-1],
        width=bars.STEP * len(span),
        height=bars.HEIGHT,
        store=store,
        stores=sorted(room.places),
        as_csv=paging.here(format="csv"),
    )


def trials(room: Dashboard) -> ResponseReturnValue:
    """What was tried on one store or on all, and what was seen; as a page or as CSV."""
    store = paging.asked_store()
    with room.catalogue.reading() as rows:
        found = [one for name, some in standing.trials(rows).items() if store in (None, name) for one in some]
    if request.args.get("format") == "csv":
        return csv_answer("trials", TRIAL_COLUMNS, (_trial_row(one) for one in found))
    return render_template(
        "fixity/trials.html", trials=found, store=store, stores=sorted(room.places), as_csv=paging.here(format="csv")
    )


def _standings(session: Session, room: Dashboard, now: datetime) -> list[Standing]:
    held = tallies.of(session, "copies")
    known = sorted({store for store, _ in held} - set(room.places))
    stores = [*room.places, *known]
    answered, tried = standing.answers(session), standing.trials(session)
    grown = standing.growth(session, now.date(), days=A_YEAR)
    told = {one.store: one for one in forecasts(session, room.policies, now)}
    compared = inventories.last_of(session, stores)
    filled = filling.progress(session, now)
    birds: dict[str, list[Canary]] = {}
    for one in canaries.latest(session):
        birds.setdefault(one.store, []).append(one)
    found = []
    for store in stores:
        states = {state: held.get((store, state), NOTHING) for state in STATES}
        kept = [count for state, count in states.items() if state not in GIVEN_UP]
        growing = grown.get(store, Growth({}, None))
        found.append(
            Standing(
                store=store,
                states=states,
                held=sum(kept, NOTHING),
                answer=answered.get(store),
                verified_at=standing.last_verification(session, store),
                trials=tried.get(store, []),
                growth=growing,
                month=growing.since(now.date() - timedelta(days=A_MONTH - 1)),
                full=standings.full_on(answered.get(store), growing, now),
                forecast=told.get(store),
                canaries=birds.get(store, []),
                inventory=compared[store][1],
                progress=filled.get(store),
            )
        )
    return found


def _added(some: dict[str, Growth]) -> dict[date, Count]:
    days: dict[date, Count] = {}
    for one in some.values():
        for day, count in one.days.items():
            days[day] = days.get(day, NOTHING) + count
    return days


def _strip(name: str, span: list[date], growing: Growth) -> Strip:
    return bars.strip(name, [getattr(growing.days.get(day, NOTHING), name) for day in span])


def _days(some: dict[str, Growth]) -> Iterator[tuple[object, ...]]:
    for store, one in sorted(some.items()):
        for day, count in sorted(one.days.items(), reverse=True):
            yield (store, day.isoformat(), count.number, count.bytes)


def _row(room: Dashboard, one: Standing) -> tuple[object, ...]:
    answer, mean, told = one.answer, one.growth.mean, one.progress
    return (
        one.store, room.places.get(one.store), room.threats.get(one.store),
        *(one.states[state].number for state in STATES), one.held.number, one.held.bytes,
        one.month.number, one.month.bytes, mean.bytes if mean else None,
        answer.free_bytes if answer else None, answer.total_bytes if answer else None,
        one.full.at if one.full else None, answer.answered_at if answer else None,
        answer.silent_since if answer else None, room.days(one.store),
        {True: "yes", False: "no"}.get(one.forecast.kept) if one.forecast and one.forecast.kept is not None else None,
        one.caught, len(one.canaries), one.inventory.started_at if one.inventory else None,
        one.trials[0].tried_at if one.trials else None,
        *((told.lacks.number, told.lacks.bytes, told.filled_at, told.ends_at, told.retired_at) if told else [None] * 5),
    )  # fmt: skip


def _trial_row(one: StoreTrial) -> tuple[object, ...]:
    return (one.store, one.name, one.verdict, "yes" if one.needed else "no", one.detail, one.tried_at)
