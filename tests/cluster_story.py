"""What is told of every archive on a cluster: an article's life, and the day on which a part of the cluster is away."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from clusters import Cluster
from deliveries import Published, delivery
from full_size import sized
from installation import Installation, folder_store_table, s3_store_table
from servers import S3Server
from sqlalchemy import select
from store_contract import names
from watched import Witnessed
from whole_archive import PUBLISHER, WholeArchive, door_over

from fixity.report import RoundReport
from fixity.rounds import Scope, Watch, run_round
from ingest import inbox, pipeline
from ingest.door import Door
from repository.catalogue import Catalogue, schema
from repository.errors import StoreUnavailable
from repository.models import Aip, Copy, Round
from repository.storage import BUFFER, ByteStream, Put, Store
from repository.storage.capabilities import probe
from repository.storage.directory import DirectoryStore
from repository.storage.s3 import S3Limits, S3Store
from repository.vocabulary import DeliveryState, bag_key, utc_now

_OPEN = "https://creativecommons.org/licenses/by/4.0/"

IMPATIENT = (S3Limits(connect_seconds=1, read_seconds=2, deadline_seconds=3, attempts=1), 2, 8.0)
"""Limits, attempts and seconds, for a suite that does not wait for a silent server for minutes."""
AS_INSTALLED = (S3Limits(), 3, 120.0)

ARTICLES = sized(12, 60)
IN_PARTS = S3Limits(single_put_bytes=10, part_bytes=5 << 20, read_seconds=20, deadline_seconds=30)


class OnCluster:
    """The store of a contract: under a prefix of its own in a bucket of the module's ``cluster``."""

    place = "bucket"
    limits: S3Limits | None = None

    @pytest.fixture
    def store(self, cluster: Cluster, request: pytest.FixtureRequest) -> S3Store:
        """It, with its mark."""
        more = {} if self.limits is None else {"limits": self.limits}
        store = cluster.server.store("main", request.getfixturevalue(self.place), prefix=uuid4().hex, **more)
        store.prepare()
        return store


def life_of_an_article(
    cluster: Cluster, bucket: str, folder: Path, server: S3Server | None = None, more: str = ""
) -> Installation:
    """Delivered, kept, audited, read, damaged, lost, mended, and written again from the cluster alone.

    With the keys of ``server`` (None: of the owner), and ``more`` settings. Who damages and loses is the owner.
    """
    client = cluster.server.client()
    home = Installation(
        folder / "home",
        s3_store_table("main", server or cluster.server, bucket),
        folder_store_table("second", folder / "home"),
        more=more,
    )
    sent = delivery(folder / "sent.zip", [Published(f"10.5555/kume.{number}", licence=_OPEN) for number in range(3)])
    (receipt,) = home.run("ingest", str(sent), "--publisher", PUBLISHER)["deliveries"]
    assert [line["outcome"] for line in receipt["articles"]] == ["accepted"] * 3
    told = {line["id"]: home.run("article", line["id"]) for line in receipt["articles"]}
    assert all(_states(one) == {"main": "intact", "second": "intact"} for one in told.values())
    keys = [bag_key(identifier, 1) for identifier in told]
    for key, one in zip(keys, told.values(), strict=True):
        assert hashlib.sha256(_object(client, bucket, key)).hexdigest() == one["versions"][0]["seal"]

    audit = home.run("audit", "--all", "--deep")
    assert (audit["expected"], audit["intact"]) == (6, 6)
    _read_by_a_reader(cluster, bucket, home, folder / "reading", told)

    client.put_object(Bucket=bucket, Key=keys[0], Body=bytes(len(_object(client, bucket, keys[0]))))
    client.delete_object(Bucket=bucket, Key=keys[1])
    audit = home.run("audit", "--all", status=1)
    assert (audit["expected"], audit["intact"], audit["damaged"], audit["missing"]) == (6, 4, 1, 1)
    assert audit["mended"] == 2
    audit = home.run("audit", "--all")
    assert (audit["expected"], audit["intact"]) == (6, 6)

    (home.home / "mahfuz.sqlite").rename(home.home / "burned")
    home.run("init")
    home.run("rebuild", "--from", "main")
    for identifier, before in told.items():
        after = home.run("article", identifier)
        assert _states(after)["main"] == "intact"
        assert {**after, "versions": _bytes_of(after)} == {**before, "versions": _bytes_of(before)}
    return home


