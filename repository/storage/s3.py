"""A store in a bucket of any S3 server: the only module that speaks S3, and the only one that knows how S3 fails."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from repository.errors import ObjectMissing, RefusedByStore, StoreUnavailable, WouldOverwrite
from repository.storage import BUFFER, MARK, ByteStream, Put, StoredObject, check_key
from repository.storage.capabilities import Capability, Verdict
from repository.vocabulary import utc_now

_T = TypeVar("_T")
_SESSION_LOCK = threading.Lock()
_PROBE = ".probe/"
_NONE: frozenset[int] = frozenset()
_GONE = frozenset({404})
_TAKEN = frozenset({409, 412})
_ABSENT_BUCKET = frozenset({"NoSuchBucket", "NotFound"})
_DIGEST_REFUSED = frozenset(
    {
        "BadDigest",
        "InvalidDigest",
        "InvalidChecksum",
        "XAmzContentSHA256Mismatch",
        "XAmzContentChecksumMismatch",
        "ContentSHA256Mismatch",
    }
)


@dataclass(frozen=True, slots=True)
class S3Limits:
    """How long this store is waited for, and how large the pieces are.

    ``read_seconds`` bounds one silence of the server. It does not bound a server that drips, so each
    operation has ``deadline_seconds`` besides, and one more second for every ``slowest_bytes`` that it moves.

    ``single_put_bytes`` is high on purpose (S3 allows 5 GiB): ``If-None-Match`` holds under a race for a single
    PUT; for parts put together SeaweedFS let 3 of 12 writers win at once, and Ceph RGW 16 does not look at it.
    """

    connect_seconds: float = 5
    read_seconds: float = 60
    deadline_seconds: float = 120
    slowest_bytes: int = 64 * 1024
    attempts: int = 3
    connections: int = 32
    single_put_bytes: int = 1 << 30
    part_bytes: int = 16 << 20
    upload_days: float = 7

    def allowance(self, moved: int = 0) -> float:
        """Seconds that an operation may take which moves so many bytes."""
        return self.deadline_seconds + moved / self.slowest_bytes


class _Answer(Exception):
    """An answer of the server that the caller asked to hear: never leaves this module."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


