"""An object given up for good: every version of it, each read first, and none where anything else lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from repository.errors import HeldByStore, ObjectMissing, StoreUnavailable, WouldOverwrite
from repository.storage.s3.answers import GONE, TAKEN, Answer
from repository.storage.s3.bucket import Bucket
from repository.vocabulary import utc_now

_REFUSED = frozenset({403})


def dispose(bucket: Bucket, key: str, sha256: str, digest: Callable[[str | None], str]) -> None:
    """See :class:`repository.storage.Disposable`; ``digest`` reads the object, or one version of it, to its end.

    In a bucket with versions a plain deletion only covers the object with a marker: here each version goes by its
    number, the markers too, once all of them have been read, bear the digest and are under no lock.
    """
    versions = list(_versions(bucket, key))
    for version in versions:
        told = _head(bucket, key, version)
        until = told.get("ObjectLockRetainUntilDate")
        if told.get("ObjectLockLegalHoldStatus") == "ON":
            raise HeldByStore(bucket.store, key, None)
        if isinstance(until, datetime) and until > utc_now():
            raise HeldByStore(bucket.store, key, until)
        if (found := digest(version)) != sha256:
            which = f"version {version} has" if version else "there is"
            raise WouldOverwrite(bucket.store, key, f"{sha256} was to be given up, {which} {found}: nothing is")
        if version is None:
            _delete(bucket, key, IfMatch=told["ETag"])
    for version in (*versions, *_markers(bucket, key, versions)):
        if version is not None:
            _delete(bucket, key, VersionId=version)
    if _is_there(bucket, key):
        raise StoreUnavailable(bucket.store, f"it acknowledged that {key!r} is deleted, and still has it")


def _versions(bucket: Bucket, key: str) -> Iterator[str | None]:
    """The versions that the bucket keeps of the object, the newest first; None stands for the only one.

    Raises ObjectMissing where there is none.
    """
    if not _keeps_versions(bucket):
        yield None
        return
    found = [entry["VersionId"] for entry in _listed(bucket, key, "Versions")]
    if not found:
        raise ObjectMissing(bucket.store, key)
    yield from found


def _markers(bucket: Bucket, key: str, versions: list[str | None]) -> list[str]:
    if versions == [None]:
        return []
    return [entry["VersionId"] for entry in _listed(bucket, key, "DeleteMarkers")]


def _keeps_versions(bucket: Bucket) -> bool:
    try:
        return bool(bucket.ask("get_bucket_versioning", frozenset({404, 405, 501})).get("Status"))
    except Answer:
        return False


def _listed(bucket: Bucket, key: str, what: str) -> list[dict[str, Any]]:
    page = bucket.ask("list_object_versions", Prefix=bucket.prefix + key)
    found = [entry for entry in page.get(what, ()) if entry["Key"] == bucket.prefix + key]
    if page.get("IsTruncated"):
        raise StoreUnavailable(bucket.store, f"there are more versions under {key} than one list holds")
    return found


def _head(bucket: Bucket, key: str, version: str | None) -> dict[str, Any]:
    which = {"VersionId": version} if version else {}
    try:
        told: dict[str, Any] = bucket.ask("head_object", GONE, Key=bucket.prefix + key, **which)
    except Answer:
        bucket.check_still_there()
        raise ObjectMissing(bucket.store, key) from None
    return told


def _is_there(bucket: Bucket, key: str) -> bool:
    try:
        bucket.ask("head_object", GONE, Key=bucket.prefix + key)
    except Answer:
        return False
    return True


def _delete(bucket: Bucket, key: str, **which: str) -> None:
    try:
        bucket.ask("delete_object", _REFUSED | TAKEN | GONE, Key=bucket.prefix + key, **which)
    except Answer as no:
        if no.status in _REFUSED:
            reason = f"it does not let us delete {key!r} ({no}): this access key may not, or a lock stands against it"
            raise StoreUnavailable(bucket.store, reason) from None
        if no.status in TAKEN:
            raise WouldOverwrite(
                bucket.store, key, f"it changed while it was read ({no}): nothing is deleted"
            ) from None
