"""A file's bytes from front to back, as they are or out of gzip (RFC 1952), checked to the very last one."""

from __future__ import annotations

import zlib
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Protocol

from ingest.unpack.archives import BUFFER, Quota, corrupt

_GZIP = zlib.MAX_WBITS | 16


class Source(Protocol):
    """Bytes that can only be read forwards."""

    def read(self, size: int) -> bytes:
        """``size`` bytes; fewer only at the end. Raises Refused."""
        ...

    def skip(self, size: int) -> int:
        """Pass over ``size`` bytes and say how many there were. Raises Refused."""
        ...

    def close(self) -> None:
        """Let the file go."""
        ...


class PlainSource:
    """The file as it is."""

    def __init__(self, source: Path) -> None:
        self._stream = source.open("rb")
        self._length = source.stat().st_size

    def read(self, size: int) -> bytes:
        """See :class:`Source`."""
        return self._stream.read(size)

    def skip(self, size: int) -> int:
        """See :class:`Source`; nothing is read."""
        there = min(size, self._length - self._stream.tell())
        self._stream.seek(there, 1)
        return there

    def close(self) -> None:
        """See :class:`Source`."""
        self._stream.close()


class GunzipSource:
    """What a gzip file of one or more members unpacks to.

    The CRC and the length in each member's trailer are compared, and nothing but zeros may follow the
    last one: ``tarfile`` stops reading at the end of the tar and so never sees a wrong trailer.
    """

    def __init__(self, source: Path, name: str, quota: Quota) -> None:
        self._name = name
        self._quota = quota
        self._stream = source.open("rb")
        self._inflater = zlib.decompressobj(_GZIP)
        self._waiting = b""
        self._ready = bytearray()
        self._packed = 0
        self._unpacked = 0
        self._ended = False

    def close(self) -> None:
        """See :class:`Source`."""
        self._stream.close()

    def read(self, size: int) -> bytes:
        """See :class:`Source`."""
        while len(self._ready) < size and not self._ended:
            self._advance()
        out = bytes(self._ready[:size])
        del self._ready[:size]
        return out

    def skip(self, size: int) -> int:
        """See :class:`Source`; everything is read."""
        left = size
        while left:
            block = self.read(min(left, BUFFER))
            if not block:
                break
            left -= len(block)
        return size - left

    def _advance(self) -> None:
        """One more block of unpacked bytes, or the next member, or the end."""
        if not self._waiting:
            self._waiting = self._stream.read(BUFFER)
            self._packed += len(self._waiting)
        ending = not self._waiting
        try:
            out = self._inflater.decompress(self._waiting, BUFFER)
        except zlib.error as error:
            raise corrupt(self._name, f"its gzip data are damaged ({error})") from error
        self._unpacked += len(out)
        self._quota.check_bomb(self._name, self._unpacked, self._packed)
        self._quota.check_stream(self._name, self._unpacked)
        self._ready += out
        if self._inflater.eof:
            self._next_member()
        elif ending and not out:
            raise corrupt(self._name, "its gzip data break off")
        else:
            self._waiting = self._inflater.unconsumed_tail

    def _next_member(self) -> None:
        rest = self._inflater.unused_data
        if len(rest) < 2:
            more = self._stream.read(BUFFER)
            self._packed += len(more)
            rest += more
        if rest.startswith(b"\x1f\x8b"):
            self._inflater, self._waiting = zlib.decompressobj(_GZIP), rest
            return
        # Padding of a tape or a block device; anything else was put behind it.
        while rest:
            if rest.strip(b"\x00"):
                raise corrupt(self._name, "bytes follow the end of its gzip data")
            rest = self._stream.read(BUFFER)
        self._ended = True


def opened(source: Path, name: str, quota: Quota, *, packed: bool) -> AbstractContextManager[Source]:
    """The source for a ``with``: out of gzip if ``packed``."""
    return closing(GunzipSource(source, name, quota) if packed else PlainSource(source))