def with_a_key_that_cannot_delete(cluster: Cluster, folder: Path) -> None:
    """The same with the everyday rights that the documentation names, in a bucket whose lock holds every bag."""
    bucket, client = f"held-{uuid4().hex}", cluster.server.client()
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    client.put_bucket_policy(Bucket=bucket, Policy=_documented_policy(bucket, cluster.account))
    home = life_of_an_article(cluster, bucket, folder, cluster.everyday, "[policy]\nobject_lock_days = 1")
    status, out, _ = home.tell("doctor", "--json")
    assert status == 0, out
    found = probe(cluster.everyday.store("main", bucket))
    assert {name: str(found.verdict(name)) for name in ABILITIES} == ABILITIES
    listed = client.list_object_versions(Bucket=bucket)["Versions"]
    bags = [one for one in listed if one["Key"].endswith("v1.tar") and not one["Key"].startswith("canaries/")]
    # Three as they came, the owner's damage, and two that were put again.
    assert len(bags) == 6
    for one in bags:
        which = {"Bucket": bucket, "Key": one["Key"], "VersionId": one["VersionId"]}
        with pytest.raises(ClientError, match="AccessDenied"):
            cluster.everyday.client().delete_object(**which)
        told = client.head_object(**which)
        assert told.get("ObjectLockMode") == ("GOVERNANCE" if _sealed(client, which) else None)


ABILITIES = {
    "answers": "yes",
    "round_trip": "yes",
    "listing_in_pages": "yes",
    "deletion_refused": "yes",
    "versioning": "yes",
    "object_lock": "yes",
    "unfinished_uploads": "yes",
}
"""What has to be seen of a store with everyday rights, on either server."""


def _documented_policy(bucket: str, account: str) -> str:
    """The policy of docs/clusters.md, for this bucket and the users of this account."""
    text = (Path(__file__).parent.parent / "docs/clusters.md").read_text(encoding="utf-8")
    policy = text[text.index('    {"Version"') :].partition("\n\n")[0]
    return policy.replace("arn:aws:s3:::arsiv", f"arn:aws:s3:::{bucket}").replace("iam::ACCOUNT:", f"iam::{account}:")


def _sealed(client: Any, which: dict[str, str]) -> bool:
    """Whether this version is a bag and not the owner's damage."""
    with client.get_object(**which)["Body"] as body:
        return any(body.read())


def _states(told: dict[str, Any]) -> dict[str, str]:
    return {copy["store"]: copy["state"] for version in told["versions"] for copy in version["copies"]}


