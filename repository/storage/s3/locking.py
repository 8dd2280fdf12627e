"""How long a bucket is asked to keep what is put into it against everybody, ourselves among them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from repository.vocabulary import utc_now


class LockMode(StrEnum):
    """GOVERNANCE: who has the right to bypass it may delete earlier. COMPLIANCE: nobody may, not even the owner."""

    GOVERNANCE = "governance"
    COMPLIANCE = "compliance"


@dataclass(frozen=True, slots=True)
class ObjectLock:
    """S3 Object Lock on every object put: this mode, for so many days from the moment of the put."""

    mode: LockMode
    days: int

    def arguments(self) -> dict[str, str | datetime]:
        """As boto3 takes them with PutObject and CreateMultipartUpload."""
        return {"ObjectLockMode": self.mode.upper(), "ObjectLockRetainUntilDate": self._until()}

    def headers(self) -> dict[str, str]:
        """As they stand in the request."""
        return {
            "x-amz-object-lock-mode": self.mode.upper(),
            "x-amz-object-lock-retain-until-date": f"{self._until():%Y-%m-%dT%H:%M:%SZ}",
        }

    def _until(self) -> datetime:
        return utc_now() + timedelta(days=self.days)
