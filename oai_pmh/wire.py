"""Answers put together from parts that lie here compressed, and sent as the harvester wants them.

A run of records is kept as raw DEFLATE that ends on an octet's boundary (a full
flush, RFC 1951): such pieces, set one behind another, are one stream. So a page
for a harvester that takes gzip is never compressed anew. It is *one* gzip member
(RFC 1952): several would be as lawful, but many clients read no further than the
end of the first. Its CRC is worked out from those of the pieces.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import zstandard
from isal import isal_zlib

_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_END = b"\x03\x00"
"""A last DEFLATE block, of nothing."""

_MODULUS = 1 << 32
_ZSTD_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Packed:
    """UTF-8 text as raw DEFLATE that ends on an octet's boundary, and not with a last block."""

    deflated: bytes
    size: int
    """Octets of the text,"""
    crc: int
    """and their CRC-32."""


Part = bytes | Packed


def pack(text: bytes, level: int = 6) -> Packed:
    """``text`` as a part that goes out as it lies."""
    made = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, 9)
    return Packed(made.compress(text) + made.flush(zlib.Z_FULL_FLUSH), len(text), isal_zlib.crc32(text))


def unpacked(part: Packed) -> bytes:
    """The text of ``part``."""
    return isal_zlib.decompress(part.deflated + _END, -zlib.MAX_WBITS, part.size or 1)


def size(parts: Sequence[Part]) -> int:
    """Octets of the text that the parts make together."""
    return sum(len(part) if isinstance(part, bytes) else part.size for part in parts)


def gathered(parts: Sequence[Part]) -> Iterator[Part]:
    """The parts, with those that are text and stand side by side as one."""
    for packed, some in groupby(parts, lambda part: isinstance(part, Packed)):
        if packed:
            yield from some
        else:
            yield b"".join(part for part in some if isinstance(part, bytes))


def plain(parts: Sequence[Part]) -> Iterator[bytes]:
    """The text of the parts, piece by piece: the first is under way while the next is unpacked."""
    for part in gathered(parts):
        yield part if isinstance(part, bytes) else unpacked(part)


class Member:
    """One gzip member that grows: what :meth:`add` and :meth:`end` give, one behind the other, is the file."""

    def __init__(self) -> None:
        self._crc = self._size = 0
        self._begun = False

    def add(self, part: Part, level: int = 1) -> list[bytes]:
        """The next octets, which hold ``part``."""
        packed = pack(part, level) if isinstance(part, bytes) else part
        self._crc = isal_zlib.crc32_combine(self._crc, packed.crc, packed.size)
        self._size += packed.size
        head, self._begun = [] if self._begun else [_HEAD], True
        return [*head, packed.deflated]

    def end(self) -> bytes:
        """The last octets."""
        return (b"" if self._begun else _HEAD) + _END + struct.pack("<II", self._crc, self._size % _MODULUS)


def gzipped(parts: Sequence[Part]) -> list[bytes]:
    """The pieces of one gzip member that holds the text of the parts."""
    member = Member()
    return [*(piece for part in gathered(parts) for piece in member.add(part)), member.end()]


def zstandard_of(parts: Sequence[Part]) -> Iterator[bytes]:
    """The text of the parts as one Zstandard frame (RFC 8878), piece by piece."""
    made = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj(size=size(parts))
    for piece in plain(parts):
        yield made.compress(piece)
    yield made.flush()
