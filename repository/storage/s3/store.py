"""A store's four verbs, and its mending, said to an S3 server; nothing that it answers is believed without a reason."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from repository.errors import ObjectMissing, StoreUnavailable, WouldOverwrite
from repository.storage import BUFFER, UNREADABLE, ByteStream, Put, StoredObject, check_key
from repository.storage.capabilities import Capability, Verdict
from repository.storage.s3.answers import GONE, Answer
from repository.storage.s3.body import Body, Nothing, check_range
from repository.storage.s3.bucket import Bucket
from repository.storage.s3.client import ClientOfProcess
from repository.storage.s3.deadlines import S3Limits
from repository.storage.s3.disposing import dispose
from repository.storage.s3.locking import ObjectLock
from repository.storage.s3.putting import put_file, sweep_uploads, uploads
from repository.storage.s3.trials import Trials


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
        lock: ObjectLock | None = None,
    ) -> None:
        self._name = name
        self.bucket = bucket
        self.prefix = check_key(prefix.strip("/")) + "/" if prefix.strip("/") else ""
        self.endpoint_url = endpoint_url
        self.region = region
        self.conditional_put = conditional_put
        self.limits = limits or S3Limits()
        self._client = ClientOfProcess(name, endpoint_url, region, (access_key, secret_key), self.limits)
        self._bucket = Bucket(name, bucket, self.prefix, self._client, self.limits)
        self._sha256_compared: bool | None = None
        self.lock = lock
        self._locks: bool | None = None
        self._mutex = threading.Lock()

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
            if self._bucket.marked():
                self.tidy()
                return
        except Answer:
            self._bucket.create()
        self._bucket.mark()

    def tidy(self) -> None:
        """Uploads in parts that nobody has gone on with for ``upload_days`` are aborted."""
        sweep_uploads(self._bucket)

    def put(self, key: str, source: Path, sha256: str) -> Put:
        """One PUT with SHA-256, If-None-Match and, where the server looks at nothing else, Content-MD5.

        Above ``single_put_bytes`` in parts, each with its Content-MD5.
        """
        check_key(key)
        self._bucket.confirm()
        exclusive = self._exclusive()
        size = source.stat().st_size
        in_parts = size > self.limits.single_put_bytes
        # Some servers ignore the condition when parts are put together: there we look before as well.
        if (in_parts or not exclusive) and self._head(key) is not None:
            return self._settle(key, sha256)
        try:
            condition = {"IfNoneMatch": "*"} if exclusive else {}
            put_file(
                self._bucket, key, source, sha256, condition, md5=not self._compares_sha256(), lock=self._lock_now()
            )
        except Answer as taken:
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
            yield Nothing()
            return
        last = "" if length is None else offset + length - 1
        span = f"bytes={offset}-{last}" if ranged else None
        try:
            answer = self._bucket.fetch(self.prefix + key, GONE | {416}, span)
        except Answer as no:
            if no.status in GONE:
                self._bucket.check_still_there()
                raise ObjectMissing(self._name, key) from None
            yield Nothing()
            return
        with answer["Body"] as raw:
            announced = answer.get("ContentLength")
            if announced is None:
                raise StoreUnavailable(self._name, "the answer announced no length: its end could not be trusted")
            if ranged:
                check_range(self._name, answer.get("ContentRange"), offset, length, announced)
            yield Body(self._name, self.limits, raw, announced)

    def head(self, key: str) -> StoredObject | None:
        """One HEAD; a 404 counts only while the bucket still bears its mark, for HEAD cannot say what is missing."""
        found = self._head(check_key(key))
        if found is None:
            self._bucket.check_still_there()
        return found

    def keys(self, prefix: str = "", after: str = "") -> Iterator[StoredObject]:
        """ListObjectsV2 page by page, in the server's order (see the class)."""
        self._bucket.check_still_there()
        start = self.prefix + _shortly_before(after) if after else ""
        for entry in self._bucket.entries(self.prefix + prefix, start):
            key = entry["Key"].removeprefix(self.prefix)
            if not key.startswith(".") and (not after or key.encode() > after.encode()):
                yield StoredObject(key, entry["Size"], entry.get("LastModified"))

    def replace(self, key: str, source: Path, sha256: str, damaged_sha256: str | None) -> None:
        """See :class:`repository.storage.Mendable`; finding the good bytes there already is success."""
        check_key(key)
        self._bucket.confirm()
        found = self._head(key)
        if found is None:
            if damaged_sha256 is not None:
                raise WouldOverwrite(self._name, key, f"expected the damaged {damaged_sha256}, nothing is there now")
            self.put(key, source, sha256)
            return
        try:
            now = self._digest(key)
        except StoreUnavailable:
            if damaged_sha256 != UNREADABLE:
                raise
            now = UNREADABLE
        if now == sha256:
            return
        if now != damaged_sha256:
            raise WouldOverwrite(self._name, key, f"expected the damaged {damaged_sha256}, {now} is there now")
        put_file(self._bucket, key, source, sha256, {}, lock=self._lock_now())

    def dispose(self, key: str, sha256: str) -> None:
        """See :class:`repository.storage.Disposable`; where the bucket keeps versions, none is left."""
        check_key(key)
        self._bucket.confirm()
        dispose(self._bucket, key, sha256, lambda version: self._digest_of_version(key, version))

    def unfinished(self) -> Iterator[StoredObject]:
        """Uploads in parts that have not ended; :meth:`tidy` aborts them after ``upload_days``."""
        for upload in uploads(self._bucket):
            yield StoredObject(upload["Key"].removeprefix(self.prefix), 0, upload["Initiated"])

    def now(self) -> datetime | None:
        """The ``Date`` of its answer (RFC 9110 6.6.1); None where it gives none that can be read."""
        try:
            return parsedate_to_datetime(self._bucket.date() or "").astimezone(UTC)
        except ValueError:
            return None

    # --- what is there ----------------------------------------------------------------------------------------

    def _head(self, key: str) -> StoredObject | None:
        """One HEAD, as it is answered."""
        try:
            found = self._bucket.ask("head_object", GONE, Key=self.prefix + key)
        except Answer:
            return None
        if "ContentLength" not in found:
            raise StoreUnavailable(self._name, f"it has {key!r}, and does not say how long it is")
        return StoredObject(key, found["ContentLength"], found.get("LastModified"))

    def _settle(self, key: str, sha256: str, taken: Answer | None = None) -> Put:
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

    def _digest_of_version(self, key: str, version: str | None) -> str:
        if version is None:
            return self._digest(key)
        answer = self._bucket.ask("get_object", Key=self.prefix + key, VersionId=version)
        digest = hashlib.sha256()
        with answer["Body"] as raw:
            body = Body(self._name, self.limits, raw, int(answer["ContentLength"]))
            while chunk := body.read(BUFFER):
                digest.update(chunk)
        return digest.hexdigest()

    def _lock_now(self) -> ObjectLock | None:
        """The lock that goes with what is put now; None where none is wanted, or where trying showed that none holds.

        Wanting what the bucket does not do is told by ``mahfuz doctor``, and keeps nothing out of the store.
        """
        if self.lock is not None and self._locks is None:
            with self._mutex, Trials(self._bucket) as trials:
                if self._locks is None:
                    self._locks = trials.object_lock().verdict is Verdict.YES
        return self.lock if self._locks else None

    def _exclusive(self) -> bool:
        if self.conditional_put is None:
            with self._mutex, Trials(self._bucket) as trials:
                if self.conditional_put is None:
                    self.conditional_put = trials.conditional_put().verdict is Verdict.YES
        return bool(self.conditional_put)

    def _compares_sha256(self) -> bool:
        """Whether the server refuses bytes that have another SHA-256 than was told with them; tried once."""
        if self._sha256_compared is None:
            with self._mutex, Trials(self._bucket) as trials:
                if self._sha256_compared is None:
                    self._sha256_compared = trials.wrong_sha256().verdict is Verdict.YES
        return bool(self._sha256_compared)

    # --- trying -----------------------------------------------------------------------------------------------

    def responds(self) -> bool:
        """Whether the server knows our keys and gives back what it takes; afterwards the bucket is there.

        For one who waits for a server that is starting: an open port or an answered HEAD comes seconds earlier.
        Raises StoreUnavailable, RefusedByStore.
        """
        self._bucket.create()
        with Trials(self._bucket) as trials:
            return trials.round_trip().verdict is Verdict.YES

    def trials(self) -> Iterator[Capability]:
        """What this server really does; see :func:`repository.storage.capabilities.probe`."""
        with Trials(self._bucket) as trials:
            yield from trials.all()


def _shortly_before(after: str) -> str:
    """A place shortly before ``after`` from which every server lists all that is greater, and little else.

    SeaweedFS takes the name of a folder for the end of that folder: after ``4e`` it goes on with
    ``4f/``. One letter less, ``4``, can only skip ``4/…``, which is smaller; not so with ``-``, ``.`` and ``/``.
    """
    return after.rstrip("-./")[:-1]
