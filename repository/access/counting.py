"""The book in which use is counted, by a thread beside those that answer: no reader waits for it, none is failed by it.

What it has taken and not yet written down is lost when the process is killed: some seconds of counting.
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
from repository.access.usage import Use
from repository.catalogue import Catalogue
from repository.errors import Doubt
from repository.vocabulary import utc_now

log = logging.getLogger(__name__)

_MOST_WAITING = 20_000
_AT_ONCE = 500
_GATHER_SECONDS = 1.0
_TRIES = 3


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
            atexit.register(self.settle)

    def settle(self) -> None:
        """All that was noted is counted, or cannot be and was logged."""
        with self._writing:
            while self._waiting:
                some = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
                try:
                    self._enter(some)
                except Exception:
                    log.exception("use was not counted: %d acts", len(some))

    def _write_on(self) -> None:
        while True:
            self._some.wait()
            self._some.clear()
            # Together they cost what one costs.
            threading.Event().wait(_GATHER_SECONDS)
            self.settle()

    def _enter(self, uses: list[Use]) -> None:
        for day, some in groupby(uses, key=lambda use: use.at.astimezone(self._zone).date()):
            of_day, key = list(some), key_of(self._folder, day)
            for attempt in range(1, _TRIES + 1):
                try:
                    with self.catalogue.writing() as session:
                        usage.enter(session, of_day, key, self._zone)
                    break
                except Doubt:
                    if attempt == _TRIES:
                        raise


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