def _bytes_of(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [{name: value for name, value in version.items() if name != "copies"} for version in told["versions"]]


def _object(client: Any, bucket: str, key: str) -> bytes:
    with client.get_object(Bucket=bucket, Key=key)["Body"] as body:
        return bytes(body.read())


def _read_by_a_reader(
    cluster: Cluster, bucket: str, home: Installation, folder: Path, told: dict[str, dict[str, Any]]
) -> None:
    """Every file of every article, as the pages give it out of the cluster, has its digest."""
    folder.mkdir()
    url = f"sqlite:///{home.home / 'mahfuz.sqlite'}"
    reading = WholeArchive.made(url, [cluster.server.store("main", bucket)], folder)
    for identifier, one in told.items():
        for file in one["versions"][0]["files"]:
            answer = reading.site.client.get(f"/articles/{identifier}/files/{file['path']}")
            assert answer.status_code == 200
            assert hashlib.sha512(answer.data).hexdigest() == file["sha512"]
    reading.door.catalogue.close()


class Counted(Witnessed):
    """Calls ``at_put`` before each put, and ``at_open`` before each reading, with the number of those before it."""

    def __init__(self, store: Store, at_put: Callable[[int], None], at_open: Callable[[int], None], **more: float):
        super().__init__(store, **more)
        self._at_put, self._puts = at_put, count()
        self._at_open, self._opens = at_open, count()

    def open(self, key: str, offset: int = 0, length: int | None = None) -> AbstractContextManager[ByteStream]:
        """As the store behind."""
        self._at_open(next(self._opens))
        return super().open(key, offset, length)

    def put(self, key: str, source: Path, sha256: str) -> Put:
        """As the store behind."""
        self._at_put(next(self._puts))
        return super().put(key, source, sha256)


@dataclass
class Archive:
    """An archive whose store ``main`` is a bucket of the cluster and whose store ``second`` is a folder."""

    cluster: Cluster
    bucket: str
    folder: Path
    catalogue: Catalogue
    second: DirectoryStore

    def main(
        self,
        patience: tuple[S3Limits, int, float] = IMPATIENT,
        at_put: Callable[[int], None] = lambda _: None,
        at_open: Callable[[int], None] = lambda _: None,
    ) -> Counted:
        """The store in the cluster, as patient as this."""
        limits, attempts, seconds = patience
        store = self.cluster.server.store("main", self.bucket, limits=limits)
        return Counted(store, at_put, at_open, attempts=attempts, deadline_seconds=seconds)

    def door(self, main: Store) -> Door:
        """The door, with this store for the cluster."""
        return door_over(self.catalogue, [main, self.second], self.folder / "home")

    def takes_in(self, sent: Sequence[Path], main: Store) -> int:
        """Of so many deliveries the door had to say that a store did not answer."""
        door, waiting = self.door(main), 0
        for one in sent:
            try:
                pipeline.ingest(door, inbox.accept(self.catalogue, door.home, [one], PUBLISHER, utc_now))
            except StoreUnavailable:
                waiting += 1
        return waiting

    def resumes(self) -> None:
        """What waited is taken in, all of it."""
        door = self.door(self.main(AS_INSTALLED))
        for receipt in pipeline.resume(door):
            assert receipt.state is DeliveryState.ACCEPTED

    def audits(self, main: Store, unreadable_days: float = 7) -> RoundReport:
        """A round over all."""
        door = self.door(main)
        watch = Watch(
            catalogue=self.catalogue,
            stores={store.name: store for store in door.stores},
            promises=door.promises,
            quarantine=self.folder / "quarantine",
            agent=door.agent,
            clock=utc_now,
            unreadable_days=unreadable_days,
        )
        return run_round(watch, Scope(due=False))

    def copies(self, store: str) -> dict[str, Copy]:
        """The rows of a store's copies by key."""
        with self.catalogue.reading() as session:
            rows = session.execute(select(Copy, Aip).join(Aip, Aip.id == Copy.aip_id).where(Copy.store == store))
            return {bag_key(aip.article_id, aip.version): copy for copy, aip in rows}

    def last_round(self) -> int:
        """The number of the last round."""
        with self.catalogue.reading() as session:
            return session.execute(select(Round.id).order_by(Round.id.desc()).limit(1)).scalar_one()

    def objects(self) -> dict[str, tuple[int, str, Any]]:
        """Every bag as the cluster lists it: who writes one changes this."""
        pages = self.cluster.server.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        entries = (entry for page in pages for entry in page.get("Contents", ()) if entry["Key"].endswith(".tar"))
        return {entry["Key"]: (entry["Size"], entry["ETag"], entry["LastModified"]) for entry in entries}

    def all_is_well(self, articles: int) -> None:
        """So many articles, two copies of each, every one read and found whole, and nothing else in the cluster."""
        main = self.main(AS_INSTALLED)
        report = self.audits(main)
        assert (report.expected, report.intact) == (2 * articles, 2 * articles), report
        rows = self.copies("main")
        assert len(rows) == articles
        assert main.read_whole == set(rows) == set(self.objects())
        assert all(row.unreadable_since is None and row.state == "intact" for row in rows.values())


@contextmanager
def archive(cluster: Cluster, folder: Path) -> Iterator[Archive]:
    """A new one, with a bucket of its own."""
    catalogue = Catalogue(f"sqlite:///{folder / 'catalogue.sqlite'}")
    schema.migrate(catalogue)
    second = DirectoryStore("second", folder / "second")
    second.prepare()
    made = Archive(cluster, cluster.server.make_bucket(), folder, catalogue, second)
    made.main(AS_INSTALLED).prepare()
    yield made
    catalogue.close()


def deliveries(folder: Path, articles: int, name: str) -> list[Path]:
    """Deliveries of two articles each."""
    return [
        delivery(folder / f"{name}-{number}.zip", [Published(f"10.5555/{name}.{number + one}") for one in range(2)])
        for number in range(0, articles, 2)
    ]


def goes_away_in_an_ingest(
    kept: Archive,
    articles: int,
    away: Callable[[], None],
    back: Callable[[], None],
    patience: tuple[S3Limits, int, float] = IMPATIENT,
) -> int:
    """A part of the cluster goes ``away`` in the middle of an ingest and comes ``back`` after it: nothing is lost.

    The number of deliveries that had to wait.
    """
    before = len(kept.copies("main"))
    main = kept.main(patience, lambda puts: away() if puts == articles // 4 else None)
    waiting = kept.takes_in(deliveries(kept.folder, articles, f"alim{before}"), main)
    known = kept.copies("main")
    assert set(known) - main.read_whole <= set(list(known)[:before]), "nothing is registered that was not read back"
    back()
    kept.resumes()
    kept.all_is_well(before + articles)
    return waiting


def goes_away_in_an_audit(
    kept: Archive,
    away: Callable[[], None],
    back: Callable[[], None],
    patience: tuple[S3Limits, int, float] = IMPATIENT,
) -> RoundReport:
    """The same in the middle of a round: it goes on to its end, and what it could not read is doubt, not damage."""
    copies, before = len(kept.copies("main")), kept.objects()
    gone: list[int] = []

    def at_open(number: int) -> None:
        if number == copies // 3:
            gone.append(number)
            away()

    main = kept.main(patience, at_open=at_open)
    report = kept.audits(main)
    back()
    number, rows = kept.last_round(), kept.copies("main")
    assert gone
    assert (report.expected, report.damaged, report.missing, report.mended) == (2 * copies, 0, 0, 0), report
    assert report.intact + report.unreadable == report.expected
    assert {key for key, row in rows.items() if row.verified_in == number} == main.read_whole, (
        "verified is what was read"
    )
    assert sum(row.unreadable_since is not None for row in rows.values()) == report.unreadable
    assert all(row.verified_in == number for row in kept.copies("second").values()), (
        "the other store was read to its end"
    )
    assert kept.objects() == before, "an object was written"
    kept.all_is_well(copies)
    return report


def lists_more_than_a_page(cluster: Cluster, bucket: str) -> None:
    """Of 1,150 objects 1,100 are left, and each is listed once, in order, also from the middle on."""
    store, client = cluster.server.store("main", bucket, prefix=uuid4().hex), cluster.server.client()
    store.prepare()
    keys = sorted(bag_key(hashlib.sha256(b"%d" % number).hexdigest()[:32], 1) for number in range(1150))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: client.put_object(Bucket=bucket, Key=store.prefix + key, Body=b""), keys))
        gone = keys[::23]
        list(pool.map(lambda key: client.delete_object(Bucket=bucket, Key=store.prefix + key), gone))
    left = [key for key in keys if key not in gone]
    assert len(left) == 1100
    assert names(store) == left
    assert names(store, after=keys[23]) == [key for key in left if key > keys[23]]


