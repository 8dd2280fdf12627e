"""Objects of a trial: put and read back under names of their own, and taken away again at the end."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Self
from uuid import uuid4

from repository.errors import RefusedByStore, StoreUnavailable
from repository.storage.s3.answers import NO_STATUS
from repository.storage.s3.bucket import Bucket
from repository.storage.s3.client import PROBE

FORBIDDEN = frozenset({403})
"""What a server answers an access key that has not the right: it says nothing of the server."""
NOT_HERE = frozenset({400, 403, 404, 405, 501})
"""What a server answers that does not know the feature, or does not let us use it."""


class Trying:
    """Names under ``.probe/…`` in one bucket. Nothing is deleted here but what was written here."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._root = f"{bucket.prefix}{PROBE}{uuid4().hex}/"
        self._written: list[tuple[str, str | None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for key, version in reversed(self._written):
            which = {"VersionId": version} if version else {}
            # What cannot be taken away (credentials that may not delete, a lock) stays hidden under its own name.
            with suppress(StoreUnavailable, RefusedByStore):
                self._bucket.ask("delete_object", Key=key, **which)

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

    def _delete(self, name: str, hear: frozenset[int] = NO_STATUS, **more: Any) -> dict[str, Any]:
        """Delete one object of the trial, or the version that is named."""
        answer: dict[str, Any] = self._bucket.ask("delete_object", hear, Key=self._root + name, **more)
        return answer
