"""What the proofs on clusters have in common; each module brings its own ``cluster``."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from cluster_story import ARTICLES, AS_INSTALLED, Archive, archive, deliveries
from clusters import Cluster


@pytest.fixture(scope="module")
def bucket(cluster: Cluster) -> str:
    """A bucket for the whole module."""
    return cluster.server.make_bucket()


@pytest.fixture(scope="module")
def bucket_with_versions(cluster: Cluster) -> str:
    """One that keeps versions, with an object lock."""
    name = f"versions-{uuid4().hex}"
    cluster.server.client().create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


@pytest.fixture(scope="module")
def kept(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """An archive on the cluster in which something lies."""
    with archive(cluster, tmp_path_factory.mktemp("archive")) as made:
        assert made.takes_in(deliveries(made.folder, ARTICLES, "ilk"), made.main(AS_INSTALLED)) == 0
        yield made
