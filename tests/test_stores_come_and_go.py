"""A third store is added to an archive in use and the first one given up, by the command, the clock and two people."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from bench.generate import write_generated_deliveries
from deliveries import Published, delivery
from full_size import sized
from installation import Installation, folder_store_table, s3_store_table
from servers import S3Server

from repository.access import staff
from repository.catalogue import Catalogue, retiring
from repository.storage.directory import DirectoryStore
from repository.vocabulary import utc_now

ARTICLES = 6


@pytest.fixture
def archive(tmp_path: Path) -> Installation:
    home = tmp_path / "home"
    made = Installation(home, folder_store_table("a", home), folder_store_table("b", home))
    articles = [Published(f"10.5555/depo.{number}") for number in range(ARTICLES)]
    taken = made.run("ingest", str(delivery(tmp_path / "1.zip", articles)), "--publisher", "Örnek Yayınevi")
    assert {one["outcome"] for one in taken["deliveries"][0]["articles"]} == {"accepted"}
    made.run("withdraw", "10.5555/depo.1", "--reason", "x", "--by", "Ayşe Yılmaz")
    made.run("ledger")
    made.run("audit", "--all")
    return made


def stores_of(archive: Installation) -> dict[str, Any]:
    return {one["store"]: one for one in archive.run("store", "list")["stores"]}


def settle(archive: Installation, *, needed: int, store: str) -> None:
    """Two people decide, as on the page; the clock's own code is run by `mahfuz clock`."""
    catalogue = Catalogue(f"sqlite:///{archive.home / 'mahfuz.sqlite'}")
    with catalogue.writing() as session:
        for login in ("ayse", "can"):
            staff.create(session, login, "staff")
        told = {"at": utc_now(), "agent": "test"}
        stores = ["a", "b", "c"]
        retiring.ask(session, store, by="ayse", reason="Salon kapanıyor.", stores=stores, needed=needed, **told)
        retiring.approve(session, store, by="can", **told)
    catalogue.close()


def until(archive: Installation, store: str, state: str) -> None:
    clock = archive.start("clock")
    try:
        deadline = time.monotonic() + 90
        while stores_of(archive).get(store, {}).get("state") != state:
            assert time.monotonic() < deadline, stores_of(archive)
            assert clock.poll() is None
            time.sleep(0.5)
    finally:
        clock.send_signal(signal.SIGTERM)
        clock.communicate(timeout=60)


@pytest.mark.parametrize("kind", sized(["folder"], ["folder", "bucket"]))
def test_a_store_is_added_filled_and_another_retired(archive: Installation, kind: str, s3_server: S3Server) -> None:
    home, bucket = archive.home, s3_server.make_bucket()
    third = folder_store_table("c", home) if kind == "folder" else s3_store_table("c", s3_server, bucket)
    archive.file.write_text(archive.file.read_text(encoding="utf-8") + third, encoding="utf-8")
    assert archive.run("init")["stores"] == ["a", "b", "c"]
    if kind == "folder":
        until(archive, "c", "filled")
    else:
        done = archive.run("store", "fill", "c")
        assert (done["copied"], done["left"], done["ledgers"] > 0) == (ARTICLES, 0, True)
    status = archive.run("status")
    assert status["copies"]["c"] == {"intact": ARTICLES}
    assert status["stores"]["c"]["state"] == "filled"
    archive.run("store", "fill", "c")
    report = archive.run("audit", "--store", "c", "--deep")
    assert (report["expected"], report["intact"]) == (ARTICLES, ARTICLES)
    assert report["canaries"]["caught"] == report["canaries"]["expected"] > 0
    assert archive.run("inventory", "--store", "c")["stores"][0]["found"]["absent"] == 0
    if kind == "folder":
        same = [
            [name for name in archive.objects(store) if "notice" in name or name.startswith(("ledger", "events"))]
            for store in ("a", "c")
        ]
        assert same[0] == same[1] != []
    # From the third alone everything comes back, the withdrawal too.
    before = archive.run("status")
    (home / "mahfuz.sqlite").rename(home / "burned.sqlite")
    archive.run("rebuild", "--from", "c")
    again = archive.run("status")
    assert {key: again[key] for key in ("articles", "aips", "bytes")} == {
        key: before[key] for key in ("articles", "aips", "bytes")
    }
    (home / "burned.sqlite").rename(home / "mahfuz.sqlite")
    # The first store leaves: proved, decided by two, carried out by the clock; nothing in it is touched.
    kept = {name: (home / "a" / name).read_bytes() for name in archive.objects("a")}
    assert archive.run("store", "retire", "a")["whole"] is True
    settle(archive, needed=2, store="a")
    until(archive, "a", "retired")
    there = {name: (home / "a" / name).read_bytes() for name in archive.objects("a")}
    assert {name: there[name] for name in kept} == kept
    assert archive.run("status")["copies"]["a"] == {"retired": ARTICLES}
    _, _, said = archive.tell("status")
    assert "take its [[stores]] table out" in said
    archive.file.write_text(archive.file.read_text().replace(folder_store_table("a", home), ""), encoding="utf-8")
    status, _, said = archive.tell("audit", "--all")
    assert (status, said) == (0, "")
    taken = archive.run(
        "ingest",
        str(delivery(home.parent / "2.zip", [Published("10.5555/depo.yeni")])),
        "--publisher",
        "Örnek Yayınevi",
    )
    assert taken["deliveries"][0]["state"] == "accepted"
    report = archive.run("audit", "--all")
    assert (report["expected"], report["intact"]) == (2 * (ARTICLES + 1), 2 * (ARTICLES + 1))


