"""What the clock and the workers do, and how often."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import structlog

from config import feeding, window
from config.commands.ingesting import ABANDONED, follow_archives, look_at_feeds, receive_once
from config.doctor import examination
from config.doctor.questions import Patient
from config.schedule import Job, Queue
from config.wiring import Archive
from fixity import filling, inventory, ledgers, notary, proving, retiring, standing
from fixity.rounds import BATCH, run_round
from fixity.share import share_left
from fixity.watch import Scope, Watch
from ingest import completeness, digests, disposal, inbox, pauses, pipeline
from ingest.burning import rehearse_when_due
from ingest.door import Door
from ingest.feeds import bring
from ingest.ledger import lay_down
from oai_pmh import preparing
from oai_pmh.whole import dumps
from repository.access import counting, triggers
from repository.catalogue import chain, changes, copies, recount
from repository.catalogue.hints import Work
from repository.vocabulary import utc_now

log = structlog.get_logger(__name__)

MEND_TICK_SECONDS = 60
"""How often it is looked whether copies that wait to be mended may be tried again."""

DIGEST_TICK_SECONDS = 60
"""How often the clock looks whether a digest is due."""
COMPLETENESS_TICK_SECONDS = 60
INVENTORY_TICK_SECONDS = 300
FILLING_TICK_SECONDS = 60
"""How often the clock looks whether a store lacks something of what is kept."""
RETIRING_TICK_SECONDS = 60
"""How often the clock looks whether two people have decided that a store is given up."""
DISPOSAL_TICK_SECONDS = 60
"""How often the clock looks whether a store's turn in a disposal has come."""

ANNOUNCEMENTS_TICK_SECONDS = 10
"""How often the clock looks for changes whose writer was killed before it knew that harvesters had not passed them."""

TRIGGERS_TICK_SECONDS = 10
"""How often the clock looks whether a trigger has opened or closed something of which harvesters were not told."""

RECORDS_TICK_SECONDS = 10
"""How often the clock lays ready what harvesters will ask for."""

DUMPS_TICK_SECONDS = 600
"""How often the clock looks whether the archive's records are to be made into files anew."""

EVENTS_TICK_SECONDS = 60
"""How long an event waits for its place in the chain, at most."""

HEADS_TICK_SECONDS = 600
"""How often the clock looks whether the day has its signed head, and a store lacks one."""

PROVING_TICK_SECONDS = 600
"""How often the clock goes on verifying the testimony."""

LEDGER_TICK_SECONDS = 600
"""How often the clock looks whether the day has its ledger, and one is to be read."""

REHEARSAL_TICK_SECONDS = 3600
"""How often the clock looks whether writing the catalogue again is to be rehearsed."""

RECOUNT_TICK_SECONDS = 600
"""How often the clock looks whether the tallies are to be counted again."""

USAGE_TICK_SECONDS = 600
"""How often what is known of readers' sessions is forgotten, as soon as it is a day old."""

STANDING_TICK_SECONDS = 300
"""How often each store is asked how it is."""

_REST_SECONDS = 0.1
"""Between two ranges of a count: writers of an SQLite catalogue have their turn."""

HELP_SECONDS = 3
"""After so long another worker helps with what is due: a round that can read nothing is not asked for again at once."""

REMEMBERED = 100
"""So many of the deliveries that wait in a home are laid into its queue at each look, the oldest first."""


def of_clock(archive: Archive, stop: threading.Event) -> list[Job]:
    """All that is done by the clock; what workers do, where there are any, it only hands over."""
    beside = _of_workers(archive, archive.watch(stop.is_set), stop)
    if archive.catalogue.is_shared:
        from config import tasks  # noqa: PLC0415  (who has no PostgreSQL does not wait for it)

        beside = [tasks.handed_over(archive.catalogue, job) for job in beside]
    return [*_of_clock_alone(archive, stop), *beside]


