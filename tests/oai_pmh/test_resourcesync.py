"""Bags for other archives: who may have them, what the lists say, and that no wrong byte passes for a whole bag."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pages
import pytest
from lxml import etree
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

import oai_pmh.resourcesync.web as web
from oai_pmh.resourcesync.listing import Lists
from repository.access.peers import Peer
from repository.catalogue import changes, notices, testimony
from repository.models import Aip, Article, Change, Copy
from repository.notice import Notice, NoticeKind
from repository.vocabulary import EventType, as_utc_text, bag_key
from repository.web import streaming

KEY = "an1ahtar-of-the-second-archive"
ASK = {"Authorization": f"Bearer {KEY}"}
NS = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9", "rs": "http://www.openarchives.org/rs/terms/"}
PEER = Peer("ikinci", KEY)


@pytest.fixture
def archive(database_url: str) -> Iterator[pages.Site]:
    site = pages.site(database_url, peers=(PEER,))
    yield site
    site.catalogue.close()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lists are asked for ten seconds from now: every datestamp has come."""
    now = changes.now
    monkeypatch.setattr(web.Lists, "now", lambda lists: _at(lists, now) + timedelta(seconds=10))


def _at(lists: Lists, now: Any) -> datetime:
    with lists.catalogue.reading() as session:
        moment: datetime = now(session)
    return moment


def enter(archive: pages.Site, number: int, version: int = 1, publisher: str = "Örnek Yayınevi", size: int = 40) -> str:
    """An article whose bag bears its true seal."""
    data = {"makale.pdf": f"%PDF-1.7 {number} {version}".encode().ljust(size, b".")}
    identifier = pages.enter(archive, pages.record(number), data, version=version, publisher=publisher)
    bag = archive.shelf.objects["main", bag_key(identifier, version)]
    with archive.catalogue.writing() as session:
        aip = session.query(Aip).filter_by(article_id=identifier, version=version).one()
        aip.seal = hashlib.sha256(bag).hexdigest()
    return identifier


def withdraw(archive: pages.Site, identifier: str, number: int = 1) -> None:
    kind = NoticeKind.WITHDRAWAL if number % 2 else NoticeKind.RESTORATION
    now = datetime.now(UTC).replace(microsecond=0)
    with archive.catalogue.writing() as session:
        standing = notices.standing(session, identifier)
        notice = Notice(identifier, number, kind, now, "Ayşe", "Dergi istedi.", standing.promised, "tr", standing.seal)
        notices.enter(session, notice, agent="mahfuz test")


def ask(archive: pages.Site, address: str, **headers: str) -> TestResponse:
    return archive.client.get(address, headers=ASK | headers)


def read(answer: TestResponse) -> etree._Element:
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "application/xml"
    return etree.fromstring(answer.data)


def entries(root: etree._Element) -> list[tuple[str, dict[str, str]]]:
    """Address and ``rs:md`` of each entry."""
    return [
        (
            entry.findtext("s:loc", namespaces=NS) or "",
            dict(md.attrib) if (md := entry.find("rs:md", NS)) is not None else {},
        )
        for entry in root.iterfind("*", NS)
        if etree.QName(entry).localname in ("url", "sitemap")
    ]


def told(root: etree._Element) -> dict[str, str]:
    md = root.find("rs:md", NS)
    assert md is not None
    return dict(md.attrib)


def links(node: etree._Element) -> list[tuple[str, str]]:
    return [(one.get("rel", ""), one.get("href", "")) for one in node.iterfind("rs:ln", NS)]


def walk(archive: pages.Site) -> list[tuple[str, dict[str, str]]]:
    """Every bag of the resource list, found from the source description on, as a stranger finds it."""
    description = read(ask(archive, "/.well-known/resourcesync"))
    assert told(description) == {"capability": "description"}
    ((capabilities, of),) = entries(description)
    assert of == {"capability": "capabilitylist"}
    offered = read(ask(archive, capabilities))
    assert ("up", "http://localhost/.well-known/resourcesync") in links(offered)
    where = {md["capability"]: address for address, md in entries(offered)}
    assert set(where) == {"resourcelist", "changelist"}
    index = read(ask(archive, where["resourcelist"]))
    assert etree.QName(index).localname == "sitemapindex"
    assert links(index) == [("up", capabilities)]
    found = []
    for part, md in entries(index):
        assert md["at"] == told(index)["at"]
        document = read(ask(archive, part))
        assert links(document) == [("up", capabilities), ("index", where["resourcelist"])]
        assert told(document)["capability"] == "resourcelist"
        assert told(document)["at"] >= md["at"]
        found += entries(document)
    return found


