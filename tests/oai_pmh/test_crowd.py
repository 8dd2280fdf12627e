"""Slow and many harvesters at a real server: they hold no transaction, and readers are served all the same."""

from __future__ import annotations

import re
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from lxml import etree
from served import Served, served

from oai_pmh.manners.turns import LATEST, SOONEST
from repository.vocabulary import ArticleRecord

NUMBER = 40
LONG = "Uzun bir özet, satır satır. " * 8000
PAGE = "verb=ListRecords&metadataPrefix=oai_dc"
MOST_UNDER_WAY = 6 << 20
"""What the buffers between two ends of a connection on one machine may hold at most."""
BEGUN = datetime(2024, 3, 1, tzinfo=UTC)
OAI = "{http://www.openarchives.org/OAI/2.0/}"
Opened = Callable[[str], AbstractContextManager[Any]]
Numbered = Callable[[int], ArticleRecord]


class SlowClient:
    """Asks for a page and takes it a byte at a time, while the server has more to give than any buffer holds."""

    def __init__(self, server: Served, address: str = "127.0.0.1") -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.bind((address, 0))
        self._socket.connect(("127.0.0.1", server.port))
        self._socket.settimeout(60)
        self._socket.sendall(f"GET /oai?{PAGE} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.take(1)
        self.status = int(head.split()[1])
        self.length = int(re.findall(rb"(?i)content-length: *([0-9]+)", head)[0])

    def take(self, number: int) -> bytes:
        """The next so many bytes, one by one."""
        return b"".join(self._socket.recv(1) for _ in range(number))

    def rest(self) -> bytes:
        """Everything that is still to come, as fast as it comes."""
        found = bytearray()
        while part := self._socket.recv(1 << 20):
            found += part
        return bytes(found)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def slow_client(server: Served, address: str = "127.0.0.1") -> Iterator[SlowClient]:
    client = SlowClient(server, address)
    try:
        assert client.status == 200
        assert client.length > MOST_UNDER_WAY
        yield client
    finally:
        client.close()


def filled(archive: Any, article: Numbered) -> None:
    with archive.catalogue.writing() as session:
        for place in range(NUMBER):
            record = replace(article(place), abstracts={"tr": LONG})
            archive.enter(session, record, "Örnek Yayınevi", BEGUN)


def status_of(address: str) -> tuple[int, Any, bytes]:
    """Status, headers and body."""
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_a_slow_client_holds_no_transaction(
    database_url: str, tmp_path: Path, opened: Opened, article: Numbered
) -> None:
    with opened(database_url) as archive:
        filled(archive, article)
        with served(tmp_path / "home", database_url, oai="page_size = 1000") as server, slow_client(server) as client:
            begun = client.take(100)
            for place in range(NUMBER, NUMBER + 3):
                archive.add(article(place), datestamp=BEGUN)
            if database_url.startswith("postgresql"):
                assert idle_in_transaction(database_url) == []
            begun += client.take(100)
            root = etree.fromstring(begun + client.rest(), etree.XMLParser(huge_tree=True))
            assert len(list(root.iter(OAI + "record"))) == NUMBER
            status, _, body = status_of(f"{server.oai}?verb=ListIdentifiers&metadataPrefix=oai_dc")
            assert (status, body.count(b"<header>")) == (200, NUMBER + 3)


def idle_in_transaction(database_url: str) -> list[Any]:
    """Every session of this database that has begun something and says nothing."""
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as session:
        return session.execute(
            "SELECT pid, state, query FROM pg_stat_activity WHERE datname = current_database() "
            "AND state LIKE 'idle in transaction%'"
        ).fetchall()


@pytest.fixture
def crowded(tmp_path: Path, migrated_sqlite: Path, opened: Opened, article: Numbered) -> Iterator[Served]:
    """A server that answers three harvesters at once, two of them from one address, and lets nobody wait for long."""
    shutil.copyfile(migrated_sqlite, tmp_path / "catalogue.sqlite")
    url = f"sqlite:///{tmp_path / 'catalogue.sqlite'}"
    with opened(url) as archive:
        filled(archive, article)
    limits = "page_size = 1000\nrequests_at_once = 3\nrequests_per_client = 2\nrequests_waiting = 1\nwait_seconds = 0.1"
    with served(tmp_path / "home", url, oai=limits) as server:
        yield server


def test_readers_are_served_while_harvesters_have_every_turn(crowded: Served) -> None:
    with ExitStack() as stack:
        slow = [
            stack.enter_context(slow_client(crowded, address)) for address in ("127.0.0.2", "127.0.0.3", "127.0.0.4")
        ]
        # Seven more want to harvest: all are sent away, with a time to come again, and in plain words.
        with ThreadPoolExecutor(7) as harvesters:
            answers = list(harvesters.map(status_of, [f"{crowded.oai}?{PAGE}"] * 7))
        for status, headers, body in answers:
            assert status == 503
            assert SOONEST <= int(headers["Retry-After"]) <= LATEST
            assert headers["Content-Type"].startswith("text/plain")
            assert headers["Retry-After"] in body.decode()
        for path in ("/", "/titles", "/search?q=g%C3%B6lge", "/titles/2000-0001", "/readyz"):
            status, _, body = status_of(crowded.address + path)
            assert (status, bool(body)) == (200, True), path
        figures = status_of(crowded.address + "/metrics")[2].decode()
        assert "mahfuz_oai_sent_away_total 7.0" in figures
        # A turn that becomes free is there for the next.
        slow[0].rest()
        assert until_served(f"{crowded.oai}?verb=Identify") == 200


def test_one_client_has_not_all_the_turns_and_gives_back_what_it_leaves(crowded: Served) -> None:
    with slow_client(crowded), slow_client(crowded):
        assert status_of(f"{crowded.oai}?verb=Identify")[0] == 503
        with slow_client(crowded, "127.0.0.2"):
            pass
    assert until_served(f"{crowded.oai}?verb=Identify") == 200


def until_served(address: str) -> int:
    """The status of the first answer that is no 503."""
    while (status := status_of(address)[0]) == 503:
        time.sleep(0.05)
    return status
