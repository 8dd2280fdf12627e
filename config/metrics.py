"""The archive in figures for Prometheus: what one would be called at night for, each from an index look-up or a tally.

Everything is read from the catalogue when it is asked for, so that it is the same whichever process answers; but what
the window gave out, which nobody writes down, is counted by the process that answers, from its start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session

from config.doctor import safety, work
from config.doctor.lines import Verdict
from fixity.forecast import Policy, forecasts
from oai_pmh.manners import Figures
from repository.catalogue import (
    Catalogue,
    alerts,
    canaries,
    copies,
    days,
    heartbeats,
    inventories,
    ledgers,
    recount,
    rehearsals,
    rounds,
    standing,
    system_lines,
    tallies,
)
from repository.catalogue.queues import NO_FURTHER
from repository.vocabulary import DifferenceKind, utc_now

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_FIRST_DAY = date(2000, 1, 1)
_READ = ("intact", "damaged", "missing", "unreadable", "mended")


def exposition(
    catalogue: Catalogue,
    policies: Mapping[str, Policy],
    harvested: Figures | None = None,
    now: datetime | None = None,
) -> bytes:
    """All figures in Prometheus's text format, UTF-8. Raises DatabaseUnavailable."""
    registry = CollectorRegistry()
    with catalogue.reading() as session:
        found = list(_all(session, policies, now or utc_now()))
        found += _work(catalogue, session, now or utc_now())
    registry.register(_Figures([*found, *(_window(harvested) if harvested is not None else ())]))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        yield from self._found


def _all(session: Session, policies: Mapping[str, Policy], now: datetime) -> Iterator[Metric]:
    yield from _holdings(session)
    yield from _watch(session, policies, now)
    yield from _proofs(session, sorted(policies))
    yield from _standing(session)
    yield _gauge("mahfuz_alerts_open", "Causes that somebody should look at.", (), [((), alerts.number_open(session))])
    beats = [
        ((part, row.host), _seconds(row.beat_at)) for part, rows in heartbeats.beats(session).items() for row in rows
    ]
    yield _gauge("mahfuz_heartbeat_timestamp_seconds", "When a part last said that it runs.", ("part", "host"), beats)
    yield from _safety(session)
    yield from _system(session)


def _window(harvested: Figures) -> Iterator[Metric]:
    requests, records, sent_away = harvested.told()
    asked = CounterMetricFamily("mahfuz_oai_requests", "OAI-PMH requests answered, by verb.", labels=("verb",))
    for verb, number in requests.items():
        asked.add_metric((verb,), number)
    yield asked
    given = CounterMetricFamily("mahfuz_oai_records", "Records and headers of records given out by OAI-PMH.")
    given.add_metric((), records)
    yield given
    refused = CounterMetricFamily("mahfuz_oai_sent_away", "OAI-PMH requests refused with 503: no turn was free.")
    refused.add_metric((), sent_away)
    yield refused


def _holdings(session: Session) -> Iterator[Metric]:
    for what, told in (("articles", "Articles by state."), ("aips", "Sealed bags: versions of articles.")):
        found = [((state,), count.number) for (_, state), count in tallies.of(session, what).items()]
        yield _gauge(f"mahfuz_{what}", told, ("state",), found)
    deliveries: dict[str, int] = {}
    for (_, state), count in tallies.of(session, "deliveries").items():
        deliveries[state] = deliveries.get(state, 0) + count.number
    found = [((state,), number) for state, number in deliveries.items()]
    yield _gauge("mahfuz_deliveries", "Deliveries by state.", ("state",), found)
    kept = copies.kept(session).items()
    labels = ("store", "state")
    yield _gauge("mahfuz_copies", "Copies of bags.", labels, [(place, count.number) for place, count in kept])
    yield _gauge("mahfuz_copy_bytes", "Bytes of those copies.", labels, [(place, count.bytes) for place, count in kept])
    never = [((store,), count.number) for (store, _), count in tallies.of(session, "never verified").items()]
    yield _gauge("mahfuz_copies_never_verified", "Copies that were never read to their end.", ("store",), never)


def _watch(session: Session, policies: Mapping[str, Policy], now: datetime) -> Iterator[Metric]:
    oldest = copies.oldest_verification(session)
    if oldest is not None:
        told = "The moment of the verification that lies longest ago."
        yield _gauge("mahfuz_oldest_verification_timestamp_seconds", told, (), [((), _seconds(oldest))])
    read = CounterMetricFamily("mahfuz_copies_read", "Readings of copies, by outcome.", labels=("store", "outcome"))
    octets = CounterMetricFamily("mahfuz_bytes_read", "Bytes of copies read to their end.", labels=("store",))
    for store, sums in days.totals(session, _FIRST_DAY).items():
        for outcome in _READ:
            read.add_metric((store, outcome), sums[outcome])
        octets.add_metric((store,), sums["bytes"])
    yield read
    yield octets
    if (ended := rounds.last_ended(session)) is not None:
        told = "When the last round of the watch ended that takes up what is due, or everything."
        yield _gauge("mahfuz_round_finished_timestamp_seconds", told, (), [((), _seconds(ended))])
    ahead = forecasts(session, policies, now)
    told = "Days by which the promise of a store will be missed at the measured rate; 0: it is kept."
    missed = [((one.store,), one.missed_by_days) for one in ahead if one.pass_days is not None]
    yield _gauge("mahfuz_promise_missed_days", told, ("store",), missed)


