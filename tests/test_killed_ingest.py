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

    moments = random.Random(SEED)
    deaths, homes = 0, 0
    while deaths < KILLS:
        # On a busy machine the last articles may all be done before the blow falls; then another one is struck.
        homes += 1
        assert homes <= KILLS, f"killed {deaths} times"
        home = tmp_path / f"killed-{homes}"
        killed = Installation(home, s3_place(), folder_store_table("folder", home))
        deaths += killed_until_done(killed, sent, moments, KILLS - deaths)
        ends_as(undisturbed, killed, sent)
    assert deaths == KILLS


def killed_until_done(killed: Installation, sent: Path, moments: random.Random, most: int) -> int:
    """Kill the ingest of ``sent``, ``most`` times or until one comes through; how often it died of it."""
    deaths = 0
    while deaths < most:
        further = len(bags(killed)) + moments.choice((0, 1, 1, 1, 2, 3))
        process = killed.start("ingest", str(sent), "--publisher", "Örnek Yayınevi")
        # Wherever it is when so many bags lie there: putting, reading back, registering, or in the next one.
        while process.poll() is None and len(list((killed.home / "folder").rglob("v*.tar"))) < further:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.05) if further else moments.uniform(0, 1.5))
        process.kill()
        process.communicate()
        deaths += process.returncode == -signal.SIGKILL
        if process.returncode == 0:
            break
    return deaths


def ends_as(undisturbed: Installation, killed: Installation, sent: Path) -> None:
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
