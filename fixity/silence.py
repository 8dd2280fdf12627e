"""A store that has fallen silent is left in peace: after a few doubts in a row it is asked again only now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from repository.vocabulary import AuditOutcome

DOUBTS_IN_A_ROW = 5
REST_SECONDS = 60.0


class Silence:
    """Whether one store answers, as the readings of a round tell it; for several threads at once."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._doubts = 0
        self._asked_at = 0.0

    def may_ask(self) -> bool:
        """True while the store answers; then, once it does not, for one caller in each ``REST_SECONDS``."""
        with self._lock:
            if self._doubts < DOUBTS_IN_A_ROW:
                return True
            if self._monotonic() - self._asked_at < REST_SECONDS:
                return False
            self._asked_at = self._monotonic()
            return True

    def heard(self, outcome: AuditOutcome) -> None:
        """Take note of how a reading ended: any knowledge ends the silence, damage too."""
        with self._lock:
            self._doubts = self._doubts + 1 if outcome is AuditOutcome.UNREADABLE else 0
            if self._doubts == DOUBTS_IN_A_ROW:
                self._asked_at = self._monotonic()

    @property
    def fallen(self) -> bool:
        """Whether the store has been silent often enough to be left alone."""
        with self._lock:
            return self._doubts >= DOUBTS_IN_A_ROW
