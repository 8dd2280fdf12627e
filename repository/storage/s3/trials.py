"""What an S3 server really does, tried out on objects under names of their own, because servers say yes to much."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

from repository.errors import RefusedByStore, StoreUnavailable
from repository.storage.capabilities import Capability, Verdict
from repository.storage.s3.answers import GONE, TAKEN, Answer, plain
from repository.storage.s3.digests import checksum_sha256, content_md5
from repository.storage.s3.holding import TrialsOfHolding
from repository.storage.s3.trying import FORBIDDEN, NOT_HERE

_REFUSED = TAKEN | {400}
"""What a server answers that refuses a put for its condition or its digest."""


class Trials(TrialsOfHolding):
    """Trials of one server under names of their own (``.probe/…``), which are taken away again at the end.

    Nothing else in the archive deletes, and nothing here deletes what it has not written itself.
    """

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
        yield self.listing_in_pages()
        yield self.listing_order()
        yield self.unfinished_uploads()
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

    def listing_in_pages(self) -> Capability:
        """A listing that does not fit on one page goes on where it stopped: each object once, and none left out."""
        names = [f"{self._root}pages/{number}" for number in range(5)]
        for number in range(5):
            self._put(f"pages/{number}", b"listed")
        found = [entry["Key"] for entry in self._bucket.entries(self._root + "pages/", page=2)]
        detail = f"of 5 objects {len(set(found) & set(names))} came in {len(found)} entries, two to a page"
        return Capability("listing_in_pages", Verdict.of(found == names), detail, True)

    def unfinished_uploads(self) -> Capability:
        """An upload in parts that nobody has finished is listed, and gone once it is aborted."""
        name, place = "unfinished_uploads", {"Key": self._root + "unfinished"}
        upload = self._bucket.ask("create_multipart_upload", **place)["UploadId"]
        try:
            seen = self._begun(place["Key"])
            self._bucket.ask("abort_multipart_upload", NOT_HERE, UploadId=upload, **place)
            left = self._begun(place["Key"])
        except Answer as no:
            return Capability(name, Verdict.NO, f"it does not let us ({no})")
        told = f"{seen} listed after one was begun, {left} after it was aborted"
        return Capability(name, Verdict.of((seen, left) == (1, 0)), told)

    def _begun(self, key: str) -> int:
        page = self._bucket.ask("list_multipart_uploads", NOT_HERE, Prefix=key)
        return sum(upload["Key"] == key for upload in page.get("Uploads", ()))

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
            self._delete("delete", FORBIDDEN)
        except Answer as no:
            return Capability("deletion_refused", Verdict.YES, f"our access key may not delete ({no})")
        return Capability("deletion_refused", Verdict.NO, "our access key may delete what it put")

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
