"""A zip read strictly (PKWARE APPNOTE 6.3): its directory and its local headers must tell the same story.

``zipfile`` is not used: it reads over glued archives, overlapping entries, NUL in names and duplicates
without a word, so that what it shows is not all that is there.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from ingest.findings import finding
from ingest.unpack.archives import BUFFER, Entry, Kind, Quota, Refused
from ingest.unpack.zip_directory import Directory, Place, ZipBytes, read_directory

_LOCAL = struct.Struct("<4s5H3L2H")
_ENCRYPTED, _DESCRIPTOR, _STRONG, _UTF8, _MASKED = 0x1, 0x8, 0x40, 0x800, 0x2000
_STORED, _DEFLATED, _AES = 0, 8, 99
_METHODS = {
    1: "Shrink",
    6: "Implode",
    9: "Deflate64",
    12: "bzip2",
    14: "LZMA",
    93: "Zstandard",
    95: "xz",
    98: "PPMd",
}


class ZipArchive:
    """One zip, opened; use it in a ``with``. See :class:`ingest.unpack.archives.Archive`."""

    def __init__(self, source: Path, name: str, quota: Quota) -> None:
        self._bytes = ZipBytes(source, name)
        self._quota = quota
        self._directory = Directory([], [], 0)

    def __enter__(self) -> ZipArchive:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bytes.close()

    def survey(self) -> Sequence[Entry]:
        """The directory, compared with every local header; every byte of the file is accounted for."""
        self._directory = read_directory(self._bytes, self._quota)
        for entry, place in zip(self._directory.entries, self._directory.places, strict=True):
            self._check_kind(entry, place)
        total = sum(place.size for place in self._directory.places)
        packed = sum(place.packed for place in self._directory.places)
        self._quota.check_bomb(self._bytes.name, total, packed)
        self._check_layout()
        return self._directory.entries

    def contents(self) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Each file's bytes, whose length and CRC-32 are proven by the time the last block has been given."""
        for index, (entry, place) in enumerate(zip(self._directory.entries, self._directory.places, strict=True)):
            if entry.kind is Kind.FILE:
                blocks = self._blocks(place)
                yield index, blocks
                for _ in blocks:
                    pass

    def _check_kind(self, entry: Entry, place: Place) -> None:
        name = place.name
        if place.flags & (_ENCRYPTED | _STRONG | _MASKED) or place.method == _AES:
            raise Refused(finding("ARCHIVE_ENCRYPTED", self._bytes.name, detail=name))
        if entry.kind is Kind.DIRECTORY and entry.bytes:
            raise self._bytes.corrupt("a folder has bytes of its own", name)
        if place.method not in (_STORED, _DEFLATED):
            method = _METHODS.get(place.method, str(place.method))
            detail = f"{name} is packed by the method {method}"
            raise Refused(finding("ARCHIVE_FORMAT_UNSUPPORTED", self._bytes.name, detail=detail))
        if place.method == _STORED and place.packed != place.size:
            raise self._bytes.corrupt("two sizes are given for a member that is not packed", name)
        self._quota.check_size(name, place.size)
        self._quota.check_bomb(name, place.size, place.packed)

    def _check_layout(self) -> None:
        """Entries follow each other from the first byte on: none overlaps (CVE-2024-0450), none hides between."""
        expected = 0
        for place in sorted(self._directory.places, key=lambda each: each.offset):
            name = place.name
            if place.offset < expected:
                raise self._bytes.corrupt("two entries share the same bytes", name)
            if place.offset > expected:
                raise self._bytes.corrupt(f"{place.offset - expected} bytes before it belong to no entry", name)
            expected = self._data_start(place) + place.packed
            if place.flags & _DESCRIPTOR:
                expected += self._descriptor_length(place, expected)
        if expected != self._directory.offset:
            left = self._directory.offset - expected
            raise self._bytes.corrupt(f"{left} bytes before its directory belong to no entry")

    def _data_start(self, place: Place) -> int:
        signature, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(
            self._bytes.at(place.offset, _LOCAL.size)
        )
        name = place.name
        if signature != b"PK\x03\x04":
            raise self._bytes.corrupt("no entry stands where the directory says", name)
        if self._bytes.at(place.offset + _LOCAL.size, name_length) != place.raw:
            raise self._bytes.corrupt("the directory and the entry give two names", name)
        same = flags & (_ENCRYPTED | _DESCRIPTOR | _UTF8) == place.flags & (_ENCRYPTED | _DESCRIPTOR | _UTF8)
        if method != place.method or not same:
            raise self._bytes.corrupt("the directory and the entry say two things", name)
        # With a data descriptor the values come after the data, and stand here as 0 or already right.
        later = (0, 0xFFFFFFFF) if place.flags & _DESCRIPTOR else (0xFFFFFFFF,)
        if crc not in ((place.crc, 0) if place.flags & _DESCRIPTOR else (place.crc,)):
            raise self._bytes.corrupt("the directory and the entry give two CRCs", name)
        if packed not in (place.packed, *later) or size not in (place.size, *later):
            raise self._bytes.corrupt("the directory and the entry give two sizes", name)
        return place.offset + _LOCAL.size + int(name_length) + int(extra_length)

    def _descriptor_length(self, place: Place, at: int) -> int:
        """How long the data descriptor at ``at`` is: with or without signature, 32 or 64 bits (APPNOTE 4.3.9)."""
        there = self._bytes.at(at, min(24, self._bytes.length - at))
        for head in (b"PK\x07\x08", b""):
            for sizes in ("<LQQ", "<LLL"):
                if sizes == "<LLL" and max(place.packed, place.size) > 0xFFFFFFFF:
                    continue
                wanted = head + struct.pack(sizes, place.crc, place.packed, place.size)
                if there.startswith(wanted):
                    return len(wanted)
        raise self._bytes.corrupt("what follows its data contradicts the directory", place.name)

    def _blocks(self, place: Place) -> Iterator[bytes]:
        name, crc, length = place.name, 0, 0
        packed = self._packed(place)
        for block in packed if place.method == _STORED else self._inflated(place, packed):
            length += len(block)
            crc = zlib.crc32(block, crc)
            if length > place.size:
                break
            yield block
        if length != place.size:
            raise self._bytes.corrupt("it unpacks to another size than the directory says", name)
        if crc != place.crc:
            raise self._bytes.corrupt("its CRC-32 is wrong", name)

    def _packed(self, place: Place) -> Iterator[bytes]:
        at = place.offset + _LOCAL.size + sum(_LOCAL.unpack(self._bytes.at(place.offset, _LOCAL.size))[-2:])
        left = place.packed
        while left:
            block = self._bytes.at(at, min(left, BUFFER))
            at, left = at + len(block), left - len(block)
            yield block

    def _inflated(self, place: Place, packed: Iterator[bytes]) -> Iterator[bytes]:
        if not place.packed and not place.size:
            return
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            for block in packed:
                waiting = block
                while waiting or not inflater.eof:
                    out = inflater.decompress(waiting, BUFFER)
                    if out:
                        yield out
                    waiting = inflater.unconsumed_tail
                    if not waiting and len(out) < BUFFER:
                        break
                if inflater.unused_data:
                    raise self._bytes.corrupt("bytes follow its packed data", place.name)
        except zlib.error as error:
            raise self._bytes.corrupt(f"its packed data are damaged ({error})", place.name) from error
        if not inflater.eof:
            raise self._bytes.corrupt("its packed data break off", place.name)
