"""Ceph behind its RADOS gateway, every object on three OSDs, keeps what every store owes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from cluster_story import (
    Archive,
    archive,
    goes_away_in_an_audit,
    goes_away_in_an_ingest,
    life_of_an_article,
    with_a_key_that_cannot_delete,
)
from clusters import Cluster, ceph, ceph_root
from full_size import sized
from store_contract import MakeFile, StoreContract, sha256, whole

from repository.errors import StoreUnavailable, WouldOverwrite
from repository.storage import Put
from repository.storage.s3 import S3Store

pytestmark = pytest.mark.xdist_group("a cluster of Ceph")

ARTICLES = sized(12, 200)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    root = ceph_root()
    if root is None:
        pytest.skip("Ceph is not installed here: ceph-mon, ceph-osd, radosgw and ceph-common, or MAHFUZ_CEPH")
    # On a disk: its OSDs ask for direct I/O, which a file system in memory does not give. Its sockets want short ways.
    with TemporaryDirectory(prefix="mahfuz-ceph-", dir="/var/tmp") as folder, ceph(Path(folder) / "c", root) as running:
        yield running


@pytest.fixture(scope="module")
def bucket(cluster: Cluster) -> str:
    return cluster.server.make_bucket()


@pytest.fixture(scope="module")
def bucket_with_versions(cluster: Cluster) -> str:
    name = f"versions-{uuid4().hex}"
    cluster.server.client().create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


class TestStore(StoreContract):
    @pytest.fixture
    def store(self, cluster: Cluster, bucket: str) -> S3Store:
        store = cluster.server.store("main", bucket, prefix=uuid4().hex)
        store.prepare()
        return store


class TestStoreWithVersions(StoreContract):
    @pytest.fixture
    def store(self, cluster: Cluster, bucket_with_versions: str) -> S3Store:
        store = cluster.server.store("main", bucket_with_versions, prefix=uuid4().hex)
        store.prepare()
        return store

    def test_of_many_writers_one_wins_and_the_others_hear_it(self, store: S3Store, key: str, file: MakeFile) -> None:
        """Not so where versions are kept: there RGW 16 does not look at If-None-Match. No writer's bytes are lost."""
        contents = [b"writer %d " % number * 5000 for number in range(12)]
        sources = [file(content) for content in contents]

        def write(number: int) -> Put | None:
            try:
                return store.put(key, sources[number], sha256(contents[number]))
            except (WouldOverwrite, StoreUnavailable):
                return None

        with ThreadPoolExecutor(len(contents)) as writers:
            outcomes = list(writers.map(write, range(len(contents))))
        assert store.conditional_put is False
        assert Put.WRITTEN in outcomes
        assert whole(store, key) in [content for number, content in enumerate(contents) if outcomes[number]]


def test_the_life_of_an_article(cluster: Cluster, tmp_path: Path) -> None:
    life_of_an_article(cluster, cluster.server.make_bucket(), tmp_path)


def test_the_same_with_a_key_that_cannot_delete(cluster: Cluster, tmp_path: Path) -> None:
    with_a_key_that_cannot_delete(cluster, tmp_path)


@pytest.fixture(scope="module")
def kept(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with archive(cluster, tmp_path_factory.mktemp("archive")) as made:
        yield made


@pytest.mark.parametrize("number", [1, 2])
def test_osds_killed_in_an_ingest_lose_nothing(kept: Archive, number: int) -> None:
    waiting = goes_away_in_an_ingest(kept, ARTICLES, *killed(kept.cluster, kept.cluster.keepers[:number]))
    print(f"{number} of 3 OSDs killed in an ingest: {waiting} deliveries waited")


@pytest.mark.parametrize("number", [1, 2])
def test_osds_killed_in_an_audit_are_doubt(kept: Archive, number: int) -> None:
    report = goes_away_in_an_audit(kept, *killed(kept.cluster, kept.cluster.keepers[-number:]))
    assert report.unreadable or number == 1
    print(f"{number} of 3 OSDs killed in an audit: {report.intact} intact, {report.unreadable} in doubt")


def test_osds_that_all_hang_are_doubt(kept: Archive) -> None:
    daemons, all_of_them = kept.cluster.daemons, kept.cluster.keepers
    held = (lambda: daemons.hold(*all_of_them), lambda: daemons.let_go(*all_of_them))
    report = goes_away_in_an_audit(kept, *held)
    assert report.unreadable
    waiting = goes_away_in_an_ingest(kept, ARTICLES, *held)
    assert waiting
    print(f"all OSDs hang: {report.unreadable} in doubt in an audit, {waiting} deliveries waited in an ingest")


def killed(cluster: Cluster, gone: Sequence[str]) -> tuple[Callable[[], None], Callable[[], None]]:
    def away() -> None:
        for name in gone:
            cluster.daemons.kill(name)

    def back() -> None:
        for name in gone:
            cluster.daemons.start(name)
        cluster.wait()

    return away, back
