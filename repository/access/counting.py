"""The book in which use is counted, by a thread beside those that answer: no reader waits for it, none is failed by it.

What it has taken and not yet written down is lost when the process is killed: some seconds of counting. A catalogue
that does not answer is asked again and again; what is noted meanwhile waits.
"""

from __future__ import annotations

import atexit
import logging
import os
import secrets
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

from repository.access import usage
from repository.access.usage import Act, Use
from repository.catalogue import Catalogue
from repository.errors import Doubt
from repository.vocabulary import utc_now

log = logging.getLogger(__name__)

_MOST_WAITING = 20_000
_AT_ONCE = 500
_GATHER_SECONDS = 1.0
_AGAIN_SECONDS = 5.0
"""So long after the catalogue did not answer it is asked again."""


class Book:
    """What is noted is counted a moment later. One for a process."""

    def __init__(
        self, catalogue: Catalogue, folder: Path, time_zone: str, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.clock = clock
        self.catalogue, self._folder, self._zone = catalogue, folder, ZoneInfo(time_zone)
        self._waiting: deque[Use] = deque()
        self._some = threading.Event()
        self._writing = threading.Lock()
        self._writer_of: int | None = None

    def note(self, use: Use) -> None:
        """Count this soon."""
        if len(self._waiting) >= _MOST_WAITING:
            log.error("use is not counted: the catalogue has not taken any for too long")
            return
        self._waiting.append(use)
        self._some.set()
        # A process that was forked has none of its parent's threads.
        if self._writer_of != os.getpid():
            self._writer_of = os.getpid()
            threading.Thread(target=self._write_on, name="usage", daemon=True).start()
            atexit.register(self.close)

    def settle(self) -> bool:
        """What was noted is counted, or cannot be and was logged; False when the catalogue took none now: it waits on.

        What it did not take comes first again, in its order.
        """
        with self._writing:
            while self._waiting:
                some = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
                left = self._entered(some)
                if left is not None:
                    # The bound may be passed by those that were just taken: no more than are written at once.
                    self._waiting.extendleft(reversed(left))
                    return False
        return True

    def close(self) -> None:
        """The process ends: what the catalogue does not take now is lost, and was logged."""
        if not self.settle():
            log.error("use was not counted: %d acts", len(self._waiting))

    def _write_on(self) -> None:
        while True:
            self._some.wait()
            self._some.clear()
            # Together they cost what one costs.
            threading.Event().wait(_GATHER_SECONDS)
            while not self.settle():
                # A database that is started again is away for some seconds.
                threading.Event().wait(_AGAIN_SECONDS)

    def _entered(self, uses: list[Use]) -> list[Use] | None:
        """None when all these are written down, or were logged as lost; else those of them that are to be tried again.

        Each day is a transaction of its own.
        """
        days = [list(some) for _, some in groupby(uses, key=self._day)]
        for place, of_day in enumerate(days):
            said = False
            try:
                key = key_of(self._folder, self._day(of_day[0]))
                with self.catalogue.writing() as session:
                    usage.enter(session, of_day, key, self._zone)
                    said = True
            except Doubt as doubt:
                again = _to_repeat(of_day) if said else of_day
                left = [*again, *(use for later in days[place + 1 :] for use in later)]
                log.warning("use waits to be counted: %d acts: %s", len(left), doubt)
                return left
            except Exception:
                log.exception("use was not counted: %d acts", len(of_day))
        return None

    def _day(self, use: Use) -> date:
        return use.at.astimezone(self._zone).date()


def _to_repeat(uses: list[Use]) -> list[Use]:
    """Those of these, of which nobody knows whether their commit was done, that are not counted twice if it was.

    A click that is there already is known by its link and moment; of a search nothing is kept.
    """
    known = [use for use in uses if use.act is not Act.SEARCH]
    if len(known) < len(uses):
        log.error("use was perhaps not counted: %d searches", len(uses) - len(known))
    return known


def key_of(folder: Path, day: date) -> bytes:
    """The key of this day, the same for every process of this archive; those of other days are thrown away."""
    file = folder / f"{day.isoformat()}.key"
    with suppress(FileNotFoundError):
        return file.read_bytes()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = folder / f".{secrets.token_hex(8)}"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(secrets.token_bytes(32))
    with suppress(FileExistsError):  # another process was first
        os.link(part, file)
    part.unlink()
    throw_away(folder, day)
    return file.read_bytes()


def throw_away(folder: Path, today: date) -> None:
    """No key of a day before this one is there any more: what was written under it says nothing to anybody."""
    for file in folder.glob("*.key"):
        if file.stem < today.isoformat():
            file.unlink(missing_ok=True)


def forget(catalogue: Catalogue, folder: Path, time_zone: str, now: datetime) -> None:
    """What was known of sessions is gone after a day, and the keys with it. Raises DatabaseUnavailable, OSError."""
    throw_away(folder, now.astimezone(ZoneInfo(time_zone)).date())
    usage.forget(catalogue, now)
