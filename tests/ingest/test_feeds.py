"""Feeds bring whole deliveries from real servers, once; nothing half-written, nothing from outside their place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncssh
import pytest
from servers import S3Server
from sftp_server import PASSWORD, USER, SftpServer, sftp_server
from sqlalchemy import select

from ingest.feeds import Feed, Offered, bring, completion_problem, due
from ingest.feeds.folder import FolderSource
from ingest.feeds.offered import NotAsPromised, append, name_problem, part_name
from ingest.feeds.s3 import S3Source
from ingest.feeds.sftp import Account, SftpSource
from ingest.inbox import Arrived
from repository.catalogue import Catalogue, feeds, schema
from repository.models import Feed as FeedRow
from repository.models import FeedItem
from repository.storage.s3 import ForeignBucket, S3Limits
from repository.vocabulary import utc_now


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    found = Catalogue(f"sqlite:///{tmp_path / 'catalogue.sqlite'}")
    schema.migrate(found)
    yield found
    found.close()


@pytest.fixture
def outgoing(tmp_path: Path) -> Path:
    folder = tmp_path / "outgoing"
    folder.mkdir()
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def a_feed(open_source: Callable[[], Any], **more: Any) -> Feed:
    return Feed(
        name="ornek",
        publisher="Örnek Yayınevi",
        kind="folder",
        place="here",
        open=open_source,
        next_after=lambda at: at + timedelta(hours=1),
        **{"quiet_seconds": 0, **more},
    )


def of_folder(folder: Path, **more: Any) -> Feed:
    return a_feed(lambda: FolderSource("ornek", folder), **more)


def look(feed: Feed, catalogue: Catalogue, home: Path, clock: Callable[[], datetime] = utc_now) -> list[Arrived]:
    return list(bring(feed, catalogue, home, clock))


def told(catalogue: Catalogue) -> FeedRow:
    with catalogue.reading() as session:
        row = feeds.state_of(session, "ornek")
    assert row is not None
    return row


def states(catalogue: Catalogue) -> dict[str, str]:
    with catalogue.reading() as session:
        return dict(session.execute(select(FeedItem.name, FeedItem.state)).all())


def kept_names(arrived: list[Arrived]) -> list[tuple[str, ...]]:
    return sorted(one.file_names for one in arrived)


# --- what every feed does, on a folder ------------------------------------------------------------------------


def test_a_delivery_is_brought_once_and_stays_where_it_was(catalogue: Catalogue, outgoing: Path, home: Path) -> None:
    (outgoing / "2024").mkdir()
    (outgoing / "2024" / "issue.zip").write_bytes(b"an issue")
    feed = of_folder(outgoing)
    (arrived,) = look(feed, catalogue, home)
    assert [path.read_bytes() for path in arrived.files] == [b"an issue"]
    assert look(feed, catalogue, home) == []
    assert (outgoing / "2024" / "issue.zip").exists()
    assert told(catalogue).last_arrival_at is not None
    assert told(catalogue).last_error is None
    assert [path for path in (home / "feeds").rglob("*") if path.is_file() and path.name != "lock"] == []


def test_other_bytes_under_a_known_name_are_another_delivery(catalogue: Catalogue, outgoing: Path, home: Path) -> None:
    (outgoing / "issue.zip").write_bytes(b"first")
    (outgoing / "issue.zip.md5").write_bytes(b"of the first")
    feed = of_folder(outgoing)
    (first,) = look(feed, catalogue, home)
    (outgoing / "issue.zip").write_bytes(b"corrected")
    (second,) = look(feed, catalogue, home)
    assert first.delivery_id != second.delivery_id
    assert second.file_names == ("issue.zip", "issue.zip.md5"), "the files that did not change belong to it"


def test_the_same_bytes_under_two_names_are_one_delivery(catalogue: Catalogue, outgoing: Path, home: Path) -> None:
    (outgoing / "a.zip").write_bytes(b"the same")
    (outgoing / "b.zip").write_bytes(b"the same")
    arrived = look(of_folder(outgoing), catalogue, home)
    assert len({one.delivery_id for one in arrived}) == 1
    assert len([path for path in (home / "deliveries").iterdir() if not path.name.startswith(".")]) == 1
    assert states(catalogue) == {"a.zip": "fetched", "b.zip": "fetched"}


@pytest.mark.parametrize("kept", [True, False])
def test_what_cannot_be_taken_away_is_told_and_holds_nobody_up(
    catalogue: Catalogue, outgoing: Path, home: Path, kept: bool
) -> None:
    for name in ("a.zip", "b.zip"):
        (outgoing / name).write_bytes(name.encode())
    (outgoing / ".taken").write_bytes(b"no folder can be made here")
    feed = of_folder(outgoing, after="move")
    assert kept_names(look(feed, catalogue, home)) == [("a.zip",), ("b.zip",)]
    assert "a.zip is kept and could not be taken away there" in (told(catalogue).last_error or "")
    assert look(feed, catalogue, home) == []
    assert told(catalogue).last_error is not None, "it is still so"
    (outgoing / ".taken").unlink()
    if not kept:
        (outgoing / "a.zip").write_bytes(b"of other bytes")
    assert len(look(feed, catalogue, home)) == (0 if kept else 1)
    assert told(catalogue).last_error is None
    assert sorted(path.name for path in (outgoing / ".taken").iterdir()) == ["a.zip", "b.zip"]


def test_what_a_killed_look_had_kept_is_taken_away_by_the_next(
    catalogue: Catalogue, outgoing: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Nothing catches this."""

    def kill(*_: object) -> None:
        raise Killed

    (outgoing / "issue.zip").write_bytes(b"an issue")
    feed = of_folder(outgoing, after="delete")
    with monkeypatch.context() as patched:
        patched.setattr(FolderSource, "remove", kill)
        with pytest.raises(Killed):
            look(feed, catalogue, home)
    assert (outgoing / "issue.zip").exists()
    assert look(feed, catalogue, home) == []
    assert list(outgoing.iterdir()) == []
    assert states(catalogue) == {}


