"""Commands that stay: the web server, the clock, the worker, and all three together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import click
import structlog
from gunicorn.app.base import BaseApplication
from rich.console import Console

from config import demo, feeding, window, wiring
from config.app import create_app
from config.commands.answers import Asked, out, progress
from config.commands.ingesting import follow_archives, look_at_feeds, receive_once, wait_until_visible
from config.oai_settings import WEB_THREADS
from config.schedule import Job, clock_lock, run_clock, tick_beside
from config.settings import Settings
from fixity import inventory, ledgers, notary, proving, standing
from fixity.rounds import run_round
from fixity.watch import Scope
from ingest import completeness, digests, disposal, inbox, pipeline
from ingest.burning import rehearse_when_due
from ingest.ledger import lay_down
from oai_pmh import preparing
from oai_pmh.whole import dumps
from repository.access import counting, triggers
from repository.access import staff as accounts
from repository.catalogue import chain, changes, recount
from repository.errors import UsageError
from repository.vocabulary import utc_now

log = structlog.get_logger(__name__)

FIRST_LOGIN = "admin"
DIGEST_TICK_SECONDS = 60
"""How often the clock looks whether a digest is due."""
COMPLETENESS_TICK_SECONDS = 60
INVENTORY_TICK_SECONDS = 300
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

WISHES_TICK_SECONDS = 60
"""How often the web server writes down in which formats somebody has begun to harvest."""

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
Start = Callable[[str], subprocess.Popen[bytes]]

_PARTS = ("serve", "clock", "worker")
_READY_SECONDS = 60


class _Web(BaseApplication):  # type: ignore[misc]
    """gunicorn with threads: a slow reader keeps a thread, never a process, and is not cut off."""

    def __init__(self, settings: Settings, host: str, port: int, workers: int) -> None:
        self.archive_settings, self.processes = settings, workers
        self.bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        super().__init__()

    def load_config(self) -> None:
        for key, value in {
            "bind": self.bind,
            "worker_class": "gthread",
            "workers": self.processes,
            "threads": WEB_THREADS,
            "timeout": 120,
            "graceful_timeout": 20,
            "keepalive": 5,
            "accesslog": None,
            "loglevel": "warning",
            "forwarded_allow_ips": "",
            # A header with an underscore would be taken for the one with a dash that a proxy of ours writes.
            "header_map": "drop",
            "control_socket_disable": True,
        }.items():
            if key in self.cfg.settings:
                self.cfg.set(key, value)

    def load(self) -> Any:
        # Wired in the worker itself: neither a database connection nor an S3 client survives a fork.
        context = wiring.opened(self.archive_settings)
        archive = context.__enter__()
        seen_from = window.of(archive)
        wishes = Job("wishes", WISHES_TICK_SECONDS, lambda: preparing.write_down_wishes(seen_from))
        tick_beside([*_signs_of_life(archive, "web"), wishes])
        return create_app(wiring.rooms(archive, seen_from))


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes that answer.")
@click.pass_obj
def serve(asked: Asked, host: str, port: int, workers: int) -> None:
    """Serve the pages and OAI-PMH."""
    asked = replace(asked, staying=True)
    with asked.archive() as archive:
        settings = archive.settings
        archive.catalogue.close()
        _Web(settings, host, port, workers).run()


@click.command()
@click.pass_obj
def clock(asked: Asked) -> None:
    """Have copies read when they are due, publishers told by mail, what is missing counted, events linked, signed and
    verified, tallies counted again, stores asked how they are, disposals carried out, ledgers laid down, writing the
    catalogue again rehearsed, and what is known of readers' sessions forgotten.

    One clock runs; a second one waits.
    """
    asked = replace(asked, staying=True)
    with asked.archive() as archive:
        stop = threading.Event()
        watch = archive.watch(stop.is_set)

        def look() -> None:
            report = run_round(watch, Scope(due=True))
            if report.expected:
                log.info("round", **{key: value for key, value in report.as_json().items() if key != "details"})

        def compare() -> None:
            for report in inventory.take_due(watch, archive.settings.policy.inventory_days):
                log.info("inventory", **report.as_json())

        def count() -> None:
            completeness.count_due(archive.catalogue, utc_now, stop.is_set)

        def forget() -> None:
            zone = archive.settings.archive.time_zone
            counting.forget(archive.catalogue, archive.home / "usage", zone, utc_now())

        seen_from, oai = window.of(archive), archive.settings.oai
        notes = archive.notary()  # once: certificates that cannot be read stop the clock at its start, and never later

        def recounted() -> None:
            with archive.catalogue.reading() as session:
                due = recount.is_due(session, utc_now())
            if due:
                report = recount.run(
                    archive.catalogue, utc_now, stopping=stop.is_set, rest=lambda: stop.wait(_REST_SECONDS)
                )
                log.info("tallies counted again", rows=report.rows, wrong=len(report.differences))

        jobs = [
            Job("fixity", archive.settings.policy.fixity_tick_seconds, look),
            Job("inventory", INVENTORY_TICK_SECONDS, compare),
            Job("completeness", COMPLETENESS_TICK_SECONDS, count),
            Job("announcements", ANNOUNCEMENTS_TICK_SECONDS, lambda: changes.take_up(archive.catalogue)),
            Job("triggers", TRIGGERS_TICK_SECONDS, lambda: triggers.tell(archive.catalogue, stop.is_set)),
            Job(
                "records",
                RECORDS_TICK_SECONDS,
                lambda: preparing.prepare(seen_from, oai.prepared, stop.is_set),
            ),
            Job(
                "dumps",
                DUMPS_TICK_SECONDS,
                lambda: dumps.make_due(seen_from, archive.dumps, oai.dumps, oai.dump_days, stop.is_set),
            ),
            Job("events", EVENTS_TICK_SECONDS, lambda: chain.link_all(archive.catalogue, stop.is_set)),
            Job("heads", HEADS_TICK_SECONDS, lambda: notary.seal(notes, daily=True)),
            Job("testimony", PROVING_TICK_SECONDS, lambda: proving.look(notes, stop.is_set)),
            Job("recount", RECOUNT_TICK_SECONDS, recounted),
            Job("usage", USAGE_TICK_SECONDS, forget),
            Job("standing", STANDING_TICK_SECONDS, lambda: standing.look(archive.catalogue, archive.stores, utc_now)),
        ]
        policy = archive.settings.policy
        rehearsing = archive.rehearsing(None, policy.rehearsal_articles)
        jobs += [
            Job("ledger", LEDGER_TICK_SECONDS, lambda: lay_down(archive.bookkeeping(), daily=True)),
            Job("ledgers", LEDGER_TICK_SECONDS, lambda: ledgers.read_due(watch)),
            Job("rehearsal", REHEARSAL_TICK_SECONDS, lambda: rehearse_when_due(rehearsing, policy.rehearsal_days)),
        ]
        work = archive.deaccession()
        jobs.append(Job("disposal", DISPOSAL_TICK_SECONDS, lambda: disposal.carry_out(work, stop.is_set)))
        post = archive.post()
        if post is not None:
            jobs.append(Job("digests", DIGEST_TICK_SECONDS, lambda: list(digests.send(post))))
        jobs += _signs_of_life(archive, "clock")
        run_clock(jobs, lock=clock_lock(archive.catalogue, archive.home), stop=stop)


@click.command()
@click.pass_obj
def worker(asked: Asked) -> None:
    """Take in what lies in the inbox, look at the feeds that are due, and take up what was interrupted."""
    asked = replace(asked, staying=True)
    with asked.archive() as archive:
        door = archive.door()

        def take_in() -> None:
            for receipt in receive_once(archive, door, feeding.inboxes(archive.settings)):
                log.info("receipt", delivery=receipt.delivery_id, state=receipt.shown_state)

        seconds = archive.settings.ingest.tick_seconds
        jobs = [Job("inbox", seconds, take_in), Job("feeds", seconds, lambda: look_at_feeds(archive))]
        jobs.append(Job("archives", seconds, lambda: follow_archives(archive)))
        jobs += _signs_of_life(archive, "worker")
        run_clock(jobs, lock=None)


@click.command()
@click.option("--demo", "with_demo", is_flag=True, help="Ingest a few fictional deliveries first, and audit them.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.pass_obj
def up(asked: Asked, with_demo: bool, port: int) -> None:
    """Everything on this machine: the database brought up to date, then web, clock and worker, until Ctrl-C."""
    os.environ.setdefault("MAHFUZ_ARCHIVE__BASE_URL", f"http://127.0.0.1:{port}") if _default_base(asked) else None
    with asked.archive() as archive, _interruptible():
        password = _first_password(archive)
        if with_demo:
            _demonstrate(archive, out)
        settings = archive.settings
        archive.catalogue.close()
        with _children(asked, port) as children:
            start = partial(_started, asked, port)
            _wait_until_ready(port, children, start)
            _greet(settings, port, password)
            _watch_over(children, start)


def _signs_of_life(archive: wiring.Archive, part: str) -> list[Job]:
    """This part says that it runs, and looks out."""
    settings, lookout = archive.settings.alerts, archive.lookout(part)
    return [
        Job("heartbeat", settings.beat_seconds, lookout.beat),
        Job("alerts", settings.look_seconds, lookout.look),
    ]


def _default_base(asked: Asked) -> bool:
    return asked.loaded().origins.get("archive.base_url") == "default"


def _first_password(archive: wiring.Archive) -> str | None:
    """A one-time password for the first member of staff, where there is none yet."""
    with archive.catalogue.writing() as session:
        return None if accounts.anybody(session) else accounts.create(session, FIRST_LOGIN, "staff")


def _demonstrate(archive: wiring.Archive, console: Console) -> None:
    """Ingest the demo's deliveries (the same bytes each time, so a second start changes nothing) and audit all."""
    with tempfile.TemporaryDirectory() as folder, progress("articles") as bar:
        door = replace(archive.door(), progress=bar)
        done = []
        for delivery in demo.write_deliveries(Path(folder)):
            arrived = inbox.accept(archive.catalogue, archive.home, [delivery.file], delivery.publisher, utc_now)
            receipt = pipeline.ingest(door, arrived)
            done.append(receipt)
            kept = sum(line.version is not None for line in receipt.articles)
            console.print(
                f"  {delivery.file.name:34} {receipt.shown_state:12} {kept} of {len(receipt.articles)} articles kept"
                f" — {delivery.note}",
                markup=False,
            )
        wait_until_visible(done)
    with archive.catalogue.writing() as session:
        if demo.enter_licences(session, utc_now()):
            console.print(
                "  three universities, a national licence that has ended, a trigger that waits for a second person"
            )
    report = run_round(archive.watch(), Scope(due=False))
    console.print(f"  audit: {report.expected} copies expected, {report.intact} intact, {report.bytes} bytes read")


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends `up` the way Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _children(asked: Asked, port: int) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """The three parts as processes of their own; all are stopped at the end, first kindly, then by force."""
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for part in _PARTS:
            children[part] = _started(asked, port, part)
        yield children
    finally:
        for child in children.values():
            child.terminate()
        deadline = time.monotonic() + 25
        for child in children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _started(asked: Asked, port: int, part: str) -> subprocess.Popen[bytes]:
    given = ["--config", str(asked.config_file)] if asked.config_file else []
    options = ["--port", str(port)] if part == "serve" else []
    return subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "-m", "config.cli", *given, part, *options], start_new_session=True
    )