def _within(seconds: float, call: Callable[[], _T]) -> _T:
    """What ``call`` returns or raises, or TimeoutError after so many seconds.

    A socket's time-out begins anew with every byte, and nothing public closes the socket of another
    thread's request; so the call gets a thread of its own, which is left behind when its time is over.
    """
    answers: queue.SimpleQueue[tuple[_T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:  # noqa: BLE001  (handed to the thread that asked)
            answers.put((None, error))

    threading.Thread(target=run, daemon=True, name="s3").start()
    try:
        value, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]


class _Body:
    """The body of one GET, which must be exactly as long as announced and must not drip."""

    def __init__(self, store: S3Store, raw: Any, announced: int) -> None:
        self._store = store
        self._raw = raw
        self._left = announced
        self._waited = 0.0
        self._moved = 0

    def read(self, size: int, /) -> bytes:
        """``size`` bytes, fewer only at the end."""
        chunks: list[bytes] = []
        wanted = min(size, self._left)
        while wanted > 0:
            chunk = self._receive(wanted)
            if not chunk:
                raise StoreUnavailable(self._store.name, f"the answer ended {self._left} bytes too early")
            wanted -= len(chunk)
            self._left -= len(chunk)
            chunks.append(chunk)
        if size > 0 and self._left == 0 and self._receive(1):
            raise StoreUnavailable(self._store.name, "the answer was longer than announced")
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _receive(self, wanted: int) -> bytes:
        """What one reading of the socket brings, so that the time can be looked at between any two of them."""
        began = time.monotonic()
        try:
            chunk: bytes = self._raw.read1(wanted)
        except (HTTPError, OSError, ValueError) as error:
            raise StoreUnavailable(self._store.name, f"the answer broke off: {_plain(error)}") from error
        self._waited += time.monotonic() - began
        self._moved += len(chunk)
        if self._waited > self._store.limits.allowance(self._moved):
            raise StoreUnavailable(self._store.name, f"only {self._moved} bytes came in {self._waited:.0f} s")
        return chunk


class _Nothing:
    """The bytes of an empty range."""

    def read(self, _size: int, /) -> bytes:
        """No bytes."""
        return b""


class S3Store:
    """Objects under ``prefix`` of ``bucket``, kept by the server at ``endpoint_url`` (None: Amazon).

    Listing follows the server. Most list in byte order of the keys; SeaweedFS orders segment by segment and
    gives ``a/b`` before ``a-b``. For bag keys, whose segments are as long as their siblings, both are the same order.

    ``conditional_put`` says whether the server honours ``If-None-Match: *``; None: it is tried once, at the
    first put. Where it is not honoured a put looks first, and two writers at the same instant are not kept apart.
    """

    def __init__(
        self,
        name: str,
        bucket: str,
        *,
        access_key: str,
        secret_key: str,
        prefix: str = "",
        endpoint_url: str | None = None,
        region: str = "us-east-1",
        conditional_put: bool | None = None,
        limits: S3Limits | None = None,
    ) -> None:
        self._name = name
        self.bucket = bucket
        self.prefix = check_key(prefix.strip("/")) + "/" if prefix.strip("/") else ""
        self.endpoint_url = endpoint_url
        self.region = region
        self.conditional_put = conditional_put
        self.limits = limits or S3Limits()
        self._credentials = (access_key, secret_key)
        self._confirmed = False
        self._lock = threading.RLock()
        self._clients: dict[int, Any] = {}

    def __repr__(self) -> str:
        return f"S3Store({self._name!r}, {self.bucket!r}, prefix={self.prefix!r}, endpoint_url={self.endpoint_url!r})"

    @property
    def name(self) -> str:
        """The name from the settings."""
        return self._name

    # --- the four verbs ---------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """The bucket is there and bears the mark of this store; a bucket that keeps unmarked objects is refused.

        Uploads in parts that nobody has finished within ``upload_days`` are taken away: they are no objects.
        """
        try:
            if self._marked():
                self._sweep_uploads()
                return
        except _Answer:
            self._create_bucket()
        if any(not entry["Key"].removeprefix(self.prefix).startswith(".") for entry in self._list(self.prefix)):
            raise StoreUnavailable(self._name, f"{self._place} keeps objects and no mark {MARK}: whose are they?")
        mark = json.dumps({"store": self._name, "created": utc_now().date().isoformat()}).encode()
        self._ask("put_object", Key=self.prefix + MARK, Body=mark, ContentMD5=_md5(mark))
        self._confirmed = True

    def put(self, key: str, source: Path, sha256: str) -> Put:
        """One PUT with Content-MD5, SHA-256 and If-None-Match, or parts above ``single_put_bytes``."""
        check_key(key)
        self._confirm()
        exclusive = self._exclusive()
        size = source.stat().st_size
        in_parts = size > self.limits.single_put_bytes
        # Some servers ignore the condition when parts are put together: there we look before as well.
        if (in_parts or not exclusive) and self._head(key) is not None:
            return self._settle(key, sha256)
        try:
            self._write(key, source, sha256, {"IfNoneMatch": "*"} if exclusive else {})
        except _Answer as taken:
            return self._settle(key, sha256, taken)
        return Put.WRITTEN

    @contextmanager
    def open(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[ByteStream]:
        """One GET, ranged where a part is asked for; what lies beyond the end is empty."""
        check_key(key)
        if offset < 0 or (length is not None and length < 0):
            raise ValueError("a range has no negative numbers")
        ranged = offset > 0 or length is not None
        if length == 0:
            if self.head(key) is None:
                raise ObjectMissing(self._name, key)
            yield _Nothing()
            return
        last = "" if length is None else offset + length - 1
        condition = {"Range": f"bytes={offset}-{last}"} if ranged else {}
        try:
            answer = self._ask("get_object", _GONE | {416}, Key=self.prefix + key, **condition)
        except _Answer as no:
            if no.status in _GONE:
                self._check_still_there()
                raise ObjectMissing(self._name, key) from None
            yield _Nothing()
            return
        with answer["Body"] as raw:
            announced = answer.get("ContentLength")
            if announced is None:
                raise StoreUnavailable(self._name, "the answer announced no length: its end could not be trusted")
            if ranged:
                self._check_range(answer.get("ContentRange"), offset, length, announced)
            yield _Body(self, raw, announced)

    def head(self, key: str) -> StoredObject | None:
        """One HEAD; a 404 counts only while the bucket still bears its mark, for HEAD cannot say what is missing."""
        found = self._head(check_key(key))
        if found is None:
            self._check_still_there()
        return found

    def keys(self, prefix: str = "", after: str = "") -> Iterator[StoredObject]:
        """ListObjectsV2 page by page, in the server's order (see the class)."""
        self._check_still_there()
        for entry in self._list(self.prefix + prefix, self.prefix + _before(after) if after else ""):
            key = entry["Key"].removeprefix(self.prefix)
            if not key.startswith(".") and (not after or key.encode() > after.encode()):
                yield StoredObject(key, entry["Size"], entry.get("LastModified"))

    def replace(self, key: str, source: Path, sha256: str, damaged_sha256: str | None) -> None:
        """See :class:`repository.storage.Mendable`; finding the good bytes there already is success."""
        check_key(key)
        self._confirm()
        found = self._head(key)
        if found is None:
            if damaged_sha256 is not None:
                raise WouldOverwrite(self._name, key, f"expected the damaged {damaged_sha256}, nothing is there now")
            self.put(key, source, sha256)
            return
        now = self._digest(key)
        if now == sha256:
            return
        if now != damaged_sha256:
            raise WouldOverwrite(self._name, key, f"expected the damaged {damaged_sha256}, {now} is there now")
        self._write(key, source, sha256, {})

    # --- putting ----------------------------------------------------------------------------------------------

    def _write(self, key: str, source: Path, sha256: str, condition: dict[str, str]) -> None:
        """Raises _Answer 409 or 412 when the condition did not hold."""
        with source.open("rb") as body:
            if os.fstat(body.fileno()).st_size > self.limits.single_put_bytes:
                self._write_parts(key, body, sha256, condition)
                return
            md5, found, size = _digests(body)
            self._check_source(key, found, sha256)
            self._ask(
                "put_object",
                _TAKEN,
                size,
                Key=self.prefix + key,
                Body=body,
                ContentLength=size,
                ContentMD5=md5,
                ChecksumSHA256=b64encode(bytes.fromhex(sha256)).decode(),
                ContentType="application/octet-stream",
                **condition,
            )

    def _write_parts(self, key: str, body: BinaryIO, sha256: str, condition: dict[str, str]) -> None:
        place = {"Key": self.prefix + key}
        upload = self._ask("create_multipart_upload", ContentType="application/octet-stream", **place)["UploadId"]
        whole = hashlib.sha256()
        parts: list[dict[str, Any]] = []
        try:
            while part := body.read(self.limits.part_bytes):
                whole.update(part)
                this = {"PartNumber": len(parts) + 1, "UploadId": upload, **place}
                sent = self._ask("upload_part", _NONE, len(part), Body=part, ContentMD5=_md5(part), **this)
                parts.append({"ETag": sent["ETag"], "PartNumber": this["PartNumber"]})
            self._check_source(key, whole.hexdigest(), sha256)
            # Putting many parts together may take the server as long as reading them.
            size = body.tell()
            together = {"Parts": parts}
            self._ask(
                "complete_multipart_upload", _TAKEN, size, UploadId=upload, MultipartUpload=together, **place,
                **condition,
            )  # fmt: skip
        except BaseException:
            # After a lost acknowledgement there is nothing left to abort, and a silent server hears nothing.
            with suppress(StoreUnavailable, RefusedByStore, _Answer):
                self._ask("abort_multipart_upload", _GONE, UploadId=upload, **place)
            raise

    def _sweep_uploads(self) -> None:
        """What a killed process left behind of a put in parts takes room and is never seen again."""
        before = utc_now() - timedelta(days=self.limits.upload_days)
        with suppress(_Answer, StoreUnavailable):  # not every server can say, and no object depends on it
            for upload in self._ask("list_multipart_uploads", Prefix=self.prefix).get("Uploads", ()):
                if upload["Initiated"] < before:
                    self._ask("abort_multipart_upload", _GONE, Key=upload["Key"], UploadId=upload["UploadId"])

    def _check_source(self, key: str, found: str, sha256: str) -> None:
        if found != sha256:
            raise RefusedByStore(self._name, key, f"the file to be kept has the SHA-256 {found}, not {sha256}")

    def _settle(self, key: str, sha256: str, taken: _Answer | None = None) -> Put:
        """Something is there: a put of ours whose acknowledgement was lost, the same bytes, or other ones."""
        try:
            found = self._digest(key)
        except ObjectMissing:
            reason = f"{key!r} was called taken ({taken}) and is not there: another writer is at work"
            raise StoreUnavailable(self._name, reason) from None
        if found != sha256:
            raise WouldOverwrite(self._name, key, f"SHA-256 {found} is kept, {sha256} was brought")
        return Put.ALREADY

    def _digest(self, key: str) -> str:
        digest = hashlib.sha256()
        with self.open(key) as stream:
            while chunk := stream.read(BUFFER):
                digest.update(chunk)
        return digest.hexdigest()

    def _exclusive(self) -> bool:
        if self.conditional_put is None:
            with self._lock, _Trials(self) as trials:
                if self.conditional_put is None:
                    self.conditional_put = trials.conditional_put().verdict is Verdict.YES
        return bool(self.conditional_put)

    # --- reading ----------------------------------------------------------------------------------------------

    def _head(self, key: str) -> StoredObject | None:
        try:
            found = self._ask("head_object", _GONE, Key=self.prefix + key)
        except _Answer:
            return None
        return StoredObject(key, found["ContentLength"], found.get("LastModified"))

    def _list(self, prefix: str, after: str = "") -> Iterator[dict[str, Any]]:
        where: dict[str, Any] = {"Prefix": prefix}
        if after:
            where["StartAfter"] = after
        while True:
            page = self._ask("list_objects_v2", **where)
            yield from page.get("Contents", ())
            token = page.get("NextContinuationToken")
            if not page.get("IsTruncated"):
                return
            if not token or token == where.get("ContinuationToken"):
                raise StoreUnavailable(self._name, "the listing says that it goes on, and does not say where")
            where["ContinuationToken"] = token

    def _check_range(self, told: str | None, offset: int, length: int | None, announced: int) -> None:
        """A server that ignores Range answers with other bytes than were asked for."""
        first, _, rest = (told or "").removeprefix("bytes ").partition("-")
        last, _, total = rest.partition("/")
        if (first, last) == (str(offset), str(offset + announced - 1)):
            whole = length is not None and announced == length
            if whole or (total.isdigit() and offset + announced == int(total)):
                return
        raise StoreUnavailable(self._name, f"asked for {length} bytes from {offset}, the answer holds {told}")

    # --- the place --------------------------------------------------------------------------------------------

    @property
    def _place(self) -> str:
        return f"bucket {self.bucket!r}" + (f" under {self.prefix!r}" if self.prefix else "")

    def _marked(self) -> bool:
        """Whether the bucket bears our mark; raises _Answer when there is no bucket, StoreUnavailable for another's."""
        try:
            answer = self._ask("get_object", _GONE, Key=self.prefix + MARK)
        except _Answer as no:
            if no.code in _ABSENT_BUCKET:
                raise
            self._ask("head_bucket", _GONE)
            return False
        with answer["Body"] as raw:
            try:
                owner = json.loads(_Body(self, raw, answer["ContentLength"]).read(BUFFER))["store"]
            except (ValueError, KeyError, TypeError) as error:
                raise StoreUnavailable(self._name, f"the mark {MARK} in {self._place} cannot be read") from error
        if owner != self._name:
            raise StoreUnavailable(self._name, f"{self._place} bears the mark of the store {owner!r}")
        return True

    def _check_still_there(self) -> None:
        """Raises StoreUnavailable when "no such object" only means that the place itself is gone or was emptied."""
        try:
            marked = self._marked()
        except _Answer:
            raise StoreUnavailable(self._name, f"there is no bucket {self.bucket!r}") from None
        if not marked:
            raise StoreUnavailable(self._name, f"{self._place} has no mark {MARK}: never prepared, or emptied")

    def _confirm(self) -> None:
        """Once per store and process, before the first writing: some servers make an absent bucket on the way."""
        if not self._confirmed:
            self._check_still_there()
            self._confirmed = True

    def _create_bucket(self) -> None:
        amazon = self.endpoint_url is None and self.region != "us-east-1"
        where = {"CreateBucketConfiguration": {"LocationConstraint": self.region}} if amazon else {}
        try:
            self._ask("create_bucket", _TAKEN, **where)
        except _Answer:
            self._ask("head_bucket")  # another process made it first; 403 when it is somebody else's

    # --- asking -----------------------------------------------------------------------------------------------

    def _client(self) -> Any:
        """One client per process: its connections must not be shared across a fork."""
        with self._lock:
            if os.getpid() not in self._clients:
                self._clients = {os.getpid(): self._new_client()}
            return self._clients[os.getpid()]

    def _new_client(self) -> Any:
        local = urlsplit(self.endpoint_url or "").hostname in {"localhost", "127.0.0.1", "::1"}
        access_key, secret_key = self._credentials
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path", "payload_signing_enabled": True},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            connect_timeout=self.limits.connect_seconds,
            read_timeout=self.limits.read_seconds,
            retries={"mode": "standard", "total_max_attempts": self.limits.attempts},
            max_pool_connections=self.limits.connections,
            tcp_keepalive=True,
            # A proxy of the site is of no use on the way to this very machine.
            proxies={} if local else None,
        )
        try:
            with _SESSION_LOCK:  # a session, unlike its clients, is not for several threads at once
                return _session().client(
                    "s3",
                    endpoint_url=self.endpoint_url,
                    region_name=self.region,
                    aws_access_key_id=access_key,
                    aws_secret_access_key=secret_key,
                    config=config,
                )
        except (BotoCoreError, ValueError) as error:
            raise StoreUnavailable(self._name, _plain(error)) from error

    def _ask(self, operation: str, hear: frozenset[int] = _NONE, moved: int = 0, /, **arguments: Any) -> Any:
        """The server's answer to one operation; _Answer for a status in ``hear``, and every other failure as ours."""
        call = getattr(self._client(), operation)
        seconds = self.limits.allowance(moved)
        try:
            return _within(seconds, lambda: call(Bucket=self.bucket, **arguments))
        except TimeoutError:
            raise StoreUnavailable(self._name, f"no end to {operation} within {seconds:.0f} s") from None
        except ClientError as error:
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            code = str(error.response.get("Error", {}).get("Code", ""))
            if status in hear:
                raise _Answer(status, code) from error
            if code in _DIGEST_REFUSED:
                key = str(arguments.get("Key", "")).removeprefix(self.prefix)
                raise RefusedByStore(self._name, key, _plain(error)) from error
            raise StoreUnavailable(self._name, f"{operation} was answered {status} {code}: {_plain(error)}") from error
        except (BotoCoreError, HTTPError, OSError) as error:
            raise StoreUnavailable(self._name, f"{operation}: {_plain(error)}") from error

    # --- trying -----------------------------------------------------------------------------------------------

    def responds(self) -> bool:
        """Whether the server knows our keys and gives back what it takes; afterwards the bucket is there.

        For one who waits for a server that is starting: an open port or an answered HEAD comes seconds earlier.
        Raises StoreUnavailable, RefusedByStore.
        """
        self._create_bucket()
        with _Trials(self) as trials:
            return trials.round_trip().verdict is Verdict.YES

    def trials(self) -> Iterator[Capability]:
        """What this server really does; see :func:`repository.storage.capabilities.probe`."""
        with _Trials(self) as trials:
            yield trials.round_trip()
            yield trials.conditional_put()
            yield trials.race()
            yield trials.conditional_parts()
            yield trials.conditional_replace()
            yield trials.wrong_digest("wrong_md5_refused", {"ContentMD5": _md5(b"other bytes")})
            other = b64encode(hashlib.sha256(b"other bytes").digest()).decode()
            yield trials.wrong_digest("wrong_sha256_refused", {"ChecksumSHA256": other})
            yield trials.byte_ranges()
            yield trials.listing()
            yield trials.listing_order()
            yield trials.versioning()
            yield trials.object_lock()


