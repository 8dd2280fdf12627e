"""Deliveries of one command side by side: each ends as if it were alone, and no process outlives the command."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from deliveries import Published, delivery
from installation import Installation, folder_store_table

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the children of a process are read from /proc")

DELIVERIES = 5
ARTICLES = 8


@pytest.fixture
def archive(tmp_path: Path) -> Installation:
    home = tmp_path / "home"
    return Installation(home, folder_store_table("a", home), folder_store_table("b", home), more="[ingest]\nparallel=2")


@pytest.fixture
def sent(tmp_path: Path) -> list[str]:
    return [
        str(
            delivery(
                tmp_path / f"{'edcba'[number]}.zip",
                [Published(f"10.5555/side.{number}.{article}") for article in range(ARTICLES)],
            )
        )
        for number in range(DELIVERIES)
    ]


def children(pid: int) -> list[int]:
    with suppress(FileNotFoundError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def is_alive(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    return False


def until(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.002)


def bags(archive: Installation) -> int:
    return sum(name.endswith(".tar") for name in archive.objects("b")) if (archive.home / "b").is_dir() else 0


def expect_all(archive: Installation, sent: list[str]) -> None:
    answer = archive.run("ingest", *sent, "--publisher", "Örnek Yayınevi")
    assert [len(receipt["articles"]) for receipt in answer["deliveries"]] == [ARTICLES] * DELIVERIES, answer
    status = archive.run("status")
    assert (status["articles"], status["deliveries"]) == (DELIVERIES * ARTICLES, {"accepted": DELIVERIES})
    assert status["copies"] == {"a": {"intact": DELIVERIES * ARTICLES}, "b": {"intact": DELIVERIES * ARTICLES}}
    audit = archive.run("audit", "--all")
    assert (audit["expected"], audit["intact"]) == (2 * DELIVERIES * ARTICLES, 2 * DELIVERIES * ARTICLES)


def test_receipts_come_in_the_order_of_the_files_and_the_same_bytes_twice_are_one_delivery(
    archive: Installation, sent: list[str], tmp_path: Path
) -> None:
    again = tmp_path / "again.zip"
    again.write_bytes(Path(sent[0]).read_bytes())
    answer = archive.run("ingest", *sent, str(again), "--publisher", "Örnek Yayınevi")
    receipts = answer["deliveries"]
    assert [receipt["file"] for receipt in receipts[:-1]] == [Path(file).name for file in sent]
    assert receipts[-1]["delivery_id"] == receipts[0]["delivery_id"]
    assert sorted((receipts[0]["state"], receipts[-1]["state"])) == ["accepted", "unchanged"]
    assert all(len(receipt["articles"]) == ARTICLES for receipt in receipts)
    expect_all(archive, sent)


def test_one_bad_delivery_does_not_disturb_the_others(archive: Installation, sent: list[str], tmp_path: Path) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(Path(sent[1]).read_bytes()[:-100])
    answer = archive.run("ingest", sent[0], str(bad), sent[2], "--publisher", "Örnek Yayınevi", status=1)
    assert [receipt["state"] for receipt in answer["deliveries"]] == ["accepted", "refused", "accepted"]


def test_a_killed_command_leaves_no_process_behind_and_loses_nothing(archive: Installation, sent: list[str]) -> None:
    process = archive.start("ingest", *sent, "--publisher", "Örnek Yayınevi")
    until(lambda: bags(archive) >= ARTICLES // 2)
    crew = children(process.pid)
    assert len(crew) == min(2, os.cpu_count() or 1)
    probes = [probe for worker in crew for probe in children(worker)]
    process.kill()
    process.communicate()
    until(lambda: not any(map(is_alive, [*crew, *probes])))
    expect_all(archive, sent)


def test_a_killed_worker_is_told_and_loses_nothing(archive: Installation, sent: list[str]) -> None:
    process = archive.start("ingest", *sent, "--publisher", "Örnek Yayınevi")
    until(lambda: bags(archive) >= ARTICLES // 2)
    crew = children(process.pid)
    os.kill(crew[0], signal.SIGKILL)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 3, complaint
    assert b"in the middle of a delivery" in complaint
    assert not any(map(is_alive, crew))
    expect_all(archive, sent)
