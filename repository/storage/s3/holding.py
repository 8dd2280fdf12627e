"""Whether older and held bytes outlive who would destroy them, tried as far as our own access key has the right to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from repository.errors import StoreUnavailable
from repository.storage.capabilities import Capability, Verdict
from repository.storage.s3.answers import GONE, Answer
from repository.storage.s3.digests import content_md5
from repository.storage.s3.trying import FORBIDDEN, NOT_HERE, Trying
from repository.vocabulary import utc_now

_NO_VERSIONS = "the bucket keeps no versions that could be held"


class TrialsOfHolding(Trying):
    """Versions, object lock, legal hold."""

    def versioning(self) -> Capability:
        """The older bytes can still be read after a newer put and after a deletion."""
        try:
            status = self._bucket.ask("get_bucket_versioning", NOT_HERE)
        except Answer as no:
            if no.status in FORBIDDEN:
                return Capability("versioning", Verdict.UNKNOWN, f"our access key may not ask ({no})")
            return Capability("versioning", Verdict.NO, f"the server does not know it ({no})")
        if status.get("Status") != "Enabled":
            return Capability("versioning", Verdict.NO, "not switched on for this bucket")
        older = self._put("version", b"older").get("VersionId")
        self._put("version", b"newer")
        done = "an overwrite"
        with suppress(Answer):
            answer = self._delete("version", FORBIDDEN)
            self._written.append((self._root + "version", answer.get("VersionId")))
            done = "an overwrite and a deletion"
        kept = False
        try:
            kept = bool(older) and self._get("version", GONE | FORBIDDEN, VersionId=older) == b"older"
        except Answer as no:
            if no.status in FORBIDDEN:
                return Capability("versioning", Verdict.UNKNOWN, f"our access key may not read older versions ({no})")
        told = f"was read again after {done}" if kept else "IS GONE"
        return Capability("versioning", Verdict.of(kept), f"the older version {told}")

    def object_lock(self) -> Capability:
        """A version under retention cannot be deleted."""
        name = "object_lock"
        try:
            lock = self._bucket.ask("get_object_lock_configuration", NOT_HERE)
        except Answer as no:
            # Who may not ask may hold all the same.
            if no.status not in FORBIDDEN:
                return Capability(name, Verdict.NO, f"not switched on for this bucket ({no})")
        else:
            if lock.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
                return Capability(name, Verdict.NO, "not switched on for this bucket")
        retention: dict[str, Any] = {
            "ObjectLockMode": "GOVERNANCE",
            "ObjectLockRetainUntilDate": utc_now() + timedelta(seconds=60),
            "ContentMD5": content_md5(b"held"),
        }
        try:
            version = self._put("lock", b"held", NOT_HERE, **retention).get("VersionId")
        except Answer as no:
            return self._not_held(name, no)
        held = self._stays(name, "lock", version, lambda told: told.get("ObjectLockMode") == "GOVERNANCE")
        if held.verdict is Verdict.YES:
            with suppress(StoreUnavailable):
                self._delete("lock", VersionId=version, BypassGovernanceRetention=True)
        return held

    def legal_hold(self) -> Capability:
        """A version under a legal hold cannot be deleted until the hold is lifted."""
        name = "legal_hold"
        version = self._put("hold", b"held").get("VersionId")
        which = {"Key": self._root + "hold", "VersionId": version}
        if version is None:
            return Capability(name, Verdict.NO, _NO_VERSIONS)
        try:
            self._bucket.ask("put_object_legal_hold", NOT_HERE, LegalHold={"Status": "ON"}, **which)
        except Answer as no:
            return self._not_held(name, no)
        held = self._stays(name, "hold", version, lambda told: told.get("ObjectLockLegalHoldStatus") == "ON")
        with suppress(StoreUnavailable):
            self._bucket.ask("put_object_legal_hold", LegalHold={"Status": "OFF"}, **which)
        return held

    @staticmethod
    def _not_held(name: str, no: Answer) -> Capability:
        """What a refusal to hold a version says: of the bucket, or only of our access key."""
        if no.status in FORBIDDEN:
            return Capability(name, Verdict.UNKNOWN, f"our access key may not hold a version ({no})")
        return Capability(name, Verdict.NO, f"not switched on for this bucket ({no})")

    def _stays(self, name: str, key: str, version: str | None, held: Callable[[dict[str, Any]], bool]) -> Capability:
        """Whether a held version cannot be deleted: tried, or, by a key that may delete nothing at all, asked.

        Then a refusal proves nothing, and it counts what HEAD tells of the version (``held``).
        """
        if version is None:
            return Capability(name, Verdict.NO, _NO_VERSIONS)
        try:
            self._delete(key, NOT_HERE, VersionId=version)
        except Answer as no:
            if no.status not in FORBIDDEN or self._may_delete_versions():
                return Capability(name, Verdict.YES, f"deleting a held version was refused ({no})")
        else:
            return Capability(name, Verdict.NO, "a held version WAS DELETED")
        nothing = "our access key may delete no version at all"
        try:
            told = self._bucket.ask("head_object", NOT_HERE, Key=self._root + key, VersionId=version)
        except Answer as no:
            return Capability(name, Verdict.UNKNOWN, f"{nothing}, and may not ask whether this one is held ({no})")
        if held(told):
            return Capability(name, Verdict.YES, f"{nothing}; the server says that the held one is held")
        return Capability(name, Verdict.UNKNOWN, f"{nothing}, and is not told whether this one is held")

    def _may_delete_versions(self) -> bool:
        """Whether our access key may delete a version that nothing holds."""
        version = self._put("free", b"free").get("VersionId")
        try:
            self._delete("free", FORBIDDEN, VersionId=version)
        except Answer:
            return False
        return True
