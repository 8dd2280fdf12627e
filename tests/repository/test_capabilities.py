"""A store is tried, not asked: what a real server does, and what one that says yes to everything does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from faults import FaultProxy, ForgettingStore, Lie, YesToEverything
from servers import S3Server
from store_contract import names, sha256

from repository.errors import StoreUnavailable, WouldOverwrite
from repository.storage import Put
from repository.storage.capabilities import Capabilities, Verdict, probe
from repository.storage.directory import DirectoryStore
from repository.storage.retrying import RetryingStore
from repository.storage.s3 import S3Limits, S3Store


def test_a_real_server_is_found_to_do_what_an_archive_needs(s3_store: S3Store) -> None:
    found = probe(s3_store)
    assert found.store == "main"
    assert found.fit
    assert {each.name: str(each.verdict) for each in found.tried} == {
        "answers": "yes",
        "round_trip": "yes",
        "conditional_put": "yes",
        "one_winner": "yes",
        "conditional_parts": "yes",
        "conditional_replace": "yes",
        "wrong_md5_refused": "yes",
        "wrong_sha256_refused": "yes",
        "byte_ranges": "yes",
        "listing": "yes",
        "listing_in_pages": "yes",
        "listing_in_byte_order": "no",  # SeaweedFS goes by segments
        "unfinished_uploads": "yes",
        "deletion_refused": "no",
        "versioning": "no",
        "object_lock": "no",
        "legal_hold": "no",
    }
    assert all(each.detail for each in found.tried)


def everything_in(server: S3Server, bucket: str) -> list[str]:
    versions = server.client().list_object_versions(Bucket=bucket)
    entries = versions.get("Versions", []) + versions.get("DeleteMarkers", [])
    return sorted({entry["Key"] for entry in entries})


def test_trying_leaves_nothing_behind(s3_server: S3Server, make_bucket: Callable[[], str]) -> None:
    bucket = make_bucket()
    store = s3_server.store("main", bucket)
    store.prepare()
    assert probe(store).fit
    assert everything_in(s3_server, bucket) == [".mahfuz-store"]
    assert names(store) == []


def test_versioning_and_lock_are_found_where_they_are_on(s3_server: S3Server) -> None:
    bucket = f"locked-{os.urandom(4).hex()}"
    s3_server.client().create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    store = s3_server.store("main", bucket)
    store.prepare()
    found = probe(store)
    assert found.verdict("versioning") is Verdict.YES
    assert found.verdict("object_lock") is Verdict.YES
    assert found.verdict("legal_hold") is Verdict.YES
    live = s3_server.client().list_objects_v2(Bucket=bucket)["Contents"]
    assert [entry["Key"] for entry in live] == [".mahfuz-store"]


@pytest.fixture
def locked(s3_server: S3Server) -> str:
    bucket = f"held-{os.urandom(4).hex()}"
    s3_server.client().create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    s3_server.store("main", bucket).prepare()
    return bucket


def tried(s3_server: S3Server, proxy: FaultProxy, bucket: str) -> Capabilities:
    limits = S3Limits(attempts=1, read_seconds=10)
    found = probe(s3_server.store("main", bucket, endpoint_url=proxy.endpoint_url, limits=limits))
    assert found.fit, found
    return found


def test_a_hold_is_not_proved_by_a_key_that_may_delete_nothing(s3_server: S3Server, locked: str) -> None:
    with FaultProxy(s3_server.endpoint_url) as proxy:
        deleting = proxy.arm(Lie.FORBID, "DELETE", "/.probe/", times=1000)
        found = tried(s3_server, proxy, locked)
        assert deleting.struck
        assert found.verdict("deletion_refused") is Verdict.YES
        # The server tells with HEAD that it holds them.
        assert found.verdict("object_lock") is Verdict.YES
        assert found.verdict("legal_hold") is Verdict.YES
        ignored = proxy.arm(Lie.EMPTY_200, "PUT", "legal-hold", times=2)
        found = tried(s3_server, proxy, locked)
        assert ignored.struck
        assert found.verdict("legal_hold") is Verdict.UNKNOWN, "every deletion was refused, held or not"
        assert found.verdict("object_lock") is Verdict.YES
        asking = proxy.arm(Lie.FORBID, "HEAD", "/lock", times=1)
        assert tried(s3_server, proxy, locked).verdict("object_lock") is Verdict.UNKNOWN
        assert asking.struck


def test_a_key_that_may_not_ask_for_the_lock_may_hold_all_the_same(s3_server: S3Server, locked: str) -> None:
    with FaultProxy(s3_server.endpoint_url) as proxy:
        asking = proxy.arm(Lie.FORBID, "GET", "object-lock")
        assert tried(s3_server, proxy, locked).verdict("object_lock") is Verdict.YES
        assert asking.struck


def test_a_right_that_our_key_has_not_says_nothing_of_the_server(s3_server: S3Server, locked: str) -> None:
    with FaultProxy(s3_server.endpoint_url) as proxy:
        lacking = {
            "versioning": [("GET", "?versioning"), ("GET", "/version?versionId=")],
            "object_lock": [("PUT", "/lock")],
            "legal_hold": [("PUT", "legal-hold")],
        }
        for name, rights in lacking.items():
            for method, path in rights:
                lie = proxy.arm(Lie.FORBID, method, path)
                found = tried(s3_server, proxy, locked)
                assert lie.struck, path
                assert found.verdict(name) is Verdict.UNKNOWN, path
                assert found.verdict("answers") is Verdict.YES


def test_a_listing_that_ends_after_its_first_page_is_not_fit(s3_server: S3Server, s3_store: S3Store) -> None:
    with FaultProxy(s3_server.endpoint_url) as proxy:
        short = proxy.arm(Lie.SHORT_LIST, "GET", "max-keys=2")
        place = {"prefix": s3_store.prefix, "endpoint_url": proxy.endpoint_url}
        found = probe(s3_server.store("main", s3_store.bucket, **place))
    assert short.struck
    assert (found.verdict("listing"), found.verdict("listing_in_pages")) == (Verdict.YES, Verdict.NO)
    assert not found.fit


def test_a_server_that_says_yes_to_everything_is_found_out(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"first")
    second.write_bytes(b"second")
    with YesToEverything() as server:
        store = S3Store("main", "bucket", endpoint_url=server.endpoint_url, access_key="any", secret_key="any")
        store.prepare()
        found = probe(store)
        assert not found.fit
        assert {each.name: str(each.verdict) for each in found.tried} == {
            "answers": "yes",
            "round_trip": "yes",
            "conditional_put": "no",
            "one_winner": "no",
            "conditional_parts": "no",
            "conditional_replace": "no",
            "wrong_md5_refused": "no",
            "wrong_sha256_refused": "no",
            "byte_ranges": "no",
            "listing": "yes",
            "listing_in_pages": "yes",
            "listing_in_byte_order": "yes",
            "unfinished_uploads": "no",
            "deletion_refused": "no",
            "versioning": "no",
            "object_lock": "no",
            "legal_hold": "no",
        }
        assert list(server.kept) == [".mahfuz-store"]
        # Also there nothing is overwritten, as long as two do not write at the same instant.
        assert store.put("a", first, sha256(b"first")) is Put.WRITTEN
        assert store.put("a", first, sha256(b"first")) is Put.ALREADY
        with pytest.raises(WouldOverwrite):
            store.put("a", second, sha256(b"second"))
        assert store.conditional_put is False
        assert server.kept["a"] == b"first"


def test_a_store_that_does_not_answer_is_unknown_and_not_unfit_by_name(s3_server: S3Server, s3_store: S3Store) -> None:
    limits = S3Limits(attempts=1, connect_seconds=1)
    nobody = s3_server.store("main", s3_store.bucket, endpoint_url="http://127.0.0.1:1", limits=limits)
    found = probe(nobody)
    assert [(each.name, each.verdict) for each in found.tried] == [("answers", Verdict.UNKNOWN)]
    assert not found.fit
    assert found.verdict("conditional_put") is Verdict.UNKNOWN


def test_what_was_found_before_a_store_fell_silent_is_kept(s3_server: S3Server, s3_store: S3Store) -> None:
    with FaultProxy(s3_server.endpoint_url) as proxy:
        limits = S3Limits(attempts=1, read_seconds=5)
        store = s3_server.store(
            "main", s3_store.bucket, prefix=s3_store.prefix, endpoint_url=proxy.endpoint_url, limits=limits
        )
        refused = proxy.arm(Lie.REFUSE, "GET", "/range")
        found = probe(store)
    assert refused.struck == 1
    assert found.verdict("conditional_put") is Verdict.YES
    assert found.tried[-1].name == "answers"
    assert found.tried[-1].verdict is Verdict.UNKNOWN
    assert "503" in found.tried[-1].detail
    assert names(s3_store) == []


def test_whether_conditions_hold_is_tried_once_at_the_first_put(
    s3_server: S3Server, s3_store: S3Store, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    with FaultProxy(s3_server.endpoint_url) as proxy:
        store = s3_server.store("main", s3_store.bucket, prefix=s3_store.prefix, endpoint_url=proxy.endpoint_url)
        assert store.conditional_put is None
        for key in ("a", "b", "c"):
            assert store.put(key, source, sha256(b"x")) is Put.WRITTEN
        assert store.conditional_put is True
        assert len([line for line in proxy.requests if line.startswith("PUT") and "/.probe/" in line]) == 3
    assert names(s3_store) == ["a", "b", "c"]


def test_a_folder_is_found_to_do_what_an_archive_needs(directory_store: DirectoryStore) -> None:
    found = probe(directory_store)
    assert {each.name: str(each.verdict) for each in found.tried} == {
        "answers": "yes",
        "round_trip": "yes",
        "exclusive_link": "yes",
        "fsync": "yes",
        "case_kept": "yes",
    }
    assert found.fit
    assert list((directory_store.root / ".incoming").iterdir()) == []


@pytest.mark.parametrize(("call", "name"), [("link", "exclusive_link"), ("fsync", "fsync")])
def test_a_file_system_without_links_or_sync_is_not_fit(
    directory_store: DirectoryStore, monkeypatch: pytest.MonkeyPatch, call: str, name: str
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, call, refuse)
    found = probe(directory_store)
    assert found.verdict(name) is Verdict.NO
    assert not found.fit


def test_an_unmounted_disk_is_unknown(directory_store: DirectoryStore) -> None:
    directory_store.root.rename(directory_store.root.with_name("elsewhere"))
    found = probe(directory_store)
    assert [(each.name, each.verdict) for each in found.tried] == [("answers", Verdict.UNKNOWN)]
    with pytest.raises(StoreUnavailable):
        list(directory_store.trials())


def test_a_store_behind_another_is_tried_through_it(directory_store: DirectoryStore) -> None:
    assert probe(RetryingStore(directory_store)) == probe(directory_store)


def test_a_store_that_cannot_try_itself_is_unknown(directory_store: DirectoryStore) -> None:
    for store in (ForgettingStore(directory_store), RetryingStore(ForgettingStore(directory_store))):
        assert probe(store).verdict("answers") is Verdict.UNKNOWN
