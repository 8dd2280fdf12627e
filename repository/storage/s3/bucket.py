"""The bucket that a store lives in: whether it is there and ours, what it lists, and every question put to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from repository.errors import StoreUnavailable
from repository.storage import BUFFER, MARK
from repository.storage.s3.answers import GONE, NO_STATUS, TAKEN, Answer
from repository.storage.s3.body import Body
from repository.storage.s3.client import ClientOfProcess, in_our_words
from repository.storage.s3.deadlines import S3Limits, within
from repository.storage.s3.digests import content_md5
from repository.vocabulary import utc_now

_T = TypeVar("_T")
_ABSENT_BUCKET = frozenset({"NoSuchBucket", "NotFound"})


class Bucket:
    """What lies under ``prefix`` of ``bucket``, asked for on behalf of the store named ``store``.

    Keys here are whole: the prefix stands in them.
    """

    def __init__(self, store: str, bucket: str, prefix: str, client: ClientOfProcess, limits: S3Limits) -> None:
        self.store = store
        self.bucket = bucket
        self.prefix = prefix
        self.limits = limits
        self._client = client
        self._confirmed = False

    def __str__(self) -> str:
        return f"bucket {self.bucket!r}" + (f" under {self.prefix!r}" if self.prefix else "")

    # --- asking -----------------------------------------------------------------------------------------------

    def ask(self, operation: str, hear: frozenset[int] = NO_STATUS, moved: int = 0, /, **arguments: Any) -> Any:
        """The server's answer to one operation that moves so many bytes.

        Raises Answer for a status in ``hear``, and for every other failure RefusedByStore or StoreUnavailable.
        """
        call = getattr(self._client(), operation)
        key = str(arguments.get("Key", ""))
        return self._heard(operation, key, hear, moved, lambda: call(Bucket=self.bucket, **arguments))

    def date(self) -> str | None:
        """The ``Date`` of the server's answer to a question about the bucket, whatever it answered. Raises as above."""
        try:
            answer = self.ask("head_bucket")
        except StoreUnavailable as error:
            answer = getattr(error.__cause__, "response", None)  # a signature out of time is refused, and dated
            if not answer:
                raise
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        date = headers.get("date")
        return str(date) if date else None

    def fetch(self, key: str, hear: frozenset[int], span: str | None = None) -> Any:
        """The answer to a GET of the object, or of the ``span`` of it (``bytes=0-99``); raises as :meth:`ask`."""
        wire, headers = self._client.wire, {"Range": span} if span else {}
        answer = self._heard("get_object", key, hear, 0, lambda: wire.get(self.bucket, key, headers))
        return answer or self.ask("get_object", hear, Key=key, **headers)

    def send(self, key: str, body: bytes, sha256: str, headers: dict[str, str]) -> bool:
        """Whether one PUT did it; if not, nothing is known, and ``put_object`` is to be asked. Raises as that does."""
        wire = self._client.wire
        return self._heard(
            "put_object", key, TAKEN, len(body), lambda: wire.put(self.bucket, key, body, sha256, headers)
        )

    def _heard(self, operation: str, key: str, hear: frozenset[int], moved: int, call: Callable[[], _T]) -> _T:
        """What ``call`` is answered within its time, and whatever it raises in our words."""
        seconds = self.limits.allowance(moved)
        with in_our_words(self.store, operation, key.removeprefix(self.prefix), seconds, hear):
            return within(seconds, call)

    def content(self, answer: dict[str, Any]) -> bytes:
        """What a GET of a small object brought. Raises StoreUnavailable."""
        with answer["Body"] as raw:
            if "ContentLength" not in answer:
                raise StoreUnavailable(self.store, "it did not say how long its answer is")
            return Body(self.store, self.limits, raw, answer["ContentLength"]).read(BUFFER)

    def entries(self, prefix: str, after: str = "", page: int | None = None) -> Iterator[dict[str, Any]]:
        """ListObjectsV2 page by page, in the server's order. Raises StoreUnavailable, also for what is no listing.

        ``page``: so many to a page; None: as many as the server gives.

        A page that was cut or emptied on the way looks like the end. One that comes again and again, from a
        cache between us and the server, would never end: a token that was seen is doubt (every token is
        compared with the one of the last page whose number was a power of two, so that no memory grows).
        """
        where: dict[str, Any] = {"Prefix": prefix}
        if after:
            where["StartAfter"] = after
        if page:
            where["MaxKeys"] = page
        seen, number, next_mark = None, 0, 1
        while True:
            told = self.ask("list_objects_v2", **where)
            found = told.get("Contents", ())
            if "IsTruncated" not in told or told.get("KeyCount", 0) > len(found):
                raise StoreUnavailable(self.store, f"what it listed is not whole: {len(found)} keys came")
            yield from found
            if not told["IsTruncated"]:
                return
            token = told.get("NextContinuationToken")
            if not token or token == seen:
                raise StoreUnavailable(self.store, "the listing says that it goes on, and does not say where")
            number += 1
            if number == next_mark:
                seen, next_mark = token, 2 * next_mark
            where["ContinuationToken"] = token

    # --- the place --------------------------------------------------------------------------------------------

    def create(self) -> None:
        """The bucket is there, and we may use it. Raises StoreUnavailable."""
        location = self._client.location
        where = {"CreateBucketConfiguration": {"LocationConstraint": location}} if location else {}
        try:
            self.ask("create_bucket", TAKEN, **where)
        except Answer:
            self.ask("head_bucket")  # another process made it first; 403 when it is somebody else's

    def mark(self) -> None:
        """The mark of our store stands in a place that keeps nothing. Raises StoreUnavailable when it keeps objects."""
        if any(not entry["Key"].removeprefix(self.prefix).startswith(".") for entry in self.entries(self.prefix)):
            raise StoreUnavailable(self.store, f"{self} keeps objects and no mark {MARK}: whose are they?")
        mark = json.dumps({"store": self.store, "created": utc_now().date().isoformat()}).encode()
        self.ask("put_object", Key=self.prefix + MARK, Body=mark, ContentMD5=content_md5(mark))
        self._confirmed = True

    def marked(self) -> bool:
        """Whether the bucket bears our mark; raises Answer when there is no bucket, StoreUnavailable for another's."""
        try:
            answer = self.ask("get_object", GONE, Key=self.prefix + MARK)
        except Answer as no:
            if no.code in _ABSENT_BUCKET:
                raise
            self.ask("head_bucket", GONE)
            return False
        try:
            owner = json.loads(self.content(answer))["store"]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreUnavailable(self.store, f"the mark {MARK} in {self} cannot be read") from error
        if owner != self.store:
            raise StoreUnavailable(self.store, f"{self} bears the mark of the store {owner!r}")
        return True

    def check_still_there(self) -> None:
        """Raises StoreUnavailable when "no such object" only means that the place itself is gone or was emptied."""
        try:
            marked = self.marked()
        except Answer:
            raise StoreUnavailable(self.store, f"there is no bucket {self.bucket!r}") from None
        if not marked:
            raise StoreUnavailable(self.store, f"{self} has no mark {MARK}: never prepared, or emptied")

    def confirm(self) -> None:
        """Once per store and process, before the first writing: some servers make an absent bucket on the way."""
        if not self._confirmed:
            self.check_still_there()
            self._confirmed = True
