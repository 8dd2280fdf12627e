"""How much of a store the watch takes, in bytes and requests a second, so that ingest and readers have their share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_ROUSED_SECONDS = 0.5


class Budget:
    """So many bytes and requests a second at most, for all who read one store in this process; 0: no limit.

    What was not spent is saved up for one second and no longer, so that a pause is not followed by a rush. A wait
    ends early when ``stopping`` says so. For several threads at once.
    """

    def __init__(
        self,
        bytes_a_second: float = 0,
        requests_a_second: float = 0,
        *,
        stopping: Callable[[], bool] = lambda: False,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rates = (bytes_a_second, requests_a_second)
        self._stopping, self._monotonic, self._sleep = stopping, monotonic, sleep
        self._lock = threading.Lock()
        self._free_at = [monotonic(), monotonic()]

    def spend(self, octets: int = 0, requests: int = 0) -> float:
        """Wait until this much may be spent; the seconds waited, which are nobody's fault."""
        began = self._monotonic()
        with self._lock:
            waits = [
                self._reserved(place, amount, began)
                for place, amount in enumerate((octets, requests))
                if amount and self._rates[place]
            ]
        end = began + max(waits, default=0.0)
        while (left := end - self._monotonic()) > 0 and not self._stopping():
            self._sleep(min(left, _ROUSED_SECONDS))
        return self._monotonic() - began

    def _reserved(self, place: int, amount: int, now: float) -> float:
        """The seconds until everything that was reserved before is paid for; ``amount`` is reserved after it."""
        free = max(self._free_at[place], now - 1.0)
        self._free_at[place] = free + amount / self._rates[place]
        return max(0.0, free - now)
