"""Another archive as a feed, and the ways in which it can lie: no list leads elsewhere, none is believed half read."""

from __future__ import annotations

import gzip
import hashlib
import tracemalloc
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from typing import Any

import pytest

from config.feed_settings import FeedSettings
from ingest.feeds import FeedFailed, sitemaps
from ingest.feeds.offered import NotAsListed, NotAsPromised, Offered
from ingest.feeds.resourcesync import ResourceSyncSource, bag_of

A, B = "a" * 32, "b" * 32
DATA = b"the bytes of a bag" * 1000
SEAL = hashlib.sha256(DATA).hexdigest()
NS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:rs="http://www.openarchives.org/rs/terms/"'


def urlset(told: str, *entries: str, root: str = "urlset") -> bytes:
    return f"<{root} {NS}><rs:md {told}/>{''.join(entries)}</{root}>".encode()


def entry(address: str, told: str, name: str = "url") -> str:
    return f"<{name}><loc>{address}</loc><rs:md {told}/></{name}>"


class Archive:
    """A server with these answers: path to status and body; ``asked`` is the log."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.said: dict[str, tuple[int, bytes]] = {}
        self.packed = False
        self.url = ""

    def say(self, path: str, body: bytes, status: int = 200) -> None:
        self.said[path] = (status, body)

    def offers(self, *entries: str, at: str = "2026-11-27T10:00:00Z") -> None:
        """A whole archive of these resources, which may stand at any address."""
        base = "https://public.example.org/arsiv"
        capability = entry(f"{base}/resourcesync/capabilitylist.xml", 'capability="capabilitylist"')
        self.say("/.well-known/resourcesync", urlset('capability="description"', capability))
        lists = [
            entry(f"{base}/resourcesync/{name}.xml", f'capability="{name}"') for name in ("resourcelist", "changelist")
        ]
        self.say("/resourcesync/capabilitylist.xml", urlset('capability="capabilitylist"', *lists))
        part = entry(f"{base}/resourcesync/resourcelist/0.xml", f'at="{at}"', "sitemap")
        self.say("/resourcesync/resourcelist.xml", urlset(f'at="{at}"', part, root="sitemapindex"))
        self.say("/resourcesync/resourcelist/0.xml", urlset(f'at="{at}"', *entries))

    def changed(self, since: str, *entries: str) -> None:
        one = entry("/resourcesync/changelist/0.xml", f'from="{since}"', "sitemap")
        self.say("/resourcesync/changelist.xml", urlset(f'from="{since}"', one, root="sitemapindex"))
        self.say("/resourcesync/changelist/0.xml", urlset(f'from="{since}"', *entries))


@pytest.fixture
def archive() -> Iterator[Archive]:
    served = Archive()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append((self.path, self.headers.get("Authorization")))
            status, body = served.said.get(self.path, (404, b""))
            packed = served.packed and "gzip" in self.headers.get("Accept-Encoding", "")
            self.send_response(status)
            if packed:
                body = gzip.compress(body)
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing is said."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    yield served
    server.shutdown()
    server.server_close()


def bag(
    article: str, version: int = 1, seal: str = SEAL, told: str = "", base: str = "https://public.example.org"
) -> str:
    address = f"{base}/resourcesync/bags/{article}/v{version}.tar"
    return entry(address, f'hash="sha-256:{seal}" length="{len(DATA)}" {told}')


def listing(archive: Archive, folder: Path, url: str | None = None) -> list[Offered]:
    with ResourceSyncSource("f", url or archive.url, folder / "mark.json", key="k") as source:
        found = list(source.listing())
        source.remembered()
    return found


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ending", ["", "/", "/.well-known/resourcesync"])
def test_every_bag_is_offered_and_then_what_has_changed(
    archive: Archive, tmp_path: Path, packed: bool, ending: str
) -> None:
    archive.packed = packed
    archive.offers(bag(A), bag(A, 12), bag(B))
    found = listing(archive, tmp_path, archive.url + ending)
    assert [(one.name, one.bytes, one.version) for one in found] == [
        (f"{A}/v000001.tar", len(DATA), SEAL),
        (f"{A}/v000012.tar", len(DATA), SEAL),
        (f"{B}/v000001.tar", len(DATA), SEAL),
    ]
    assert {key for _, key in archive.asked} == {"Bearer k"}
    archive.changed(
        "2026-11-27T09:00:00Z",
        bag(A, told='change="created" datetime="2026-11-27T09:59:59Z"'),
        bag(B, 2, told='change="created" datetime="2026-11-27T10:00:00Z"'),
        bag(A, told='change="deleted" datetime="2026-11-27T10:00:05Z"'),
    )
    found = listing(archive, tmp_path, archive.url + ending)
    assert [(one.name, one.withdrawn) for one in found] == [
        (f"{B}/v000002.tar", False),
        (f"{A}/v000001.tar", True),
        (f"{A}/withdrawal.json", False),
    ]
    assert "/resourcesync/resourcelist/0.xml" not in [path for path, _ in archive.asked[-5:]]
    assert [one.name for one in listing(archive, tmp_path, archive.url + ending)] == [one.name for one in found[1:]]


def test_where_the_changes_begin_too_late_everything_is_listed_again(archive: Archive, tmp_path: Path) -> None:
    archive.offers(bag(A))
    listing(archive, tmp_path)
    archive.changed("2026-11-27T11:00:00Z")
    archive.offers(bag(A), bag(B), at="2026-11-27T11:30:00Z")
    archive.changed("2026-11-27T11:00:00Z")
    assert len(listing(archive, tmp_path)) == 2
    archive.changed("2026-11-27T11:00:00Z", bag(A, told='change="deleted" datetime="2026-11-27T11:00:00Z"'))
    assert [one.name for one in listing(archive, tmp_path)] == [f"{A}/v000001.tar", f"{A}/withdrawal.json"]


def test_everything_is_listed_again_once_a_month(archive: Archive, tmp_path: Path) -> None:
    """A peer whose right was widened hears of what lay there before."""
    archive.offers(bag(A))
    archive.changed("2026-11-27T00:00:00Z")
    assert len(listing(archive, tmp_path)) == 1
    archive.offers(bag(A), bag(B), at="2026-12-20T10:00:00Z")
    archive.changed("2026-11-27T00:00:00Z")
    assert listing(archive, tmp_path) == []
    archive.offers(bag(A), bag(B), at="2026-12-27T10:00:00Z")
    archive.changed("2026-11-27T00:00:00Z", bag(A, told='change="updated" datetime="2026-12-01T00:00:00Z"'))
    assert [one.name[:1] for one in listing(archive, tmp_path)] == ["a", "a", "b"]
    assert [one.name[:1] for one in listing(archive, tmp_path)] == ["a"]


def test_no_list_leads_anywhere_else(archive: Archive, tmp_path: Path) -> None:
    archive.offers(
        bag(A, base="http://169.254.169.254"),
        entry("http://169.254.169.254/latest/meta-data", f'hash="sha-256:{SEAL}" length="1"'),
        entry(f"file:///resourcesync/bags/{A}/v1.tar/../../etc/passwd", f'hash="sha-256:{SEAL}" length="1"'),
        entry(f"https://x.example/resourcesync/bags/{B}/v0.tar", f'hash="sha-256:{SEAL}" length="1"'),
        entry(f"https://x.example/resourcesync/bags/{B}/v1.tar", 'hash="md5:00" length="1"'),
        entry(f"https://x.example/resourcesync/bags/{B}/v1.tar", f'hash="sha-256:{SEAL}" length="-1"'),
    )
    assert [one.name for one in listing(archive, tmp_path)] == [f"{A}/v000001.tar"]
    archive.say(f"/resourcesync/bags/{A}/v1.tar", DATA)
    with ResourceSyncSource("f", archive.url, tmp_path / "m", key=None) as source:
        source.fetch(Offered(f"{A}/v000001.tar", len(DATA), None, SEAL), tmp_path / "bag")
    assert (tmp_path / "bag").read_bytes() == DATA
    part = entry("http://169.254.169.254/list.xml", 'at="2026-11-27T10:00:00Z"', "sitemap")
    archive.say("/resourcesync/resourcelist.xml", urlset('at="2026-11-27T10:00:00Z"', part, root="sitemapindex"))
    with pytest.raises(FeedFailed, match="no list of a Mahfuz"):
        listing(archive, tmp_path / "other")


GOOD = urlset('at="2026-11-27T10:00:00Z"', bag(A))
BAD = {
    "no XML": b"<html><body>hello",
    "another root": b"<html/>",
    "cut": GOOD[:-10],
    "nothing": b"",
    "an entity": b'<!DOCTYPE urlset [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + GOOD.replace(b"public", b"&x;"),
    "a long address": urlset("", entry("x" * 100_000, "")),
}


@pytest.mark.parametrize("why", [name for name in BAD if name != "an entity"])
def test_a_list_that_is_none_is_told_and_nothing_is_remembered(archive: Archive, tmp_path: Path, why: str) -> None:
    archive.offers()
    archive.say("/resourcesync/resourcelist/0.xml", BAD[why])
    with pytest.raises(FeedFailed):
        listing(archive, tmp_path)
    assert not (tmp_path / "mark.json").exists()


def test_entities_are_not_followed(archive: Archive, tmp_path: Path) -> None:
    archive.offers()
    archive.say("/resourcesync/resourcelist/0.xml", BAD["an entity"])
    found = listing(archive, tmp_path)
    assert all("root" not in one.name for one in found)


def test_a_refusal_is_told_in_the_archives_own_words(archive: Archive, tmp_path: Path) -> None:
    archive.offers(bag(A))
    archive.say("/resourcesync/resourcelist.xml", b"Send your key.", 401)
    with pytest.raises(FeedFailed, match=r"refuses us \(401\): 'Send your key.'"):
        listing(archive, tmp_path)


def test_what_does_not_bear_its_seal_is_never_left_lying(archive: Archive, tmp_path: Path) -> None:
    offered = Offered(f"{A}/v000001.tar", len(DATA), None, SEAL)
    path = f"/resourcesync/bags/{A}/v1.tar"
    with ResourceSyncSource("f", archive.url, tmp_path / "m", key=None) as source:
        for body, error in ((DATA[:-1] + b"!", NotAsPromised), (DATA + b"more", NotAsListed), (b"", NotAsPromised)):
            archive.say(path, body)
            with pytest.raises(error):
                source.fetch(offered, tmp_path / "bag")
            (tmp_path / "bag").unlink(missing_ok=True)
        archive.say(path, b"", 410)
        with pytest.raises(NotAsListed):
            source.fetch(offered, tmp_path / "bag")
        archive.say(path, b"no", 503)
        for _ in range(17):
            with pytest.raises(NotAsPromised):
                source.fetch(offered, tmp_path / "bag")
        with pytest.raises(FeedFailed, match="in a row"):
            source.fetch(offered, tmp_path / "bag")


def test_a_long_list_takes_no_memory() -> None:
    head, one, end = GOOD[: GOOD.index(b"<url>")], GOOD[GOOD.index(b"<url>") : -len("</urlset>")], b"</urlset>"

    left = iter([head, *[one * 100] * 400, end])

    class Answer:
        headers: Mapping[str, str] = MappingProxyType({})

        def read1(self, _size: int) -> bytes:
            return next(left, b"")

    tracemalloc.start()
    number = sum(1 for _ in sitemaps.read("f", Answer(), "x").entries)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert number == 40_000
    assert peak < 4 << 20


@pytest.mark.parametrize(
    "name", ["x", f"{A}/v1.tar", f"{A}/withdrawal.json", f"{A}/v000001.tar/", f"../{A}/v000001.tar"]
)
def test_only_a_bags_name_is_one(name: str) -> None:
    assert bag_of(name) is None


def test_the_settings_of_such_a_feed(tmp_path: Path) -> None:
    given = {"name": "birinci", "publisher": "Birinci", "kind": "resourcesync", "url": "https://arsiv.example.org"}
    (tmp_path / "key").write_text("from the file\n")
    assert FeedSettings.model_validate(given).secret() is None
    assert FeedSettings.model_validate(given | {"key": "here"}).secret() == "here"
    assert FeedSettings.model_validate(given | {"key_file": tmp_path / "key"}).secret() == "from the file"
    assert "here" not in repr(FeedSettings.model_validate(given | {"key": "here"}))
    for wrong in (
        {"key": "a", "key_file": "b"},
        {"profile": "x"},
        {"user": "x"},
        {"quiet_seconds": 3},
        {"url": "ftp://x"},
        {"after": "delete"},
    ):
        with pytest.raises(ValueError, match=r"resourcesync|not both"):
            FeedSettings.model_validate(given | wrong)
    with pytest.raises(ValueError, match="key means nothing"):
        FeedSettings.model_validate({"name": "a", "publisher": "A", "kind": "folder", "url": "file:///x", "key": "k"})
