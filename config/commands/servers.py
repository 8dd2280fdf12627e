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

from config import demo, timetable, window, wiring
from config.app import create_app
from config.commands.answers import Asked, out, progress
from config.commands.ingesting import wait_until_visible
from config.oai_settings import WEB_THREADS
from config.request_log import ServerLog, forget
from config.schedule import Job, Queue, clock_lock, run_clock, tick_beside
from config.settings import Settings
from fixity.lookout import STANDBY
from fixity.rounds import run_round
from fixity.watch import Scope
from ingest import inbox, pipeline
from oai_pmh import preparing
from repository.access import staff as accounts
from repository.errors import UsageError
from repository.vocabulary import utc_now

log = structlog.get_logger(__name__)

FIRST_LOGIN = "admin"
WISHES_TICK_SECONDS = 60
"""How often the web server writes down in which formats somebody has begun to harvest."""

Start = Callable[[str], subprocess.Popen[bytes]]

_PARTS = ("serve", "clock", "worker")
_READY_SECONDS = 60


class _Web(BaseApplication):  # type: ignore[misc]
    """gunicorn with threads: a slow reader keeps a thread, never a process, and is not cut off."""

    def __init__(self, archive: wiring.Archive, host: str, port: int, workers: int) -> None:
        self.archive_settings, self.origins, self.processes = archive.settings, archive.origins, workers
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
            "logger_class": ServerLog,
            "post_request": forget,
            "forwarded_allow_ips": "",
            # A header with an underscore would be taken for the one with a dash that a proxy of ours writes.
            "header_map": "drop",
            "control_socket_disable": True,
        }.items():
            if key in self.cfg.settings:
                self.cfg.set(key, value)

    def load(self) -> Any:
        # Wired in the worker itself: neither a database connection nor an S3 client survives a fork.
        context = wiring.opened(self.archive_settings, self.origins)
        archive = context.__enter__()
        seen_from = window.of(archive)
        wishes = Job("wishes", WISHES_TICK_SECONDS, lambda: preparing.write_down_wishes(seen_from))
        tick_beside([*timetable.signs_of_life(archive, "web"), wishes])
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
        archive.catalogue.close()
        _Web(archive, host, port, workers).run()


@click.command()
@click.pass_obj
def clock(asked: Asked) -> None:
    """Have copies read when they are due, publishers told by mail, what is missing counted, events linked, signed and
    verified, tallies counted again, stores asked how they are, disposals carried out, ledgers laid down, writing the
    catalogue again rehearsed, and what is known of readers' sessions forgotten.

    One clock runs; a second one waits. With a catalogue on PostgreSQL workers do what takes long, and the clock says
    when.
    """
    asked = replace(asked, staying=True)
    with asked.archive() as archive:
        over = threading.Event()
        run_clock(
            [*timetable.of_clock(archive, over), *timetable.signs_of_life(archive, "clock")],
            lock=clock_lock(archive.catalogue, archive.home),
            over=over,
            standing_by=archive.lookout(STANDBY).beat,
        )


@click.command()
@click.option(
    "--queues",
    default=",".join(Queue),
    show_default=True,
    help="What it takes, with a catalogue on PostgreSQL: names with commas between them.",
)
@click.option(
    "--at-once", default=1, show_default=True, type=click.IntRange(1, 64), help="So much of each queue at a time."
)
@click.pass_obj
def worker(asked: Asked, queues: str, at_once: int) -> None:
    """Take in what lies in the inbox, look at the feeds that are due, and take up what was interrupted. With a
    catalogue on PostgreSQL also do what the clock hands over: copies are read and mended, records laid ready.

    As many workers as you like, on any host. What a publisher sent is taken in where it lies: by a worker of that home.
    """
    asked = replace(asked, staying=True)
    wanted = _queues(queues)
    with asked.archive() as archive:
        if not archive.catalogue.is_shared and Queue.INGEST not in wanted:
            raise UsageError(
                "--queues: with a catalogue on SQLite the clock does this itself; a worker takes only: ingest"
            )
        stop, door = threading.Event(), archive.door()
        jobs = timetable.signs_of_life(archive, "worker")
        if Queue.INGEST in wanted:
            jobs += timetable.of_home(archive, door)
        with timetable.lanes(archive, door, stop, wanted, at_once):
            run_clock(jobs, lock=None, stop=stop)


def _queues(given: str) -> list[Queue]:
    names = [name.strip() for name in given.split(",") if name.strip()]
    if unknown := [name for name in names if name not in list(Queue)]:
        raise UsageError(f"--queues: no queue is named {unknown[0]!r}; there are: {', '.join(Queue)}")
    if not names:
        raise UsageError(f"--queues: name at least one of: {', '.join(Queue)}")
    return [queue for queue in Queue if queue in names]


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