def test_what_the_publisher_takes_away_again_is_waited_for_no_longer(
    catalogue: Catalogue, outgoing: Path, home: Path
) -> None:
    (outgoing / "CLKS007A.tar").write_bytes(b"never finished")
    (outgoing / "large.zip").write_bytes(b"x" * 200)
    feed, now = of_folder(outgoing, max_bytes=100), utc_now()
    assert look(feed, catalogue, home, lambda: now) == []
    assert states(catalogue) == {"CLKS007A.tar": "seen", "large.zip": "failed"}
    for file in list(outgoing.iterdir()):
        file.unlink()
    assert look(feed, catalogue, home, lambda: now + timedelta(days=8)) == []
    assert told(catalogue).last_error is None
    assert states(catalogue) == {}


def test_a_schedule_that_was_made_shorter_counts_at_once(catalogue: Catalogue, outgoing: Path, home: Path) -> None:
    now = utc_now()
    look(replace(of_folder(outgoing), next_after=lambda at: at + timedelta(days=30)), catalogue, home, lambda: now)
    hourly = of_folder(outgoing)
    assert not due(hourly, catalogue, now + timedelta(minutes=59))
    assert due(hourly, catalogue, now + timedelta(minutes=61))
    assert due(hourly, catalogue, now - timedelta(days=365)), "the machine's clock was a year ahead"


@pytest.mark.parametrize(("after", "left"), [("delete", []), ("move", [".taken/issue.zip"])])
def test_what_is_kept_may_be_taken_away_at_the_publisher(
    catalogue: Catalogue, outgoing: Path, home: Path, after: str, left: list[str]
) -> None:
    (outgoing / "issue.zip").write_bytes(b"an issue")
    assert len(look(of_folder(outgoing, after=after), catalogue, home)) == 1
    assert [path.relative_to(outgoing).as_posix() for path in outgoing.rglob("*") if path.is_file()] == left
    assert states(catalogue) == {}


def test_a_file_is_left_alone_until_it_has_been_quiet(catalogue: Catalogue, outgoing: Path, home: Path) -> None:
    file = outgoing / "issue.zip"
    file.write_bytes(b"half")
    feed = of_folder(outgoing, quiet_seconds=60)
    now = utc_now()
    assert look(feed, catalogue, home, lambda: now + timedelta(seconds=30)) == []
    file.write_bytes(b"half and the rest")
    os.utime(file, ns=(0, int((now + timedelta(seconds=50)).timestamp()) * 10**9))
    assert look(feed, catalogue, home, lambda: now + timedelta(seconds=70)) == [], "it grew between the two looks"
    (arrived,) = look(feed, catalogue, home, lambda: now + timedelta(seconds=140))
    assert arrived.files[0].read_bytes() == b"half and the rest"


