"""What an S3 server really does, tried out on objects under names of their own, because servers say yes to much."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from repository.errors import RefusedByStore, StoreUnavailable
from repository.storage.capabilities import Capability, Verdict
from repository.storage.s3.answers import GONE, NO_STATUS, TAKEN, Answer, plain
from repository.storage.s3.bucket import Bucket
from repository.storage.s3.client import PROBE
from repository.storage.s3.digests import checksum_sha256, content_md5
from repository.vocabulary import utc_now

_NOT_HERE = frozenset({400, 403, 404, 405, 501})
"""What a server answers that does not know the feature, or does not let us use it."""
_REFUSED = TAKEN | {400}
"""What a server answers that refuses a put for its condition or its digest."""


class Trials:
    """Trials of one server under names of their own (``.probe/…``), which are taken away again at the end.

    Nothing else in the archive deletes, and nothing here deletes what it has not written itself.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._root = f"{bucket.prefix}{PROBE}{uuid4().hex}/"
        self._written: list[tuple[str, str | None]] = []

    def __enter__(self) -> Trials:
        return self

    def __exit__(self, *_: object) -> None:
        for key, version in reversed(self._written):
            which = {"VersionId": version} if version else {}
            # What cannot be taken away (credentials that may not delete, a lock) stays hidden under its own name.
            with suppress(StoreUnavailable, RefusedByStore):
                self._bucket.ask("delete_object", Key=key, **which)

    def all(self) -> Iterator[Capability]:
        """Each capability once, tried when it is asked for. Raises StoreUnavailable, RefusedByStore."""
        yield self.round_trip()
        yield self.conditional_put()
        yield self.race()
        yield self.conditional_parts()
        yield self.conditional_replace()
        yield self.wrong_digest("wrong_md5_refused", {"ContentMD5": content_md5(b"other bytes")})
        yield self.wrong_sha256()
        yield self.byte_ranges()
        yield self.listing()
        yield self.listing_order()
        yield self.deletion_refused()
        yield self.versioning()
        yield self.object_lock()
        yield self.legal_hold()

    def round_trip(self) -> Capability:
        """What was put comes back."""
        self._put("round-trip", b"what was put")
        same = self._get("round-trip") == b"what was put"
        return Capability("round_trip", Verdict.of(same), "the same came back" if same else "OTHER BYTES CAME", True)

    def conditional_put(self) -> Capability:
        """``If-None-Match: *`` keeps a second put away."""
        self._put("once", b"first", IfNoneMatch="*")
        return self._kept("conditional_put", "once", lambda: self._put("once", b"second", _REFUSED, IfNoneMatch="*"))

    def race(self) -> Capability:
        """Of eight writers at the same instant exactly one wins."""
        key = self._root + "race"
        self._written.append((key, None))
        start, won = threading.Barrier(8), []

        def write(number: int) -> None:
            with suppress(Answer, StoreUnavailable, threading.BrokenBarrierError):
                start.wait(10)
                body = b"writer %d" % number
                answer = self._bucket.ask("put_object", TAKEN, Key=key, Body=body, IfNoneMatch="*")
                self._written.append((key, answer.get("VersionId")))
                won.append(body)

        writers = [threading.Thread(target=write, args=(number,), daemon=True) for number in range(8)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        alone = len(won) == 1 and self._get("race") == won[0]
        return Capability(
            "one_winner", Verdict.of(alone), f"{len(won)} of 8 writers at once were told that they had won"
        )

    def conditional_parts(self) -> Capability:
        """The condition holds for an object put in parts as well."""
        self._put("parts", b"first")
        place = {"Key": self._root + "parts"}
        upload = self._bucket.ask("create_multipart_upload", **place)["UploadId"]
        part = self._bucket.ask("upload_part", UploadId=upload, PartNumber=1, Body=b"second", **place)

        def complete() -> None:
            parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
            self._bucket.ask(
                "complete_multipart_upload", TAKEN, UploadId=upload, MultipartUpload=parts, IfNoneMatch="*", **place
            )

        try:
            return self._kept("conditional_parts", "parts", complete)
        finally:
            with suppress(StoreUnavailable, Answer):
                self._bucket.ask("abort_multipart_upload", GONE, UploadId=upload, **place)

    def conditional_replace(self) -> Capability:
        """``If-Match`` lets the right tag pass and keeps a wrong one away."""
        tag = self._put("match", b"first")["ETag"]
        wrong = '"00000000000000000000000000000000"'
        second = partial(self._put, "match", b"second", _REFUSED)
        kept = self._kept("conditional_replace", "match", lambda: second(IfMatch=wrong))
        if kept.verdict is not Verdict.YES:
            return kept
        try:
            second(IfMatch=tag)
        except Answer as no:
            return Capability(kept.name, Verdict.NO, f"the right tag was refused as well ({no})")
        return kept

    def wrong_sha256(self) -> Capability:
        """A put whose bytes have another SHA-256 than the one told with them is refused."""
        other = checksum_sha256(hashlib.sha256(b"other bytes").hexdigest())
        return self.wrong_digest("wrong_sha256_refused", {"ChecksumSHA256": other})

    def wrong_digest(self, name: str, claim: dict[str, str]) -> Capability:
        """A put whose bytes do not have the digest that came with them is refused."""
        try:
            self._put(name, b"these bytes", _REFUSED, **claim)
        except (RefusedByStore, Answer) as no:
            try:
                self._get(name, GONE)
            except Answer:
                return Capability(name, Verdict.YES, f"refused: {plain(no)}")
            return Capability(name, Verdict.NO, "refused, and kept all the same")
        return Capability(name, Verdict.NO, "accepted")

    def byte_ranges(self) -> Capability:
        """A part of an object comes as asked for."""
        self._put("range", bytes(range(256)))
        came = self._get("range", Range="bytes=100-109")
        right = came == bytes(range(100, 110))
        return Capability("byte_ranges", Verdict.of(right), f"10 bytes asked for, {len(came)} came", True)

    def listing(self) -> Capability:
        """What was just put is listed."""
        names = {self._root + f"list/{number}" for number in range(3)}
        for number in range(3):
            self._put(f"list/{number}", b"listed")
        found = {entry["Key"] for entry in self._bucket.entries(self._root + "list/")}
        detail = f"{len(found & names)} of 3 objects just put are listed"
        return Capability("listing", Verdict.of(found == names), detail, True)

    def listing_order(self) -> Capability:
        """The listing is in byte order; without consequence for bags, see :class:`repository.storage.s3.S3Store`."""
        for name in ("a/b", "a-b", "a.b"):
            self._put(f"order/{name}", b"ordered")
        found = [entry["Key"].removeprefix(self._root) for entry in self._bucket.entries(self._root + "order/")]
        return Capability("listing_in_byte_order", Verdict.of(found == sorted(found)), " ".join(found))

    def deletion_refused(self) -> Capability:
        """Our own access key cannot delete: what nobody here can do by mistake."""
        self._put("delete", b"deleted")
        try:
            self._bucket.ask("delete_object", frozenset({403}), Key=self._root + "delete")
        except Answer as no:
            return Capability("deletion_refused", Verdict.YES, f"our access key may not delete ({no})")
        return Capability("deletion_refused", Verdict.NO, "our access key may delete what it put")

    def versioning(self) -> Capability:
        """The older bytes can still be read after a newer put and after a deletion."""
        try:
            status = self._bucket.ask("get_bucket_versioning", _NOT_HERE)
        except Answer as no:
            return Capability("versioning", Verdict.NO, f"the server does not know it ({no})")
        if status.get("Status") != "Enabled":
            return Capability("versioning", Verdict.NO, "not switched on for this bucket")
        older = self._put("version", b"older").get("VersionId")
        self._put("version", b"newer")
        with suppress(Answer):
            answer = self._bucket.ask("delete_object", frozenset({403}), Key=self._root + "version")
            self._written.append((self._root + "version", answer.get("VersionId")))
        kept = False
        with suppress(Answer):
            kept = bool(older) and self._get("version", GONE, VersionId=older) == b"older"
        told = "was read again after an overwrite and a deletion" if kept else "IS GONE"
        return Capability("versioning", Verdict.of(kept), f"the older version {told}")

    def object_lock(self) -> Capability:
        """A version under retention cannot be deleted."""
        try:
            lock = self._bucket.ask("get_object_lock_configuration", _NOT_HERE)
        except Answer as no:
            return Capability("object_lock", Verdict.NO, f"not switched on for this bucket ({no})")
        if lock.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
            return Capability("object_lock", Verdict.NO, "not switched on for this bucket")
        until = utc_now() + timedelta(seconds=60)
        held: dict[str, Any] = {
            "ObjectLockMode": "GOVERNANCE",
            "ObjectLockRetainUntilDate": until,
            "ContentMD5": content_md5(b"held"),
        }
        version = self._put("lock", b"held", **held).get("VersionId")
        which = {"Key": self._root + "lock", "VersionId": version}
        try:
            self._bucket.ask("delete_object", _NOT_HERE, **which)
        except Answer as no:
            with suppress(StoreUnavailable):
                self._bucket.ask("delete_object", BypassGovernanceRetention=True, **which)
            return Capability("object_lock", Verdict.YES, f"deleting a held version was refused ({no})")
        return Capability("object_lock", Verdict.NO, "a version under retention WAS DELETED")

    def legal_hold(self) -> Capability:
        """A version under a legal hold cannot be deleted until the hold is lifted."""
        try:
            version = self._put("hold", b"held").get("VersionId")
            which = {"Key": self._root + "hold", "VersionId": version}
            if version is None:
                return Capability("legal_hold", Verdict.NO, "the bucket keeps no versions that could be held")
            self._bucket.ask("put_object_legal_hold", _NOT_HERE, LegalHold={"Status": "ON"}, **which)
        except Answer as no:
            return Capability("legal_hold", Verdict.NO, f"not switched on for this bucket ({no})")
        try:
            self._bucket.ask("delete_object", _NOT_HERE, **which)
        except Answer as no:
            with suppress(StoreUnavailable):
                self._bucket.ask("put_object_legal_hold", LegalHold={"Status": "OFF"}, **which)
            return Capability("legal_hold", Verdict.YES, f"deleting a held version was refused ({no})")
        return Capability("legal_hold", Verdict.NO, "a version under a legal hold WAS DELETED")

    def _kept(self, name: str, key: str, second: Callable[[], object]) -> Capability:
        """Whether ``second`` was refused and left the bytes ``first`` in their place."""
        try:
            second()
        except Answer as no:
            kept = self._get(key) == b"first"
            return Capability(
                name, Verdict.of(kept), f"the second was refused ({no}){'' if kept else ', and WAS KEPT'}"
            )
        return Capability(name, Verdict.NO, "the second was accepted: the condition is ignored")

    def _put(self, name: str, body: bytes, hear: frozenset[int] = NO_STATUS, **more: Any) -> dict[str, Any]:
        """Put one object. A refusal is an Answer only where it is what the trial is about; else the store is unfit."""
        key = self._root + name
        # Noted before it is tried: an answer that never comes may still have been a success.
        self._written.append((key, None))
        answer: dict[str, Any] = self._bucket.ask("put_object", hear, Key=key, Body=body, **more)
        if version := answer.get("VersionId"):
            self._written.append((key, version))
        return answer

    def _get(self, name: str, hear: frozenset[int] = NO_STATUS, **more: Any) -> bytes:
        return self._bucket.content(self._bucket.ask("get_object", hear, Key=self._root + name, **more))
