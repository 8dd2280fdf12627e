"""What a round found, in figures that add up, and the exit status that follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fixity.canary import Heard
from repository.catalogue.copies import CopyRef
from repository.catalogue.rounds import RoundCounts
from repository.vocabulary import AuditOutcome


@dataclass(frozen=True, slots=True)
class Trouble:
    """One copy that a round did not find intact, and what became of it."""

    ref: CopyRef
    outcome: AuditOutcome
    mended: bool
    decision: bool
    detail: str
    source: str | None = None
    quarantined: Path | None = None

    def as_json(self) -> dict[str, Any]:
        """The copy as the contract's ``details`` list it."""
        return {
            "article": self.ref.article_id,
            "version": self.ref.version,
            "store": self.ref.store,
            "outcome": str(self.outcome),
            "mended": self.mended,
            "decision": self.decision,
            "source": self.source,
            "quarantined": str(self.quarantined) if self.quarantined else None,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class RoundReport:
    """What one round found. ``expected = intact + damaged + missing + unreadable``, always.

    ``expected`` counts the copies that the round took up, before any of them was read.
    ``checked`` are those of which the store gave knowledge (all but the unreadable ones). A
    copy found damaged and then mended counts in ``damaged`` (or ``missing``) and in ``mended``.
    """

    scope: str
    expected: int
    counts: RoundCounts
    seconds: float
    still_due: int
    troubles: tuple[Trouble, ...]
    """The first of those not found intact; ``troubles_in_all`` says how many there are."""
    decisions: int = 0
    silent: tuple[str, ...] = ()
    """Stores that stopped answering in the round and were left alone."""
    stopped: bool = False
    """Asked to stop before everything was read."""
    canaries: Heard = field(default_factory=Heard)
    """What the watch said of the bags that are known to be bad."""

    @property
    def intact(self) -> int:
        """Copies whose size and SHA-256 are those of the seal."""
        return self.counts.intact

    @property
    def damaged(self) -> int:
        """Copies whose bytes are others, also when they have been mended since."""
        return self.counts.damaged

    @property
    def missing(self) -> int:
        """Copies that their store does not have, also when they have been mended since."""
        return self.counts.missing

    @property
    def unreadable(self) -> int:
        """Copies of which nothing was learnt."""
        return self.counts.unreadable

    @property
    def mended(self) -> int:
        """Copies replaced and then read again as INTACT."""
        return self.counts.mended

    @property
    def bytes(self) -> int:
        """Bytes of the copies read to their end."""
        return self.counts.bytes

    @property
    def checked(self) -> int:
        """Copies of which the store gave knowledge."""
        return self.expected - self.counts.unreadable

    @property
    def troubles_in_all(self) -> int:
        """Copies not found intact."""
        return self.expected - self.counts.intact

    @property
    def exit_status(self) -> int:
        """The contract's: 4 a person must decide, else 1 damage (mended or not), else 3 doubt, else 0.

        A canary that was not caught is 4 too: nothing is proved. Damage is named before doubt
        because it is knowledge, and a decision before both because nothing goes on without it;
        the figures always tell all three.
        """
        if self.decisions or self.canaries.missed:
            return 4
        if self.damaged or self.missing:
            return 1
        return 3 if self.unreadable or self.stopped else 0

    def as_json(self) -> dict[str, Any]:
        """The document of ``mahfuz audit --json``."""
        return {
            "scope": self.scope,
            "expected": self.expected,
            "checked": self.checked,
            "intact": self.intact,
            "damaged": self.damaged,
            "missing": self.missing,
            "unreadable": self.unreadable,
            "mended": self.mended,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "still_due": self.still_due,
            "decisions": self.decisions,
            "silent": list(self.silent),
            "stopped": self.stopped,
            "canaries": self.canaries.as_json(),
            "details": [trouble.as_json() for trouble in self.troubles],
            "details_left_off": self.troubles_in_all - len(self.troubles),
        }