def changes_of(archive: pages.Site) -> list[tuple[str, str, int]]:
    """Kind, article and version of every change, in order."""
    index = read(ask(archive, "/resourcesync/changelist.xml"))
    lists = entries(index)
    assert all("until" in md for _, md in lists[:-1])
    assert "until" not in lists[-1][1]
    found = []
    for (address, md), (_, following) in zip(lists, [*lists[1:], (None, None)], strict=True):
        document = read(ask(archive, address))
        assert told(document) == {"capability": "changelist", **md}
        if following is not None:
            assert following["from"] == md["until"]
        moments = [one["datetime"] for _, one in entries(document)]
        assert moments == sorted(moments)
        assert all(md["from"] <= moment <= md.get("until", "9") for moment in moments)
        for bag, one in entries(document):
            article, version = re.fullmatch(r"http://localhost/resourcesync/bags/(\w+)/v(\d+)\.tar", bag).groups()  # type: ignore[union-attr]
            found.append((one["change"], article, int(version)))
    return found


def test_every_bag_is_listed_with_its_seal_and_its_length(archive: pages.Site) -> None:
    expected = {}
    for number in (1, 2):
        identifier = enter(archive, number)
        expected[identifier, 1] = archive.shelf.objects["main", bag_key(identifier, 1)]
    expected[identifier, 2] = b""
    enter(archive, 2, version=2)
    expected[identifier, 2] = archive.shelf.objects["main", bag_key(identifier, 2)]
    listed = walk(archive)
    assert [address for address, _ in listed] == [
        f"http://localhost/resourcesync/bags/{article}/v{version}.tar" for article, version in expected
    ]
    for (address, md), data in zip(listed, expected.values(), strict=True):
        digest = hashlib.sha256(data).hexdigest()
        assert md == {"hash": f"sha-256:{digest}", "length": str(len(data)), "type": "application/x-tar"}
        answer = ask(archive, address)
        assert answer.data == data
        assert answer.headers["ETag"] == f'"{digest}"'
        assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(bytes.fromhex(digest)).decode()}:"
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.headers["Content-Type"] == "application/x-tar"
    document = read(ask(archive, "/resourcesync/resourcelist/0.xml"))
    ((relation, record),) = links(document.findall("s:url", NS)[0])
    assert relation == "describedby"
    article = listed[0][0].split("/")[5]
    assert record.endswith(f"verb=GetRecord&metadataPrefix=oai_dc&identifier=oai:mahfuz.example.org:{article}")


@pytest.mark.usefixtures("later")
def test_parts_and_lists_are_bounded_and_stay_where_they_are(archive: pages.Site) -> None:
    make(archive, part=3, block=4)
    ids = [enter(archive, number) for number in range(1, 9)]
    index = read(ask(archive, "/resourcesync/resourcelist.xml"))
    assert [address for address, _ in entries(index)] == [
        f"http://localhost/resourcesync/resourcelist/{number}.xml" for number in range(3)
    ]
    listed = [address.split("/")[5] for address, _ in walk(archive)]
    assert listed == ids
    assert [(kind, article) for kind, article, _ in changes_of(archive)] == [("created", article) for article in ids]
    lists = entries(read(ask(archive, "/resourcesync/changelist.xml")))
    assert len(lists) == 3, "two that are closed, and the open one"
    first = ask(archive, lists[0][0]).data
    enter(archive, 9)
    assert ask(archive, lists[0][0]).data == first, "a closed list is never another"
    assert ask(archive, "/resourcesync/resourcelist/3.xml").status_code == 404
    assert ask(archive, "/resourcesync/changelist/3.xml").status_code == 404


def make(archive: pages.Site, **changes: Any) -> None:
    """The lists of this archive with other bounds, or by another clock."""
    lists = archive.app.view_functions["resourcesync.resource_list"].args[0].lists  # type: ignore[attr-defined]
    for name, value in changes.items():
        object.__setattr__(lists, name, value)


