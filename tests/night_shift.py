"""Processes that watch one archive together by a clock of the test's own, and are killed wherever they happen to be."""

from __future__ import annotations

import json
import logging
import mmap
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fixity import rounds
from fixity.rounds import run_round
from fixity.watch import Scope, Watch
from repository.catalogue import Catalogue
from repository.errors import Doubt
from repository.promise import Promise, Promises
from repository.storage import ByteStream
from repository.storage.directory import DirectoryStore

_TICK, _TIME = struct.Struct("<q"), struct.Struct("<d")
_SLOT = struct.Struct("<qq")
_LINES = _TICK.size + 2 * _TIME.size
_NAP_SECONDS = 0.002


class Board:
    """What all see at once: the number of the tick, the time by the simulated clock, and a line for each worker.

    A worker's line: which tick it has finished, and at which object opened in this tick it is to fall (0: at none).
    """

    def __init__(self, file: Path, workers: int) -> None:
        size = _LINES + workers * _SLOT.size
        if not file.exists():
            file.write_bytes(bytes(size))
        with file.open("r+b") as opened:
            self._seen = mmap.mmap(opened.fileno(), size)

    def __call__(self) -> datetime:
        """The time."""
        return datetime.fromtimestamp(_TIME.unpack_from(self._seen, _place_of_time(self.tick))[0], UTC)

    @property
    def tick(self) -> int:
        """The tick that goes on, 0 before the first."""
        return int(_TICK.unpack_from(self._seen, 0)[0])

    def strike(self, tick: int, at: datetime) -> None:
        """The next tick, and the time at which it stands still.

        The time lies there before the tick does, in the other of two places: nobody may see half of a moment, nor
        1970 (``pack_into`` clears before it writes).
        """
        place = _place_of_time(tick)
        self._seen[place : place + _TIME.size] = _TIME.pack(at.timestamp())
        self._seen[: _TICK.size] = _TICK.pack(tick)

    def line(self, worker: int) -> tuple[int, int]:
        """(the last tick that it has finished, at which object it falls)."""
        done, falls = _SLOT.unpack_from(self._seen, _LINES + worker * _SLOT.size)
        return int(done), int(falls)

    def write(self, worker: int, done: int, falls: int) -> None:
        """See :meth:`line`."""
        place = _LINES + worker * _SLOT.size
        self._seen[place : place + _SLOT.size] = _SLOT.pack(done, falls)


def _place_of_time(tick: int) -> int:
    return _TICK.size + tick % 2 * _TIME.size


class _Noted(DirectoryStore):
    """A folder that notes who has read an object to its end, in which tick; and where its reader falls dead."""

    def __init__(self, name: str, root: Path, log: Path, board: Board, worker: int) -> None:
        super().__init__(name, root)
        self._log, self._board, self._worker = log, board, worker
        self.opened = 0

    @contextmanager
    def open(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[ByteStream]:
        self.opened += 1
        tick = self._board.tick
        with super().open(key, offset, length) as stream:
            line = json.dumps({"tick": tick, "pid": os.getpid(), "store": self.name, "key": key}) + "\n"
            handle = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            os.write(handle, line.encode())
            os.close(handle)
            if self._board.line(self._worker)[1] == self.opened:
                os.kill(os.getpid(), signal.SIGKILL)
            yield stream


def work(url: str, stores: dict[str, str], folder: str, worker: int, workers: int, batch: int, days: float) -> None:
    """Watch until killed: in each tick rounds of what is due, until nothing is."""
    place = Path(folder)
    board = Board(place / "board", workers)
    rounds.BATCH = batch
    noted = {name: _Noted(name, Path(root), place / f"{name}.read", board, worker) for name, root in stores.items()}
    watch = Watch(
        catalogue=Catalogue(url),
        stores=noted,
        promises=Promises(Promise(days)),
        quarantine=place / "quarantine",
        agent=f"worker {worker}",
        clock=board,
        readers=2,
    )
    seen, employer = board.line(worker)[0], os.getppid()
    while os.getppid() == employer:
        tick = board.tick
        if tick == seen:
            time.sleep(_NAP_SECONDS)
            continue
        for store in noted.values():
            store.opened = 0
        with suppress(Doubt):
            while run_round(watch, Scope(due=True)).expected:
                pass
        seen = tick
        board.write(worker, seen, 0)


def agency() -> None:
    """Have the program loaded once, and fork a worker for each line of standard input; its number is answered."""
    logging.disable(logging.WARNING)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            words = json.loads(line)
            try:
                work(**words)
            except BaseException:
                (Path(words["folder"]) / f"failed-{os.getpid()}").write_text(traceback.format_exc())
                raise
            finally:
                os._exit(1)
        print(pid, flush=True)


@dataclass
class _Employed:
    """One process of the agency's, which is not a child of ours."""

    pid: int
    handle: int

    def is_alive(self) -> bool:
        return not select.select([self.handle], [], [], 0)[0]

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)
        select.select([self.handle], [], [])


