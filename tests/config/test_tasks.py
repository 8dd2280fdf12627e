"""Work in queues: told with its transaction or not at all, done by whoever is there, and lost without harm."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from deliveries import Published, delivery
from installation import Installation, folder_store_table
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from config import tasks
from config.schedule import Job, Queue
from config.tasks import Lanes
from ingest import inbox
from repository.catalogue import Catalogue, deliveries, hints, schema
from repository.catalogue.hints import Hint, Work
from repository.errors import StoreUnavailable
from repository.models import Delivery
from repository.vocabulary import DeliveryState, utc_now

ROOT = Path(__file__).parents[2]
LONG = 60.0


@pytest.fixture
def catalogue(postgresql_url: str) -> Iterator[Catalogue]:
    found = Catalogue(postgresql_url)
    schema.migrate(found)
    tasks.prepare(found)
    found.tell(tasks.hinting)
    yield found
    found.close()


def until(true: Callable[[], object]) -> None:
    """Wait until it is so; fail when it never is."""
    deadline = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def lying(catalogue: Catalogue) -> dict[str, tuple[int, int, int]]:
    """Queue to how many jobs wait, are being done, and failed in it."""
    return {one.name: (one.waiting, one.running, one.failed) for one in tasks.queues(catalogue)}


@contextmanager
def working(catalogue: Catalogue, at_once: int = 1, **acts: tasks.Act) -> Iterator[Lanes]:
    lanes = Lanes(catalogue, acts, {Queue.MEND: ["mend"], Queue.AUDIT: ["audit"]}, at_once)
    lanes.start()
    try:
        yield lanes
    finally:
        lanes.end()


def test_a_hint_is_told_with_its_transaction_or_not_at_all(catalogue: Catalogue) -> None:
    with catalogue.writing() as rows:
        hints.leave(rows, Hint(Work.COPIES, "a" * 32))
        assert lying(catalogue) == {}, "nobody may begin before the rows are there"
    assert lying(catalogue) == {"mend": (1, 0, 0)}
    with pytest.raises(DBAPIError), catalogue.writing() as rows:  # noqa: PT012
        hints.leave(rows, Hint(Work.COPIES, "b" * 32))
        rows.execute(text("SELECT 1 / 0"))
    assert lying(catalogue) == {"mend": (1, 0, 0)}


def test_a_hint_that_cannot_be_told_changes_nothing_else(catalogue: Catalogue) -> None:
    with catalogue.engine.begin() as bare:
        bare.execute(text("DROP TABLE procrastinate_jobs CASCADE"))
    with catalogue.writing() as rows:
        made = deliveries.accept(rows, "Yayınevi", ["a.zip"], "a" * 64, 5, utc_now(), "h" * 32)
        identifier = made.id
    with catalogue.reading() as rows:
        assert rows.get_one(Delivery, identifier).home == "h" * 32
    assert tasks.queues(catalogue) == []
    tasks.prepare(catalogue)
    with catalogue.writing() as rows:
        hints.leave(rows, Hint(Work.COPIES, "a" * 32))
    assert lying(catalogue) == {"mend": (1, 0, 0)}


def test_the_queues_of_another_version_go_and_are_made_anew(catalogue: Catalogue) -> None:
    tasks.defer(catalogue, "fixity", Queue.AUDIT)
    tasks.prepare(catalogue)
    assert lying(catalogue) == {"audit": (1, 0, 0)}, "the same version leaves what lies there"
    with catalogue.engine.begin() as bare:
        bare.execute(text("COMMENT ON TABLE procrastinate_jobs IS 'mahfuz: procrastinate 1.0.0'"))
    tasks.prepare(catalogue)
    assert lying(catalogue) == {}
    done: list[str] = []
    with working(catalogue, fixity=lambda: done.append("fixity")):
        tasks.defer(catalogue, "fixity", Queue.AUDIT)
        until(lambda: done)


def test_what_waits_already_is_not_laid_down_again(catalogue: Catalogue) -> None:
    job = tasks.handed_over(catalogue, Job("fixity", 60, int, Queue.AUDIT))
    for _ in range(3):
        job.act()
    tasks.defer(catalogue, "copies", Queue.MEND, identifier="a")
    tasks.defer(catalogue, "copies", Queue.MEND, identifier="b")
    tasks.defer(catalogue, "copies", Queue.MEND, identifier="b")
    assert lying(catalogue) == {"audit": (1, 0, 0), "mend": (2, 0, 0)}


def test_doubt_is_no_failure_and_a_fault_of_the_program_is_one(catalogue: Catalogue) -> None:
    def doubt() -> None:
        raise StoreUnavailable("ankara", "it does not answer")

    def fault() -> None:
        raise RuntimeError("a mistake of ours")

    with working(catalogue, doubt=doubt, fault=fault):
        tasks.defer(catalogue, "doubt", Queue.AUDIT)
        tasks.defer(catalogue, "fault", Queue.MEND)
        until(lambda: lying(catalogue) == {"mend": (0, 0, 1)})


def test_one_bag_is_in_one_hand_and_others_go_on_beside_it(catalogue: Catalogue) -> None:
    go_on, inside, most = threading.Event(), [], []

    def copies(identifier: str) -> None:
        inside.append(identifier)
        most.append(sorted(inside))
        go_on.wait(LONG)
        inside.remove(identifier)

    with working(catalogue, at_once=3, copies=copies):
        for identifier in ("a", "a", "b"):
            with catalogue.writing() as rows:
                hints.leave(rows, Hint(Work.COPIES, identifier))
        until(lambda: inside.count("b") == 1 and "a" in inside)
        time.sleep(0.3)
        assert sorted(inside) == ["a", "b"], "the second of the same bag waits, though a lane is free"
        go_on.set()
        until(lambda: lying(catalogue) == {})
    assert ["a", "a"] not in [[one for one in some if one == "a"] for some in most]


def test_a_lane_whose_connection_is_cut_goes_on(catalogue: Catalogue) -> None:
    done: list[str] = []
    with working(catalogue, fixity=lambda: done.append("fixity")):
        tasks.defer(catalogue, "fixity", Queue.AUDIT)
        until(lambda: len(done) == 1)
        for number in (2, 3):
            with catalogue.engine.connect() as bare:
                cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
                killed = bare.execute(text(f"{cut} AND pid <> pg_backend_pid()")).scalar_one()
            assert killed >= 1, "nothing was cut"
            catalogue.close()
            tasks.defer(catalogue, "fixity", Queue.AUDIT)
            until(lambda number=number: len(done) >= number)


def test_that_a_job_is_done_is_written_down_though_its_connection_falls(catalogue: Catalogue) -> None:
    began, go_on, calls = threading.Event(), threading.Event(), []

    def delivery(identifier: str) -> None:
        calls.append(identifier)
        began.set()
        assert go_on.wait(LONG)
        if len(calls) == 1:
            raise StoreUnavailable("ankara", "it does not answer")

    def lay() -> None:
        tasks.defer(catalogue, "delivery", Queue.MEND, identifier="d1", lock="delivery:d1")

    with working(catalogue, delivery=delivery):
        lay()
        assert began.wait(LONG)
        with catalogue.engine.connect() as holder, catalogue.engine.connect() as killer:
            holder.execute(text("SELECT 1 FROM procrastinate_jobs FOR UPDATE"))
            go_on.set()
            waiting = "datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%finish_job%'"
            cut = text(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {waiting}")

            def is_cut() -> bool:
                found = killer.execute(cut).scalar_one()
                killer.rollback()  # what a transaction sees of the others stays as it was
                return bool(found)

            until(is_cut)
            holder.rollback()
        lay()
        until(lambda: len(calls) == 2)
        until(lambda: lying(catalogue) == {})


def test_what_a_killed_worker_was_doing_is_taken_up_by_another(
    catalogue: Catalogue, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_SILENT_SECONDS", 1.0)
    monkeypatch.setattr(tasks, "_SIGN_SECONDS", 0.2)
    program = f"""
        import time
        from config import tasks
        from config.schedule import Queue
        from repository.catalogue import Catalogue
        def fixity():
            print("begun", flush=True)
            time.sleep(600)
        tasks._SIGN_SECONDS = 0.2
        catalogue = Catalogue({postgresql_url!r})
        tasks.Lanes(catalogue, {{"fixity": fixity}}, {{Queue.AUDIT: ["audit"]}}, 1).start()
        time.sleep(600)
    """
    tasks.defer(catalogue, "fixity", Queue.AUDIT)
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, cwd=ROOT) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"begun\n"
        worker.kill()
    (line,) = tasks.queues(catalogue)
    assert line.running == 1
    done: list[str] = []
    with working(catalogue, fixity=lambda: done.append("fixity")):
        until(lambda: done)
        until(lambda: lying(catalogue) == {})


def test_ending_waits_for_what_is_being_done(catalogue: Catalogue) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), []

    def fixity() -> None:
        begun.set()
        go_on.wait(LONG)
        ended.append(True)

    lanes = Lanes(catalogue, {"fixity": fixity}, {Queue.AUDIT: ["audit"]}, 1)
    lanes.start()
    tasks.defer(catalogue, "fixity", Queue.AUDIT)
    assert begun.wait(LONG)
    threading.Timer(0.3, go_on.set).start()
    lanes.end()
    assert ended == [True]
    assert lying(catalogue) == {}


class Host:
    """A machine of its own as far as one can be played: its home, its settings, its worker."""

    def __init__(self, folder: Path, url: str) -> None:
        stores = [folder_store_table(name, folder.parent / "stores") for name in ("ankara", "izmir")]
        more = f'[database]\nurl = "{url}"\n[ingest]\nquiet_seconds = 0\ntick_seconds = 1\n'
        more += "[policy]\nfixity_tick_seconds = 1\n"
        self.installation = Installation(folder, *stores, more=more)
        self.home = folder

    def deliver(self, name: str, *dois: str) -> None:
        folder = self.home / "inbox" / "yayinevi"
        folder.mkdir(parents=True, exist_ok=True)
        whole = delivery(self.home / name, [Published(doi) for doi in dois])
        whole.rename(folder / name)


@contextmanager
def begun(host: Host, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    process = host.installation.start(*words)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=LONG)
        assert process.returncode == 0, said


def test_two_hosts_take_in_what_lies_in_their_homes_and_share_the_rest(tmp_path: Path, postgresql_url: str) -> None:
    hosts = [Host(tmp_path / name, postgresql_url) for name in ("birinci", "ikinci")]
    hosts[0].installation.run("init")
    catalogue = Catalogue(postgresql_url)
    with begun(hosts[0], "worker", "--queues", "ingest"), begun(hosts[1], "worker"):
        hosts[0].deliver("bir.zip", "10.5555/w.1", "10.5555/w.2")
        hosts[1].deliver("iki.zip", "10.5555/w.3")
        until(lambda: _states(catalogue) == [DeliveryState.ACCEPTED] * 2)
        with begun(hosts[0], "clock"):
            with catalogue.engine.begin() as bare:
                bare.execute(text("UPDATE copy SET next_due = '1990-01-01', lease = NULL, lease_until = NULL"))
            until(lambda: _verified_again(catalogue) == 6)
    with catalogue.reading() as rows:
        homes = {row.home for row in rows.query(Delivery)}
    assert homes == {inbox.home_of(host.home) for host in hosts}
    status: dict[str, Any] = hosts[0].installation.run("status")
    assert status["articles"] == 3
    assert status["copies"] == {"ankara": {"intact": 3}, "izmir": {"intact": 3}}
    catalogue.close()


def test_a_delivery_whose_hint_was_lost_is_found_in_its_home(tmp_path: Path, postgresql_url: str) -> None:
    host = Host(tmp_path / "birinci", postgresql_url)
    host.installation.run("init")
    sent = delivery(tmp_path / "a.zip", [Published("10.5555/k.1")])
    catalogue = Catalogue(postgresql_url)  # it tells nobody
    inbox.accept(catalogue, host.home, [sent], "Yayınevi", utc_now)
    assert tasks.queues(catalogue) == []
    with begun(host, "worker", "--queues", "ingest"):
        until(lambda: _states(catalogue) == [DeliveryState.ACCEPTED])
    catalogue.close()


def test_a_worker_says_which_queues_there_are(tmp_path: Path, postgresql_url: str) -> None:
    host = Host(tmp_path / "birinci", postgresql_url)
    host.installation.run("init")
    status, _, said = host.installation.tell("worker", "--queues", "ingest,audits")
    assert status == 2
    assert "no queue is named 'audits'; there are: ingest, audit, mend, export" in said
    alone = Installation(tmp_path / "tek", *[folder_store_table(name, tmp_path / "tek") for name in ("a", "b")])
    alone.run("init")
    status, _, said = alone.tell("worker", "--queues", "audit")
    assert status == 2
    assert "a worker takes only: ingest" in said


def _states(catalogue: Catalogue) -> list[str]:
    with catalogue.reading() as rows:
        return [row.state for row in rows.query(Delivery)]


def _verified_again(catalogue: Catalogue) -> int:
    with catalogue.engine.connect() as bare:
        return bare.execute(text("SELECT count(*) FROM copy WHERE next_due > '2000-01-01'")).scalar_one()  # type: ignore[no-any-return]