def _of_clock_alone(archive: Archive, stop: threading.Event) -> list[Job]:
    """What is quick, needs the keys or the folders of the clock's home, or must be done by one."""
    seen_from, oai = window.of(archive), archive.settings.oai
    notes = archive.notary()  # once: certificates that cannot be read stop the clock at its start, and never later
    work, filler = archive.deaccession(), archive.filling(stop.is_set)
    needed = archive.settings.policy.copies

    def forget() -> None:
        zone = archive.settings.archive.time_zone
        counting.forget(archive.catalogue, archive.home / "usage", zone, utc_now())

    jobs = [
        Job(
            "completeness",
            COMPLETENESS_TICK_SECONDS,
            lambda: completeness.count_due(archive.catalogue, utc_now, stop.is_set),
        ),
        Job("announcements", ANNOUNCEMENTS_TICK_SECONDS, lambda: changes.take_up(archive.catalogue)),
        Job("triggers", TRIGGERS_TICK_SECONDS, lambda: triggers.tell(archive.catalogue, stop.is_set)),
        Job(
            "dumps",
            DUMPS_TICK_SECONDS,
            lambda: dumps.make_due(seen_from, archive.dumps, oai.dumps, oai.dump_days, stop.is_set),
        ),
        Job("events", EVENTS_TICK_SECONDS, lambda: chain.link_all(archive.catalogue, stop.is_set)),
        Job("heads", HEADS_TICK_SECONDS, lambda: notary.seal(notes, daily=True)),
        Job("usage", USAGE_TICK_SECONDS, forget),
        Job("standing", STANDING_TICK_SECONDS, lambda: standing.look(archive.catalogue, archive.stores, utc_now)),
        Job("ledger", LEDGER_TICK_SECONDS, lambda: lay_down(archive.bookkeeping(), daily=True)),
        Job("disposal", DISPOSAL_TICK_SECONDS, lambda: disposal.carry_out(work, stop.is_set)),
        Job("retiring", RETIRING_TICK_SECONDS, lambda: retiring.carry_out(filler.watch, needed)),
        # One for each store, so that none that is silent or slow holds up another.
        *(
            Job(f"filling {name}", FILLING_TICK_SECONDS, partial(filling.fill, filler, name))
            for name in archive.by_name
        ),
    ]
    post = archive.post()
    if post is not None:
        jobs.append(Job("digests", DIGEST_TICK_SECONDS, lambda: list(digests.send(post))))
    return jobs


def _of_workers(archive: Archive, watch: Watch, stop: threading.Event) -> list[Job]:
    """What takes long, and may be done by any process that reaches the catalogue and the stores."""
    seen_from, oai, policy = window.of(archive), archive.settings.oai, archive.settings.policy
    notes = archive.notary()
    rehearsing = archive.rehearsing(None, policy.rehearsal_articles)

    def compare() -> None:
        for report in inventory.take_due(watch, policy.inventory_days):
            log.info("inventory", **report.as_json())

    def recounted() -> None:
        with archive.catalogue.reading() as session:
            due = recount.is_due(session, utc_now())
        if due:
            report = recount.run(
                archive.catalogue, utc_now, stopping=stop.is_set, rest=lambda: stop.wait(_REST_SECONDS)
            )
            log.info("tallies counted again", rows=report.rows, wrong=len(report.differences))

    jobs = [
        Job("fixity", policy.fixity_tick_seconds, lambda: _read_due(archive, watch), Queue.AUDIT),
        Job("inventory", INVENTORY_TICK_SECONDS, compare, Queue.AUDIT),
        Job("ledgers", LEDGER_TICK_SECONDS, lambda: ledgers.read_due(watch), Queue.AUDIT),
        Job("testimony", PROVING_TICK_SECONDS, lambda: proving.look(notes, stop.is_set), Queue.AUDIT),
        Job("recount", RECOUNT_TICK_SECONDS, recounted, Queue.AUDIT),
        Job(
            "rehearsal",
            REHEARSAL_TICK_SECONDS,
            lambda: rehearse_when_due(rehearsing, policy.rehearsal_days),
            Queue.EXPORT,
        ),
        Job(
            "records",
            RECORDS_TICK_SECONDS,
            lambda: preparing.prepare(seen_from, oai.prepared, stop.is_set),
            Queue.EXPORT,
        ),
    ]
    if archive.catalogue.is_shared:  # else the rounds of the clock mend all that is due
        lost = Scope(due=True, lost=True)
        jobs.append(Job("mend", MEND_TICK_SECONDS, lambda: _round(watch, lost), Queue.MEND))
    return jobs