@dataclass
class Shift:
    """So many workers over one catalogue; :meth:`tick` lets all of them look once, and kills some while they do."""

    url: str
    stores: dict[str, str]
    folder: Path
    workers: int
    batch: int
    days: float
    dice: random.Random
    board: Board = field(init=False)
    dead: dict[int, int] = field(default_factory=dict)
    """Of each process that was killed, by its number: in which tick."""
    _at_work: dict[int, _Employed] = field(default_factory=dict)
    _number: int = 0

    def __post_init__(self) -> None:
        self.board = Board(self.folder / "board", self.workers)
        here = Path(__file__).parent
        self._agency = subprocess.Popen(
            [sys.executable, "-c", "import night_shift; night_shift.agency()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{here.parent}"},
        )
        for worker in range(self.workers):
            self._hire(worker)

    def tick(self, at: datetime, *, kills: int) -> int:
        """All have looked at ``at``; of ``kills`` half fall over an object that they open, half at any moment.

        The number of the tick. Whoever fell is replaced, and looks from the next tick on.
        """
        self._number += 1
        doomed = self.dice.sample(range(self.workers), kills)
        sudden = {worker: self.dice.random() * 0.08 for worker in doomed[: kills // 2]}
        for worker in range(self.workers):
            falls = self.dice.randrange(1, 3) if worker in doomed and worker not in sudden else 0
            self.board.write(worker, self.board.line(worker)[0], falls)
        began = time.monotonic()
        self.board.strike(self._number, at)
        while not all(self._is_done(worker) for worker in range(self.workers)):
            for worker, after in list(sudden.items()):
                if time.monotonic() - began >= after:
                    del sudden[worker]
                    self._at_work[worker].kill()
            time.sleep(_NAP_SECONDS)
        for worker, process in list(self._at_work.items()):
            if not process.is_alive():
                self.dead[process.pid] = self._number
                self._hire(worker)
        failed = [file.read_text() for file in self.folder.glob("failed-*")]
        assert not failed, failed[0]
        return self._number

    def end(self) -> None:
        """Nobody is at work any more."""
        for process in self._at_work.values():
            process.kill()
            os.close(process.handle)
        self._agency.communicate()

    def read(self) -> list[dict[str, object]]:
        """Every object that was opened, as ``tick``, ``pid``, ``store`` and ``key``."""
        return [
            json.loads(line)
            for store in self.stores
            for line in (self.folder / f"{store}.read").read_text().splitlines()
        ]

    def _hire(self, worker: int) -> None:
        self.board.write(worker, self._number, 0)
        words = {
            "url": self.url,
            "stores": self.stores,
            "folder": str(self.folder),
            "worker": worker,
            "workers": self.workers,
            "batch": self.batch,
            "days": self.days,
        }
        assert self._agency.stdin is not None
        assert self._agency.stdout is not None
        print(json.dumps(words), file=self._agency.stdin, flush=True)
        pid = int(self._agency.stdout.readline())
        before = self._at_work.get(worker)
        if before is not None:
            os.close(before.handle)
        self._at_work[worker] = _Employed(pid, os.pidfd_open(pid))

    def _is_done(self, worker: int) -> bool:
        return self.board.line(worker)[0] == self._number or not self._at_work[worker].is_alive()


def days_and_jumps(start: datetime, days: int, step: timedelta) -> Iterator[tuple[datetime, str]]:
    """Every tick of so many days from ``start``, with what the clock has just done where it did not simply go on."""
    jumps = {
        days // 6: ("an hour forward", timedelta(hours=1)),
        days // 4: ("an hour back", timedelta(hours=-1)),
        days // 2: ("a day forward", timedelta(days=1)),
        days * 2 // 3: ("a year forward", timedelta(days=365)),
        days * 2 // 3 + 1: ("a year back", timedelta(days=-365)),
    }
    offset, number = timedelta(), 0
    while number * step <= timedelta(days=days):
        day, told = (number * step).days, ""
        if day in jumps:
            told, by = jumps.pop(day)
            offset += by
        yield start + number * step + offset, told
        number += 1
