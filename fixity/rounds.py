"""A round of the watch: which copies next, the longest unverified first, each read, told, and mended where need be."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from fixity import canary, timetable
from fixity.answers import Answers
from fixity.audit import Reading
from fixity.mending import Evidence, Mending, mend
from fixity.readers import NOT_ASKED, Begun, Readers
from fixity.report import RoundReport
from fixity.share import late_now, late_of_publishers, share_left
from fixity.watch import Scope, Watch
from repository.catalogue import copies, days, rounds
from repository.catalogue.copies import CopyRef
from repository.errors import MahfuzError, UsageError
from repository.vocabulary import AuditOutcome, as_utc_text

__all__ = ["Scope", "Watch", "run_round"]

log = logging.getLogger(__name__)

BATCH = 128
"""Copies claimed at a time; while the answers to one batch are written down the next one is read already. A killed
round has read at most two of them in vain."""

COUNT_NO_FURTHER = 1_000_000
"""Where the count of what is still due ends: enough to see that a watch falls behind."""

EMPTIED = 10
"""So many copies missing from a store in which a round found nothing else: it was emptied or exchanged."""


def run_round(watch: Watch, scope: Scope) -> RoundReport:
    """Every copy in ``scope`` was read to its last byte, the answer is in the catalogue, and damage is mended.

    Copies are claimed in batches, so rounds may go on side by side, and one that was killed
    is taken up by the next. A due round takes the longest overdue first and no more than
    :func:`fixity.share.share_left`; where nothing is due it leaves no trace. A store that
    falls silent is left alone for the rest of the round: its copies are UNREADABLE, the
    other stores' are read. No transaction is open while bytes move.

    Raises UsageError for an article or a store without copies and for a due round of one
    article, DatabaseUnavailable when the catalogue goes away (what was written down stands).
    """
    began = time.monotonic()
    base = _deep(watch, scope)

    def deep(ref: CopyRef) -> bool:
        # What was found inside a seal is not there any more only when somebody has looked inside again.
        return ref.is_lost or canary.is_deep(ref) or base(ref)

    with Readers(
        watch.stores,
        at_once=watch.readers,
        deep=deep,
        stopping=watch.stopping,
        budgets=watch.budgets,
        giving_way=scope.due,
    ) as readers:
        going = _Round(watch, scope, readers)
        while going.step():
            pass
        return going.end(began)


def _deep(watch: Watch, scope: Scope) -> Callable[[CopyRef], bool]:
    """Whether a copy's manifests are checked this time: all of them if asked for, else those whose turn it is."""
    if scope.deep or not scope.due:
        return lambda _ref: scope.deep
    now = watch.clock()
    return lambda ref: watch.deep_turn(ref, now)


