"""The clock only ticks: it drops nothing, it multiplies nothing, and no failing job stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from config import schedule
from config.schedule import Job, build_clock, clock_lock, run_clock, set_right
from repository.catalogue import Catalogue
from repository.errors import DatabaseUnavailable

ROOT = Path(__file__).parents[2]
LONG = 30.0


def until(true: Callable[[], bool]) -> None:
    """Wait until it is so; fail when it never is."""
    deadline = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)


def running(jobs: list[Job], stop: threading.Event, lock: schedule.Lock | None = None) -> threading.Thread:
    def run() -> None:
        run_clock(jobs, lock=lock, stop=stop, stand_by_seconds=0.02)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_jobs_drop_nothing_and_never_overlap() -> None:
    clock = build_clock([Job("fixity", 60, int), Job("inbox", 15, int)])
    clock.start(paused=True)
    try:
        for job in clock.get_jobs():
            assert job.misfire_grace_time is None, "the default drops a tick that is one second late"
            assert job.coalesce
            assert job.max_instances == 1
        assert {job.id for job in clock.get_jobs()} == {"fixity", "inbox"}
    finally:
        clock.shutdown()


def test_the_first_tick_comes_at_once_and_others_follow() -> None:
    stop = threading.Event()
    ticks: list[float] = []
    thread = running([Job("fixity", 0.02, lambda: ticks.append(time.monotonic()))], stop)
    until(lambda: len(ticks) >= 3)
    stop.set()
    thread.join(LONG)
    assert not thread.is_alive()


def test_a_job_that_fails_is_called_again_and_its_failure_is_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule.log, "disabled", False)  # logging.config in another test may have silenced it
    stop = threading.Event()
    calls: list[str] = []

    def fail() -> None:
        calls.append("failed")
        raise DatabaseUnavailable("gone") if len(calls) % 2 else RuntimeError("a mistake of ours")

    others: list[str] = []
    thread = running([Job("fixity", 0.02, fail), Job("inbox", 0.02, lambda: others.append("ticked"))], stop)
    until(lambda: len(calls) >= 4 and len(others) >= 2)
    stop.set()
    thread.join(LONG)
    assert "a mistake of ours" in caplog.text
    assert "gone; the next tick tries again" in caplog.text


def test_a_busy_job_is_not_started_twice_and_is_waited_for_at_the_end() -> None:
    stop, go_on = threading.Event(), threading.Event()
    busy: list[str] = []
    ended: list[str] = []

    def long() -> None:
        busy.append("began")
        go_on.wait(LONG)
        ended.append("ended")

    others: list[str] = []
    thread = running([Job("fixity", 0.01, long), Job("inbox", 0.01, lambda: others.append("ticked"))], stop)
    until(lambda: len(others) >= 5)
    assert busy == ["began"]
    stop.set()
    thread.join(0.05)
    assert thread.is_alive(), "it waits for what is being done"
    go_on.set()
    thread.join(LONG)
    assert len(ended) == len(busy)
    assert not thread.is_alive()


@pytest.mark.parametrize("kind", ["file", "database"])
def test_of_two_clocks_one_ticks_and_the_other_takes_its_place(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path / 'catalogue.sqlite'}" if kind == "file" else request.getfixturevalue("postgresql_url")
    catalogues = [Catalogue(url), Catalogue(url)]
    stops = [threading.Event(), threading.Event()]
    ticks: list[int] = []
    threads = []
    for number in (0, 1):
        job = Job("fixity", 0.01, lambda number=number: ticks.append(number))
        threads.append(running([job], stops[number], clock_lock(catalogues[number], tmp_path)))
        until(lambda: bool(ticks))
    until(lambda: len(ticks) > 20)
    assert set(ticks) == {0}
    stops[0].set()
    threads[0].join(LONG)
    until(lambda: 1 in ticks)
    stops[1].set()
    threads[1].join(LONG)
    for catalogue in catalogues:
        catalogue.close()


def test_a_catalogue_that_does_not_answer_gives_no_lock(tmp_path: Path) -> None:
    catalogue = Catalogue("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with clock_lock(catalogue, tmp_path)() as held:
        assert held is None


def test_a_clock_whose_lock_is_lost_lets_another_take_its_place(
    tmp_path: Path, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two machines, each with a home of its own; the first one's connection is cut."""
    monkeypatch.setattr(schedule, "SET_RIGHT_SECONDS", 0.05)
    catalogues = [Catalogue(postgresql_url), Catalogue(postgresql_url)]
    stops = [threading.Event(), threading.Event()]
    ticks: list[int] = []
    threads = []
    try:
        for number in (0, 1):
            job = Job("fixity", 0.01, lambda number=number: ticks.append(number))
            lock = clock_lock(catalogues[number], tmp_path / str(number))
            threads.append(running([job], stops[number], lock))
            until(lambda: bool(ticks))
        assert set(ticks) == {0}
        ours = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        cut = f"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND {ours}"
        while 1 not in ticks:  # the first one may be the first again
            with catalogues[1].engine.connect() as session:
                assert session.execute(text(cut)).scalars().all() in ([True], [])
            time.sleep(0.3)
        stops[0].set()
        threads[0].join(LONG)
        ticks.clear()
        until(lambda: len(ticks) > 20)
        assert set(ticks) == {1}
    finally:
        for stop in stops:
            stop.set()
        for thread in threads:
            thread.join(LONG)
        for catalogue in catalogues:
            catalogue.close()