class _Trials:
    """Trials of one server under names of their own (``.probe/…``), which are taken away again at the end.

    Nothing else in the archive deletes, and nothing here deletes what it has not written itself.
    """

    def __init__(self, store: S3Store) -> None:
        self._store = store
        self._root = f"{store.prefix}{_PROBE}{uuid4().hex}/"
        self._written: list[tuple[str, str | None]] = []

    def __enter__(self) -> _Trials:
        return self

    def __exit__(self, *_: object) -> None:
        for key, version in reversed(self._written):
            which = {"VersionId": version} if version else {}
            # What cannot be taken away (credentials that may not delete, a lock) stays hidden under its own name.
            with suppress(StoreUnavailable, RefusedByStore):
                self._store._ask("delete_object", Key=key, **which)

    def _put(self, name: str, body: bytes, **more: Any) -> dict[str, Any]:
        key = self._root + name
        # Noted before it is tried: an answer that never comes may still have been a success.
        self._written.append((key, None))
        answer: dict[str, Any] = self._store._ask("put_object", _TAKEN | {400}, Key=key, Body=body, **more)
        if version := answer.get("VersionId"):
            self._written.append((key, version))
        return answer

    def _get(self, name: str, hear: frozenset[int] = _NONE, **more: Any) -> bytes:
        answer = self._store._ask("get_object", hear, Key=self._root + name, **more)
        with answer["Body"] as raw:
            return _Body(self._store, raw, answer["ContentLength"]).read(BUFFER)

    def round_trip(self) -> Capability:
        """What was put comes back."""
        self._put("round-trip", b"what was put")
        same = self._get("round-trip") == b"what was put"
        return Capability("round_trip", _verdict(same), "the same came back" if same else "OTHER BYTES CAME", True)

    def conditional_put(self) -> Capability:
        """``If-None-Match: *`` keeps a second put away."""
        self._put("once", b"first", IfNoneMatch="*")
        return self._kept("conditional_put", "once", lambda: self._put("once", b"second", IfNoneMatch="*"))

    def race(self) -> Capability:
        """Of eight writers at the same instant exactly one wins."""
        key = self._root + "race"
        self._written.append((key, None))
        start, won = threading.Barrier(8), []

        def write(number: int) -> None:
            with suppress(_Answer, StoreUnavailable, threading.BrokenBarrierError):
                start.wait(10)
                body = b"writer %d" % number
                answer = self._store._ask("put_object", _TAKEN, Key=key, Body=body, IfNoneMatch="*")
                self._written.append((key, answer.get("VersionId")))
                won.append(body)

        writers = [threading.Thread(target=write, args=(number,), daemon=True) for number in range(8)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        alone = len(won) == 1 and self._get("race") == won[0]
        return Capability("one_winner", _verdict(alone), f"{len(won)} of 8 writers at once were told that they had won")

    def conditional_parts(self) -> Capability:
        """The condition holds for an object put in parts as well."""
        self._put("parts", b"first")
        place = {"Key": self._root + "parts"}
        upload = self._store._ask("create_multipart_upload", **place)["UploadId"]
        part = self._store._ask("upload_part", UploadId=upload, PartNumber=1, Body=b"second", **place)

        def complete() -> None:
            parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
            self._store._ask(
                "complete_multipart_upload", _TAKEN, UploadId=upload, MultipartUpload=parts, IfNoneMatch="*", **place
            )

        try:
            return self._kept("conditional_parts", "parts", complete)
        finally:
            with suppress(StoreUnavailable, _Answer):
                self._store._ask("abort_multipart_upload", _GONE, UploadId=upload, **place)

    def conditional_replace(self) -> Capability:
        """``If-Match`` lets the right tag pass and keeps a wrong one away."""
        tag = self._put("match", b"first")["ETag"]
        wrong = '"00000000000000000000000000000000"'
        kept = self._kept("conditional_replace", "match", lambda: self._put("match", b"second", IfMatch=wrong))
        if kept.verdict is not Verdict.YES:
            return kept
        try:
            self._put("match", b"second", IfMatch=tag)
        except _Answer as no:
            return Capability(kept.name, Verdict.NO, f"the right tag was refused as well ({no})")
        return kept

    def wrong_digest(self, name: str, claim: dict[str, str]) -> Capability:
        """A put whose bytes do not have the digest that came with them is refused."""
        try:
            self._put(name, b"these bytes", **claim)
        except (RefusedByStore, _Answer) as no:
            try:
                self._get(name, _GONE)
            except _Answer:
                return Capability(name, Verdict.YES, f"refused: {_plain(no)}")
            return Capability(name, Verdict.NO, "refused, and kept all the same")
        return Capability(name, Verdict.NO, "accepted")

    def byte_ranges(self) -> Capability:
        """A part of an object comes as asked for."""
        self._put("range", bytes(range(256)))
        came = self._get("range", Range="bytes=100-109")
        right = came == bytes(range(100, 110))
        return Capability("byte_ranges", _verdict(right), f"10 bytes asked for, {len(came)} came", True)

    def listing(self) -> Capability:
        """What was just put is listed."""
        names = {self._root + f"list/{number}" for number in range(3)}
        for number in range(3):
            self._put(f"list/{number}", b"listed")
        found = {entry["Key"] for entry in self._store._list(self._root + "list/")}
        detail = f"{len(found & names)} of 3 objects just put are listed"
        return Capability("listing", _verdict(found == names), detail, True)

    def listing_order(self) -> Capability:
        """The listing is in byte order; without consequence for bags, see :class:`S3Store`."""
        for name in ("a/b", "a-b", "a.b"):
            self._put(f"order/{name}", b"ordered")
        found = [entry["Key"].removeprefix(self._root) for entry in self._store._list(self._root + "order/")]
        return Capability("listing_in_byte_order", _verdict(found == sorted(found)), " ".join(found))

    def versioning(self) -> Capability:
        """The older bytes can still be read after a newer put."""
        status = self._store._ask("get_bucket_versioning", frozenset({400, 403, 404, 405, 501}))
        if status.get("Status") != "Enabled":
            return Capability("versioning", Verdict.NO, "not switched on for this bucket")
        older = self._put("version", b"older").get("VersionId")
        self._put("version", b"newer")
        kept = bool(older) and self._get("version", VersionId=older) == b"older"
        return Capability("versioning", _verdict(kept), f"the older version {'was read again' if kept else 'IS GONE'}")

    def object_lock(self) -> Capability:
        """A version under retention cannot be deleted."""
        absent = frozenset({400, 403, 404, 405, 501})
        try:
            lock = self._store._ask("get_object_lock_configuration", absent)
        except _Answer as no:
            return Capability("object_lock", Verdict.NO, f"not switched on for this bucket ({no})")
        if lock.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
            return Capability("object_lock", Verdict.NO, "not switched on for this bucket")
        until = utc_now() + timedelta(seconds=60)
        held = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until, "ContentMD5": _md5(b"held")}
        version = self._put("lock", b"held", **held).get("VersionId")
        which = {"Key": self._root + "lock", "VersionId": version}
        try:
            self._store._ask("delete_object", absent, **which)
        except _Answer as no:
            with suppress(StoreUnavailable):
                self._store._ask("delete_object", BypassGovernanceRetention=True, **which)
            return Capability("object_lock", Verdict.YES, f"deleting a held version was refused ({no})")
        return Capability("object_lock", Verdict.NO, "a version under retention WAS DELETED")

    def _kept(self, name: str, key: str, second: Callable[[], object]) -> Capability:
        """Whether ``second`` was refused and left the bytes ``first`` in their place."""
        try:
            second()
        except _Answer as no:
            kept = self._get(key) == b"first"
            return Capability(name, _verdict(kept), f"the second was refused ({no}){'' if kept else ', and WAS KEPT'}")
        return Capability(name, Verdict.NO, "the second was accepted: the condition is ignored")


@cache
def _session() -> Any:
    """One for all stores: reading the description of S3 takes longer than anything that is then done with it."""
    return boto3.session.Session()


def _before(after: str) -> str:
    """A place shortly before ``after`` from which every server lists all that is greater, and little else.

    SeaweedFS takes the name of a folder for the end of that folder: after ``4e`` it goes on with
    ``4f/``. One letter less, ``4``, can only skip ``4/…``, which is smaller; not so with ``-``, ``.`` and ``/``.
    """
    return after.rstrip("-./")[:-1]


def _verdict(yes: bool) -> Verdict:
    return Verdict.YES if yes else Verdict.NO


def _md5(body: bytes) -> str:
    """Content-MD5 (RFC 1864): against accidents on the way, the one check that nearly every server makes."""
    return b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def _digests(body: BinaryIO) -> tuple[str, str, int]:
    """Content-MD5, SHA-256 and length of a file, which is left standing at its beginning."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    while chunk := body.read(BUFFER):
        md5.update(chunk)
        sha256.update(chunk)
    size = body.tell()
    body.seek(0)
    return b64encode(md5.digest()).decode(), sha256.hexdigest(), size


def _plain(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