@pytest.mark.usefixtures("later")
def test_what_was_withdrawn_is_deleted_and_what_is_shown_again_is_created(archive: pages.Site) -> None:
    one, other = enter(archive, 1), enter(archive, 2)
    enter(archive, 1, version=2)
    withdraw(archive, one)
    assert [address.split("/")[5] for address, _ in walk(archive)] == [other]
    assert ask(archive, f"/resourcesync/bags/{one}/v1.tar").status_code == 404
    document = read(ask(archive, "/resourcesync/changelist/0.xml"))
    gone = document.findall("s:url", NS)[-1]
    assert ("describedby", f"http://localhost/articles/{one}.json") in links(gone)
    assert gone.find("s:lastmod", NS) is None
    before = changes_of(archive)
    assert before[-2:] == [("deleted", one, 1), ("deleted", one, 2)]
    withdraw(archive, one, 2)
    assert changes_of(archive) == [*before, ("created", one, 1), ("created", one, 2)]
    assert len(walk(archive)) == 3


@pytest.mark.usefixtures("later")
def test_a_version_that_was_disposed_of_is_in_no_list(archive: pages.Site) -> None:
    identifier = enter(archive, 1)
    enter(archive, 1, version=2)
    withdraw(archive, identifier)
    with archive.catalogue.writing() as session:
        gone = session.query(Aip).filter_by(article_id=identifier, version=1).one().id
        session.query(Copy).filter_by(aip_id=gone).update({"state": "disposed"})
    withdraw(archive, identifier, 2)
    assert [address.rpartition("/")[2] for address, _ in walk(archive)] == ["v2.tar"]
    assert changes_of(archive)[-3:] == [
        ("deleted", identifier, 1),
        ("deleted", identifier, 2),
        ("created", identifier, 2),
    ]
    assert ask(archive, f"/resourcesync/bags/{identifier}/v1.tar").status_code == 404
    assert ask(archive, f"/resourcesync/bags/{identifier}/v2.tar").status_code == 200


@pytest.mark.usefixtures("later")
def test_what_is_announced_again_is_told_again(archive: pages.Site) -> None:
    identifier = enter(archive, 1)
    with archive.catalogue.writing() as session:
        changes.announce(session, session.get_one(Article, identifier))
    assert changes_of(archive) == [("created", identifier, 1), ("updated", identifier, 1)]


def test_a_change_is_told_when_the_clock_reaches_it_and_not_before(archive: pages.Site) -> None:
    identifier = enter(archive, 1)
    with archive.catalogue.reading() as session:
        moment = session.get_one(Article, identifier).datestamp
    make(archive, clock=lambda _: moment - timedelta(seconds=1))
    assert changes_of(archive) == []
    make(archive, clock=lambda _: moment)
    assert changes_of(archive) == [("created", identifier, 1)]
    assert as_utc_text(moment) in ask(archive, "/resourcesync/changelist/0.xml").text


@pytest.mark.usefixtures("later")
def test_what_a_rebuild_entered_is_no_change(archive: pages.Site) -> None:
    """A client that was here before it is told to begin anew: the index begins later than where the client stopped."""
    now = datetime.now(UTC)
    make(archive, block=2)
    old = [enter(archive, number) for number in range(1, 6)]
    withdraw(archive, old[1])
    withdraw(archive, old[2])
    withdraw(archive, old[2], 2)
    with archive.catalogue.writing() as session:
        for place, identifier in enumerate(old):
            past = now - timedelta(days=9 - place % 3)
            session.query(Article).filter_by(id=identifier).update({"datestamp": past})
            session.query(Change).filter_by(article_id=identifier).update({"datestamp": past})
        testimony.witness(
            session, EventType.REBUILD, at=now, outcome="success", agent="t", detail={"begins": "anew", "lost": None}
        )
    new = enter(archive, 7)
    assert changes_of(archive) == [("deleted", old[1], 1), ("created", new, 1)]
    index = read(ask(archive, "/resourcesync/changelist.xml"))
    assert told(index)["from"] == as_utc_text(now)
    assert len(walk(archive)) == 5


@pytest.mark.usefixtures("later")
def test_an_empty_archive_has_lists_too(archive: pages.Site) -> None:
    assert walk(archive) == []
    assert changes_of(archive) == []


