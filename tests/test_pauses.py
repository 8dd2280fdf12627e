"""A full disk, a silent store, a locked catalogue: the delivery waits, says for what, and goes on by itself."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import sqlite3
import struct
import subprocess
import sys
import termios
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from deliveries import Published, delivery
from installation import Installation, folder_store_table
from sqlalchemy import event
from structlog.testing import capture_logs

from config import wiring
from config.settings import load
from ingest import inbox, keeping, pauses, pipeline
from repository.catalogue import deliveries, intake
from repository.errors import DatabaseUnavailable
from repository.vocabulary import DeliveryState, utc_now

PUBLISHER = "Örnek Yayınevi"


@pytest.fixture
def archive(tmp_path: Path) -> Installation:
    home = tmp_path / "home"
    return Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 3 MB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def large(target: Path, doi: str, mebibytes: int) -> Path:
    """A delivery that packs small and unpacks to so many MiB that no ratio calls a bomb."""
    article = Published(doi)
    archive = delivery(target, [article])
    filling = (os.urandom(16_000) * 64)[: 1 << 20]
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as more:
        for number in range(mebibytes):
            more.writestr(f"{article.stem}/{article.stem}-{number}.tif", filling)
    return target


def paused(archive: Installation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = archive.run("status")["paused"]
    return found


def test_a_full_disk_is_told_stops_no_other_delivery_and_goes_on_when_there_is_room(
    archive: Installation, tmp_path: Path, small_disk: Path
) -> None:
    (archive.home / "staging").symlink_to(small_disk)
    sent = large(tmp_path / "a.zip", "10.5555/buyuk", 8)
    code, _, told = archive.tell("ingest", str(sent), "--publisher", PUBLISHER)
    assert code == 3
    assert "No space left on device" in told
    ((waiting),) = paused(archive)
    assert waiting["files"] == ["a.zip"]
    assert "No space left on device" in waiting["cause"]
    box = archive.home / "inbox" / PUBLISHER
    box.mkdir(parents=True)
    delivery(box / "b.zip", [Published("10.5555/kucuk")])
    archive.file.write_text(archive.file.read_text() + "\n[ingest]\nquiet_seconds = 0\n", encoding="utf-8")
    for _ in range(4):  # as often as would set a delivery aside that kills its worker
        assert archive.tell("receive")[0] == 3
    status = archive.run("status")
    assert status["deliveries"] == {"accepted": 1, "received": 1}
    assert [one["files"] for one in status["paused"]] == [["a.zip"]]
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    (receipt,) = archive.run("receive")["deliveries"]
    assert receipt["state"] == "accepted"
    assert archive.run("status")["paused"] == []


def test_a_store_that_is_gone_is_told_by_its_name_and_waited_for(archive: Installation, tmp_path: Path) -> None:
    archive.run("ingest", str(delivery(tmp_path / "a.zip", [Published("10.5555/a")])), "--publisher", PUBLISHER)
    (archive.home / "izmir").rename(tmp_path / "unplugged")
    sent = delivery(tmp_path / "b.zip", [Published("10.5555/b")])
    code, _, told = archive.tell("ingest", str(sent), "--publisher", PUBLISHER)
    assert code == 3
    assert "izmir" in told
    (waiting,) = paused(archive)
    assert "izmir" in waiting["cause"]
    for _ in range(3):
        assert archive.tell("receive")[0] == 3
    if (archive.home / "izmir").exists():
        assert not list((archive.home / "izmir").rglob("v*.tar"))
        (archive.home / "izmir").rmdir()
    (tmp_path / "unplugged").rename(archive.home / "izmir")
    (receipt,) = archive.run("receive")["deliveries"]
    assert receipt["state"] == "accepted"
    assert paused(archive) == []


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[wiring.Archive]:
    home = tmp_path / "archive"
    home.mkdir()
    settings = home / "mahfuz.toml"
    stores = folder_store_table("ankara", home) + folder_store_table("izmir", home)
    settings.write_text(f'[archive]\nhome = "{home}/home"\n{stores}', encoding="utf-8")
    with wiring.opened(load(settings, {}).settings) as made:
        wiring.initialise(made)
        yield made


def test_a_catalogue_that_is_locked_in_the_midst_of_it_sets_nothing_aside(
    opened: wiring.Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is a real one, held by another connection from the first bag on."""
    sent = delivery(tmp_path / "a.zip", [Published("10.5555/l.1")])
    arrived = inbox.accept(opened.catalogue, opened.home, [sent], PUBLISHER, utc_now)
    preserved, locks = keeping.preserve, []
    impatient(opened)

    def locking(*given: Any) -> Any:
        kept = preserved(*given)
        if not locks:
            other = sqlite3.connect(opened.home / "mahfuz.sqlite", isolation_level=None, check_same_thread=False)
            other.execute("BEGIN IMMEDIATE")
            locks.append(other)
        return kept

    monkeypatch.setattr(keeping, "preserve", locking)
    for attempt in range(4):
        if attempt:
            locks.pop().close()  # it is free for a moment, and is locked again in the midst of the next attempt
        with pytest.raises(DatabaseUnavailable, match="locked"):
            list(pipeline.resume(opened.door()))
        assert locks, "the fault did not happen"
        with opened.catalogue.reading() as rows:
            (waiting,) = pauses.paused(rows, opened.home, limit=5)
        assert "locked" in (waiting.held_up or "")
    locks.pop().close()
    monkeypatch.setattr(keeping, "preserve", preserved)
    (receipt,) = pipeline.resume(opened.door())
    assert receipt.state is DeliveryState.ACCEPTED
    with opened.catalogue.reading() as rows:
        assert pauses.paused(rows, opened.home, limit=5) == []
        assert deliveries.known(rows, arrived.delivery_id).held_up is None
    assert pauses.noted(opened.home) == {}


