"""The store in a bucket keeps every store's promises on a real S3 server, and speaks plainly where S3 does not."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from servers import S3Server
from store_contract import StoreContract, UnguardedContract, names, sha256, some_key, whole

from repository.errors import HeldByStore, ObjectMissing, RefusedByStore, StoreUnavailable, WouldOverwrite
from repository.storage import MARK, Put
from repository.storage.s3 import LockMode, ObjectLock, S3Limits, S3Store
from repository.vocabulary import utc_now

SMALL_PARTS = S3Limits(single_put_bytes=5 << 20, part_bytes=5 << 20, read_seconds=20, deadline_seconds=30)


class TestS3Store(StoreContract):
    @pytest.fixture
    def store(self, s3_store: S3Store) -> S3Store:
        return s3_store


class TestS3StoreInParts(UnguardedContract):
    """All that is longer than ten bytes goes in parts."""

    @pytest.fixture
    def store(self, s3_server: S3Server, s3_store: S3Store) -> S3Store:
        limits = S3Limits(single_put_bytes=10, part_bytes=5 << 20, read_seconds=20, deadline_seconds=30)
        return s3_server.store("main", s3_store.bucket, prefix=s3_store.prefix, limits=limits, conditional_put=True)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Twelve megabytes of which no two parts are alike."""
    path = tmp_path / "large"
    path.write_bytes(os.urandom(12_000_000))
    return path


@pytest.fixture
def in_parts(s3_server: S3Server, common_bucket: str, s3_store: S3Store) -> S3Store:
    """The same place, where all that is larger than five megabytes goes in parts."""
    return s3_server.store("main", common_bucket, prefix=s3_store.prefix, limits=SMALL_PARTS)


def uploads(server: S3Server, store: S3Store) -> list[str]:
    found = server.client().list_multipart_uploads(Bucket=store.bucket, Prefix=store.prefix).get("Uploads", [])
    return [upload["Key"] for upload in found]


def test_a_large_object_goes_in_parts_and_comes_back(in_parts: S3Store, large: Path, s3_server: S3Server) -> None:
    content = large.read_bytes()
    assert in_parts.put(some_key(1), large, sha256(content)) is Put.WRITTEN
    tag = s3_server.client().head_object(Bucket=in_parts.bucket, Key=in_parts.prefix + some_key(1))["ETag"]
    assert tag.endswith('-3"')
    assert whole(in_parts, some_key(1)) == content
    with in_parts.open(some_key(1), 5_000_000, 1_000_000) as stream:
        assert stream.read(2_000_000) == content[5_000_000:6_000_000]
    assert in_parts.put(some_key(1), large, sha256(content)) is Put.ALREADY
    assert uploads(s3_server, in_parts) == []


def test_parts_never_take_a_taken_key(in_parts: S3Store, large: Path, tmp_path: Path, s3_server: S3Server) -> None:
    small = tmp_path / "small"
    small.write_bytes(b"kept")
    in_parts.put(some_key(1), small, sha256(b"kept"))
    with pytest.raises(WouldOverwrite):
        in_parts.put(some_key(1), large, sha256(large.read_bytes()))
    assert whole(in_parts, some_key(1)) == b"kept"
    assert uploads(s3_server, in_parts) == []


def test_a_large_source_that_is_not_what_was_announced_leaves_nothing(
    in_parts: S3Store, large: Path, s3_server: S3Server
) -> None:
    with pytest.raises(RefusedByStore):
        in_parts.put(some_key(1), large, sha256(b"something else"))
    assert in_parts.head(some_key(1)) is None
    assert uploads(s3_server, in_parts) == []


def test_a_large_object_is_replaced_in_parts(in_parts: S3Store, large: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"damaged")
    in_parts.put(some_key(1), damaged, sha256(b"damaged"))
    in_parts.replace(some_key(1), large, sha256(large.read_bytes()), sha256(b"damaged"))
    assert whole(in_parts, some_key(1)) == large.read_bytes()