def _wait_until_ready(port: int, children: dict[str, subprocess.Popen[bytes]], start: Start) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        _keep_alive(children, start)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError) as error:
            if time.monotonic() > deadline:
                raise UsageError(f"the web server on port {port} did not become ready: {error}") from error
            time.sleep(0.1)


def _watch_over(children: dict[str, subprocess.Popen[bytes]], start: Start) -> None:
    while True:
        _keep_alive(children, start)
        time.sleep(0.5)


def _keep_alive(children: dict[str, subprocess.Popen[bytes]], start: Start) -> None:
    """A part that was killed is begun anew: a delivery that fells the worker, or a machine short of memory, closes
    neither the pages nor the door. One that ends by itself says why, and ends all.
    """
    for part, child in children.items():
        status = child.poll()
        if status is not None and status < 0:
            log.error("a part was killed and is begun anew", part=part, signal=signal.Signals(-status).name)
            children[part] = start(part)
        elif status is not None:
            raise UsageError(f"the part `mahfuz {part}` ended with status {status}; its log is above")


def _greet(settings: Settings, port: int, password: str | None) -> None:
    base = f"http://127.0.0.1:{port}"
    out.print(
        f"\n{settings.archive.name} is open. Ctrl-C ends it; the next start finds everything again.\n", style="bold"
    )
    for label, address in (
        ("pages", f"{base}/"),
        ("OAI-PMH", f"{base}/oai?verb=Identify"),
        ("staff", f"{base}/staff/"),
        ("inbox", str(settings.archive.home / "inbox" / "<publisher>")),
    ):
        out.print(f"  {label:10} {address}", markup=False)
    if password:
        out.print(f"  {'sign in':10} {FIRST_LOGIN}, one-time password {password}", markup=False)
    else:
        out.print(f"  {'sign in':10} as before (mahfuz staff reset {FIRST_LOGIN} gives a new password)", markup=False)
    out.file.flush()