def test_a_clock_whose_lock_is_lost_ends_what_takes_long_and_ticks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "SET_RIGHT_SECONDS", 0.02)
    stop, over, lost = threading.Event(), threading.Event(), threading.Event()
    terms: list[str] = []

    @contextmanager
    def lock() -> Iterator[Any]:
        yield SimpleNamespace(is_lost=lost.is_set)
        lost.clear()

    def for_days() -> None:
        terms.append("begun")
        assert over.wait(LONG), "nobody told it to end"
        terms.append("ended")

    def clock() -> None:
        stood = partial(terms.append, "stood by")
        jobs = [Job("filling", 0.01, for_days)]
        run_clock(jobs, lock=lock, stop=stop, over=over, stand_by_seconds=0.02, standing_by=stood)

    thread = threading.Thread(target=clock)
    thread.start()
    try:
        until(lambda: terms == ["begun"])
        lost.set()
        until(lambda: terms.count("begun") == 2)
        assert terms == ["begun", "ended", "stood by", "begun"]
    finally:
        stop.set()
        thread.join(LONG)
    assert terms[-1] == "ended"


def test_a_lock_on_a_file_ends_with_its_process(tmp_path: Path) -> None:
    lock = clock_lock(Catalogue("sqlite://"), tmp_path)
    program = f"""
        from pathlib import Path
        from config.schedule import clock_lock
        from repository.catalogue import Catalogue
        with clock_lock(Catalogue("sqlite://"), Path({str(tmp_path)!r}))() as held:
            print(held is not None, flush=True)
            input()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"True\n"
        with lock() as held:
            assert not held
        other.kill()
    with lock() as held:
        assert held


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_clock_when_what_is_being_done_is_done(number: signal.Signals) -> None:
    program = """
        import threading, time
        from config.schedule import Job, run_clock
        stop = threading.Event()
        def act():
            print("began", flush=True)
            assert stop.wait(30)
            print("ended", flush=True)
        run_clock([Job("fixity", 60, act)], lock=None, stop=stop)
        print("left", flush=True)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as clock:
        assert clock.stdout is not None
        assert clock.stdout.readline() == "began\n"
        os.kill(clock.pid, number)
        assert clock.stdout.read() == "ended\nleft\n"
        assert clock.wait(LONG) == 0


def test_a_machine_whose_clock_was_set_back_goes_on_at_once() -> None:
    jobs = [Job("fixity", 60, int)]
    clock = build_clock(jobs)
    clock.start(paused=True)
    try:
        now = datetime.now(UTC)
        clock.get_job("fixity").modify(next_run_time=now + timedelta(days=1))
        set_right(clock, jobs, now)
        assert clock.get_job("fixity").next_run_time == now
        clock.get_job("fixity").modify(next_run_time=now + timedelta(seconds=50))
        set_right(clock, jobs, now)
        assert clock.get_job("fixity").next_run_time == now + timedelta(seconds=50), "what is right is left alone"
    finally:
        clock.shutdown()