def _proofs(session: Session, stores: list[str]) -> Iterator[Metric]:
    seen: dict[tuple[str, str], int] = {}
    for canary in canaries.latest(session):
        word = "caught" if canary.outcome == canary.expected else canary.outcome
        word = word if word in ("caught", "unreadable") else "missed"
        seen[canary.store, word] = seen.get((canary.store, word), 0) + 1
    found = [((store, word), seen.get((store, word), 0)) for store in stores for word in _CANARY_WORDS]
    yield _gauge("mahfuz_canaries", "Bags with known damage, as the last round saw them.", ("store", "outcome"), found)
    last = inventories.last_of(session, stores)
    ended = [((store,), _seconds(whole.started_at)) for store, (_, whole) in last.items() if whole is not None]
    told = "When the last complete inventory began."
    yield _gauge("mahfuz_inventory_timestamp_seconds", told, ("store",), ended)
    differs = [
        ((store, kind.value), whole.found.get(kind.value, 0))
        for store, (_, whole) in last.items()
        if whole is not None
        for kind in DifferenceKind
    ]
    told = "Differences between a store's listing and the catalogue."
    yield _gauge("mahfuz_inventory_differences", told, ("store", "kind"), differs)


def _standing(session: Session) -> Iterator[Metric]:
    answers = standing.answers(session).values()
    heard = [((one.store,), _seconds(one.answered_at)) for one in answers if one.answered_at is not None]
    yield _gauge("mahfuz_store_answered_timestamp_seconds", "When a store last answered.", ("store",), heard)
    free = [((one.store,), one.free_bytes) for one in answers if one.free_bytes is not None]
    yield _gauge("mahfuz_store_free_bytes", "Room left in a store that can tell.", ("store",), free)
    wrong = [((), len(recount.miscounts(session, limit=1000)))]
    yield _gauge("mahfuz_tallies_wrong", "Tallies that their rows did not bear out, at most 1000.", (), wrong)


def _work(catalogue: Catalogue, session: Session, now: datetime) -> Iterator[Metric]:
    found = work.every(catalogue, session, now)
    for what, told in (
        ("waiting", f"Work that waits, counted to {NO_FURTHER}."),
        ("running", "Tasks that a worker has begun."),
        ("stalled", "Tasks begun by somebody who gives no sign of life, deliveries that are held up."),
        ("failed", "Tasks given up after the last attempt."),
    ):
        yield _gauge(f"mahfuz_queue_{what}", told, ("queue",), [((one.name,), getattr(one, what)) for one in found])
    oldest = [((one.name,), _seconds(one.oldest)) for one in found if one.oldest is not None]
    yield _gauge("mahfuz_queue_oldest_timestamp_seconds", "Since when the first has waited.", ("queue",), oldest)


def _safety(session: Session) -> Iterator[Metric]:
    ledger, rehearsal = ledgers.latest(session), rehearsals.last_ended(session)
    made = {"backup": safety.last_backup(session), "ledger": ledger.at if ledger else None}
    made["rehearsal"] = rehearsal.started_at if rehearsal else None
    for what, told in (
        ("backup", "When the database was last backed up."),
        ("ledger", "When a ledger was last laid down in the stores."),
        ("rehearsal", "When writing the catalogue again was last rehearsed to the end."),
    ):
        at = made[what]
        yield _gauge(f"mahfuz_{what}_timestamp_seconds", told, (), [((), _seconds(at))] if at is not None else [])
    told = "Differences that the last rehearsal found; 0: the same catalogue came of it."
    yield _gauge("mahfuz_rehearsal_differences", told, (), [((), rehearsal.differences)] if rehearsal else [])


def _system(session: Session) -> Iterator[Metric]:
    lines, asked = Counter[tuple[str, str]](), dict[str, datetime]()
    for row in system_lines.kept(session):
        lines[row.host, row.verdict] += 1
        asked[row.host] = max(row.asked_at, asked.get(row.host, row.asked_at))
    every = [((host, verdict.value), lines[host, verdict.value]) for host in sorted(asked) for verdict in Verdict]
    told = "What each machine found of itself, by verdict; without a host: what the clock found over the network."
    yield _gauge("mahfuz_doctor_lines", told, ("host", "verdict"), every)
    looked = [((host,), _seconds(at)) for host, at in sorted(asked.items())]
    yield _gauge("mahfuz_doctor_timestamp_seconds", "When that was looked at.", ("host",), looked)


_CANARY_WORDS = ("caught", "missed", "unreadable")


def _gauge(
    name: str, told: str, labels: tuple[str, ...], found: Sequence[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, told, labels=labels)
    for values, number in found:
        family.add_metric(values, number)
    return family


def _seconds(moment: datetime) -> float:
    return moment.astimezone(UTC).timestamp()
