"""A tar read strictly (POSIX.1 ustar and pax, and GNU's long names), header by header to its end mark.

``tarfile`` is not used: it takes a tar that was cut off between two members for a whole one, reads a
pax header of any announced size into memory, and follows whatever kind of member it meets.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.findings import finding
from ingest.unpack.archives import BUFFER, HEAD, Entry, Kind, Quota, Refused, corrupt, is_tar_header
from ingest.unpack.gunzip import Source, opened

_ZEROS = bytes(HEAD)
_LARGEST_HEADER = 1 << 20
_SETS_ID = stat.S_ISUID | stat.S_ISGID
_FILES, _FOLDER = b"0\x007", b"5"
_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK = b"x", b"g", b"L", b"K"
_LINKS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a pipe",
}
_NOT_FOR_ALL = ("path", "linkpath", "size", "GNU.sparse.")


@dataclass(slots=True)
class _Ahead:
    """What extended headers said of the member that follows them."""

    name: bytes | None = None
    size: int | None = None
    sparse: bool = False
    seen: bool = False


class TarArchive:
    """One tar, plain or in gzip. See :class:`ingest.unpack.archives.Archive`."""

    def __init__(self, source: Path, name: str, quota: Quota, *, packed: bool) -> None:
        self._source = source
        self._name = name
        self._quota = quota
        self._is_packed = packed
        self._entries: list[Entry] = []

    def survey(self) -> Sequence[Entry]:
        """Every header to the end mark and whatever follows it; out of gzip this reads, but keeps, every byte."""
        with opened(self._source, self._name, self._quota, packed=self._is_packed) as source:
            for entry in self._headers(source):
                self._quota.count_entry(self._name, len(entry.raw))
                self._quota.check_size(entry.raw.decode("utf-8", "backslashreplace"), entry.bytes)
                self._entries.append(entry)
                self._skip(source, entry.bytes + -entry.bytes % HEAD)
        return self._entries

    def contents(self) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Each file's bytes; gzip's own CRC is proven only when the last file has been given."""
        with opened(self._source, self._name, self._quota, packed=self._is_packed) as source:
            for index, entry in enumerate(self._headers(source)):
                if entry != self._entries[index]:
                    raise self._corrupt("it changed while it was read")
                blocks = self._blocks(source, entry.bytes)
                if entry.kind is Kind.FILE:
                    yield index, blocks
                for _ in blocks:
                    pass
                self._skip(source, -entry.bytes % HEAD)

    def _corrupt(self, detail: str) -> Refused:
        return corrupt(self._name, detail)

    def _block(self, source: Source) -> bytes:
        block = source.read(HEAD)
        if len(block) != HEAD:
            raise self._corrupt("it breaks off: two blocks of zeros must end a tar" if not block else "it breaks off")
        return block

    def _skip(self, source: Source, size: int) -> None:
        if source.skip(size) != size:
            raise self._corrupt("it breaks off inside a member")

    def _blocks(self, source: Source, size: int) -> Iterator[bytes]:
        left = size
        while left:
            block = source.read(min(left, BUFFER))
            if not block:
                raise self._corrupt("it breaks off inside a member")
            left -= len(block)
            yield block

    def _headers(self, source: Source) -> Iterator[Entry]:
        """Each member with the extended headers before it; the caller passes over its bytes."""
        ahead = _Ahead()
        while (block := self._block(source)) != _ZEROS:
            if not is_tar_header(block):
                raise self._corrupt("a header's checksum is wrong")
            type_, size = block[156:157], self._number(block[124:136])
            if type_ in (_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK, b"X"):
                if type_ != _PAX_GLOBAL:
                    ahead.seen = True
                self._extended(type_, self._small(source, size), ahead)
                continue
            yield self._entry(block, type_, size, ahead)
            ahead = _Ahead()
        if ahead.seen:
            raise self._corrupt("an extended header has no member after it")
        if self._block(source) != _ZEROS:
            raise self._corrupt("one block of zeros stands where two must end it")
        while rest := source.read(BUFFER):
            if rest.strip(b"\x00"):
                raise self._corrupt("bytes follow its end")
            if len(rest) % HEAD:
                raise self._corrupt("it breaks off in its last block")

    def _entry(self, block: bytes, type_: bytes, size: int, ahead: _Ahead) -> Entry:
        raw = block[:100].split(b"\x00", 1)[0]
        if block[257:263] == b"ustar\x00" and (prefix := block[345:500].split(b"\x00", 1)[0]):
            raw = prefix + b"/" + raw
        if ahead.name is not None:
            raw = ahead.name
        if ahead.size is not None:
            size = ahead.size
        if type_ == _FOLDER:
            return Entry(raw, None, Kind.DIRECTORY, 0)  # its size, if any, is an allowance (POSIX.1), not stored bytes
        if type_ in _FILES and raw.endswith(b"/"):  # v7 had no type for folders
            if size:
                raise self._corrupt("a folder has bytes of its own")
            return Entry(raw, None, Kind.DIRECTORY, 0)
        if type_ in _LINKS:  # they announce sizes that are not stored
            return Entry(raw, None, Kind.FORBIDDEN, 0, _LINKS[type_])
        if ahead.sparse or type_ not in _FILES:
            # What follows cannot be found without believing it, so that nothing more is read.
            what = "a sparse file" if ahead.sparse or type_ == b"S" else f"of the unknown type {type_!r}"
            name = raw.decode("utf-8", "backslashreplace")
            raise Refused(finding("LINK_OR_DEVICE", name, detail=what))
        if self._number(block[100:108]) & _SETS_ID:
            return Entry(raw, None, Kind.FORBIDDEN, size, "a set-user-id program")
        return Entry(raw, None, Kind.FILE, size)

    def _number(self, digits: bytes) -> int:
        """Octal, or GNU's base 256 (first bit set); never negative."""
        if digits[0] == 0x80:
            return int.from_bytes(digits[1:], "big")
        octal = digits.split(b"\x00", 1)[0].strip(b" ") or b"0"
        if octal.strip(b"01234567"):
            raise self._corrupt("a header holds a number that is none")
        return int(octal, 8)

    def _small(self, source: Source, size: int) -> bytes:
        if size > _LARGEST_HEADER:
            detail = f"one extended header of {size} bytes"
            raise Refused(finding("ARCHIVE_TOO_LARGE", self._name, detail=detail))
        data = source.read(size)
        if len(data) != size:
            raise self._corrupt("it breaks off inside a header")
        self._skip(source, -size % HEAD)
        return data

    def _extended(self, type_: bytes, data: bytes, ahead: _Ahead) -> None:
        if type_ == _LONG_NAME:
            ahead.name = data.rstrip(b"\x00")
        elif type_ in (_PAX, b"X"):
            self._pax(data, ahead)
        elif type_ == _PAX_GLOBAL:
            for key, _ in self._records(data):
                if key.startswith(_NOT_FOR_ALL):
                    raise self._corrupt(f"its global header gives every member the same {key}")

    def _pax(self, data: bytes, ahead: _Ahead) -> None:
        for key, value in self._records(data):
            if key == "path":
                ahead.name = value
            elif key == "size":
                if not value.isdigit():
                    raise self._corrupt("a header holds a number that is none")
                ahead.size = int(value)
            elif key.startswith("GNU.sparse."):
                ahead.sparse = True

    def _records(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """``length key=value\\n`` each, its length counted over the whole record (POSIX.1 pax)."""
        at = 0
        while at < len(data):
            blank = data.find(b" ", at, at + 9)
            digits = data[at:blank] if blank > at else b""
            end = at + int(digits) if digits.isdigit() else 0
            if not at < blank < end <= len(data) or data[end - 1 : end] != b"\n":
                raise self._corrupt("a pax header cannot be read")
            key, equals, value = data[blank + 1 : end - 1].partition(b"=")
            if not equals:
                raise self._corrupt("a pax header cannot be read")
            yield key.decode("utf-8", "backslashreplace"), value
            at = end
