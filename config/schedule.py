"""The clock: one process that ticks. What is due is computed from rows, so a tick that was missed costs nothing."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from repository.catalogue import Catalogue
from repository.errors import Doubt

log = logging.getLogger(__name__)

STAND_BY_SECONDS = 15.0
"""How often a clock that is not the only one looks whether it has become so."""

SET_RIGHT_SECONDS = 30.0
"""How often the clock looks whether the machine's own clock was set back."""

_LOCK = 0x6D616866757A + 1  # "mahfuz" and one: the advisory lock of the clock (the schema's is the number before)

Lock = Callable[[], AbstractContextManager[bool]]
"""Entering it tells whether the lock is held, for the length of the block."""


@dataclass(frozen=True, slots=True)
class Job:
    """``act`` is called at once and then every ``seconds``; never while it is still busy."""

    name: str
    seconds: float
    act: Callable[[], object]


def build_clock(jobs: Sequence[Job]) -> BackgroundScheduler:
    """A scheduler that calls the jobs, not yet started; it keeps nothing and drops nothing.

    The jobs lie in memory (APScheduler's persistent stores cannot be shared, and a job in
    one is a pickle), ticks missed together are one tick, no tick is too late to be done
    (the default is one second), and an exception is logged and changes nothing.
    """
    clock = BackgroundScheduler(
        jobstores={"default": MemoryJobStore()},
        executors={"default": ThreadPoolExecutor(max(1, len(jobs)))},
        job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        timezone=UTC,
    )
    for job in jobs:
        clock.add_job(
            _guarded(job), "interval", seconds=job.seconds, id=job.name, name=job.name, next_run_time=datetime.now(UTC)
        )
    return clock


def set_right(clock: BackgroundScheduler, jobs: Sequence[Job], now: datetime) -> None:
    """A job whose next tick lies further ahead than its interval is due at once: the machine's clock was set back.

    APScheduler reckons with the wall clock, and would be silent until that has caught up.
    """
    for job in jobs:
        waiting = clock.get_job(job.name)
        if waiting is not None and waiting.next_run_time > now + timedelta(seconds=job.seconds + SET_RIGHT_SECONDS):
            log.warning("the machine's clock was set back; %s goes on at once", job.name)
            waiting.modify(next_run_time=now)


def run_clock(
    jobs: Sequence[Job],
    *,
    lock: Lock | None,
    stop: threading.Event | None = None,
    stand_by_seconds: float = STAND_BY_SECONDS,
) -> None:
    """Tick until SIGTERM, SIGINT or ``stop``; return when the jobs that were busy have ended.

    With ``lock`` only one clock ticks at a time: another stands by and takes its place when
    it is gone. Give the jobs ``stop.is_set`` to ask, so that long ones end early.
    """
    stop = stop or threading.Event()
    with _stopped_by_signals(stop):
        while not stop.is_set():
            with lock() if lock else nullcontext(True) as held:
                if held:
                    _tick(jobs, stop)
                    return
            log.info("another clock is ticking; standing by")
            stop.wait(stand_by_seconds)


def tick_beside(jobs: Sequence[Job]) -> threading.Event:
    """Tick in a thread of its own beside whatever this process does, until it ends or the event is set."""
    stop = threading.Event()
    threading.Thread(target=_tick, args=(jobs, stop), name="clock", daemon=True).start()
    return stop


def file_lock(path: Path) -> Lock:
    """A lock on a file of this machine (flock): gone with the process that held it, however that ended."""

    @contextmanager
    def hold() -> Iterator[bool]:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(handle)

    return hold


def advisory_lock(catalogue: Catalogue) -> Lock:
    """A lock in the PostgreSQL database of ``catalogue``: held by one session on any machine, gone with its connection.

    A connection that breaks lets a second clock in unnoticed. That does no harm: what is
    due is claimed row by row, and the lock only spares two clocks the useless work.
    """

    @contextmanager
    def hold() -> Iterator[bool]:
        try:
            connection = catalogue.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except OperationalError as error:
            log.warning("the catalogue %s did not answer: %s", catalogue.shown_url, error.orig)
            yield False
            return
        try:
            yield bool(connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}).scalar_one())
        finally:
            connection.invalidate()  # closed and not given back to the pool: the lock goes with it
            connection.close()

    return hold


def clock_lock(catalogue: Catalogue, home: Path) -> Lock:
    """The lock that fits the database: SQLite's clock is on this machine, PostgreSQL's may be on any."""
    if catalogue.engine.dialect.name == "postgresql":
        return advisory_lock(catalogue)
    return file_lock(home / "clock.lock")


def _guarded(job: Job) -> Callable[[], None]:
    def act() -> None:
        try:
            job.act()
        except (Doubt, OSError) as error:
            log.warning("%s: %s; the next tick tries again", job.name, error)
        except Exception:
            log.exception("%s failed; the next tick tries again", job.name)

    return act


def _tick(jobs: Sequence[Job], stop: threading.Event) -> None:
    clock = build_clock(jobs)
    clock.start()
    log.info("the clock is ticking: %s", ", ".join(f"{job.name} every {job.seconds:g} s" for job in jobs))
    try:
        while not stop.wait(SET_RIGHT_SECONDS):
            set_right(clock, jobs, datetime.now(UTC))
    finally:
        clock.shutdown(wait=True)


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(number: int, _frame: FrameType | None) -> None:
        log.info("%s: ending when what is being done is done", signal.Signals(number).name)
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
