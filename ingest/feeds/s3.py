"""A publisher's bucket as a source, on Amazon's or any other S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ingest.feeds.offered import NotAsListed, Offered, Source, append
from repository.storage.s3 import ForeignBucket, OtherObject


class S3Source(Source):
    """The objects of a bucket; their entity tags are their versions, so none is ever read while it changes."""

    own_clock = False

    def __init__(self, bucket: ForeignBucket) -> None:
        self._bucket = bucket

    def listing(self) -> Iterator[Offered]:
        """Every object but the empty ones that stand for folders. Raises StoreUnavailable."""
        for entry in self._bucket.entries():
            if not entry["Key"].endswith("/") and entry["Key"]:
                yield Offered(entry["Key"], entry["Size"], entry["LastModified"], entry["ETag"])

    def fetch(self, offered: Offered, target: Path) -> None:
        """Get the object, or what is still lacking of it. Raises NotAsListed, StoreUnavailable."""
        have = target.stat().st_size if target.exists() else 0
        if have and have == offered.bytes:
            return
        try:
            with self._bucket.open(offered.name, offered.version, have) as body:
                append(body.read, target, have, offered.bytes)
        except OtherObject as error:
            raise NotAsListed("the object was replaced or taken away") from error

    def remove(self, offered: Offered) -> None:
        """Delete the object if nobody has replaced it."""
        self._bucket.remove(offered.name, offered.version)

    def set_aside(self, offered: Offered) -> None:
        """Move the object below ``.taken/``."""
        self._bucket.move(offered.name, offered.version, f".taken/{offered.name}")
