"""What the watch takes of a store is bounded in bytes and in requests, and its waits are nobody's fault."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from watched import miniature

from fixity import audit as auditing
from fixity import readers
from fixity.budget import Budget
from fixity.inventory import take_inventory


class Time:
    """Time passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


def budget(time: Time, octets: float = 0, requests: float = 0) -> Budget:
    return Budget(octets, requests, monotonic=time.monotonic, sleep=time.sleep)


def test_bytes_and_requests_flow_at_their_rates_and_no_faster() -> None:
    for rates, amount in (((1000, 0), {"octets": 100}), ((0, 10), {"requests": 1})):
        time = Time()
        spent = budget(time, *rates)
        for _ in range(1000):
            spent.spend(**amount)
        assert 97 <= time.slept <= 100


def test_a_pause_is_not_followed_by_a_rush() -> None:
    time = Time()
    spent = budget(time, 1000)
    spent.spend(1000)
    time.now += 3600
    before = time.slept
    for _ in range(100):
        spent.spend(100)
    assert time.slept - before >= 8


def test_without_a_rate_nothing_waits() -> None:
    time = Time()
    assert budget(time).spend(10**12, 10**6) == 0
    assert time.slept == 0


def test_a_wait_ends_when_the_round_is_to_stop() -> None:
    time = Time()
    spent = Budget(1, monotonic=time.monotonic, sleep=time.sleep, stopping=lambda: time.slept > 3)
    spent.spend(10**9)
    spent.spend(1)
    assert 3 < time.slept < 5


def test_several_threads_share_one_rate() -> None:
    time = Time()
    spent = budget(time, 0, 10)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: spent.spend(requests=1), range(400)))
    assert spent.spend(requests=1) >= 0
    assert time.now - 1000 >= 39


def test_a_round_pays_for_each_block_and_request_and_each_store_for_itself(tmp_path: Path) -> None:
    small = miniature(tmp_path, f"sqlite:///{tmp_path / 'c.sqlite'}")
    octets = sum(bag.bytes for bag in small.bags)
    time, other = Time(), Time()
    given = replace(small.watch, budgets={"main": budget(time, 1000, 0), "second": budget(other, 0, 1)})
    from fixity.rounds import Scope, run_round

    report = run_round(given, Scope(due=False))
    assert report.intact == 6
    assert time.now - 1000 >= octets / 1000 - 1 - small.bags[0].bytes / 1000
    assert other.now - 1000 >= 1, "three requests, the first of which was saved up"
    before = time.now
    assert take_inventory(given, "main") is not None
    assert time.now == before, "a listing costs requests, and no bytes"
    small.catalogue.close()


def test_our_own_wait_is_no_drip_of_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = miniature(tmp_path, f"sqlite:///{tmp_path / 'c.sqlite'}", bags=1)
    monkeypatch.setattr(auditing, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(auditing, "SLOWEST_BYTES_A_SECOND", small.bags[0].bytes / 60)
    time = Time()
    monkeypatch.setattr(auditing.time, "monotonic", time.monotonic)
    with small.catalogue.reading() as session:
        from repository.catalogue import copies

        (ref, _) = copies.refs_of(session, 1)
    spent = budget(time, 10)
    spent.spend(10_000)
    reading = auditing.audit(small.stores["main"], ref, budget=spent)
    assert time.slept > 60, "it waited longer than the store may"
    assert reading.outcome == "intact"
    assert reading.seconds == 0
    small.catalogue.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only there a thread has a niceness of its own")
@pytest.mark.parametrize("due", [True, False])
def test_readers_of_due_copies_give_way_and_nobody_else_does(tmp_path: Path, due: bool) -> None:
    """What a person asked for is read as fast as can be; and the thread that writes rows gives way to nobody."""
    small = miniature(tmp_path, f"sqlite:///{tmp_path / 'c.sqlite'}", bags=1)
    before, found = os.getpriority(os.PRIO_PROCESS, 0), set()

    def garbles(_key: str, _times: int, data: bytes) -> bytes:
        found.add(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return data

    for store in small.stores.values():
        store.garbles = garbles
    small.clock.forward(days=400)
    assert small.audit(due=due).intact == 2
    assert found == {max(before, readers.NICE) if due else before}
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
    small.catalogue.close()
