"""A server that stops in the middle of a pass is doubt: nothing is called damaged, nothing verified unread."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from faults import FaultProxy
from full_size import FULL, sized
from installation import Installation, folder_store_table, s3_store_table
from servers import S3Server
from sqlalchemy import select
from watched import Miniature, Witnessed, miniature

from config import embedded
from config.embedded import embedded_s3
from fixity.report import RoundReport
from fixity.rounds import Scope, run_round
from repository.models import Copy, Round
from repository.storage.retrying import RetryingStore
from repository.storage.s3 import S3Limits, S3Store
from repository.vocabulary import bag_key

pytestmark = pytest.mark.xdist_group("a store that stops")

COPIES = sized(240, 10_000)
STOPPED_SECONDS = sized(4.0, 60.0)


@dataclass
class Archive:
    """Half of the copies on a server that can be stopped, half in a folder."""

    small: Miniature
    server: S3Server
    folder: Path
    bucket: str
    refused: int = 0

    @property
    def pid(self) -> int:
        return int(json.loads((self.folder / "embedded" / "server.json").read_text())["pid"])

    def main(self, limits: S3Limits) -> S3Store:
        return self.server.store("main", self.bucket, limits=limits, conditional_put=True)

    def stop(self, sign: signal.Signals) -> threading.Thread:
        """The server hangs or is gone; the thread ends when it is back."""
        pid = self.pid
        os.kill(pid, sign)

        def back() -> None:
            end = time.monotonic() + STOPPED_SECONDS
            while time.monotonic() < end:
                self.refused += not self.answers()
                time.sleep(0.2)
            if sign is signal.SIGSTOP:
                os.kill(pid, signal.SIGCONT)
            else:
                assert embedded.revive(self.folder).endpoint_url == self.server.endpoint_url

        thread = threading.Thread(target=back)
        thread.start()
        return thread

    def answers(self) -> bool:
        """Whether the server says anything at all within a second."""
        host, _, port = self.server.endpoint_url.removeprefix("http://").partition(":")
        with suppress(OSError), socket.create_connection((host, int(port)), 1) as line:
            line.settimeout(1)
            line.sendall(b"GET / HTTP/1.1\r\nHost: s3\r\nConnection: close\r\n\r\n")
            return bool(line.recv(1))
        return False

    def objects(self) -> list[tuple[Any, ...]]:
        """Every bag as the server tells of it: who writes one changes this."""
        pages = self.server.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        told = ("Key", "Size", "ETag", "LastModified")
        entries = (entry for page in pages for entry in page.get("Contents", ()))
        return [tuple(one[name] for name in told) for one in entries if not one["Key"].startswith("canaries/")]

    def rows(self) -> list[Copy]:
        with self.small.catalogue.reading() as session:
            return list(session.execute(select(Copy)).scalars())


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    place = tmp_path_factory.mktemp("stopped")
    small = miniature(place, f"sqlite:///{place / 'catalogue.sqlite'}", bags=COPIES // 2)
    with embedded_s3(place / "server") as running:
        server = S3Server(running.endpoint_url, running.access_key, running.secret_key)
        made = Archive(small, server, place / "server", server.make_bucket())
        store = made.main(S3Limits())
        store.prepare()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda bag: store.put(bag_key(bag.article_id, 1), bag.path, bag.seal), small.bags))
        yield made
    small.catalogue.close()


def nothing_was_done(archive: Archive, before: list[tuple[Any, ...]]) -> None:
    assert archive.objects() == before, "an object was written"
    assert not archive.small.quarantined()
    assert {row.state for row in archive.rows()} == {"intact"}, "what is known of the bytes stands"


IMPATIENT = (S3Limits(read_seconds=1, deadline_seconds=2, attempts=1), {"attempts": 2, "deadline_seconds": 3})
AS_INSTALLED = (S3Limits(), {"attempts": 3, "deadline_seconds": 120})


@pytest.mark.parametrize("sign", [signal.SIGSTOP, signal.SIGKILL])
@pytest.mark.parametrize(
    ("limits", "patience"),
    [
        pytest.param(*IMPATIENT, id="impatient"),
        pytest.param(*AS_INSTALLED, id="as installed", marks=pytest.mark.skipif(not FULL, reason="`make prove` waits")),
    ],
)
def test_a_store_that_stops_is_doubt_and_the_pass_goes_on(
    archive: Archive, sign: signal.Signals, limits: S3Limits, patience: dict[str, float]
) -> None:
    small = archive.small
    before, refused = archive.objects(), archive.refused
    main = Witnessed(archive.main(limits), **patience)
    stopped: list[threading.Thread] = []

    def stop(done: int, _of_all: int) -> None:
        if done > COPIES // 4 and not stopped:
            stopped.append(archive.stop(sign))

    watch = replace(small.watch, stores={"main": main, "second": small.stores["second"]}, progress=stop)
    report = run_round(watch, Scope(due=False))
    number = last_round(archive)
    stopped[0].join()
    assert archive.refused > refused, "the server really was away"
    assert (report.expected, report.damaged, report.missing, report.mended) == (COPIES, 0, 0, 0)
    assert report.expected == report.intact + report.unreadable
    hung = sign is signal.SIGSTOP and limits == AS_INSTALLED[0]
    if not hung:  # who waits for a minute has every answer in the end
        assert report.unreadable
    nothing_was_done(archive, before)
    rows = archive.rows()
    verified = {store: {row.aip_id for row in rows if is_by(row, store, number)} for store in small.stores}
    assert len(verified["second"]) == COPIES // 2, "the other store was read to its end"
    keys = {small.copy("main", bag).aip_id: bag_key(bag.article_id, 1) for bag in small.bags}
    assert {keys[aip_id] for aip_id in verified["main"]} == main.read_whole, "verified is what was read, and only that"
    assert len(main.read_whole) + report.unreadable == COPIES // 2
    assert sum(row.unreadable_since is not None for row in archive.rows()) == report.unreadable
    all_is_verified_again(archive)
    print(
        f"{sign.name}: {report.intact} intact, {report.unreadable} in doubt, {archive.refused - refused} probes failed"
    )


def test_the_command_ends_with_doubt_and_the_next_one_verifies_all(archive: Archive, tmp_path: Path) -> None:
    small, before, refused = archive.small, archive.objects(), archive.refused
    stopped: list[threading.Thread] = []
    bags, one_by_one = Counter[str](), threading.Lock()

    def stop(method: str, path: str) -> None:
        """By the bags that were asked for, not by the clock: on a fast machine all would have been read before."""
        with one_by_one:
            bags[method] += path.endswith(".tar")
            if bags["GET"] > COPIES // 8 and not stopped:
                stopped.append(archive.stop(signal.SIGKILL))

    with FaultProxy(archive.server.endpoint_url, storm=stop) as proxy:
        home = Installation(
            tmp_path / "home",
            f'[database]\nurl = "{small.catalogue.url.render_as_string(hide_password=False)}"\n',
            s3_store_table("main", replace(archive.server, endpoint_url=proxy.endpoint_url), archive.bucket),
            folder_store_table("second", small.stores["second"].root.parent),
        )
        command = home.start("audit", "--all", "--json")
        out, err = command.communicate()
        stopped[0].join()
        assert archive.refused > refused
        told = json.loads(out)
        assert (command.returncode, told["damaged"], told["missing"], told["mended"]) == (3, 0, 0, 0), err[-2000:]
        assert told["expected"] == COPIES == told["intact"] + told["unreadable"]
        assert told["unreadable"]
        nothing_was_done(archive, before)
        again = home.run("audit", "--all")
    assert (again["expected"], again["intact"], again["unreadable"]) == (COPIES, COPIES, 0)
    print(f"mahfuz audit --all: {told['unreadable']} of {COPIES} in doubt, then {again['intact']} intact")


def is_by(row: Copy, store: str, number: int) -> bool:
    return row.store == store and row.verified_in == number


def last_round(archive: Archive) -> int:
    with archive.small.catalogue.reading() as session:
        return session.execute(select(Round.id).order_by(Round.id.desc()).limit(1)).scalar_one()


def all_is_verified_again(archive: Archive) -> None:
    small = archive.small
    small.clock.forward(hours=1)
    stores = {"main": RetryingStore(archive.main(S3Limits())), "second": small.stores["second"]}
    report: RoundReport = small.audit(stores=stores)
    assert (report.expected, report.intact) == (COPIES, COPIES)
    assert all(row.unreadable_since is None and row.verified_at == small.clock.now for row in archive.rows())