def rots_on_disk(kept: Archive, back: Callable[[Sequence[str]], None], lost: Callable[[], None] | None = None) -> None:
    """One bit flips under one bag on one machine of the cluster, and under another bag on all of them.

    The first is given from another machine; the second is doubt, and after the days of patience it is damage and
    mended: at once, or where the cluster takes nothing in its place, once its operator has given it up (``lost``).
    """
    daemons, keepers, client = kept.cluster.daemons, kept.cluster.keepers, kept.cluster.server.client()
    once, everywhere = list(kept.copies("main"))[:2]
    spots = []
    for key in (once, everywhere):
        content = _object(client, kept.bucket, key)
        spots.append(content[content.index(b"%PDF") + 40 :][:60])
    for name in keepers:
        daemons.kill(name)
    flipped = 0
    for name in keepers:
        flipped = flipped or _flipped(daemons.folder / name, spots[0])
    assert flipped, "the bytes do not lie there as they are"
    assert sum(_flipped(daemons.folder / name, spots[1]) for name in keepers) >= 2
    back(keepers)
    copies = 2 * len(kept.copies("main"))
    for days, expected in ((7, (copies - 1, 0, 1, 0)), (0, (copies - 1, 1, 0, lost is None))):
        report = kept.audits(kept.main(), unreadable_days=days)
        assert (report.intact, report.damaged, report.unreadable, report.mended) == expected, report
        assert kept.copies("main")[everywhere].state == ("damaged" if days == 0 and lost else "intact")
    if lost:
        lost()
        # It is missing now, or the put that had been left hanging has arrived.
        report = kept.audits(kept.main(AS_INSTALLED))
        assert report.intact + report.mended == copies, report
    kept.all_is_well(copies // 2)


def _flipped(folder: Path, spot: bytes) -> int:
    """In how many places under ``folder`` the bytes ``spot`` lay, and lie no more. Holes are skipped."""
    places = 0
    for path in (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        with path.open("r+b") as file:
            at, end = 0, path.stat().st_size
            while at < end:
                try:
                    at = os.lseek(file.fileno(), at, os.SEEK_DATA)
                except OSError:
                    break  # a hole up to the end
                data = os.pread(file.fileno(), BUFFER + len(spot), at)
                found = data.find(spot)
                while found >= 0:
                    os.pwrite(file.fileno(), bytes([spot[0] ^ 1]), at + found)
                    places += 1
                    found = data.find(spot, found + 1)
                at += BUFFER
            os.fsync(file.fileno())
    return places
