"""A fixity certificate: what was read in a period, what was not, and what the figures do not say; to be signed.

Everything in it is a figure that was kept while the watch worked. Nothing is counted anew and nothing is inferred:
where the catalogue does not know, a note says so, and its sentence is signed with the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from fixity.evidence.room import Evidence
from repository.catalogue import canaries, chain, copies, periods, titles
from repository.catalogue.periods import OUTCOMES, Bounded, Held, Period
from repository.errors import UsageError
from repository.models import Publisher, WatchDay
from repository.texts import marked
from repository.vocabulary import CopyState, as_utc_text

KIND = "certificate"
"""The name under which the document stands in its signed envelope."""

OPEN = (CopyState.DAMAGED.value, CopyState.MISSING.value, copies.UNREADABLE)

NOTES = {
    "nothing-measured": marked("In the store {store} nothing was read in the period: nothing is certified of it."),
    "days-without": marked("In the store {store} nothing was read on {number} days of the period: {days}."),
    "begins-later": marked(
        "The figures of the store {store} begin on {day}: of the days of the period before it nothing is known."
    ),
    "not-over": marked("The period was not over when this was issued: it tells of it up to {moment}."),
    "not-begun": marked("The period had not begun when this was issued."),
    "held-now": marked(
        "Bags were registered or given up after the period's end: the copies held, and those that are still open, are "
        "those of {moment}."
    ),
    "read-since": marked(
        "In the store {store} {number} copies were verified after the period's end. The catalogue keeps the last "
        "verification of a copy: whether these were verified in the period too is not known of each."
    ),
    "policy-now": marked("The policy is the one in force when this was issued; earlier ones are not kept."),
    "canaries-now": marked(
        "The canaries are told as they were seen last; of the store {store} that was outside the period, on {moment}."
    ),
    "no-canaries": marked("In the store {store} no canary was ever read: that the watch would notice is not proved."),
    "rounds-of-all": marked("Rounds are those of all stores and publishers together."),
    "no-readings-by-publisher": marked(
        "Readings are counted by store and not by publisher. Of this publisher those are told that did not end intact, "
        "because each of them left an event; how many did is not known."
    ),
    "no-head": marked("No head of the events had been signed by the period's end."),
    "software-between": marked(
        "The versions are those that told the first and the last event of the period; others may lie between them."
    ),
}
"""What a certificate may have to say against itself, by code."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of what a certificate is asked for."""

    period: Period
    store: str | None = None
    publisher: str | None = None


def certificate(evidence: Evidence, wanted: Wanted, at: datetime) -> dict[str, Any]:
    """The document. Raises UsageError for a period that is none, or a store or publisher that there is not."""
    period = wanted.period
    if period.first > period.last:
        raise UsageError(f"a period from {period.first} to {period.last} has no day")
    stores = [place.name for place in evidence.places]
    if wanted.store is not None and wanted.store not in stores:
        raise UsageError(f"no store is named {wanted.store!r}; there are: {', '.join(stores)}")
    chain.link_all(evidence.catalogue)
    with evidence.catalogue.reading() as session:
        publisher = _publisher(session, wanted.publisher)
    walked = periods.of_publisher(evidence.catalogue, publisher.id, period) if publisher else None
    with evidence.catalogue.reading() as session:
        return _document(evidence, session, wanted, at, walked)


def _document(
    evidence: Evidence, session: Session, wanted: Wanted, at: datetime, walked: Mapping[str, Held] | None
) -> dict[str, Any]:
    period = wanted.period
    notes = _Notes()
    if at < period.since:
        notes.add("not-begun")
    elif at < period.until:
        notes.add("not-over", moment=as_utc_text(at))
    at_end = at < period.until or periods.unchanged_since(session, period.until)
    if not at_end:
        notes.add("held-now", moment=as_utc_text(at))
    named = [place.name for place in evidence.places if wanted.store in (None, place.name)]
    days = periods.days(session, period)
    begins, registered = periods.figures_begin(session), periods.archive_begins(session)
    stores = []
    for store in named:
        mine = [row for row in days if row.store == store]
        seen = _Days(period, at.date(), begins.get(store), registered.date() if registered else None)
        if walked is None:
            told = _of_store(session, store, period, mine)
        else:
            told = _of_publisher(walked.get(store, Held()), period, at)
        told |= {"store": store, "place": evidence.place(store).place, "days_without_readings": seen.without(mine)}
        seen.say(notes, store, mine)
        if told["verified_since"]["number"]:
            notes.add("read-since", store=store, number=_as_text(told["verified_since"]))
        stores.append(told)
    birds = _canaries(session, named, period, notes)
    if wanted.store or walked is not None:
        notes.add("rounds-of-all")
    if walked is not None:
        notes.add("no-readings-by-publisher")
    agents = periods.agents(session, period)
    document: dict[str, Any] = {
        "kind": "fixity certificate",
        "edition": 1,
        "archive": dict(evidence.named),
        "issued_at": as_utc_text(at),
        "period": {
            "from": period.first.isoformat(),
            "to": period.last.isoformat(),
            "over": at >= period.until,
            "held_at_its_end": at_end,
        },
        "scope": {"store": wanted.store, "publisher": wanted.publisher},
        "stores": stores,
        "rounds": _rounds(session, period),
        "canaries": birds,
        "policy": dict(evidence.policy),
        "software": {"issued_by": evidence.agent, "in_the_period": agents},
        "testimony": _testimony(session, period, notes),
    }
    notes.add("policy-now")
    if len(agents) > 1:
        notes.add("software-between")
    return {**document, "notes": notes.told}