def of_home(archive: Archive, door: Door) -> list[Job]:
    """What a worker does with what lies in its own home, and brings into it."""

    def take_in() -> None:
        for receipt in receive_once(archive, door, feeding.inboxes(archive.settings)):
            log.info("receipt", delivery_id=receipt.delivery_id, state=receipt.shown_state)

    seconds = archive.settings.ingest.tick_seconds
    return [
        Job("inbox", seconds, (lambda: _brought(archive, door)) if archive.catalogue.is_shared else take_in),
        Job("feeds", seconds, lambda: look_at_feeds(archive)),
        Job("archives", seconds, lambda: follow_archives(archive)),
    ]


@contextmanager
def lanes(archive: Archive, door: Door, stop: threading.Event, wanted: Sequence[Queue], at_once: int) -> Iterator[None]:
    """Within the block what the clock hands over is done, where the catalogue is shared."""
    if not archive.catalogue.is_shared:
        yield
        return
    from config import tasks  # noqa: PLC0415

    watch = archive.watch(stop.is_set)  # one: its budgets are those of all lanes together
    acts: dict[str, Callable[..., object]] = {job.name: job.act for job in _of_workers(archive, watch, stop)}
    acts[Work.DELIVERY] = lambda identifier: pipeline.take_up(door, identifier)
    acts[Work.COPIES] = lambda identifier: _round(watch, Scope(due=False, article_id=identifier))
    names = {queue: [str(queue)] for queue in wanted}
    if Queue.INGEST in names:
        names[Queue.INGEST].append(tasks.at(Queue.INGEST, inbox.home_of(archive.home)))
    running = tasks.Lanes(archive.catalogue, acts, names, at_once)
    running.start()
    try:
        yield
    finally:
        stop.set()
        running.end()


def signs_of_life(archive: Archive, part: str) -> list[Job]:
    """This part says that it runs, looks out, and looks at its machine."""
    settings, lookout, patient = archive.settings.alerts, archive.lookout(part), Patient(archive, part)
    return [
        Job("heartbeat", settings.beat_seconds, lookout.beat),
        Job("alerts", settings.look_seconds, lookout.look),
        Job("system", examination.LOOK_SECONDS, lambda: examination.look(patient)),
    ]


def _read_due(archive: Archive, watch: Watch) -> None:
    """A due round. Where more is due than one batch, others are asked to help: each of them asks one more."""
    if archive.catalogue.is_shared:
        from config import tasks  # noqa: PLC0415

        now = utc_now()
        with archive.catalogue.reading() as session:
            due = copies.due(session, now, up_to=2 * BATCH)
            more = due == 2 * BATCH and share_left(session, watch.promises, now) >= due
        if more:
            tasks.defer(archive.catalogue, "fixity", Queue.AUDIT, seconds=HELP_SECONDS)
    _round(watch, Scope(due=True))


def _round(watch: Watch, scope: Scope) -> None:
    report = run_round(watch, scope)
    if report.expected:
        log.info("round", **{key: value for key, value in report.as_json().items() if key != "details"})


def _brought(archive: Archive, door: Door) -> None:
    """What is complete in the inbox is kept, and what waits in this home lies in its queue, should its hint be lost."""
    from config import tasks  # noqa: PLC0415

    inbox.tidy(archive.home, utc_now() - ABANDONED)
    for feed in feeding.inboxes(archive.settings):
        for arrived in bring(feed, archive.catalogue, archive.home, utc_now):
            log.info("arrived", feed=feed.name, delivery_id=arrived.delivery_id, files=list(arrived.file_names))
    pauses.told(archive.catalogue, archive.home)
    queue = tasks.at(Queue.INGEST, inbox.home_of(archive.home))
    for identifier in pipeline.waiting(door)[:REMEMBERED]:
        tasks.defer(
            archive.catalogue, Work.DELIVERY, queue, identifier=identifier, lock=f"{Work.DELIVERY}:{identifier}"
        )
