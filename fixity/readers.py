"""Copies read side by side, a few at a time in each store, so that a slow or silent store holds up nobody else."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

from fixity.audit import Reading, audit
from fixity.budget import Budget
from fixity.silence import Silence
from repository.catalogue.copies import CopyRef
from repository.storage import Store
from repository.vocabulary import AuditOutcome

log = logging.getLogger(__name__)

PULSE_SECONDS = 30.0
"""How long :meth:`Readers.readings` may go without a sign of life to the one who waits for it."""

NICE = 10
"""How much readers of due copies give way to whoever else wants a processor of this machine (nice(2)): beside one
busy thread of an ingest such a reader has a tenth of a core, and alone it has all of it."""

NOT_CONFIGURED = "no store of this name is configured any more"

NOT_ASKED = Reading(AuditOutcome.UNREADABLE, detail="not asked: the store has fallen silent in this round")
"""This very answer: nobody looked at the copy."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Copies that are being read, or will be as soon as a reader is free; ``answers`` come in any order."""

    refs: Sequence[CopyRef]
    answers: SimpleQueue[tuple[CopyRef, Reading | BaseException | None]] = field(default_factory=SimpleQueue)


class Readers:
    """The threads that read for one round; ``at_once`` for each store. A context manager: leaving it ends them."""

    def __init__(
        self,
        stores: Mapping[str, Store],
        *,
        at_once: int,
        deep: Callable[[CopyRef], bool],
        stopping: Callable[[], bool],
        budgets: Mapping[str, Budget] | None = None,
        giving_way: bool = False,
    ) -> None:
        self._stores, self._at_once = stores, at_once
        self._deep, self._stopping = deep, stopping
        self._budgets = budgets or {}
        self._giving_way = giving_way
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._silences = {store: Silence() for store in stores}
        self._distrusted: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)

    @property
    def silent(self) -> set[str]:
        """The stores that have fallen silent."""
        return {store for store, silence in self._silences.items() if silence.fallen}

    def distrust(self, store: str, why: str) -> None:
        """From now on every copy in ``store`` is UNREADABLE: what is read there proves nothing."""
        self._distrusted[store] = why

    def is_distrusted(self, store: str) -> bool:
        """Whether nothing that is read in ``store`` proves anything."""
        return store in self._distrusted

    def begin(self, refs: Sequence[CopyRef]) -> Begun:
        """Read ``refs`` after those that were begun before, while the caller does something else."""
        begun = Begun(refs)
        for ref in refs:
            self._pool(ref.store).submit(self._answer, ref, begun)
        return begun

    def readings(self, begun: Begun) -> Iterator[list[tuple[CopyRef, Reading | None]]]:
        """The readings of what was ``begun``, as they come, each once; an empty list now and then while none has come.

        None stands for a copy that was not read because the round was asked to stop. A copy in a
        store that fell silent, or that is not configured any more, is UNREADABLE without being read.
        """
        left = len(begun.refs)
        while left:
            some: list[tuple[CopyRef, Reading | None]] = []
            with suppress(Empty):
                answer = begun.answers.get(timeout=PULSE_SECONDS)
                while True:
                    ref, reading = answer
                    if isinstance(reading, BaseException):
                        raise reading
                    some.append((ref, reading))
                    answer = begun.answers.get_nowait()
            left -= len(some)
            yield some

    def _pool(self, store: str) -> ThreadPoolExecutor:
        if store not in self._pools:
            begin = _give_way if self._giving_way else None
            self._pools[store] = ThreadPoolExecutor(self._at_once, f"fixity-{store}", begin)
        return self._pools[store]

    def _answer(self, ref: CopyRef, begun: Begun) -> None:
        try:
            begun.answers.put((ref, self._look(ref)))
        except BaseException as error:  # noqa: BLE001  (raised where the answer is waited for)
            begun.answers.put((ref, error))

    def _look(self, ref: CopyRef) -> Reading | None:
        if self._stopping():
            return None
        if ref.store not in self._stores:
            return Reading(AuditOutcome.UNREADABLE, detail=NOT_CONFIGURED)
        if ref.store in self._distrusted:
            return Reading(AuditOutcome.UNREADABLE, detail=self._distrusted[ref.store])
        silence = self._silences[ref.store]
        if not silence.may_ask():
            return NOT_ASKED
        try:
            budget = self._budgets.get(ref.store)
            reading = audit(self._stores[ref.store], ref, deep=self._deep(ref), budget=budget)
        except Exception as error:
            # A fault of ours says nothing of the bytes; the round goes on and the log has the trace.
            log.exception("audit of %s in %s failed", ref.key, ref.store)
            reading = Reading(AuditOutcome.UNREADABLE, detail=f"our own fault: {type(error).__name__}: {error}")
        silence.heard(reading.outcome)
        return reading


def _give_way() -> None:
    """This thread yields to ingest and to readers; on Linux, where a thread has a niceness of its own."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, max(NICE, os.getpriority(os.PRIO_PROCESS, thread)))
