"""How many harvesters are served at once: of one client, and all together; who comes beyond waits a moment."""

from __future__ import annotations

import random
from collections import Counter
from threading import Condition

SOONEST, LATEST = 3, 12
"""Between so many seconds whoever was sent away is asked to come again: not all of them in the same one."""


class Turns:
    """At most ``at_once`` turns are taken at a time, and ``each`` of them by one client.

    A client beyond that waits up to ``patience`` seconds for a turn. So do ``waiting`` of them and
    no more, because each who waits keeps a thread of the server: ``at_once + waiting`` have to be
    fewer than its threads, and the rest is the readers'. This process alone is counted.
    """

    def __init__(self, at_once: int = 8, each: int = 4, waiting: int = 4, patience: float = 2.0) -> None:
        self.at_once, self.each = at_once, each
        self._may_wait, self._patience = waiting, patience
        self._taken: Counter[str] = Counter()
        self._waiting = 0
        self._free = Condition()

    @property
    def taken(self) -> int:
        """How many turns are taken at this moment."""
        with self._free:
            return self._taken.total()

    def take(self, client: str) -> Turn | None:
        """A turn for ``client``, to be ended when its answer has gone out; None when there is none to be had."""
        with self._free:
            if not self._is_free(client) and not self._waited(client):
                return None
            self._taken[client] += 1
            return Turn(self, client)

    def give_back(self, client: str) -> None:
        """One turn of ``client`` is over."""
        with self._free:
            self._taken[client] -= 1
            if not self._taken[client]:
                del self._taken[client]
            # Whoever is told may be one who has all the turns that he may have: so all of them look.
            self._free.notify_all()

    def _is_free(self, client: str) -> bool:
        return self._taken.total() < self.at_once and self._taken[client] < self.each

    def _waited(self, client: str) -> bool:
        if self._waiting >= self._may_wait:
            return False
        self._waiting += 1
        try:
            return self._free.wait_for(lambda: self._is_free(client), self._patience)
        finally:
            self._waiting -= 1


class Turn:
    """One turn, ended once however often it is said."""

    def __init__(self, turns: Turns, client: str) -> None:
        self._turns: Turns | None = turns
        self._client = client

    def end(self) -> None:
        """The answer has gone out, or there will be none."""
        turns, self._turns = self._turns, None
        if turns is not None:
            turns.give_back(self._client)


def seconds_until_again() -> int:
    """For how long whoever was sent away should stay away."""
    return random.randint(SOONEST, LATEST)  # noqa: S311  (spread, not secret)
