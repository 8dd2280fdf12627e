"""Somebody else's bucket, read as it is: no mark is asked for, and nothing in it is ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from repository.storage.s3.answers import GONE, Answer
from repository.storage.s3.body import Body, check_range
from repository.storage.s3.bucket import Bucket
from repository.storage.s3.client import ClientOfProcess
from repository.storage.s3.deadlines import S3Limits

_OTHER = GONE | {412}


class OtherObject(Exception):
    """Under this key there is no object with the entity tag that was asked for."""


class ForeignBucket:
    """The objects under ``prefix`` of a bucket, called ``name`` when it does not answer (StoreUnavailable).

    Keys here are without the prefix.
    """

    def __init__(
        self,
        name: str,
        bucket: str,
        prefix: str = "",
        *,
        endpoint_url: str | None,
        region: str,
        access_key: str,
        secret_key: str,
        limits: S3Limits | None = None,
    ) -> None:
        self._limits = limits or S3Limits()
        self._name = name
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        client = ClientOfProcess(name, endpoint_url, region, (access_key, secret_key), self._limits)
        self._bucket = Bucket(name, bucket, self._prefix, client, self._limits)

    def entries(self) -> Iterator[dict[str, Any]]:
        """``Key``, ``Size``, ``ETag``, ``LastModified`` of every object, page by page."""
        for entry in self._bucket.entries(self._prefix):
            yield {**entry, "Key": entry["Key"].removeprefix(self._prefix)}

    @contextmanager
    def open(self, key: str, etag: str, offset: int = 0) -> Iterator[Body]:
        """The object with this entity tag from ``offset`` on. Raises OtherObject."""
        where = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            answer = self._bucket.ask("get_object", _OTHER, Key=self._prefix + key, IfMatch=etag, **where)
        except Answer as no:
            raise OtherObject(key) from no
        with answer["Body"] as raw:
            if answer.get("ETag") != etag:
                raise OtherObject(key)
            length = int(answer["ContentLength"])
            if offset:
                check_range(self._name, answer.get("ContentRange"), offset, None, length)
            yield Body(self._name, self._limits, raw, length)

    def remove(self, key: str, etag: str) -> None:
        """Delete the object if it still has this entity tag."""
        if self._still(key, etag):
            self._bucket.ask("delete_object", Key=self._prefix + key)

    def move(self, key: str, etag: str, target: str) -> None:
        """Copy the object to ``target`` in the same place and delete it, if it still has this entity tag."""
        if self._still(key, etag):
            source = {"Bucket": self._bucket.bucket, "Key": self._prefix + key}
            self._bucket.ask("copy_object", Key=self._prefix + target, CopySource=source, CopySourceIfMatch=etag)
            self._bucket.ask("delete_object", Key=self._prefix + key)

    def _still(self, key: str, etag: str) -> bool:
        try:
            answer = self._bucket.ask("head_object", GONE, Key=self._prefix + key)
        except Answer:
            return False
        return bool(answer.get("ETag") == etag)
