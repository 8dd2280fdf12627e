"""Ceph behind its RADOS gateway, every object on three OSDs, keeps what every store owes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from clusters import Cluster, ceph, ceph_root
from store_contract import StoreContract

from repository.storage.s3 import S3Store

pytestmark = pytest.mark.xdist_group("a cluster of Ceph")


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