def test_an_upload_that_nobody_finished_is_swept_when_it_is_old(s3_store: S3Store, s3_server: S3Server) -> None:
    place = {"Bucket": s3_store.bucket, "Key": s3_store.prefix + some_key(1)}
    s3_server.client().create_multipart_upload(**place)
    s3_server.client().create_multipart_upload(Bucket=s3_store.bucket, Key="beside-our-prefix")
    s3_store.prepare()
    assert uploads(s3_server, s3_store) == [place["Key"]]
    limits = S3Limits(upload_days=-1)
    s3_server.store("main", s3_store.bucket, prefix=s3_store.prefix, limits=limits).prepare()
    assert uploads(s3_server, s3_store) == []
    beside = s3_server.client().list_multipart_uploads(Bucket=s3_store.bucket)["Uploads"]
    assert "beside-our-prefix" in [upload["Key"] for upload in beside]


def test_more_keys_than_a_page_are_all_listed(s3_store: S3Store, s3_server: S3Server) -> None:
    client = s3_server.client()
    keys = sorted(some_key(number) for number in range(1100))
    for key in keys:
        client.put_object(Bucket=s3_store.bucket, Key=s3_store.prefix + key, Body=b"")
    assert names(s3_store) == keys
    assert names(s3_store, after=keys[1050]) == keys[1051:]


def test_a_bucket_that_is_not_there_is_doubt_and_not_missing(s3_server: S3Server, tmp_path: Path) -> None:
    store = s3_server.store("main", "never-made")
    source = tmp_path / "source"
    source.write_bytes(b"x")
    with pytest.raises(StoreUnavailable, match="no bucket 'never-made'"):
        store.head("a")
    with pytest.raises(StoreUnavailable), store.open("a"):
        pass
    with pytest.raises(StoreUnavailable):
        list(store.keys())
    with pytest.raises(StoreUnavailable):
        store.put("a", source, sha256(b"x"))
    with pytest.raises(StoreUnavailable):
        store.replace("a", source, sha256(b"x"), None)
    with pytest.raises(Exception, match="404"):
        s3_server.client().head_bucket(Bucket="never-made")


def test_preparing_makes_the_bucket(s3_server: S3Server, tmp_path: Path) -> None:
    store = s3_server.store("main", "made-by-prepare", prefix="archive/one")
    store.prepare()
    source = tmp_path / "source"
    source.write_bytes(b"x")
    assert store.put("a", source, sha256(b"x")) is Put.WRITTEN
    listed = s3_server.client().list_objects_v2(Bucket="made-by-prepare")["Contents"]
    assert [entry["Key"] for entry in listed] == ["archive/one/" + MARK, "archive/one/a"]