def test_what_is_lacking_is_named_and_listed(archive: Installation, tmp_path: Path) -> None:
    home = archive.home
    archive.file.write_text(archive.file.read_text() + folder_store_table("c", home), encoding="utf-8")
    told = archive.run("store", "retire", "a", "--list", str(tmp_path / "lacking.csv"), status=1)
    assert (told["lacking"], told["bags"], told["others"]) == (ARTICLES, ARTICLES, ["b", "c"])
    lines = (tmp_path / "lacking.csv").read_text().splitlines()
    assert len(lines) == ARTICLES + 1
    assert lines[1].endswith(",1,a intact; b intact")


def test_a_store_that_is_only_taken_out_is_missed_aloud(archive: Installation) -> None:
    home = archive.home
    text = archive.file.read_text()
    archive.file.write_text(text + folder_store_table("c", home), encoding="utf-8")
    archive.run("store", "fill", "c")
    without = text.replace(folder_store_table("a", home), "") + folder_store_table("c", home)
    archive.file.write_text(without, encoding="utf-8")
    _, _, said = archive.tell("status")
    assert "the store 'a' keeps copies and is not in the settings any more" in said
    (gone,) = [one for one in archive.run("store", "list")["stores"] if one["store"] == "a"]
    assert gone["configured"] is False
    assert archive.run("store", "retire", "a")["whole"] is True  # it may be gone for good: the others are asked


def test_a_command_that_was_killed_is_given_again(archive: Installation, tmp_path: Path) -> None:
    home = archive.home
    (large,) = write_generated_deliveries(tmp_path, 4, 3_000_000, 4)
    archive.run("ingest", str(large), "--publisher", "Örnek Yayınevi")
    text = archive.file.read_text() + "[policy]\nfill_megabytes_per_second = 2\n" + folder_store_table("c", home)
    archive.file.write_text(text, encoding="utf-8")
    archive.run("init")
    filling = archive.start("store", "fill", "c")
    deadline = time.monotonic() + 60
    while not [name for name in archive.objects("c") if name.endswith(".tar")]:
        assert time.monotonic() < deadline
        assert filling.poll() is None, "it was done before it could be killed"
        time.sleep(0.02)
    os.kill(filling.pid, signal.SIGKILL)
    filling.communicate()
    assert archive.run("status")["copies"].get("c", {}).get("intact", 0) < ARTICLES + 4
    _lapse(archive)
    archive.file.write_text(text.replace("fill_megabytes_per_second = 2\n", ""), encoding="utf-8")
    done = archive.run("store", "fill", "c")
    assert (done["left"], done["problems"]) == (0, 0)
    report = archive.run("audit", "--store", "c", "--deep")
    assert (report["expected"], report["intact"]) == (ARTICLES + 4, ARTICLES + 4)
    assert DirectoryStore("c", home / "c").head("nothing") is None


def _lapse(archive: Installation) -> None:
    """The two minutes after a kill are over."""

    with sqlite3.connect(archive.home / "mahfuz.sqlite") as connection:
        connection.execute("UPDATE store_entry SET lease_until = '2026-01-01 00:00:00.000000'")
    connection.close()
