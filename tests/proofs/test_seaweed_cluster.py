"""SeaweedFS in parts, every object on two of three volume servers, keeps what every store owes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

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
from clusters import Cluster, seaweedfs_in_parts
from full_size import FULL, sized
from store_contract import StoreContract, UnguardedContract

pytestmark = [
    pytest.mark.xdist_group("a cluster of SeaweedFS"),
    pytest.mark.skipif(not FULL, reason="`make prove` starts it; the suite has one server"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with seaweedfs_in_parts(tmp_path_factory.mktemp("seaweedfs")) as running:
        yield running


class TestStore(OnCluster, StoreContract):
    """In an ordinary bucket."""


class TestStoreWithVersions(OnCluster, StoreContract):
    __test__ = FULL
    place = "bucket_with_versions"


class TestStoreInParts(OnCluster, UnguardedContract):
    __test__ = FULL
    limits = IN_PARTS


@pytest.mark.skipif(not FULL, reason="`make prove` tries it")
@pytest.mark.parametrize("place", ["bucket", "bucket_with_versions"])
def test_more_than_a_page_is_listed(cluster: Cluster, request: pytest.FixtureRequest, place: str) -> None:
    lists_more_than_a_page(cluster, request.getfixturevalue(place))


@pytest.mark.skipif(not FULL, reason="`make prove` tries it; the suite has it on one server")
def test_the_life_of_an_article(cluster: Cluster, tmp_path: Path) -> None:
    life_of_an_article(cluster, cluster.server.make_bucket(), tmp_path)


@pytest.mark.skipif(not FULL, reason="`make prove` tries it")
def test_the_same_with_a_key_that_cannot_delete(cluster: Cluster, tmp_path: Path) -> None:
    with_a_key_that_cannot_delete(cluster, tmp_path)


@pytest.mark.parametrize("number", sized([1], [1, 2, 3]))
def test_volume_servers_killed_in_an_ingest_lose_nothing(kept: Archive, number: int) -> None:
    daemons, gone = kept.cluster.daemons, kept.cluster.keepers[:number]
    waiting = goes_away_in_an_ingest(
        kept, ARTICLES, lambda: [daemons.kill(name) for name in gone], lambda: back(kept.cluster, gone)
    )
    print(f"{number} of 3 killed: {waiting} deliveries waited")


@pytest.mark.parametrize("number", sized([2], [1, 2, 3]))
def test_volume_servers_killed_in_an_audit_are_doubt(kept: Archive, number: int) -> None:
    daemons, gone = kept.cluster.daemons, kept.cluster.keepers[-number:]
    report = goes_away_in_an_audit(
        kept, lambda: [daemons.kill(name) for name in gone], lambda: back(kept.cluster, gone)
    )
    print(f"{number} of 3 killed: {report.intact} intact, {report.unreadable} in doubt")


def test_volume_servers_that_hang_in_an_audit_are_doubt(kept: Archive) -> None:
    daemons, all_of_them = kept.cluster.daemons, kept.cluster.keepers
    report = goes_away_in_an_audit(kept, lambda: daemons.hold(*all_of_them), lambda: daemons.let_go(*all_of_them))
    assert report.unreadable


@pytest.mark.skipif(not FULL, reason="`make prove` waits")
def test_an_ingest_waits_for_volume_servers_that_hang(kept: Archive) -> None:
    daemons, all_of_them = kept.cluster.daemons, kept.cluster.keepers
    assert goes_away_in_an_ingest(
        kept, ARTICLES, lambda: daemons.hold(*all_of_them), lambda: daemons.let_go(*all_of_them)
    )


@pytest.mark.skipif(not FULL, reason="`make prove` tries it")
def test_a_bit_that_flips_on_the_disks_is_seen_and_mended(kept: Archive) -> None:
    rots_on_disk(kept, lambda names: back(kept.cluster, names))


def back(cluster: Cluster, gone: Sequence[str]) -> None:
    for name in gone:
        cluster.daemons.start(name)
    cluster.wait()