def test_a_file_that_grows_while_it_is_read_is_not_delivered(catalogue: Catalogue, outgoing: Path, home: Path) -> None:
    file = outgoing / "issue.zip"
    file.write_bytes(b"half")

    class Growing(FolderSource):
        def listing(self) -> Iterator[Offered]:
            listed = list(super().listing())
            with file.open("ab") as stream:
                stream.write(b" and the rest")
            return iter(listed)

    assert look(a_feed(lambda: Growing("ornek", outgoing)), catalogue, home) == []
    assert not (home / "deliveries").exists() or not list((home / "deliveries").glob("[0-9a-f]*"))
    (arrived,) = look(of_folder(outgoing), catalogue, home)
    assert arrived.files[0].read_bytes() == b"half and the rest"


def test_what_a_transfer_program_is_still_writing_is_passed_over(
    catalogue: Catalogue, outgoing: Path, home: Path
) -> None:
    for name in ("issue.zip.filepart", "issue.zip.part", "issue.zip.tmp", ".issue.zip"):
        (outgoing / name).write_bytes(b"half of it")
    assert look(of_folder(outgoing), catalogue, home) == []
    assert states(catalogue) == {}


def test_a_source_that_drips_is_given_up_for_now_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = count(step=400)
    monkeypatch.setattr("ingest.feeds.offered.time.monotonic", lambda: next(passed))
    target = tmp_path / "part"
    drops = iter([b"a", b"b", b"c"])
    with pytest.raises(NotAsPromised, match="only 1 bytes came in 400 s"):
        append(lambda _size: next(drops, b""), target, 0, None)
    assert target.read_bytes() == b"a"
    monkeypatch.undo()
    assert append(lambda _size: next(drops, b""), target, 1, None) == 3
    assert target.read_bytes() == b"abc"


def test_what_nobody_goes_on_with_is_swept(catalogue: Catalogue, outgoing: Path, home: Path) -> None:
    feed = of_folder(outgoing)
    parts = feed.folder(home) / "parts"
    parts.mkdir(parents=True)
    for name, days in (("old", 30), ("new", 1)):
        (parts / name).write_bytes(b"half")
        then = (utc_now() - timedelta(days=days)).timestamp()
        os.utime(parts / name, (then, then))
    look(feed, catalogue, home)
    assert [part.name for part in parts.iterdir()] == ["new"]


