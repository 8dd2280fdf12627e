"""A tar read once, front to back, from any byte stream: ustar, pax and GNU long names, and no bytes hidden."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from repository.bags.headers import BLOCK, padding
from repository.bags.tar_blocks import Entry, Extensions, TarDamage, apply, checked, member, records, unreadable
from repository.storage import BUFFER, ByteStream

MOST_EXTENSION = 1 << 20
"""Longest pax header or GNU long name: names have no limit in the standard, memory has."""

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "rar",
}


class TarReader:
    """The members of one tar; the digest of everything read so far is its seal."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._rest = memoryview(b"")
        self._seal = hashlib.sha256()
        self.octets = 0
        """Bytes that came from the stream."""
        self.end_blocks = 0
        """Blocks of zeros at the end: two, by the standard."""
        self.zeros_after_end = 0
        self.unclean: str | None = None
        """The path of the last member if the filling of its last block was not zeros."""

    @property
    def position(self) -> int:
        """Offset in the tar of the byte that is read next."""
        return self.octets - len(self._rest)

    @property
    def seal(self) -> str:
        """SHA-256 of all bytes that came, in small hexadecimal."""
        return self._seal.hexdigest()

    def entries(self) -> Iterator[Entry]:
        """Each member in turn. Its data is read with :meth:`data`; what is left of it is passed over.

        Raises TarDamage where the tar cannot be read on. Whatever the stream's ``read`` raises passes through.
        """
        wide = Extensions()
        while True:
            start = self.position
            header: list[bytes] = []
            near = Extensions(wide.path, wide.size, wide.sparse)
            while True:
                block = self._block(start if not header else self.position, bool(header))
                if not block:
                    return
                if not any(block):
                    if header:
                        raise unreadable(start, "it describes a member that does not follow")
                    self._end()
                    return
                kind, size = checked(block, self.position - BLOCK)
                header.append(block)
                if kind not in (b"x", b"g", b"L", b"K"):
                    break
                body = self._extension(size, header)
                if kind == b"L":
                    near.path = body.split(b"\0", 1)[0]
                elif kind in (b"x", b"g"):
                    said = records(body, start)
                    apply(said, near)
                    if kind == b"g":
                        apply(said, wide)
            entry = member(block, kind, size, near, self.position, b"".join(header))
            yield entry
            left = entry.offset + entry.size - self.position
            for _ in self._pieces(left):
                pass
            if self.position != entry.offset + entry.size:
                raise self._cut("in the middle of a file", entry.path)
            filling = self._take(padding(entry.size))
            if len(filling) != padding(entry.size):
                raise self._cut("in the middle of a block", entry.path)
            self.unclean = entry.path if any(filling) else None

    def data(self, entry: Entry) -> Iterator[memoryview]:
        """The bytes of ``entry``, the member yielded last, in pieces of at most the buffer's size."""
        return self._pieces(entry.offset + entry.size - self.position)

    def drain(self) -> None:
        """Read on to the end, whatever comes, so that :attr:`seal` and :attr:`octets` are those of the whole stream."""
        self._rest = memoryview(b"")
        while self._fill():
            self._rest = memoryview(b"")

    def _fill(self) -> bool:
        chunk = self._stream.read(BUFFER)
        if not chunk:
            return False
        self._seal.update(chunk)
        self.octets += len(chunk)
        self._rest = memoryview(chunk)
        return True

    def _pieces(self, size: int) -> Iterator[memoryview]:
        while size > 0:
            if not self._rest and not self._fill():
                return
            piece = self._rest[:size]
            self._rest = self._rest[len(piece) :]
            size -= len(piece)
            yield piece

    def _take(self, size: int) -> bytes:
        if size <= len(self._rest):
            taken = bytes(self._rest[:size])
            self._rest = self._rest[size:]
            return taken
        return b"".join(bytes(piece) for piece in self._pieces(size))

    def _block(self, start: int, within: bool) -> bytes:
        """The next header block; empty where the stream ends between two members."""
        block = self._take(BLOCK)
        if len(block) == BLOCK:
            if start == 0:
                for magic, name in _COMPRESSED.items():
                    if block.startswith(magic) and block[257:262] != b"ustar":
                        raise TarDamage("BAG_TAR_COMPRESSED", format=name)
            return block
        for magic, name in _COMPRESSED.items():
            if start == 0 and block.startswith(magic):
                raise TarDamage("BAG_TAR_COMPRESSED", format=name)
        if not self.octets:
            raise self._cut("which is empty")
        if block or within:
            raise self._cut("in the middle of a header")
        return b""

    def _end(self) -> None:
        """After the first block of zeros: a second one, and nothing but zeros to the end of the last record."""
        self.end_blocks = 1
        start = self.position
        second = self._take(BLOCK)
        if any(second):
            raise TarDamage("BAG_TAR_TRAILING_DATA", offset=str(start), reason="a block of zeros stood between members")
        if len(second) < BLOCK:
            if second:
                raise self._cut("in the middle of its end")
            return
        self.end_blocks = 2
        while self._rest or self._fill():
            if bytes(self._rest).strip(b"\0"):
                raise TarDamage("BAG_TAR_TRAILING_DATA", offset=str(self.position), reason="bytes that are not zeros")
            self.zeros_after_end += len(self._rest)
            self._rest = memoryview(b"")

    def _cut(self, reason: str, path: str | None = None) -> TarDamage:
        return TarDamage("BAG_TAR_TRUNCATED", path, offset=str(self.octets), reason=reason)

    def _extension(self, size: int, header: list[bytes]) -> bytes:
        if size + sum(map(len, header)) > MOST_EXTENSION:
            raise unreadable(self.position, f"its extensions have more than {MOST_EXTENSION} bytes")
        raw = self._take(size + padding(size))
        if len(raw) != size + padding(size):
            raise self._cut("in the middle of a header")
        header.append(raw)
        return raw[:size]
