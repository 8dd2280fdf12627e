"""What a round writes down: every answer once, in short transactions of one store each, and the sums of them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from fixity import testimony
from fixity.audit import Reading
from fixity.mending import Evidence, Mending
from fixity.report import Trouble
from fixity.watch import Watch
from repository.catalogue import copies, rounds
from repository.catalogue.copies import CopyRef, Verdict
from repository.catalogue.rounds import RoundCounts
from repository.vocabulary import AuditOutcome, CopyState

log = logging.getLogger(__name__)

UNREADABLE_AGAIN = timedelta(hours=1)
UNMENDED_AGAIN = timedelta(days=1)

DETAILS = 1000
"""Copies not found intact that a report describes one by one; the events have all of them."""


class Answers:
    """The answers of one round, written down as they come.

    ``counts`` holds what stands in the catalogue; ``decisions`` how often a person must
    decide; ``seen`` how often each store gave each outcome, written down or not yet. A copy
    that was whole and still is has no event of its own: the round has one for all of them.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._troubles: list[Trouble] = []
        self.counts = RoundCounts()
        self.number = 0
        """The round's, known once it has begun."""
        self.decisions = 0
        self.seen: Counter[tuple[str, AuditOutcome]] = Counter()
        self._day: dict[str, Counter[str]] = {}
        self._publishers: dict[int, Counter[str]] = {}

    def told(self, readings: Sequence[tuple[CopyRef, Reading]]) -> None:
        """These readings stand in the catalogue; they change nothing in a store."""
        by_store: dict[str, list[tuple[CopyRef, Reading]]] = {}
        for ref, reading in readings:
            by_store.setdefault(ref.store, []).append((ref, reading))
        for some in by_store.values():
            at = self._watch.clock()
            verdicts = [self._verdict(ref, found, found.outcome, at) for ref, found in some]
            with self._watch.catalogue.writing() as session:
                before = self._recorded(session, verdicts)
                events = [
                    testimony.of_reading(ref, found, at, self.number, before.get(ref))
                    for ref, found in some
                    if found.outcome is not AuditOutcome.INTACT or before.get(ref, CopyState.INTACT) != CopyState.INTACT
                ]
                rounds.testify(session, self._watch.agent, events)
            for ref, found in some:
                self._count(ref, found, None)

    def damaged(self, ref: CopyRef, reading: Reading, evidence: Evidence) -> bool:
        """What was found stands in the catalogue before the copy is replaced; False when it is not ours any more."""
        at = self._watch.clock()
        verdict = self._verdict(ref, reading, reading.outcome, at)
        verdict = replace(verdict, next_due=at + UNREADABLE_AGAIN, held_until=at + self._watch.lease)
        with self._watch.catalogue.writing() as session:
            ours = bool(copies.record_all(session, [verdict]))
            events = [testimony.of_reading(ref, reading, at, self.number)]
            if evidence.quarantined is not None:
                events.append(testimony.of_quarantine(ref, reading, self._place(evidence.quarantined), at))
            rounds.testify(session, self._watch.agent, events)
        return ours

    def mended(self, ref: CopyRef, reading: Reading, mending: Mending, *, already_told: bool) -> None:
        """How the mending ended stands in the catalogue; ``already_told``: :meth:`damaged` wrote what was found."""
        at = self._watch.clock()
        outcome = mending.after.outcome if mending.after else reading.outcome
        verdict = self._verdict(ref, reading, outcome, at)
        if mending.doubt:
            verdict = replace(verdict, next_due=at + UNREADABLE_AGAIN)
        with self._watch.catalogue.writing() as session:
            self._recorded(session, [verdict])
            events = []
            if not already_told:
                events.append(testimony.of_reading(ref, reading, at, self.number))
                if mending.quarantined is not None:
                    events.append(testimony.of_quarantine(ref, reading, self._place(mending.quarantined), at))
            events.append(testimony.of_mending(ref, reading, mending, at, self.number))
            rounds.testify(session, self._watch.agent, events)
        self._count(ref, reading, mending)

    def since_asked(self) -> tuple[dict[str, Counter[str]], dict[int, Counter[str]]]:
        """What was answered since this was asked last, by store and by publisher, for the day's figures
        (catalogue.days)."""
        day, self._day = self._day, {}
        publishers, self._publishers = self._publishers, {}
        return day, publishers

    def troubles(self, silent: Iterable[str]) -> tuple[Trouble, ...]:
        """The copies not found intact, the first :data:`DETAILS` of them."""
        quiet = set(silent)
        return tuple(self._with_hint(trouble, quiet) for trouble in self._troubles)

    def _verdict(self, ref: CopyRef, reading: Reading, outcome: AuditOutcome, at: datetime) -> Verdict:
        unread = outcome is AuditOutcome.DAMAGED and reading.found_sha256 is None
        days = self._watch.days(ref)
        until, again = at + timedelta(days=days), self._again(ref, outcome, at, days)
        return Verdict(ref, outcome, at, again, promised_until=until, round=self.number, unread=unread)

    def _recorded(self, session: Session, verdicts: Sequence[Verdict]) -> dict[CopyRef, str]:
        """As :func:`copies.record_all`; the round remembers which copies it has read whole."""
        before = copies.record_all(session, verdicts)
        intact = [one.ref for one in verdicts if one.outcome is AuditOutcome.INTACT and one.ref in before]
        rounds.read_whole(session, self.number, intact)
        return before

    def _again(self, ref: CopyRef, outcome: AuditOutcome, at: datetime, days: float) -> datetime:
        if outcome is AuditOutcome.INTACT:
            return copies.next_due(ref.article_id, ref.version, ref.store, at, days)
        if outcome is AuditOutcome.UNREADABLE and ref.store in self._watch.stores:
            return at + UNREADABLE_AGAIN
        return at + UNMENDED_AGAIN

    def _place(self, quarantined: Path) -> str:
        return quarantined.relative_to(self._watch.quarantine).as_posix()

    def _count(self, ref: CopyRef, reading: Reading, mending: Mending | None) -> None:
        outcome, counts = reading.outcome, self.counts
        mended = mending is not None and mending.mended
        decision = bool(reading.sealed_wrong) or (mending is not None and mending.decision)
        self.counts = RoundCounts(
            intact=counts.intact + (outcome is AuditOutcome.INTACT),
            damaged=counts.damaged + (outcome is AuditOutcome.DAMAGED),
            missing=counts.missing + (outcome is AuditOutcome.MISSING),
            unreadable=counts.unreadable + (outcome is AuditOutcome.UNREADABLE),
            mended=counts.mended + mended,
            bytes=counts.bytes + (reading.found_bytes or 0),
        )
        self.decisions += decision
        told = Counter({str(outcome): 1, "mended": int(mended)})
        if reading.found_bytes is not None:
            told.update(bytes=reading.found_bytes, milliseconds=round(reading.seconds * 1000))
        self._day.setdefault(ref.store, Counter()).update(told)
        if ref.publisher is not None:
            self._publishers.setdefault(ref.publisher, Counter()).update(told)
        if outcome is AuditOutcome.INTACT:
            return
        detail = "; ".join(part for part in (reading.detail, mending.detail if mending else "") if part)
        if outcome is not AuditOutcome.UNREADABLE:
            log.warning("%s in %s is %s: %s", ref.key, ref.store, outcome, detail)
        if len(self._troubles) < DETAILS:
            source = mending.source if mending else None
            kept = mending.quarantined if mending else None
            self._troubles.append(Trouble(ref, outcome, mended, decision, detail, source, kept))

    def _with_hint(self, trouble: Trouble, silent: set[str]) -> Trouble:
        """A store that gave other copies in this very round answers: then it is this object that it cannot give."""
        whole = self.seen[trouble.ref.store, AuditOutcome.INTACT]
        if trouble.outcome is not AuditOutcome.UNREADABLE or not whole or trouble.ref.store in silent:
            return trouble
        hint = f"the store gave {whole} other copies whole in this round, so look at this object in it"
        return replace(trouble, detail=f"{trouble.detail}; {hint}")
