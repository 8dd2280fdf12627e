"""A store behind another one that asks again, a bounded number of times, when the answer was doubt."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from repository.errors import ObjectMissing, StoreUnavailable
from repository.storage import (
    ByteStream,
    Clocked,
    Disposable,
    Mendable,
    Put,
    Room,
    Roomy,
    Store,
    StoredObject,
    Unfinished,
)
from repository.storage.capabilities import Capability, Probed

_T = TypeVar("_T")


class RetryingStore:
    """``store``, asked up to ``attempts`` times within ``deadline_seconds`` for each operation.

    Only StoreUnavailable is worth asking again: missing, taken and refused are answers. Between two
    attempts passes a random time below ``first_seconds``, doubled at each attempt up to ``longest_seconds``
    (full jitter: many workers that lost one server together must not come back together). A put is safe
    to ask again because the store settles what lies there by its digest.
    """

    def __init__(
        self,
        store: Store,
        *,
        attempts: int = 4,
        deadline_seconds: float = 300,
        first_seconds: float = 0.5,
        longest_seconds: float = 20,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.store = store
        self.attempts = attempts
        self.deadline_seconds = deadline_seconds
        self._first = first_seconds
        self._longest = longest_seconds
        self._clock = clock
        self._sleep = sleep
        self._chance = chance

    def __repr__(self) -> str:
        return f"RetryingStore({self.store!r})"

    @property
    def name(self) -> str:
        """The name of the store behind."""
        return self.store.name

    def prepare(self) -> None:
        """As the store behind."""
        self._again(self.store.prepare)

    def tidy(self) -> None:
        """As the store behind."""
        self._again(self.store.tidy)

    def put(self, key: str, source: Path, sha256: str) -> Put:
        """As the store behind; ALREADY also when an earlier attempt had succeeded unheard."""
        return self._again(lambda: self.store.put(key, source, sha256))

    @contextmanager
    def open(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[ByteStream]:
        """As the store behind, asked again until the first bytes are here.

        Not afterwards: two halves of two answers are not one reading of one copy.
        """
        with ExitStack() as opened:
            yield self._again(lambda: _Begun(opened, self.store, key, offset, length))

    def head(self, key: str) -> StoredObject | None:
        """As the store behind."""
        return self._again(lambda: self.store.head(key))

    def keys(self, prefix: str = "", after: str = "") -> Iterator[StoredObject]:
        """As the store behind; after a break it goes on from the last key that was given out."""
        patience = _Patience(self)
        while True:
            try:
                for entry in self.store.keys(prefix, after):
                    after = entry.key
                    patience = _Patience(self)  # it moves, so it is not the same trouble any more
                    yield entry
            except StoreUnavailable as doubt:
                patience.wait(doubt)
            else:
                return

    def replace(self, key: str, source: Path, sha256: str, damaged_sha256: str | None) -> None:
        """As the store behind, which must be one that can be mended."""
        store = self.store
        if not isinstance(store, Mendable):
            raise TypeError(f"the store {self.name!r} cannot be mended")
        self._again(lambda: store.replace(key, source, sha256, damaged_sha256))

    def room(self) -> Room | None:
        """As the store behind; None where that cannot say."""
        store = self.store
        return self._again(store.room) if isinstance(store, Roomy) else None

    def now(self) -> datetime | None:
        """As the store behind, asked once: an answer that was waited for tells another moment."""
        store = self.store
        return store.now() if isinstance(store, Clocked) else None

    def unfinished(self) -> Iterator[StoredObject]:
        """As the store behind; empty where that cannot say."""
        store = self.store
        if isinstance(store, Unfinished):
            yield from self._again(lambda: list(store.unfinished()))

    def dispose(self, key: str, sha256: str) -> None:
        """As the store behind, which must be one that gives objects up; a deletion whose answer was lost is done."""
        store, asked = self.store, 0
        if not isinstance(store, Disposable):
            raise TypeError(f"the store {self.name!r} cannot give anything up")

        def give_up() -> None:
            nonlocal asked
            asked += 1
            try:
                store.dispose(key, sha256)
            except ObjectMissing:
                if asked == 1:
                    raise

        self._again(give_up)

    def trials(self) -> Iterator[Capability]:
        """As the store behind, asked once: a trial is about the store as it is."""
        if isinstance(self.store, Probed):
            yield from self.store.trials()

    def _again(self, operation: Callable[[], _T]) -> _T:
        patience = _Patience(self)
        while True:
            try:
                return operation()
            except StoreUnavailable as doubt:
                patience.wait(doubt)


class _Patience:
    """How often and how long one operation may still be asked for."""

    def __init__(self, settings: RetryingStore) -> None:
        self._settings = settings
        self._attempts = 1
        self._end = settings._clock() + settings.deadline_seconds

    def wait(self, doubt: StoreUnavailable) -> None:
        """The pause before the next attempt is over; raises ``doubt`` again when there is none any more."""
        settings = self._settings
        pause = settings._chance() * min(settings._longest, settings._first * 2 ** (self._attempts - 1))
        if self._attempts >= settings.attempts or settings._clock() + pause >= self._end:
            raise doubt
        self._attempts += 1
        settings._sleep(pause)


class _Begun:
    """A stream whose first bytes are here, so that whatever goes wrong later is the reader's to know."""

    def __init__(self, opened: ExitStack, store: Store, key: str, offset: int, length: int | None) -> None:
        with ExitStack() as attempt:
            self._stream = attempt.enter_context(store.open(key, offset, length))
            self._first = self._stream.read(_FIRST_BYTES)
            opened.push(attempt.pop_all())

    def read(self, size: int, /) -> bytes:
        """``size`` bytes, fewer only at the end."""
        if not self._first:
            return self._stream.read(size)
        head, self._first = self._first[:size], self._first[size:]
        return head + self._stream.read(size - len(head)) if len(head) < size else head


_FIRST_BYTES = 64 * 1024
