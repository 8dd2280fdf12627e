"""A file's way into a bucket: one PUT while it is small enough, else parts that become one object at the end."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

from repository.errors import RefusedByStore, StoreUnavailable
from repository.storage.s3.answers import GONE, NO_STATUS, TAKEN, Answer
from repository.storage.s3.bucket import Bucket
from repository.storage.s3.client import OtherBytes
from repository.storage.s3.digests import checksum_sha256, content_md5, md5_of
from repository.storage.s3.locking import ObjectLock
from repository.vocabulary import utc_now

_TYPE = "application/octet-stream"
_IN_MEMORY = 4 << 20


def put_file(
    bucket: Bucket,
    key: str,
    source: Path,
    sha256: str,
    condition: dict[str, str],
    *,
    md5: bool = True,
    lock: ObjectLock | None = None,
) -> None:
    """The object under ``key`` (without the prefix) is ``source``, whose SHA-256 is ``sha256``.

    ``condition`` is a header of the request; ``md5``: Content-MD5 goes with it as well, for a server that does not
    compare the SHA-256 with what arrives; ``lock`` holds the object from then on. Raises Answer 409 or 412 when the
    condition did not hold, RefusedByStore when ``source`` or what arrived of it has another digest, StoreUnavailable.
    """
    with source.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > bucket.limits.single_put_bytes:
            _put_parts(bucket, key, file, sha256, condition, lock)
            return
        # A file is sent in a hundred small pieces, and after each the interpreter is fought for.
        body = file.read() if size <= _IN_MEMORY else file
        if not md5 and isinstance(body, bytes):
            headers = {"Content-Type": _TYPE, **({"If-None-Match": condition["IfNoneMatch"]} if condition else {})}
            headers |= lock.headers() if lock else {}
            if bucket.send(bucket.prefix + key, body, sha256, headers):
                return
        if md5:
            condition = {"ContentMD5": content_md5(body) if isinstance(body, bytes) else md5_of(body), **condition}
        try:
            bucket.ask(
                "put_object",
                TAKEN,
                size,
                Key=bucket.prefix + key,
                Body=body,
                ContentLength=size,
                ChecksumSHA256=checksum_sha256(sha256),
                ContentType=_TYPE,
                **condition,
                **(lock.arguments() if lock else {}),
            )
        except OtherBytes as other:
            _check_source(bucket, key, other.found, sha256)
            raise


def sweep_uploads(bucket: Bucket) -> None:
    """What a killed process left behind of a put in parts takes room and is never seen again."""
    before = utc_now() - timedelta(days=bucket.limits.upload_days)
    with suppress(Answer, StoreUnavailable):  # not every server can say, and no object depends on it
        for upload in uploads(bucket):
            if upload["Initiated"] < before:
                bucket.ask("abort_multipart_upload", GONE, Key=upload["Key"], UploadId=upload["UploadId"])


def uploads(bucket: Bucket) -> Iterator[dict[str, Any]]:
    """Every upload in parts that has not ended, page by page. Raises StoreUnavailable."""
    where: dict[str, Any] = {"Prefix": bucket.prefix}
    while True:
        page = bucket.ask("list_multipart_uploads", **where)
        yield from page.get("Uploads", ())
        further = {name: page.get(f"Next{name}") or "" for name in ("KeyMarker", "UploadIdMarker")}
        if not page.get("IsTruncated") or not further["KeyMarker"] or further.items() <= where.items():
            return
        where |= further


def _put_parts(
    bucket: Bucket, key: str, body: BinaryIO, sha256: str, condition: dict[str, str], lock: ObjectLock | None
) -> None:
    place = {"Key": bucket.prefix + key}
    held = lock.arguments() if lock else {}
    upload = _said(bucket, bucket.ask("create_multipart_upload", ContentType=_TYPE, **place, **held), "UploadId")
    whole = hashlib.sha256()
    parts: list[dict[str, Any]] = []
    try:
        while part := body.read(bucket.limits.part_bytes):
            whole.update(part)
            this = {"PartNumber": len(parts) + 1, "UploadId": upload, **place}
            sent = bucket.ask("upload_part", NO_STATUS, len(part), Body=part, ContentMD5=content_md5(part), **this)
            parts.append({"ETag": _said(bucket, sent, "ETag"), "PartNumber": this["PartNumber"]})
        _check_source(bucket, key, whole.hexdigest(), sha256)
        # Putting many parts together may take the server as long as reading them.
        size = body.tell()
        together = {"UploadId": upload, "MultipartUpload": {"Parts": parts}}
        bucket.ask("complete_multipart_upload", TAKEN, size, **together, **place, **condition)
    except BaseException:
        # After a lost acknowledgement there is nothing left to abort, and a silent server hears nothing.
        with suppress(StoreUnavailable, RefusedByStore, Answer):
            bucket.ask("abort_multipart_upload", GONE, UploadId=upload, **place)
        raise


def _said(bucket: Bucket, answer: dict[str, Any], name: str) -> str:
    """What the answer must say; a yes that does not say it came from somebody else on the way, or was cut."""
    if name not in answer:
        raise StoreUnavailable(bucket.store, f"it said yes to a part of an upload, and no {name}")
    return str(answer[name])


def _check_source(bucket: Bucket, key: str, found: str, sha256: str) -> None:
    if found != sha256:
        raise RefusedByStore(bucket.store, key, f"the file to be kept has the SHA-256 {found}, not {sha256}")