def impatient(archive: wiring.Archive) -> None:
    """Its connections wait a moment for a lock, and not half a minute."""

    @event.listens_for(archive.catalogue.engine, "checkout")
    def _(connection: Any, *_: Any) -> None:
        connection.execute("PRAGMA busy_timeout = 100")


def test_a_cause_that_the_catalogue_could_not_be_told_stands_in_the_queue_all_the_same(
    opened: wiring.Archive, tmp_path: Path
) -> None:
    arrived = inbox.accept(
        opened.catalogue, opened.home, [delivery(tmp_path / "a.zip", [Published("10.5555/c")])], PUBLISHER, utc_now
    )
    note = opened.home / "paused" / f"{arrived.delivery_id}.txt"
    note.parent.mkdir()
    note.write_text("the catalogue is locked", encoding="utf-8")
    with opened.catalogue.reading() as rows:
        (line,) = pauses.with_notes(intake.queue(rows, limit=5), opened.home)
    assert line.held_up == "the catalogue is locked"


def test_a_delivery_that_kills_its_process_keeps_no_other_of_the_command_out(
    opened: wiring.Archive, tmp_path: Path
) -> None:
    script = """
import os, signal, sys
from functools import partial
from pathlib import Path
from config import wiring
from config.settings import load
from dataclasses import replace
from ingest import inbox, pipeline, workers
from repository.errors import Doubt
from repository.vocabulary import utc_now

def take(file, door):
    arrived = inbox.accept(door.catalogue, door.home, [Path(file)], "P", utc_now)
    if "poison" in file:
        os.kill(os.getpid(), signal.SIGKILL)
    return pipeline.ingest(door, arrived)

with wiring.opened(load(Path(sys.argv[1]), {}).settings) as archive:
    try:
        workers.each(replace(archive.door(), processes=2), [partial(take, file) for file in sys.argv[2:]])
    except workers.WorkerDied as error:
        print("died", error)
"""
    files = [
        str(delivery(tmp_path / f"{name}.zip", [Published(f"10.5555/{name}")]))
        for name in ("a", "poison", "c", "d", "e")
    ]
    settings = tmp_path / "archive" / "mahfuz.toml"
    run = subprocess.run(
        [sys.executable, "-c", script, str(settings), *files],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    assert b"died" in run.stdout
    with opened.catalogue.reading() as rows:
        waiting = deliveries.unfinished(rows, inbox.home_of(opened.home))
    assert len(waiting) == 1
    assert len(list((tmp_path / "archive" / "izmir").rglob("v*.tar"))) == 4


def at_a_terminal(words: list[str]) -> tuple[int, str, str]:
    """A command whose standard error is a terminal: its status, what it answered, and what the terminal showed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "config.cli", *words],
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):
        while block := os.read(ours, 65536):
            shown += block
    os.close(ours)
    assert process.stdout is not None
    answer = process.stdout.read().decode()
    return process.wait(), answer, shown.decode(errors="replace")


@pytest.mark.parametrize("command", ["ingest", "receive"])
def test_long_work_shows_a_bar_on_a_terminal_and_its_json_stays_one_document(
    command: str, archive: Installation, tmp_path: Path
) -> None:
    archive.file.write_text(archive.file.read_text() + "\n[ingest]\nquiet_seconds = 0\n", encoding="utf-8")
    box = archive.home / "inbox" / "P"
    box.mkdir(parents=True)
    articles = [[Published(f"10.5555/bar.{file}.{number}") for number in range(5)] for file in range(2)]
    files = [str(delivery(box / f"{number}.zip", each)) for number, each in enumerate(articles)]
    words = ["ingest", *files, "--publisher", "P"] if command == "ingest" else ["receive"]
    status, answer, shown = at_a_terminal(["--config", str(archive.file), *words, "--json"])
    assert status == 0, shown
    assert len(json.loads(answer)["deliveries"]) == 2
    assert "articles" in shown
    assert re.search(r"10/10", shown), shown
    assert archive.tell("receive", "--json")[2] == "", "where there is no terminal, there is no bar"


def test_no_article_is_blamed_when_the_catalogue_falls_silent_beside_it(
    opened: wiring.Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bags that are under way at that moment are carried to their end: the fault is not theirs."""
    sent = delivery(tmp_path / "a.zip", [Published(f"10.5555/s.{number}") for number in range(12)])
    arrived = inbox.accept(opened.catalogue, opened.home, [sent], PUBLISHER, utc_now)
    sealed = keeping.seal

    def slowly(*given: Any) -> Any:
        time.sleep(0.1)
        return sealed(*given)

    def silent(*_: Any) -> Any:
        raise DatabaseUnavailable("the catalogue did not answer")

    monkeypatch.setattr(keeping, "seal", slowly)
    monkeypatch.setattr(keeping, "_registered", silent)
    monkeypatch.setattr(keeping, "_UNTOLD_SECONDS", 0)
    with capture_logs() as said, pytest.raises(DatabaseUnavailable):
        pipeline.ingest(opened.door(), arrived)
    assert [line["event"] for line in said if line["log_level"] == "error"] == []
