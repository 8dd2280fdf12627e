"""A store in a bucket of any S3 server: the only folder that speaks S3, and the only one that knows how S3 fails."""

from __future__ import annotations

from repository.storage.s3.deadlines import S3Limits
from repository.storage.s3.locking import LockMode, ObjectLock
from repository.storage.s3.reading import ForeignBucket, OtherObject
from repository.storage.s3.store import S3Store

__all__ = ["ForeignBucket", "LockMode", "ObjectLock", "OtherObject", "S3Limits", "S3Store"]
