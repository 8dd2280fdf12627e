"""The body of one GET, which must hold what was asked for, be exactly as long as announced, and must not drip."""

from __future__ import annotations

import time
from typing import Any

from urllib3.exceptions import HTTPError

from repository.errors import StoreUnavailable
from repository.storage.s3.answers import plain
from repository.storage.s3.deadlines import S3Limits


class Body:
    """The ``announced`` bytes of ``raw``, as they come."""

    def __init__(self, store: str, limits: S3Limits, raw: Any, announced: int) -> None:
        self._store = store
        self._limits = limits
        self._raw = raw
        self._left = announced
        self._waited = 0.0
        self._moved = 0

    def read(self, size: int, /) -> bytes:
        """``size`` bytes, fewer only at the end. Raises StoreUnavailable when it ends too early, too late or drips."""
        chunks: list[bytes] = []
        wanted = min(size, self._left)
        while wanted > 0:
            chunk = self._receive(wanted)
            if not chunk:
                raise StoreUnavailable(self._store, f"the answer ended {self._left} bytes too early")
            wanted -= len(chunk)
            self._left -= len(chunk)
            chunks.append(chunk)
        if size > 0 and self._left == 0 and self._receive(1):
            raise StoreUnavailable(self._store, "the answer was longer than announced")
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _receive(self, wanted: int) -> bytes:
        """What one reading of the socket brings, so that the time can be looked at between any two of them."""
        began = time.monotonic()
        try:
            chunk: bytes = self._raw.read1(wanted)
        except (HTTPError, OSError, ValueError) as error:
            raise StoreUnavailable(self._store, f"the answer broke off: {plain(error)}") from error
        self._waited += time.monotonic() - began
        self._moved += len(chunk)
        if self._waited > self._limits.allowance(self._moved):
            raise StoreUnavailable(self._store, f"only {self._moved} bytes came in {self._waited:.0f} s")
        return chunk


class Nothing:
    """The bytes of an empty range."""

    def read(self, _size: int, /) -> bytes:
        """No bytes."""
        return b""


def check_range(store: str, told: str | None, offset: int, length: int | None, announced: int) -> None:
    """The Content-Range ``told`` is the range asked for (RFC 9110, 14.4).

    Raises StoreUnavailable: a server that ignores Range answers with other bytes than were asked for.
    """
    first, _, rest = (told or "").removeprefix("bytes ").partition("-")
    last, _, total = rest.partition("/")
    if (first, last) == (str(offset), str(offset + announced - 1)):
        whole = length is not None and announced == length
        if whole or (total.isdigit() and offset + announced == int(total)):
            return
    raise StoreUnavailable(store, f"asked for {length} bytes from {offset}, the answer holds {told}")
