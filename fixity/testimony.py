"""What the night watch bears witness to: PREMIS events for what was read, kept aside and made whole."""

from __future__ import annotations

from datetime import datetime

from fixity.audit import Reading
from fixity.mending import Mending
from repository.catalogue.copies import CopyRef
from repository.catalogue.rounds import Testimony
from repository.vocabulary import AuditOutcome, CopyState, EventType

_OUTCOMES = {
    AuditOutcome.INTACT: "success",
    AuditOutcome.DAMAGED: "failure",
    AuditOutcome.MISSING: "failure",
    AuditOutcome.UNREADABLE: "unknown",
}

_DECISION = "a person decides; nothing was overwritten"
_NOT_WHOLE = {AuditOutcome.DAMAGED, AuditOutcome.MISSING, AuditOutcome.UNREADABLE, CopyState.UNVERIFIED}


def of_reading(ref: CopyRef, reading: Reading, at: datetime, number: int, before: str | None = None) -> Testimony:
    """A fixity check of round ``number``: what was found, beside the seal when they differ; ``before`` is the state
    believed until then."""
    detail: dict[str, object] = {"outcome": str(reading.outcome), "sha256": reading.found_sha256, "round": number}
    if reading.outcome is not AuditOutcome.INTACT:
        detail |= {"seal": ref.seal, "bytes": ref.bytes, "found_bytes": reading.found_bytes}
    if reading.detail:
        detail["detail"] = reading.detail
    if reading.sealed_wrong:
        detail["decision"] = _DECISION
    if before in _NOT_WHOLE:
        detail["before"] = before
    return _event(EventType.FIXITY_CHECK, _OUTCOMES[reading.outcome], ref, at, detail)


def of_quarantine(ref: CopyRef, reading: Reading, place: str, at: datetime) -> Testimony:
    """Damaged bytes were kept aside under ``place`` before anything replaced them."""
    return _event(EventType.QUARANTINE, "success", ref, at, {"sha256": reading.found_sha256, "kept": place})


def of_mending(ref: CopyRef, reading: Reading, mending: Mending, at: datetime, number: int) -> Testimony:
    """A recovery in round ``number``: the digests before and after, the store that it was mended from, how it ended."""
    failed = "unknown" if mending.doubt else "failure"
    detail: dict[str, object] = {
        "seal": ref.seal,
        "before": reading.found_sha256,
        "after": mending.after.found_sha256 if mending.after else None,
        "source": mending.source,
        "detail": mending.detail,
        "round": number,
    }
    if mending.decision:
        detail["decision"] = _DECISION
    if mending.emptied:
        detail["emptied"] = True
    return _event(EventType.RECOVERY, "success" if mending.mended else failed, ref, at, detail)


def _event(kind: EventType, outcome: str, ref: CopyRef, at: datetime, detail: dict[str, object]) -> Testimony:
    return Testimony(kind, at, outcome, ref.article_id, ref.version, ref.store, detail)