def test_a_link_is_not_followed(catalogue: Catalogue, outgoing: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.zip").write_bytes(b"of this machine")
    (outgoing / "issue.zip").symlink_to(tmp_path / "secret.zip")
    assert look(of_folder(outgoing), catalogue, home) == []


def test_names_that_lead_elsewhere_are_told_and_touch_nothing(catalogue: Catalogue, outgoing: Path, home: Path) -> None:
    (outgoing / "good.zip").write_bytes(b"good")
    fetched = []

    class Hostile(FolderSource):
        def listing(self) -> Iterator[Offered]:
            for name in ("../../evil.zip", "/etc/passwd", "a/../../b.zip", "x\n.zip", "..\\evil.zip", "c:" + "x" * 900):
                yield Offered(name, 4, utc_now(), "1")
            yield from super().listing()

        def fetch(self, offered: Offered, target: Path) -> None:
            fetched.append(offered.name)
            super().fetch(offered, target)

    (arrived,) = look(a_feed(lambda: Hostile("ornek", outgoing)), catalogue, home)
    assert arrived.file_names == ("good.zip",)
    assert fetched == ["good.zip"]
    assert set(states(catalogue)) == {"good.zip"}
    assert "leads out of the feed's place" in (told(catalogue).last_error or "")


def test_a_feed_that_fails_says_so_and_since_when(catalogue: Catalogue, outgoing: Path, home: Path) -> None:
    feed = of_folder(outgoing / "missing")
    now = utc_now()
    look(feed, catalogue, home, lambda: now)
    look(feed, catalogue, home, lambda: now + timedelta(hours=1))
    row = told(catalogue)
    assert "there is no folder" in (row.last_error or "")
    assert row.error_since == now
    assert row.next_due == now + timedelta(hours=2)
    (outgoing / "missing").mkdir()
    look(feed, catalogue, home)
    assert (told(catalogue).last_error, told(catalogue).error_since) == (None, None)


@pytest.mark.parametrize(
    ("names", "sidecar", "lacking"),
    [
        (["a.zip"], "none", None),
        (["a.zip"], "go.xml", "its go.xml"),
        (["a.zip", "a.go.xml"], "go.xml", None),
        (["a.zip", "a.zip.md5"], "md5", None),
        (["a.zip.md5"], "none", "the file that belongs to it"),
        (["a.sha256sum.txt"], "none", "the file that belongs to it"),
        (["CLKS001A.tar", "CLKS001B.tar"], "none", "its ready.xml"),
        (["CLKS001A.tar", "CLKS001B.tar", "CLKS001.ready.xml"], "none", None),
    ],
)
def test_when_a_set_of_files_is_a_delivery(names: list[str], sidecar: str, lacking: str | None) -> None:
    assert completion_problem(names, sidecar) == lacking


def test_sister_tars_wait_for_their_ready_xml_and_the_operator_is_told(
    catalogue: Catalogue, outgoing: Path, home: Path
) -> None:
    for name in ("CLKS007A.tar", "CLKS007B.tar"):
        (outgoing / name).write_bytes(name.encode())
    feed, now = of_folder(outgoing, max_wait_days=7), utc_now()
    assert look(feed, catalogue, home, lambda: now) == []
    assert told(catalogue).last_error is None
    assert look(feed, catalogue, home, lambda: now + timedelta(days=8)) == []
    assert "for its ready.xml" in (told(catalogue).last_error or "")
    (outgoing / "CLKS007.ready.xml").write_bytes(b"<ready/>")
    (arrived,) = look(feed, catalogue, home)
    assert arrived.file_names == ("CLKS007.ready.xml", "CLKS007A.tar", "CLKS007B.tar")


@pytest.mark.parametrize(
    ("sidecar", "first", "last"),
    [
        ("md5", "issue.zip", "issue.zip.md5"),
        ("go.xml", "issue.zip", "issue.go.xml"),
        ("ready.xml", "issue.tar", "issue.ready.xml"),
        ("go.xml", "issue.go.xml", "issue.zip"),
    ],
)
def test_a_delivery_waits_for_its_sidecar_whichever_comes_first(
    catalogue: Catalogue, outgoing: Path, home: Path, sidecar: str, first: str, last: str
) -> None:
    feed, now = of_folder(outgoing, sidecar=sidecar, quiet_seconds=60), utc_now()
    (outgoing / first).write_bytes(b"one")
    assert look(feed, catalogue, home, lambda: now + timedelta(days=1)) == []
    assert states(catalogue) == {first: "seen"}
    (outgoing / last).write_bytes(b"two")
    at = now + timedelta(days=2)
    os.utime(outgoing / last, (at.timestamp(), at.timestamp()))
    assert look(feed, catalogue, home, lambda: at + timedelta(seconds=59)) == [], "the sidecar is still being written"
    (arrived,) = look(feed, catalogue, home, lambda: at + timedelta(seconds=61))
    assert sorted(arrived.file_names) == sorted((first, last))
    assert told(catalogue).last_error is None


def test_an_md5_that_is_corrected_later_is_the_whole_delivery_again(
    catalogue: Catalogue, outgoing: Path, home: Path
) -> None:
    (outgoing / "issue.zip").write_bytes(b"an issue")
    (outgoing / "issue.zip.md5").write_bytes(b"wrong")
    feed = of_folder(outgoing, sidecar="md5")
    (first,) = look(feed, catalogue, home)
    (outgoing / "issue.zip.md5").write_bytes(b"the right one")
    (second,) = look(feed, catalogue, home)
    assert first.delivery_id != second.delivery_id
    assert [path.read_bytes() for path in second.files] == [b"an issue", b"the right one"]


def test_a_part_that_comes_late_makes_the_set_a_delivery_again(
    catalogue: Catalogue, home: Path, s3_server: S3Server, make_bucket: Callable[[], str]
) -> None:
    """The publisher says that the set is ready, and remembers its last tar a day later."""
    bucket, client = make_bucket(), s3_server.client()

    def put(name: str) -> None:
        client.put_object(Bucket=bucket, Key=f"out/{name}", Body=name.encode())

    feed = of_bucket(s3_server, bucket)
    for name in ("CLKS008A.tar", "CLKS008B.tar"):
        put(name)
    assert look(feed, catalogue, home) == [], "nobody has said that it is ready"
    put("CLKS008.ready.xml")
    (first,) = look(feed, catalogue, home)
    assert first.file_names == ("CLKS008.ready.xml", "CLKS008A.tar", "CLKS008B.tar")
    put("CLKS008C.tar")
    (second,) = look(feed, catalogue, home)
    assert second.file_names == (*first.file_names, "CLKS008C.tar")
    assert look(feed, catalogue, home) == []


def test_the_same_bytes_from_two_feeds_are_one_delivery(catalogue: Catalogue, outgoing: Path, home: Path) -> None:
    """A publisher moves from a folder to SFTP, and its old issues lie in both."""
    content = os.urandom(100_000)
    (outgoing / "old").mkdir()
    (outgoing / "out").mkdir()
    (outgoing / "old" / "issue.zip").write_bytes(content)
    (outgoing / "out" / "dergi-12-3.zip").write_bytes(content)
    (first,) = look(replace(of_folder(outgoing / "old"), name="folder"), catalogue, home)
    with sftp_server(outgoing) as server:
        (second,) = look(of_server(server), catalogue, home)
    assert second.delivery_id == first.delivery_id
    assert len([path for path in (home / "deliveries").iterdir() if not path.name.startswith(".")]) == 1
    (other,) = look(replace(of_folder(outgoing / "old"), name="b", publisher="Başka Yayınevi"), catalogue, home)
    assert other.delivery_id != first.delivery_id, "who else sends these bytes gets a receipt of their own"


def test_a_set_on_a_server_waits_until_none_of_its_files_changes(
    catalogue: Catalogue, outgoing: Path, home: Path
) -> None:
    """Its own clock is not believed: what counts is how long we have seen the same lengths and times."""
    folder, now = outgoing / "out", utc_now()
    folder.mkdir()
    for name in ("issue.zip", "issue.zip.md5"):
        (folder / name).write_bytes(name.encode())
        os.utime(folder / name, (0, 0))
    with sftp_server(outgoing) as server:
        feed = of_server(server, sidecar="md5", quiet_seconds=60)
        assert look(feed, catalogue, home, lambda: now) == []
        (folder / "issue.zip").write_bytes(b"longer than before")
        assert look(feed, catalogue, home, lambda: now + timedelta(seconds=61)) == [], "one of them has grown"
        (arrived,) = look(feed, catalogue, home, lambda: now + timedelta(seconds=122))
    assert [path.read_bytes() for path in arrived.files] == [b"longer than before", b"issue.zip.md5"]


def test_a_fault_of_the_program_is_told_and_ends_this_look_only(
    catalogue: Catalogue, outgoing: Path, home: Path
) -> None:
    (outgoing / "issue.zip").write_bytes(b"an issue")
    faults = [ZeroDivisionError()]

    class Falling(FolderSource):
        def listing(self) -> Iterator[Offered]:
            if faults:
                raise faults.pop()
            return super().listing()

    feed = a_feed(lambda: Falling("ornek", outgoing))
    assert look(feed, catalogue, home) == []
    assert faults == [], "the fault happened"
    assert "fault of the program (ZeroDivisionError)" in (told(catalogue).last_error or "")
    assert len(look(feed, catalogue, home)) == 1
    assert told(catalogue).last_error is None


def test_a_file_that_is_too_large_is_told_and_never_read(catalogue: Catalogue, outgoing: Path, home: Path) -> None:
    (outgoing / "issue.zip").write_bytes(b"x" * 100)
    assert look(of_folder(outgoing, max_bytes=99), catalogue, home) == []
    assert states(catalogue) == {"issue.zip": "failed"}


def test_patterns_say_what_is_wanted(catalogue: Catalogue, outgoing: Path, home: Path) -> None:
    for name in ("a.zip", "a.zip.md5", "readme.txt", "test-b.zip", ".uploading.zip"):
        (outgoing / name).write_bytes(name.encode())
    arrived = look(of_folder(outgoing, pattern="*.zip", ignore=("test-*",)), catalogue, home)
    assert kept_names(arrived) == [("a.zip", "a.zip.md5")]


def test_a_long_listing_costs_statements_by_the_page_and_not_by_the_name(catalogue: Catalogue) -> None:
    listed = [feeds.Listed(f"{n:05}.zip", f"/{n:05}", "1", 1, None) for n in range(1200)]
    with catalogue.writing() as session:
        feeds.remember(session, "ornek", listed[:600], utc_now())
        feeds.remember(session, "ornek", listed[600:], utc_now())
    assert [rows[0].name for rows in feeds.sets(catalogue, "ornek", feeds.SEEN)] == [one.name for one in listed]
    with catalogue.writing() as session:
        feeds.brought(session, "ornek", [one.name for one in listed[:1000]], "d")
        feeds.remember(session, "ornek", [replace(listed[3], version="2")], utc_now())
    assert len(list(feeds.sets(catalogue, "ornek", feeds.SEEN))) == 201


@pytest.mark.parametrize("name", ["a.zip", "2024/Örnek dergi 3.zip", "a..b.zip"])
def test_ordinary_names_are_accepted(name: str) -> None:
    assert name_problem(name) is None


# --- S3 ---------------------------------------------------------------------------------------------------------


def of_bucket(server: S3Server, bucket: str, **more: Any) -> Feed:
    foreign = ForeignBucket(
        "ornek",
        bucket,
        "out",
        endpoint_url=server.endpoint_url,
        region="us-east-1",
        access_key=server.access_key,
        secret_key=server.secret_key,
        limits=S3Limits(read_seconds=20, deadline_seconds=30),
    )
    from contextlib import nullcontext

    return a_feed(lambda: nullcontext(S3Source(foreign)), **more)


def test_a_bucket_is_a_feed(
    catalogue: Catalogue, home: Path, s3_server: S3Server, make_bucket: Callable[[], str]
) -> None:
    bucket, client = make_bucket(), s3_server.client()
    content = os.urandom(300_000)
    client.put_object(Bucket=bucket, Key="out/2024/issue.zip", Body=content)
    client.put_object(Bucket=bucket, Key="elsewhere/issue.zip", Body=b"not below the prefix")
    feed = of_bucket(s3_server, bucket, after="move")
    (arrived,) = look(feed, catalogue, home)
    assert arrived.files[0].read_bytes() == content
    keys = {entry["Key"] for entry in client.list_objects_v2(Bucket=bucket)["Contents"]}
    assert keys == {"elsewhere/issue.zip", "out/.taken/2024/issue.zip"}
    assert look(feed, catalogue, home) == []


def test_a_half_fetched_object_is_gone_on_with(
    catalogue: Catalogue, home: Path, s3_server: S3Server, make_bucket: Callable[[], str]
) -> None:
    bucket, client = make_bucket(), s3_server.client()
    content = os.urandom(200_000)
    tag = client.put_object(Bucket=bucket, Key="out/issue.zip", Body=content)["ETag"]
    part = home / "feeds" / "ornek" / "parts" / part_name(Offered("issue.zip", len(content), None, tag))
    part.parent.mkdir(parents=True)
    part.write_bytes(content[:150_000])
    (arrived,) = look(of_bucket(s3_server, bucket), catalogue, home)
    assert arrived.files[0].read_bytes() == content


def test_a_bucket_that_is_not_there_is_told(catalogue: Catalogue, home: Path, s3_server: S3Server) -> None:
    assert look(of_bucket(s3_server, f"missing-{uuid4().hex}"), catalogue, home) == []
    assert "NoSuchBucket" in (told(catalogue).last_error or "")


# --- SFTP -------------------------------------------------------------------------------------------------------


def of_server(server: SftpServer, **more: Any) -> Feed:
    known, password = more.pop("known_hosts", server.host_key), more.pop("password", PASSWORD)
    account = Account("127.0.0.1", server.port, "/out", USER, known, password)
    return a_feed(lambda: SftpSource("ornek", account), **more)


def test_an_sftp_server_is_a_feed(catalogue: Catalogue, outgoing: Path, home: Path) -> None:
    (outgoing / "out" / "2024").mkdir(parents=True)
    content = os.urandom(700_000)
    (outgoing / "out" / "2024" / "issue.zip").write_bytes(content)
    with sftp_server(outgoing) as server:
        feed = of_server(server, after="move")
        (arrived,) = look(feed, catalogue, home)
        assert arrived.files[0].read_bytes() == content
        assert (outgoing / "out" / ".taken" / "2024__issue.zip").read_bytes() == content
        assert look(feed, catalogue, home) == []
        assert told(catalogue).last_error is None


def test_another_host_key_is_refused_before_anything_is_said(catalogue: Catalogue, outgoing: Path, home: Path) -> None:
    (outgoing / "out").mkdir()
    (outgoing / "out" / "issue.zip").write_bytes(b"from an impostor")
    with sftp_server(outgoing) as first:
        known = first.host_key
    with sftp_server(outgoing, asyncssh.generate_private_key("ssh-ed25519")) as second:
        assert look(of_server(second, known_hosts=known), catalogue, home) == []
        assert "another host key" in (told(catalogue).last_error or "")
        look(of_server(second, known_hosts=f"elsewhere.example.org {second.host_key}"), catalogue, home)
        assert "known_hosts has no key" in (told(catalogue).last_error or "")
        assert second.bytes_read == []


def test_a_wrong_password_is_told(catalogue: Catalogue, outgoing: Path, home: Path) -> None:
    with sftp_server(outgoing) as server:
        assert look(of_server(server, password="wrong"), catalogue, home) == []
    assert "refused the user 'archive'" in (told(catalogue).last_error or "")


def test_a_connection_cut_in_the_middle_delivers_nothing_and_is_gone_on_with(
    catalogue: Catalogue, outgoing: Path, home: Path
) -> None:
    (outgoing / "out").mkdir()
    content = os.urandom(4_000_000)
    (outgoing / "out" / "issue.zip").write_bytes(content)
    with sftp_server(outgoing) as server:
        server.cut_after.append(2_500_000)
        assert look(of_server(server), catalogue, home) == []
        assert server.cut_after == [], "the fault happened"
        assert told(catalogue).last_error is not None
        assert not list((home / "deliveries").glob("[0-9a-f]*")) if (home / "deliveries").exists() else True
        (part,) = (home / "feeds" / "ornek" / "parts").iterdir()
        have = part.stat().st_size
        assert 0 < have < len(content)
        server.bytes_read.clear()
        (arrived,) = look(of_server(server), catalogue, home)
        assert arrived.files[0].read_bytes() == content
        # What the cut line had asked for may still be counted: less than was had already.
        assert sum(server.bytes_read) - (len(content) - have) < max(have, 1_500_000), "it is gone on with"


def test_of_a_set_that_was_cut_off_what_is_whole_is_not_fetched_again(
    catalogue: Catalogue, outgoing: Path, home: Path
) -> None:
    (outgoing / "out").mkdir()
    contents = {name: os.urandom(1_500_000) for name in ("CLKS007A.tar", "CLKS007B.tar", "CLKS007.ready.xml")}
    for name, content in contents.items():
        (outgoing / "out" / name).write_bytes(content)
    with sftp_server(outgoing) as server:
        server.cut_after.append(4_000_000)
        assert look(of_server(server), catalogue, home) == []
        assert server.cut_after == [], "the fault happened"
        have = sum(part.stat().st_size for part in (home / "feeds" / "ornek" / "parts").iterdir())
        assert have > 1_500_000, "one file is whole, and another has begun"
        server.bytes_read.clear()
        (arrived,) = look(of_server(server), catalogue, home)
        assert sorted(file.read_bytes() for file in arrived.files) == sorted(contents.values())
        # What the cut line had asked for may still be counted: less than one file of it.
        assert sum(server.bytes_read) - (4_500_000 - have) < 1_500_000, "no whole file is fetched again"


def test_a_remote_file_is_brought_when_it_was_the_same_at_two_looks(
    catalogue: Catalogue, outgoing: Path, home: Path
) -> None:
    (outgoing / "out").mkdir()
    file = outgoing / "out" / "issue.zip"
    file.write_bytes(b"half")
    os.utime(file, (0, 0))
    now = utc_now()
    with sftp_server(outgoing) as server:
        feed = of_server(server, quiet_seconds=60)
        assert look(feed, catalogue, home, lambda: now) == [], "its own clock says 1970, and is not believed"
        file.write_bytes(b"half and the rest")
        assert look(feed, catalogue, home, lambda: now + timedelta(seconds=61)) == []
        (arrived,) = look(feed, catalogue, home, lambda: now + timedelta(seconds=122))
        assert arrived.files[0].read_bytes() == b"half and the rest"


def test_an_sftp_listing_with_hostile_names(catalogue: Catalogue, outgoing: Path, home: Path) -> None:
    (outgoing / "out").mkdir()
    (outgoing / "out" / "good.zip").write_bytes(b"good")
    with sftp_server(outgoing) as server:
        server.hostile += ["../../evil.zip", "/etc/evil.zip"]
        arrived = look(of_server(server), catalogue, home)
    assert kept_names(arrived) == [("good.zip",)]
    assert "leads out" in (told(catalogue).last_error or "")