def test_an_emptied_bucket_is_doubt_and_not_a_thousand_missing_bags(
    s3_store: S3Store, s3_server: S3Server, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    s3_store.put("a", source, sha256(b"x"))
    client = s3_server.client()
    for name in ("a", MARK):
        client.delete_object(Bucket=s3_store.bucket, Key=s3_store.prefix + name)
    with pytest.raises(StoreUnavailable, match="no mark"):
        s3_store.head("a")
    with pytest.raises(StoreUnavailable, match="no mark"), s3_store.open("a"):
        pass
    with pytest.raises(StoreUnavailable, match="no mark"):
        list(s3_store.keys())


def test_a_deleted_object_is_missing_and_not_doubt(s3_store: S3Store, s3_server: S3Server, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    s3_store.put("a", source, sha256(b"x"))
    s3_server.client().delete_object(Bucket=s3_store.bucket, Key=s3_store.prefix + "a")
    assert s3_store.head("a") is None
    with pytest.raises(ObjectMissing), s3_store.open("a"):
        pass


def test_a_bucket_with_strangers_in_it_is_not_prepared(s3_server: S3Server, make_bucket: Callable[[], str]) -> None:
    bucket = make_bucket()
    s3_server.client().put_object(Bucket=bucket, Key="somebody's", Body=b"x")
    with pytest.raises(StoreUnavailable, match="whose are they"):
        s3_server.store("main", bucket).prepare()


def test_two_stores_never_share_a_place(s3_store: S3Store, s3_server: S3Server) -> None:
    other = s3_server.store("third", s3_store.bucket, prefix=s3_store.prefix)
    with pytest.raises(StoreUnavailable, match="mark of the store 'main'"):
        other.prepare()
    with pytest.raises(StoreUnavailable, match="mark of the store 'main'"):
        list(other.keys())


def test_wrong_credentials_are_doubt_and_said_plainly(s3_server: S3Server, s3_store: S3Store) -> None:
    store = S3Store(
        "main",
        s3_store.bucket,
        prefix=s3_store.prefix,
        endpoint_url=s3_server.endpoint_url,
        access_key=s3_server.access_key,
        secret_key="wrong",
    )
    with pytest.raises(StoreUnavailable, match="403 SignatureDoesNotMatch"):
        list(store.keys())
    with pytest.raises(StoreUnavailable, match="403"):
        store.head("a")


def test_nobody_at_the_address_is_doubt(s3_server: S3Server, s3_store: S3Store) -> None:
    limits = S3Limits(connect_seconds=1, attempts=1)
    store = s3_server.store("main", s3_store.bucket, endpoint_url="http://127.0.0.1:1", limits=limits)
    with pytest.raises(StoreUnavailable, match="Could not connect"):
        store.head("a")


def test_an_address_that_is_none_is_doubt_and_said_plainly(s3_server: S3Server) -> None:
    store = s3_server.store("main", "bucket", endpoint_url="not an address")
    with pytest.raises(StoreUnavailable, match="Invalid endpoint"):
        store.head("a")


def test_what_others_put_beside_our_keys_is_listed_too(s3_store: S3Store, s3_server: S3Server) -> None:
    client = s3_server.client()
    for name in ("a b", "çok güzel.pdf", ".hidden"):
        client.put_object(Bucket=s3_store.bucket, Key=s3_store.prefix + name, Body=b"x")
    assert names(s3_store) == ["a b", "çok güzel.pdf"]


def test_connections_are_used_again(s3_store: S3Store, s3_server: S3Server, tmp_path: Path) -> None:
    """One process reading thousands of bags must not open a connection for each."""
    source = tmp_path / "source"
    source.write_bytes(os.urandom(100_000))
    s3_store.put("a", source, sha256(source.read_bytes()))
    for _ in range(20):
        whole(s3_store, "a")
    pools = s3_store._client()._endpoint.http_session._manager.pools
    (pool,) = [pools[place] for place in pools.keys()]  # noqa: SIM118
    assert pool.num_requests > 20
    assert pool.num_connections <= 2


def test_a_forked_process_makes_its_own_connections(s3_store: S3Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    s3_store.put("a", source, sha256(b"x"))
    parents = s3_store._client()
    child = os.fork()
    if child == 0:
        try:
            same = s3_store._client() is parents
            os._exit(1 if same or whole(s3_store, "a") != b"x" else 0)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert s3_store._client() is parents


def test_without_conditions_a_put_looks_first(s3_server: S3Server, s3_store: S3Store, tmp_path: Path) -> None:
    store = s3_server.store("main", s3_store.bucket, prefix=s3_store.prefix, conditional_put=False)
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"first")
    second.write_bytes(b"second")
    assert store.put("a", first, sha256(b"first")) is Put.WRITTEN
    assert store.put("a", first, sha256(b"first")) is Put.ALREADY
    with pytest.raises(WouldOverwrite):
        store.put("a", second, sha256(b"second"))
    assert whole(store, "a") == b"first"


@pytest.fixture
def locked_bucket(s3_server: S3Server) -> str:
    """A bucket with versions and an object lock."""
    name = f"locked-{uuid4().hex}"
    s3_server.client().create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


@pytest.fixture
def versioned_bucket(s3_server: S3Server, make_bucket: Callable[[], str]) -> str:
    """A bucket with versions."""
    name = make_bucket()
    s3_server.client().put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def _put(store: S3Store, folder: Path, key: str, data: bytes) -> None:
    source = folder / sha256(data)
    source.write_bytes(data)
    store.put(key, source, sha256(data))


def test_where_versions_are_kept_none_is_left(s3_server: S3Server, versioned_bucket: str, tmp_path: Path) -> None:
    store = s3_server.store("main", versioned_bucket)
    store.prepare()
    key, client = some_key(0), s3_server.client()
    _put(store, tmp_path, key, b"given up")
    client.delete_object(Bucket=versioned_bucket, Key=key)
    assert store.head(key) is None, "a marker covers it"
    _put(store, tmp_path, key, b"given up")
    store.dispose(key, sha256(b"given up"))
    assert store.head(key) is None
    left = client.list_object_versions(Bucket=versioned_bucket, Prefix=key)
    assert "Versions" not in left
    assert "DeleteMarkers" not in left


def test_an_older_version_with_other_bytes_keeps_everything_in_its_place(
    s3_server: S3Server, versioned_bucket: str, tmp_path: Path
) -> None:
    store = s3_server.store("main", versioned_bucket)
    store.prepare()
    key, client = some_key(0), s3_server.client()
    client.put_object(Bucket=versioned_bucket, Key=key, Body=b"damaged")
    whole_source = tmp_path / "whole"
    whole_source.write_bytes(b"given up")
    store.replace(key, whole_source, sha256(b"given up"), sha256(b"damaged"))
    with pytest.raises(WouldOverwrite, match="nothing is"):
        store.dispose(key, sha256(b"given up"))
    assert len(client.list_object_versions(Bucket=versioned_bucket, Prefix=key)["Versions"]) == 2
    assert whole(store, key) == b"given up"


@pytest.mark.parametrize("mode", list(LockMode))
@pytest.mark.parametrize("in_parts", [False, True])
def test_what_is_put_is_held_as_long_as_the_settings_say(
    s3_server: S3Server, locked_bucket: str, tmp_path: Path, mode: LockMode, in_parts: bool
) -> None:
    limits = S3Limits(single_put_bytes=100 if in_parts else 1 << 20, part_bytes=5 << 20)
    store = s3_server.store("main", locked_bucket, lock=ObjectLock(mode, 40), limits=limits)
    store.prepare()
    key, data = some_key(0), b"held " * 1000
    _put(store, tmp_path, key, data)
    told = s3_server.client().head_object(Bucket=locked_bucket, Key=key)
    assert told["ObjectLockMode"] == mode.upper()
    assert timedelta(days=39) < told["ObjectLockRetainUntilDate"] - utc_now() < timedelta(days=41)
    with pytest.raises(HeldByStore) as held:
        store.dispose(key, sha256(data))
    assert held.value.until == told["ObjectLockRetainUntilDate"]
    assert whole(store, key) == data


def test_a_legal_hold_stands_until_it_is_lifted(s3_server: S3Server, locked_bucket: str, tmp_path: Path) -> None:
    store = s3_server.store("main", locked_bucket)
    store.prepare()
    key, client = some_key(0), s3_server.client()
    _put(store, tmp_path, key, b"given up")
    client.put_object_legal_hold(Bucket=locked_bucket, Key=key, LegalHold={"Status": "ON"})
    with pytest.raises(HeldByStore, match="legal hold"):
        store.dispose(key, sha256(b"given up"))
    client.put_object_legal_hold(Bucket=locked_bucket, Key=key, LegalHold={"Status": "OFF"})
    store.dispose(key, sha256(b"given up"))
    assert store.head(key) is None


def test_a_lock_that_the_bucket_does_not_have_keeps_nothing_out(
    s3_server: S3Server, make_bucket: Callable[[], str], tmp_path: Path
) -> None:
    store = s3_server.store("main", make_bucket(), lock=ObjectLock(LockMode.GOVERNANCE, 40))
    store.prepare()
    _put(store, tmp_path, some_key(0), b"kept")
    assert whole(store, some_key(0)) == b"kept"
    store.dispose(some_key(0), sha256(b"kept"))