def _of_store(session: Session, store: str, period: Period, mine: Sequence[WatchDay]) -> dict[str, Any]:
    sums = periods.summed(mine)
    kept = {state: count for (place, state), count in copies.kept(session).items() if place == store}
    oldest = copies.oldest_verification(session, store)
    return {
        "held": {
            "copies": sum(count.number for count in kept.values()),
            "bytes": sum(count.bytes for count in kept.values()),
        },
        "readings": {
            "expected": sum(sums[name] for name in OUTCOMES),
            **{name: sums[name] for name in OUTCOMES},
            "bytes": sums["bytes"],
            "mended": sums["mended"],
        },
        "open": {state: kept[state].number if state in kept else 0 for state in OPEN},
        "not_verified_in_period": _as_json(periods.unread(session, store, period)),
        "verified_since": _as_json(periods.read_since(session, store, period)),
        "oldest_verification": as_utc_text(oldest) if oldest else None,
    }


def _of_publisher(held: Held, period: Period, at: datetime) -> dict[str, Any]:
    readings: dict[str, int | None] = {"expected": None, "intact": None, "bytes": None}
    readings |= {name: held.found.get(name, 0) for name in (*OUTCOMES, "mended") if name != "intact"}
    return {
        "held": {"copies": held.copies, "bytes": held.bytes},
        "readings": readings,
        "open": {state: held.open.get(state, 0) for state in OPEN},
        "not_verified_in_period": _as_json(Bounded(held.unread)),
        "verified_since": _as_json(Bounded(held.read_since if at >= period.until else 0)),
        "oldest_verification": as_utc_text(held.oldest) if held.oldest else None,
    }


def _rounds(session: Session, period: Period) -> dict[str, Any]:
    sums = periods.rounds(session, period)
    return {
        "begun": sums.begun,
        "finished": sums.finished,
        "interrupted": sums.interrupted,
        "last_ended": as_utc_text(sums.last_ended) if sums.last_ended else None,
    }


def _canaries(session: Session, stores: Sequence[str], period: Period, notes: _Notes) -> list[dict[str, Any]]:
    told = []
    rows = canaries.latest(session)
    for store in stores:
        mine = [row for row in rows if row.store == store]
        if not mine:
            notes.add("no-canaries", store=store)
            continue
        last = max(row.read_at for row in mine)
        if not period.since <= last < period.until:
            notes.add("canaries-now", store=store, moment=as_utc_text(last))
        told += [
            {
                "store": store,
                "canary": row.name,
                "is": row.expected,
                "was_called": row.outcome,
                "caught": row.outcome == row.expected,
                "read_at": as_utc_text(row.read_at),
            }
            for row in mine
        ]
    return told


def _testimony(session: Session, period: Period, notes: _Notes) -> dict[str, Any]:
    """Where the chain of events stood at the end: the last event of the period, and the last head that was signed."""
    last, head = periods.last_event(session, period), periods.head_by(session, period.until)
    if head is None:
        notes.add("no-head")
    return {
        "position": last.position if last else 0,
        "hash": last.hash.hex() if last and last.hash else chain.START.hex(),
        "event_at": as_utc_text(last.at) if last else None,
        "head": {"key": head.key, "position": head.position, "at": as_utc_text(head.at)} if head else None,
    }


class _Notes:
    """What the certificate says against itself, in order, each thing once."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def add(self, code: str, **values: str) -> None:
        self.told.append({"code": code, "values": values, "sentence": NOTES[code].format_map(values)})


class _Days:
    """The days of a period of which something could have been measured, and those on which nothing was read."""

    def __init__(self, period: Period, today: date, begins: date | None, registered: date | None) -> None:
        began = min((day for day in (begins, registered) if day is not None), default=None)
        self._period, self._began = period, began
        self._first = max(period.first, began) if began else None
        self._last = min(period.last, today)

    def without(self, mine: Sequence[WatchDay]) -> list[dict[str, str]]:
        """The spans of days on which nothing was read, each with its first and its last."""
        if self._first is None:
            return []
        read = {row.day for row in mine if any(getattr(row, name) for name in OUTCOMES)}
        spans: list[tuple[date, date]] = []
        day = self._first
        while day <= self._last:
            if day.isoformat() not in read:
                following = bool(spans) and spans[-1][1] == day - timedelta(days=1)
                spans[-1:] = [(spans[-1][0], day)] if following else [*spans[-1:], (day, day)]
            day += timedelta(days=1)
        return [{"from": first.isoformat(), "to": last.isoformat()} for first, last in spans]

    def say(self, notes: _Notes, store: str, mine: Sequence[WatchDay]) -> None:
        """What is to be noted of them."""
        if not any(getattr(row, name) for row in mine for name in OUTCOMES):
            notes.add("nothing-measured", store=store)
        if self._began is not None and self._began > self._period.first:
            notes.add("begins-later", store=store, day=self._began.isoformat())
        if spans := self.without(mine):
            dates = [(date.fromisoformat(span["from"]), date.fromisoformat(span["to"])) for span in spans]
            number = sum((last - first).days + 1 for first, last in dates)
            written = ", ".join(f"{a}" if a == b else f"{a} – {b}" for a, b in dates)
            notes.add("days-without", store=store, number=str(number), days=written)


def _publisher(session: Session, name: str | None) -> Publisher | None:
    if name is None:
        return None
    found = titles.find_publisher(session, name)
    if found is None:
        raise UsageError(f"no publisher is named {name!r}")
    return found


def _as_json(bounded: Bounded) -> dict[str, Any]:
    return {"number": bounded.number, "more": bounded.more}


def _as_text(bounded: Mapping[str, Any]) -> str:
    return f"> {bounded['number']}" if bounded["more"] else str(bounded["number"])