class _Round:
    """One round while it goes on. Invariant after every step: what was taken up has exactly one answer."""

    def __init__(self, watch: Watch, scope: Scope, readers: Readers) -> None:
        self._watch, self._scope, self._readers = watch, scope, readers
        self._started = watch.clock()
        self._number: int | None = None
        self._after = (0, "")
        self._taken = 0
        self._ahead = Begun(())
        self._held_at = time.monotonic()
        self._answers = Answers(watch)
        self._stopped = False
        self._canaries = canary.Heard()
        self._given: dict[str, CopyRef] = {}
        if scope.due:
            timetable.set_right(watch, self._started)
        self._share, self._total = self._looked_ahead()
        if not scope.due:
            self._begin()

    def step(self) -> bool:
        """Take up one more batch to its end; False when there is none."""
        batch = self._ahead if self._ahead.refs else self._next_batch()
        if not batch.refs:
            return False
        self._ahead = self._next_batch()
        for ref, reading in self._read(batch):
            self._mend(ref, reading)
        self._note()
        return True

    def end(self, began: float) -> RoundReport:
        """Close the round and say what it found."""
        at = self._watch.clock()
        self._note(finished_at=at)
        with self._watch.catalogue.reading() as session:
            still_due = copies.due(session, at, up_to=COUNT_NO_FURTHER)
        assert self._taken == self._answers.counts.expected, "a copy was taken up and has no answer"
        return RoundReport(
            scope=str(self._scope),
            expected=self._taken,
            counts=self._answers.counts,
            seconds=time.monotonic() - began,
            still_due=still_due,
            troubles=self._answers.troubles(self._readers.silent),
            decisions=self._answers.decisions,
            silent=tuple(sorted(self._readers.silent)),
            stopped=self._stopped,
            canaries=self._canaries,
        )

    # Which copies next

    def _looked_ahead(self) -> tuple[int, int]:
        """How many copies may be taken up, and how many there are to be: the second is only for the progress bar."""
        scope, at = self._scope, self._started
        with self._watch.catalogue.reading() as session:
            known = copies.stores_with_copies(session) | set(self._watch.stores)
            if scope.store is not None and scope.store not in known:
                raise UsageError(f"no store is named {scope.store!r}; there are: {', '.join(sorted(known))}")
            if scope.due and scope.article_id is not None:
                raise UsageError("a due round is not of one article: ask for all copies of it")
            if scope.lost:
                return COUNT_NO_FURTHER, copies.due(session, at, up_to=BATCH, lost=True)
            if scope.due:
                share = share_left(session, self._watch.promises, at)
                return share, min(share, copies.due(session, at, up_to=share))
            if scope.article_id is not None:
                found = copies.walk(session, limit=10_000, article_id=scope.article_id, store=scope.store)
                if not found:
                    raise UsageError(f"no copy is known of an article {scope.article_id!r}")
                return len(found), len(found)
            counts = copies.kept(session).items()
            total = sum(count.number for (place, _state), count in counts if scope.store in {None, place})
            return total, total

    def _next_batch(self) -> Begun:
        """The next batch, claimed and on its way; nothing when there is none, or the round is to stop."""
        if self._watch.stopping():
            self._stopped = True
            return Begun(())
        batch = self._claimed()
        if batch and self._number is None:
            self._begin()
        self._taken += len(batch)
        return self._readers.begin(batch)

    def _claimed(self) -> list[CopyRef]:
        scope, at = self._scope, self._watch.clock()
        with self._watch.catalogue.writing() as session:
            if scope.due:
                known = {scope.store} if scope.store else copies.stores_with_copies(session)
                return copies.claim_due(
                    session,
                    at=at,
                    due_by=self._started,
                    lease_for=self._watch.lease,
                    limit=max(0, min(BATCH, self._share - self._taken)),
                    stores=known - self._readers.silent,
                    lost=scope.lost,
                )
            refs = copies.walk(session, after=self._after, limit=BATCH, article_id=scope.article_id, store=scope.store)
            if refs:
                self._after = (refs[-1].aip_id, refs[-1].store)
            return copies.take_over(session, refs, until=at + self._watch.lease)

    # Bytes: no transaction is open

    def _read(self, batch: Begun) -> list[tuple[CopyRef, Reading]]:
        """Write down what was read of ``batch``, but not what is to be mended, which is returned."""
        open_refs = set(batch.refs)
        to_mend: list[tuple[CopyRef, Reading]] = []
        told: list[tuple[CopyRef, Reading]] = []
        doubted: list[tuple[CopyRef, Reading]] = []
        for some in self._readers.readings(batch):
            for ref, reading in some:
                if reading is None or (self._scope.due and reading is NOT_ASKED):
                    continue
                open_refs.remove(ref)
                if self._is_old_doubt(ref, reading):
                    doubted.append((ref, reading))
                    continue
                self._answers.seen[ref.store, reading.outcome] += 1
                if reading.outcome is AuditOutcome.INTACT:
                    self._given[ref.store] = ref
                (to_mend if self._scope.mend and reading.mendable else told).append((ref, reading))
            answered = self._answers.counts.expected + len(told) + len(to_mend) + len(doubted)
            self._watch.progress(answered, max(self._total, self._taken))
            if self._must_hold():
                self._answers.told(told)
                told = []
                self._hold([*open_refs, *(ref for ref, _ in [*to_mend, *doubted])])
        for ref, reading in self._settled(doubted):
            self._answers.seen[ref.store, reading.outcome] += 1
            (to_mend if self._scope.mend and reading.mendable else told).append((ref, reading))
        self._answers.told(told)
        if open_refs:
            self._give_back(open_refs)
        return to_mend

    def _is_old_doubt(self, ref: CopyRef, reading: Reading) -> bool:
        """Whether this copy has been unreadable for as long as that may stay a doubt."""
        if reading.outcome is not AuditOutcome.UNREADABLE or reading is NOT_ASKED or ref.unreadable_since is None:
            return False
        patience = timedelta(days=self._watch.unreadable_days)
        return ref.store in self._watch.stores and self._watch.clock() - ref.unreadable_since >= patience

    def _settled(self, doubted: Sequence[tuple[CopyRef, Reading]]) -> Iterator[tuple[CopyRef, Reading]]:
        """Old doubts, once all others of the batch were read: damage where the store gives others, else doubt still.

        It may have come back in the middle of the batch, after these had been asked for. So each is read once more,
        between two moments at which the store gives something else.
        """
        giving = {store: self._gives(store) for store in dict.fromkeys(ref.store for ref, _ in doubted)}
        for ref, before in doubted:
            reading = self._again(ref, before) if giving[ref.store] else before
            if reading.outcome is AuditOutcome.UNREADABLE and giving[ref.store]:
                giving[ref.store] = self._gives(ref.store)
                if giving[ref.store] and reading is not NOT_ASKED:
                    assert ref.unreadable_since is not None
                    told = (
                        f"unreadable since {as_utc_text(ref.unreadable_since)}, while the store gives others:"
                        f" it counts as damaged ({reading.detail})"
                    )
                    reading = replace(reading, outcome=AuditOutcome.DAMAGED, detail=told)
            yield ref, reading

    def _again(self, ref: CopyRef, before: Reading) -> Reading:
        """The copy read once more; what was read before, where the round is to stop."""
        return next(new for some in self._readers.readings(self._readers.begin([ref])) for _, new in some) or before

    def _gives(self, store: str) -> bool:
        """Whether the store gives something whole at this moment: its canary, or a copy that it gave in this batch."""
        if store in self._readers.silent or self._readers.is_distrusted(store):
            return False
        looks = canary.listen(self._watch, self._readers, [store], lay=False).looks
        if any(look.caught and look.expected is AuditOutcome.INTACT for look in looks):
            return True
        given = self._given.get(store)
        return given is not None and self._again(given, NOT_ASKED).outcome is AuditOutcome.INTACT

    def _mend(self, ref: CopyRef, reading: Reading) -> None:
        with self._watch.catalogue.reading() as session:
            others = copies.refs_of(session, ref.aip_id)
        prepared: list[Evidence] = []

        def may_replace(evidence: Evidence) -> bool:
            prepared.append(evidence)
            return self._answers.damaged(ref, reading, evidence)

        if self._emptied(ref.store):
            told = (
                f"the store {ref.store!r} has none of the copies that should be in it: it was emptied or exchanged, "
                "and is not filled unasked; if it is the right store, audit all of this store and no other"
            )
            mending = Mending(False, told, decision=True, emptied=True)
        else:
            mending = self._mended(ref, reading, others, may_replace)
        if mending.unsettled:
            # Twice the same wrong bytes, then others: a path that garbles is no witness and says nothing of the copy.
            self._answers.seen[ref.store, reading.outcome] -= 1
            self._answers.seen[ref.store, AuditOutcome.UNREADABLE] += 1
            self._answers.told([(ref, Reading(AuditOutcome.UNREADABLE, detail=f"{reading.detail}; {mending.detail}"))])
            return
        self._answers.mended(ref, reading, mending, already_told=bool(prepared))
        if self._must_hold():
            self._hold([])

    def _mended(
        self, ref: CopyRef, reading: Reading, others: Sequence[CopyRef], may_replace: Callable[[Evidence], bool]
    ) -> Mending:
        watch = self._watch
        try:
            return mend(
                ref, reading, watch.stores, others, watch.quarantine, clock=watch.clock, may_replace=may_replace
            )
        except MahfuzError:
            raise
        except Exception as error:
            log.exception("mending of %s in %s failed", ref.key, ref.store)
            return Mending(False, f"our own fault: {type(error).__name__}: {error}", doubt=True)

    def _emptied(self, store: str) -> bool:
        asked_for = self._scope.store == store and not self._scope.due
        found = self._answers.seen[store, AuditOutcome.INTACT] + self._answers.seen[store, AuditOutcome.DAMAGED]
        return not asked_for and not found and self._answers.seen[store, AuditOutcome.MISSING] >= EMPTIED

    # Rows: short transactions

    def _begin(self) -> None:
        with self._watch.catalogue.writing() as session:
            self._number = rounds.begin(session, str(self._scope), self._started, self._watch.agent)
        self._answers.number = self._number
        stores = [self._scope.store] if self._scope.store else list(self._watch.stores)
        self._canaries = canary.listen(self._watch, self._readers, stores, lay=self._scope.mend)

    def _note(self, finished_at: datetime | None = None) -> None:
        if self._number is not None:
            late, of_whom = self._late() if finished_at is not None else ({}, {})
            with self._watch.catalogue.writing() as session:
                if finished_at is None:
                    rounds.note(session, self._number, self._answers.counts)
                else:
                    rounds.end(session, self._number, self._answers.counts, finished_at, self._watch.agent)
                at = self._watch.clock()
                of_stores, of_publishers = self._answers.since_asked()
                days.add(session, at, of_stores)
                days.add_of_publishers(session, at, of_publishers)
                if finished_at is not None:
                    days.note_late(session, at, late)
                    days.note_late_of_publishers(session, at, of_whom)

    def _late(self) -> tuple[dict[str, int], dict[int, int]]:
        """How many copies are late now, in which store and whose: counted before anybody waits for what is written."""
        at = self._watch.clock()
        with self._watch.catalogue.reading() as session:
            late = late_now(session, at)
        return late, late_of_publishers(self._watch.catalogue, at, late)

    def _must_hold(self) -> bool:
        return time.monotonic() - self._held_at > self._watch.lease.total_seconds() / 12

    def _hold(self, refs: Sequence[CopyRef]) -> None:
        """These copies, and those that are read ahead, stay ours."""
        self._held_at = time.monotonic()
        with self._watch.catalogue.writing() as session:
            copies.renew(session, [*refs, *self._ahead.refs], until=self._watch.clock() + self._watch.lease)

    def _give_back(self, refs: set[CopyRef]) -> None:
        """What was claimed and not read, since the round is to stop or a store fell silent, is free for others."""
        with self._watch.catalogue.writing() as session:
            copies.give_back(session, list(refs))
        self._taken -= len(refs)
        self._stopped = self._stopped or self._watch.stopping()
