"""How long an S3 server is waited for: no call outlives its deadline, however slowly the server drips."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from typing import TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class S3Limits:
    """How long this store is waited for, and how large the pieces are.

    ``read_seconds`` bounds one silence of the server. It does not bound a server that drips, so each
    operation has ``deadline_seconds`` besides, and one more second for every ``slowest_bytes`` that it moves.

    ``single_put_bytes`` is high on purpose (S3 allows 5 GiB): ``If-None-Match`` holds under a race for a single
    PUT; for parts put together SeaweedFS let 3 of 12 writers win at once, and Ceph RGW 16 does not look at it.
    """

    connect_seconds: float = 5
    read_seconds: float = 60
    deadline_seconds: float = 120
    slowest_bytes: int = 64 * 1024
    attempts: int = 3
    connections: int = 32
    single_put_bytes: int = 1 << 30
    part_bytes: int = 16 << 20
    upload_days: float = 7

    def allowance(self, moved: int = 0) -> float:
        """Seconds that an operation may take which moves so many bytes."""
        return self.deadline_seconds + moved / self.slowest_bytes


def within(seconds: float, call: Callable[[], _T]) -> _T:
    """What ``call`` returns or raises, or TimeoutError after so many seconds.

    A socket's time-out begins anew with every byte, and nothing public closes the socket of another
    thread's request; so the call gets a thread of its own, which is left behind when its time is over.
    """
    answers: queue.SimpleQueue[tuple[_T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:  # noqa: BLE001  (handed to the thread that asked)
            answers.put((None, error))

    threading.Thread(target=copy_context().run, args=(run,), daemon=True, name="s3").start()
    try:
        value, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]
