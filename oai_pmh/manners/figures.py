"""What the window gave out since this process began: requests by verb, records, and those whom it sent away."""

from __future__ import annotations

from collections import Counter
from threading import Lock

from oai_pmh.arguments import Verb

NO_VERB = "none"
"""How requests are counted that name no verb of the protocol, or several."""


class Figures:
    """Counts that only grow, told by every thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests: Counter[str] = Counter({verb.value: 0 for verb in Verb} | {NO_VERB: 0})
        self._records = 0
        self._sent_away = 0

    def answered(self, verb: Verb | None, records: int = 0) -> None:
        """One request was answered with so many records or headers of records."""
        with self._lock:
            self._requests[NO_VERB if verb is None else verb.value] += 1
            self._records += records

    def sent_away(self) -> None:
        """One request was refused because no turn was free."""
        with self._lock:
            self._sent_away += 1

    def told(self) -> tuple[dict[str, int], int, int]:
        """Requests by verb, records given out, and refusals."""
        with self._lock:
            return dict(self._requests), self._records, self._sent_away