def test_lists_are_compressed_where_that_is_asked_for(archive: pages.Site) -> None:
    enter(archive, 1)
    plain = ask(archive, "/resourcesync/resourcelist/0.xml")
    packed = ask(archive, "/resourcesync/resourcelist/0.xml", **{"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert re.sub(rb'at="[^"]+"', b"", gzip.decompress(packed.data)) == re.sub(rb'at="[^"]+"', b"", plain.data)
    head = archive.client.head("/resourcesync/resourcelist/0.xml", headers=ASK)
    assert (head.status_code, head.data) == (200, b"")


CLOSED = ["resourcelist.xml", "resourcelist/0.xml", "changelist.xml", "changelist/0.xml", "bags/{}/v1.tar"]


@pytest.mark.parametrize("address", CLOSED)
def test_who_has_no_right_gets_an_explanation_and_nothing_else(archive: pages.Site, address: str) -> None:
    identifier = enter(archive, 1)
    where = f"/resourcesync/{address.format(identifier)}"
    wrong = [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic !!"},
        {"Authorization": f"Digest {KEY}"},
        {"Authorization": "Basic " + base64.b64encode(f"baska:{KEY}".encode()).decode()},
    ]
    for headers in wrong:
        answer = archive.client.get(where, headers=headers)
        assert answer.status_code == 401, headers
        assert "Bearer" in answer.headers["WWW-Authenticate"]
        assert "Authorization: Bearer KEY" in answer.text
        assert identifier not in answer.text
    assert archive.shelf.opened == []
    right = "Basic " + base64.b64encode(f"ikinci:{KEY}".encode()).decode()
    assert archive.client.get(where, headers={"Authorization": right}).status_code == 200


def test_without_peers_only_staff_have_bags(tmp_path_factory: pytest.TempPathFactory) -> None:
    site = pages.site(f"sqlite:///{tmp_path_factory.mktemp('rs') / 'c.sqlite'}")
    identifier = enter(site, 1)
    for address in CLOSED:
        where = f"/resourcesync/{address.format(identifier)}"
        assert site.client.get(where, headers=ASK).status_code == 403
    browser = site.staff_client()
    assert browser.get(f"/resourcesync/bags/{identifier}/v1.tar").status_code == 200
    assert site.client.get("/.well-known/resourcesync").status_code == 200
    site.catalogue.close()


@pytest.mark.parametrize(
    ("networks", "key", "address", "status"),
    [
        (["192.0.2.0/24"], None, "192.0.2.7", 200),
        (["192.0.2.0/24"], None, "::ffff:192.0.2.7", 200),
        (["192.0.2.0/24"], None, "198.51.100.7", 401),
        (["2001:db8::/32"], None, "2001:db8::1", 200),
        (["192.0.2.0/24"], KEY, "192.0.2.7", 200),
        (["192.0.2.0/24"], KEY, "198.51.100.7", 401),
        (["192.0.2.0/24"], "another key of twenty letters", "192.0.2.7", 401),
    ],
)
def test_a_peer_is_known_by_its_address_behind_our_own_proxy_alone(
    tmp_path_factory: pytest.TempPathFactory, networks: list[str], key: str | None, address: str, status: int
) -> None:
    peer = Peer("ikinci", key, tuple(ip_network(one) for one in networks))
    url = f"sqlite:///{tmp_path_factory.mktemp('rs') / 'c.sqlite'}"
    site = pages.site(url, peers=(peer,), trusted_proxies=1)
    headers = ASK | {"X-Forwarded-For": f"203.0.113.9, {address}"}
    assert site.client.get("/resourcesync/resourcelist.xml", headers=headers).status_code == status
    site.catalogue.close()
    straight = pages.site(url, peers=(peer,))
    answer = straight.client.get("/resourcesync/resourcelist.xml", headers=headers)
    assert answer.status_code == 401, "an address that anybody may claim opens nothing"
    straight.catalogue.close()


@pytest.mark.usefixtures("later")
def test_a_peer_sees_and_gets_the_bags_of_its_publishers_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    peer = Peer("ikinci", KEY, publishers=frozenset({"Örnek Yayınevi", "Nobody"}))
    site = pages.site(f"sqlite:///{tmp_path_factory.mktemp('rs') / 'c.sqlite'}", peers=(peer,))
    ours, theirs = enter(site, 1), enter(site, 2, publisher="Başka Yayınevi")
    assert [address.split("/")[5] for address, _ in walk(site)] == [ours]
    assert changes_of(site) == [("created", ours, 1)]
    assert ask(site, f"/resourcesync/bags/{ours}/v1.tar").status_code == 200
    refused = ask(site, f"/resourcesync/bags/{theirs}/v1.tar")
    assert (refused.status_code, "publisher" in refused.text) == (403, True)
    site.catalogue.close()


@pytest.mark.parametrize("size", [40, streaming.WHOLE + 1000])
def test_a_bag_is_given_by_ranges(archive: pages.Site, size: int) -> None:
    identifier = enter(archive, 1, size=size)
    bag = archive.shelf.objects["main", bag_key(identifier, 1)]
    address = f"/resourcesync/bags/{identifier}/v1.tar"
    head = archive.client.head(address, headers=ASK)
    assert (head.status_code, head.content_length, head.data) == (200, len(bag), b"")
    seal = head.headers["ETag"]
    part = ask(archive, address, Range="bytes=100-", **{"If-Range": seal})
    assert (part.status_code, part.data) == (206, bag[100:])
    other = ask(archive, address, Range="bytes=100-", **{"If-Range": '"another"'})
    assert (other.status_code, other.data) == (200, bag)
    assert ask(archive, address, **{"If-None-Match": seal}).status_code == 304
    assert ask(archive, address, Range=f"bytes={len(bag)}-").status_code == 416


@pytest.mark.parametrize("version", ["0", "2", "9999999", "x", "-1"])
def test_a_version_that_there_is_not_is_not_found(archive: pages.Site, version: str) -> None:
    identifier = enter(archive, 1)
    assert ask(archive, f"/resourcesync/bags/{identifier}/v{version}.tar").status_code == 404


def test_who_had_how_many_bytes_is_written_down(archive: pages.Site) -> None:
    identifier = enter(archive, 1, size=1000)
    bag = archive.shelf.objects["main", bag_key(identifier, 1)]
    with capture_logs() as lines:
        ask(archive, f"/resourcesync/bags/{identifier}/v1.tar").close()
        ask(archive, f"/resourcesync/bags/{identifier}/v1.tar", Range="bytes=10-19").close()
        archive.client.get(f"/resourcesync/bags/{identifier}/v1.tar").close()
    given = [line for line in lines if line["event"] == "bag given"]
    assert [(line["peer"], line["article"], line["version"], line["bytes"]) for line in given] == [
        ("ikinci", identifier, 1, len(bag)),
        ("ikinci", identifier, 1, 10),
    ]
    assert [line["why"] for line in lines if line["event"] == "bag refused"] == ["unknown_peer"]
    assert KEY not in repr(lines)


def test_only_a_copy_that_is_known_to_be_good_is_given(archive: pages.Site) -> None:
    identifier = pages.enter(archive, pages.record(1), verified={"main": None, "second": pages.NOW})
    ask(archive, f"/resourcesync/bags/{identifier}/v1.tar", Range="bytes=0-9").close()
    assert {store for store, *_ in archive.shelf.opened} == {"second"}


def test_a_damaged_copy_is_passed_over_and_a_large_one_breaks_off(archive: pages.Site) -> None:
    small, large = enter(archive, 1, size=900), enter(archive, 2, size=streaming.WHOLE + 5000)
    for identifier in (small, large):
        archive.shelf.flip("main", bag_key(identifier, 1), 600)
    intact = archive.shelf.objects["second", bag_key(small, 1)]
    assert ask(archive, f"/resourcesync/bags/{small}/v1.tar").data == intact
    answer = archive.client.get(f"/resourcesync/bags/{large}/v1.tar", headers=ASK, buffered=False)
    got = []
    with pytest.raises(streaming.BrokenOff):
        got.extend(answer.iter_encoded())
    answer.close()
    assert sum(map(len, got)) < (answer.content_length or 0)
    bag = archive.shelf.objects["second", bag_key(large, 1)]
    assert ask(archive, f"/resourcesync/bags/{large}/v1.tar").data == bag
