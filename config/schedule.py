"""The clock: one process that ticks. What is due is computed from rows, so a tick that was missed costs nothing."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from repository.catalogue import Catalogue
from repository.catalogue.alone import Hold, alone
from repository.errors import DatabaseUnavailable, Doubt

log = logging.getLogger(__name__)

STAND_BY_SECONDS = 15.0
"""How often a clock that is not the only one looks whether it has become so."""

SET_RIGHT_SECONDS = 30.0
"""How often the clock looks whether the machine's own clock was set back."""

Lock = Callable[[], AbstractContextManager[Hold | None]]
"""Entering it gives what is held for the length of the block; None where another has it."""


class Queue(StrEnum):
    """What workers of a catalogue on PostgreSQL take: each queue has lanes of its own, and none waits for another."""

    INGEST = "ingest"
    AUDIT = "audit"
    MEND = "mend"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class Job:
    """``act`` is called at once and then every ``seconds``; never while it is still busy.

    ``queue``: where workers take it from, so that the clock only says when (config.tasks); None: the clock does it.
    """

    name: str
    seconds: float
    act: Callable[[], object]
    queue: Queue | None = None


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
    over: threading.Event | None = None,
    stand_by_seconds: float = STAND_BY_SECONDS,
    standing_by: Callable[[], object] = lambda: None,
) -> None:
    """Tick until SIGTERM, SIGINT or ``stop``; return when the jobs that were busy have ended.

    With ``lock`` only one clock ticks at a time: another stands by, calls ``standing_by`` at each look, and takes its
    place when it is gone. One that has lost its lock stands by too. ``over`` is set as long as it does not tick: give
    the jobs ``over.is_set`` to ask, so that long ones end early; it stands by, and ticks again, when they have ended.
    """
    stop, over = stop or threading.Event(), over or threading.Event()
    waiting = _guarded(Job("standing by", stand_by_seconds, standing_by))
    with _stopped_by_signals(stop):
        while not stop.is_set():
            with lock() if lock else nullcontext(Hold()) as held:
                if held is not None:
                    over.clear()
                    _tick(jobs, stop, held, over)
            if stop.is_set():
                return
            if held is not None:
                log.warning("the lock of the clock was lost; standing by")
                stop.wait(stand_by_seconds)  # another that stands by looks within this time
            else:
                log.info("another clock is ticking; standing by")
            waiting()
            stop.wait(stand_by_seconds)


def tick_beside(jobs: Sequence[Job]) -> threading.Event:
    """Tick in a thread of its own beside whatever this process does, until it ends or the event is set."""
    stop = threading.Event()
    threading.Thread(target=_tick, args=(jobs, stop, Hold(), threading.Event()), name="clock", daemon=True).start()
    return stop


def clock_lock(catalogue: Catalogue, home: Path) -> Lock:
    """One clock of a catalogue ticks: SQLite's is on this machine, PostgreSQL's may be on any.

    A connection that breaks lets a second clock in. That does no harm: what is due is claimed
    row by row, and the lock only spares two clocks the useless work.
    """

    @contextmanager
    def hold() -> Iterator[Hold | None]:
        with ExitStack() as stack:
            try:
                held = stack.enter_context(alone(catalogue, home, "clock", wait=False))
            except DatabaseUnavailable as error:
                log.warning("%s", error)
                held = None
            yield held

    return hold


def _guarded(job: Job) -> Callable[[], None]:
    def act() -> None:
        try:
            job.act()
        except (Doubt, OSError) as error:
            log.warning("%s: %s; the next tick tries again", job.name, error)
        except Exception:
            log.exception("%s failed; the next tick tries again", job.name)

    return act


def _tick(jobs: Sequence[Job], stop: threading.Event, held: Hold, over: threading.Event) -> None:
    clock = build_clock(jobs)
    clock.start()
    log.info("the clock is ticking: %s", ", ".join(f"{job.name} every {job.seconds:g} s" for job in jobs))
    try:
        while not stop.wait(SET_RIGHT_SECONDS) and not held.is_lost():
            set_right(clock, jobs, datetime.now(UTC))
    finally:
        over.set()
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
