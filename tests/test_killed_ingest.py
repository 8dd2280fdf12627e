"""An ingest that is killed again and again, and run again, ends where an undisturbed one ends."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from deliveries import Published, delivery
from full_size import sized
from installation import Installation, folder_store_table, s3_store_table
from servers import S3Server

from repository.vocabulary import bag_key

ARTICLES = 24
KILLS = sized(8, 15)
SEED = 20261123


def bags(installation: Installation) -> dict[str, bytes]:
    store = installation.home / "folder"
    return {path.relative_to(store).as_posix(): path.read_bytes() for path in sorted(store.rglob("v*.tar"))}


@pytest.fixture
def s3_place(s3_server: S3Server, make_bucket: Callable[[], str]) -> Callable[[], str]:
    """A new bucket each time, as settings name it."""
    return lambda: s3_store_table("s3", s3_server, make_bucket())


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    return delivery(tmp_path / "issue.zip", [Published(f"10.5555/kill.{number}") for number in range(ARTICLES)])


def test_a_killed_ingest_run_again_ends_as_an_undisturbed_one(
    tmp_path: Path, sent: Path, s3_place: Callable[[], str]
) -> None:
    undisturbed = Installation(
        tmp_path / "undisturbed", s3_place(), folder_store_table("folder", tmp_path / "undisturbed")
    )
    undisturbed.run("ingest", str(sent), "--publisher", "Örnek Yayınevi")

    killed = Installation(tmp_path / "killed", s3_place(), folder_store_table("folder", tmp_path / "killed"))
    moments = random.Random(SEED)
    deaths, finished = 0, 0
    while deaths < KILLS and not finished:
        further = len(bags(killed)) + moments.choice((0, 1, 1, 1, 2, 3))
        process = killed.start("ingest", str(sent), "--publisher", "Örnek Yayınevi")
        # Wherever it is when so many bags lie there: putting, reading back, registering, or in the next one.
        while process.poll() is None and len(list((killed.home / "folder").rglob("v*.tar"))) < further:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.05) if further else moments.uniform(0, 1.5))
        process.kill()
        process.communicate()
        deaths += process.returncode == -signal.SIGKILL
        finished += process.returncode == 0
    assert deaths >= min(KILLS, 8), f"killed {deaths} times"

    answer = killed.run("ingest", str(sent), "--publisher", "Örnek Yayınevi")
    (receipt,) = answer["deliveries"]
    assert receipt["state"] in ("accepted", "unchanged")
    assert len(receipt["articles"]) == ARTICLES
    status = killed.run("status")
    assert (status["articles"], status["aips"], status["deliveries"]) == (ARTICLES, ARTICLES, {"accepted": 1})
    assert status["copies"] == {"folder": {"intact": ARTICLES}, "s3": {"intact": ARTICLES}}
    assert bags(killed) == bags(undisturbed), "the same seals, no other object"
    expected = sorted(bag_key(line["id"], 1) for line in receipt["articles"])
    assert [name for name in killed.objects("folder") if name.endswith(".tar")] == expected
    assert [name for name in killed.objects("folder") if not name.endswith(".tar")] == [".mahfuz-store"], (
        "nothing is left over"
    )
    audit = killed.run("audit", "--all")
    assert (audit["expected"], audit["intact"]) == (2 * ARTICLES, 2 * ARTICLES)
    assert not any((killed.home / "staging").iterdir())
