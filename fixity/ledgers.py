"""Ledgers under the watch: each copy read again within the promise of its store, and mended from another store."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import structlog

from fixity.audit import Reading, audit
from fixity.mending import Mending, mend
from fixity.watch import Watch
from repository.catalogue import ledgers, testimony
from repository.catalogue.copies import CopyRef
from repository.vocabulary import AuditOutcome, EventType

log = structlog.get_logger(__name__)

AT_ONCE = 100
"""Copies of ledgers read in one turn at most."""
AGAIN = timedelta(hours=1)
"""After doubt, or when mending did not succeed."""


def read_due(watch: Watch) -> Counter[str]:
    """Ledgers that are due are read, as deep as a bag can be, and mended by the rules for bags; outcome to number.

    What is not intact, and what became of it, is told as of every other copy. Raises DatabaseUnavailable.
    """
    found: Counter[str] = Counter()
    with watch.catalogue.reading() as session:
        due = ledgers.due(session, list(watch.stores), watch.clock(), limit=AT_ONCE)
    for ref in due:
        if watch.stopping():
            break
        reading = audit(watch.stores[ref.store], ref, deep=True, budget=watch.budgets.get(ref.store))
        mending = None
        if reading.outcome is not AuditOutcome.INTACT:
            with watch.catalogue.reading() as session:
                others = ledgers.others(session, ref)
            mending = mend(ref, reading, watch.stores, others, watch.quarantine, clock=watch.clock)
            if mending.mended and mending.after is not None:
                found["mended"] += 1
        found[str(reading.outcome)] += 1
        _write(watch, ref, reading, mending)
    return found


def _write(watch: Watch, ref: CopyRef, reading: Reading, mending: Mending | None) -> None:
    at = watch.clock()
    last = mending.after if mending is not None and mending.after is not None else reading
    whole = last.outcome is AuditOutcome.INTACT
    with watch.catalogue.writing() as session:
        ledgers.record(session, ref, last.outcome, at, _next(watch, ref, at, whole=whole))
        if mending is None:
            return
        doubt = reading.outcome is AuditOutcome.UNREADABLE
        testimony.witness(
            session,
            EventType.FIXITY_CHECK if doubt else EventType.RECOVERY,
            at=at,
            outcome="success" if mending.mended else "unknown" if doubt or mending.doubt else "failure",
            agent=watch.agent,
            detail={
                "ledger": ref.article_id,
                "found": str(reading.outcome),
                "seal": ref.seal,
                "before": reading.found_sha256,
                "source": mending.source,
                "detail": mending.detail,
            },
            store=ref.store,
        )
    log.warning("a ledger was not whole", ledger=ref.article_id, store=ref.store, mended=mending.mended)


def _next(watch: Watch, ref: CopyRef, at: datetime, *, whole: bool) -> datetime:
    return at + (timedelta(days=watch.days(ref)) if whole else AGAIN)
