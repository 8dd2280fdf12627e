"""Ceph behind its RADOS gateway, every object on three OSDs, keeps what every store owes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cluster_story import (
    ARTICLES,
    IN_PARTS,
    Archive,
    OnCluster,
    goes_away_in_an_audit,
    goes_away_in_an_ingest,
    life_of_an_article,
    lists_more_than_a_page,
    rots_on_disk,
    with_a_key_that_cannot_delete,
)
from clusters import Cluster, ceph, ceph_root
from full_size import FULL, sized
from store_contract import StoreContract, UnguardedContract

pytestmark = pytest.mark.xdist_group("a cluster of Ceph")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    root = ceph_root()
    if root is None:
        pytest.skip("Ceph is not installed here: ceph-mon, ceph-osd, radosgw and ceph-common, or MAHFUZ_CEPH")
    # On a disk: its OSDs ask for direct I/O, which a file system in memory does not give. Its sockets want short ways.
    with TemporaryDirectory(prefix="mahfuz-ceph-", dir="/var/tmp") as folder, ceph(Path(folder) / "c", root) as running:
        yield running


class TestStore(OnCluster, StoreContract):
    """In an ordinary bucket."""


class TestStoreWithVersions(OnCluster, UnguardedContract):
    """RGW 16 does not look at If-None-Match in a bucket that keeps versions."""

    place = "bucket_with_versions"


class TestStoreInParts(OnCluster, UnguardedContract):
    __test__ = FULL
    limits = IN_PARTS


@pytest.mark.skipif(not FULL, reason="`make prove` tries it")
@pytest.mark.parametrize("place", ["bucket", "bucket_with_versions"])
def test_more_than_a_page_is_listed(cluster: Cluster, request: pytest.FixtureRequest, place: str) -> None:
    lists_more_than_a_page(cluster, request.getfixturevalue(place))


def test_the_life_of_an_article(cluster: Cluster, tmp_path: Path) -> None:
    life_of_an_article(cluster, cluster.server.make_bucket(), tmp_path)


def test_the_same_with_a_key_that_cannot_delete(cluster: Cluster, tmp_path: Path) -> None:
    with_a_key_that_cannot_delete(cluster, tmp_path)


@pytest.mark.parametrize("number", sized([1], [1, 2]))
def test_osds_killed_in_an_ingest_lose_nothing(kept: Archive, number: int) -> None:
    waiting = goes_away_in_an_ingest(kept, ARTICLES, *killed(kept.cluster, kept.cluster.keepers[:number]))
    print(f"{number} of 3 OSDs killed in an ingest: {waiting} deliveries waited")


@pytest.mark.parametrize("number", sized([2], [1, 2]))
def test_osds_killed_in_an_audit_are_doubt(kept: Archive, number: int) -> None:
    report = goes_away_in_an_audit(kept, *killed(kept.cluster, kept.cluster.keepers[-number:]))
    print(f"{number} of 3 OSDs killed in an audit: {report.intact} intact, {report.unreadable} in doubt")


def test_osds_that_all_hang_are_doubt(kept: Archive) -> None:
    daemons, all_of_them = kept.cluster.daemons, kept.cluster.keepers
    held = (lambda: daemons.hold(*all_of_them), lambda: daemons.let_go(*all_of_them))
    report = goes_away_in_an_audit(kept, *held)
    assert report.unreadable
    waiting = goes_away_in_an_ingest(kept, ARTICLES, *held)
    assert waiting
    print(f"all OSDs hang: {report.unreadable} in doubt in an audit, {waiting} deliveries waited in an ingest")


@pytest.mark.skipif(not FULL, reason="`make prove` tries it")
def test_a_bit_that_flips_on_the_disks_is_seen_and_mended(kept: Archive) -> None:
    def back(names: Sequence[str]) -> None:
        for name in names:
            kept.cluster.daemons.start(name)
        kept.cluster.wait()

    def lost() -> None:
        """As an operator does who has seen that no OSD has a whole copy."""
        ask = kept.cluster.ask
        (pool,) = (one for one in json.loads(ask("osd", "pool", "ls", "detail")) if one["pool_name"].endswith(".data"))
        groups = [f"{pool['pool_id']}.{number:x}" for number in range(pool["pg_num"])]
        unfound = [one for one in groups if json.loads(ask("pg", one, "list_unfound"))["num_unfound"]]
        assert unfound
        for one in unfound:
            ask("pg", one, "mark_unfound_lost", "delete")

    rots_on_disk(kept, back, lost)


def killed(cluster: Cluster, gone: Sequence[str]) -> tuple[Callable[[], None], Callable[[], None]]:
    def away() -> None:
        for name in gone:
            cluster.daemons.kill(name)

    def back() -> None:
        for name in gone:
            cluster.daemons.start(name)
        cluster.wait()

    return away, back
