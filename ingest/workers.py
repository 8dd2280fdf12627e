"""Several deliveries of one command at once, each in a process of its own: none waits for another's disk or parser."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

from ingest.door import Door
from ingest.receipts import Receipt
from repository.errors import Doubt

Work = Callable[[Door], Receipt]
"""One delivery, taken in with the door that it is given."""

_PR_SET_PDEATHSIG = 1
_M_ARENA_MAX = -8
_COLLECTED_AFTER = 20_000


class WorkerDied(Doubt):
    """A process ended in the middle of a delivery. Nothing of it is lost: it is taken up again from its kept bytes."""

    def __init__(self, status: int | None) -> None:
        super().__init__(f"a process of ingest ended with status {status} in the middle of a delivery")


def each(door: Door, works: Sequence[Work]) -> list[Receipt]:
    """The receipt of each of ``works``, in their order; as many at once as ``door.processes`` allows.

    What one of them raises is raised here, when those that had begun are done and no other was begun; but one that
    kills its process does not keep the others from being begun. The processes are forked: a process that has
    threads already does the work itself. A killed command leaves none of them behind (on Linux: PR_SET_PDEATHSIG).
    """
    number = min(door.processes, len(works))
    if number < 2 or threading.active_count() > 1:
        together = _Together(door.progress)
        return [work(replace(door, progress=partial(together, number))) for number, work in enumerate(works)]
    door.catalogue.close()  # no connection goes through a fork
    gc.freeze()
    crew = _Crew(replace(door, parallel=max(2, door.parallel // number)), works)
    try:
        crew.hire(number)
        return [receipt for _, receipt in sorted(crew.results(), key=lambda done: done[0])]
    finally:
        crew.dismiss()
        gc.unfreeze()


class _Together:
    """The progress of several deliveries as one: what is done of all of them, of as many articles as are known."""

    def __init__(self, show: Callable[[int, int], None]) -> None:
        self._show = show
        self._each: dict[int, tuple[int, int]] = {}

    def __call__(self, number: int, done: int, of_all: int) -> None:
        self._each[number] = done, of_all
        self._show(*(sum(column) for column in zip(*self._each.values(), strict=True)))


class _Crew:
    """The processes of one command, and the pipe on which each is told the number of its next delivery."""

    def __init__(self, door: Door, works: Sequence[Work]) -> None:
        self._door = door
        self._works = works
        self._processes: dict[Connection, Any] = {}
        self._together = _Together(door.progress)

    def hire(self, number: int) -> list[Connection]:
        context, hired = get_context("fork"), []
        for _ in range(number):
            ours, theirs = context.Pipe()
            strangers = [*self._processes, ours]
            process = context.Process(
                target=_work, args=(os.getpid(), strangers, theirs, self._door, self._works), daemon=True
            )
            process.start()
            theirs.close()
            self._processes[ours] = process
            hired.append(ours)
        return hired

    def results(self) -> Iterator[tuple[int, Receipt]]:
        """Each work's number with its receipt, as they are done; raises the first failure after the last of them."""
        waiting = iter(range(len(self._works)))
        failure: BaseException | None = None
        busy = [pipe for pipe in self._processes if self._give(pipe, next(waiting, None))]
        while busy:
            for pipe in wait(busy):
                assert isinstance(pipe, Connection)
                try:
                    number, answer = pipe.recv()
                except (EOFError, OSError):
                    busy.remove(pipe)
                    self._processes[pipe].join()
                    failure = failure or WorkerDied(self._processes[pipe].exitcode)
                    if isinstance(failure, WorkerDied) and (number := next(waiting, None)) is not None:
                        (replacement,) = self.hire(1)
                        self._give(replacement, number)
                        busy.append(replacement)
                    continue
                if isinstance(answer, tuple):
                    self._together(number, *answer)
                    continue
                if isinstance(answer, Receipt):
                    yield number, answer
                elif failure is None or isinstance(failure, WorkerDied):
                    failure = answer
                stopping = failure is not None and not isinstance(failure, WorkerDied)
                if not self._give(pipe, None if stopping else next(waiting, None)):
                    busy.remove(pipe)
        if failure is not None:
            raise failure

    def dismiss(self) -> None:
        """Every process has ended: idle ones because nobody asks any more, busy ones because they are told to."""
        for pipe in self._processes:
            pipe.close()
        for process in self._processes.values():
            if sys.exc_info()[0] is not None:
                process.terminate()
            process.join()

    def _give(self, pipe: Connection, number: int | None) -> bool:
        if number is None:
            return False
        with suppress(OSError):  # it has died: reading from it will tell
            pipe.send(number)
        return True


def _work(parent: int, strangers: Sequence[Connection], pipe: Connection, door: Door, works: Sequence[Work]) -> None:
    """The life of one process: take a number, do that work, answer; until nobody asks any more."""
    _die_with(parent)
    for stranger in strangers:
        stranger.close()
    gc.set_threshold(_COLLECTED_AFTER)
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            number = pipe.recv()
            try:
                answer: object = works[number](replace(door, progress=_Told(pipe, number)))
            except Exception as error:  # noqa: BLE001  (raised again by the one who asked)
                error.add_note(f"(in process {os.getpid()} of ingest)")
                answer = error
            pipe.send((number, answer))
    door.catalogue.close()


class _Told:
    """Progress, told to the one who shows it."""

    def __init__(self, pipe: Connection, number: int) -> None:
        self._pipe = pipe
        self._number = number

    def __call__(self, done: int, of_all: int) -> None:
        self._pipe.send((self._number, (done, of_all)))


def _die_with(parent: int) -> None:
    """However the parent ends, we end at once; and a signal ends us in the way that everybody expects."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if hasattr(libc, "mallopt"):
            libc.mallopt(_M_ARENA_MAX, 1)  # else each thread hoards the buffers that it once had
        if os.getppid() != parent:
            os._exit(1)
