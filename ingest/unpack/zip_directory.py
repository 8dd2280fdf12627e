"""The listing at the end of a zip (PKWARE APPNOTE 6.3, sections 4.3.12 to 4.3.16), with every number in it doubted."""

from __future__ import annotations

import stat
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from ingest.findings import finding
from ingest.unpack.archives import Entry, Kind, Quota, Refused, corrupt

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LONGEST_COMMENT = 0xFFFF
_LARGEST_DIRECTORY = 64 << 20
_UTF8 = 0x800
_ZIP64_EXTRA, _UNICODE_PATH_EXTRA = 0x0001, 0x7075
_SETS_ID = stat.S_ISUID | stat.S_ISGID


class ZipBytes:
    """The file of a zip, of which only bytes that are there can be read."""

    def __init__(self, source: Path, name: str) -> None:
        self.name = name
        self.length = source.stat().st_size
        self._stream = source.open("rb")

    def close(self) -> None:
        """Let the file go."""
        self._stream.close()

    def at(self, offset: int, size: int) -> bytes:
        """Exactly these bytes. Raises Refused."""
        if 0 <= offset <= self.length - size:
            self._stream.seek(offset)
            if len(data := self._stream.read(size)) == size:
                return data
        raise self.corrupt(f"the {size} bytes at {offset} are not there")

    def corrupt(self, detail: str, member: str | None = None) -> Refused:
        """ARCHIVE_CORRUPT about this archive, or about a member of it, to be raised."""
        return corrupt(member or self.name, f"{detail} ({self.name})" if member else detail)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes of an entry stand in the archive, and what they must come to."""

    offset: int
    packed: int
    size: int
    crc: int
    method: int
    flags: int
    raw: bytes

    @property
    def name(self) -> str:
        """The name for a finding, before it is known how to read it."""
        return self.raw.decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class Directory:
    """Every entry and its place, in the order of the listing, which begins at ``offset``."""

    entries: list[Entry]
    places: list[Place]
    offset: int


def read_directory(archive: ZipBytes, quota: Quota) -> Directory:
    """The central directory, which must end where the end record begins and hold its entries and nothing else."""
    count, size, offset = _find(archive, quota)
    data = archive.at(offset, size)
    directory = Directory([], [], offset)
    at = 0
    for _ in range(count):
        if data[at : at + 4] != b"PK\x01\x02" or at + _CENTRAL.size > size:
            raise archive.corrupt("its directory ends before its last entry")
        _, _, _, flags, method, _, _, crc, packed, unpacked, *rest = _CENTRAL.unpack_from(data, at)
        name_length, extra_length, comment_length, disk, _, attributes, place = rest
        at += _CENTRAL.size
        raw, extra = data[at : at + name_length], data[at + name_length : at + name_length + extra_length]
        quota.count_entry(archive.name, len(raw))
        at += name_length + extra_length + comment_length
        if at > size:
            raise archive.corrupt("its directory ends before its last entry")
        extras = _extras(extra)
        wide = _widened(archive, raw, extras.get(_ZIP64_EXTRA, b""), [unpacked, packed, place, disk])
        unpacked, packed, place, disk = wide
        if disk:
            raise archive.corrupt("it is one part of a divided archive")
        kind, forbidden = _kind(raw, attributes >> 16)
        directory.entries.append(Entry(raw, _unicode_name(raw, flags, extras), kind, unpacked, forbidden))
        directory.places.append(Place(place, packed, unpacked, crc, method, flags, raw))
    if at != size:
        raise archive.corrupt("its directory holds more than its entries")
    return directory


def _find(archive: ZipBytes, quota: Quota) -> tuple[int, int, int]:
    """How many entries, how many bytes, from where."""
    start = max(0, archive.length - _END.size - _LONGEST_COMMENT)
    tail = archive.at(start, archive.length - start)
    ends: list[int] = []
    seen = at = tail.rfind(b"PK\x05\x06")
    while at >= 0:
        if at + _END.size + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail):
            ends.append(at)
        at = tail.rfind(b"PK\x05\x06", 0, at)
    if not ends:
        raise archive.corrupt("bytes follow its end" if seen >= 0 else "it has no central directory: it was cut off")
    if len(ends) > 1:
        raise archive.corrupt("it ends in two ways, and two programs would show two contents")
    _, *short, _ = _END.unpack_from(tail, ends[0])
    end = start + ends[0]
    if end >= _END64_LOCATOR.size and archive.at(end - _END64_LOCATOR.size, 4) == b"PK\x06\x07":
        end, short = _find64(archive, end, short)
    disk, first_disk, here, count, size, offset = short
    if disk or first_disk or here != count:
        raise archive.corrupt("it is one part of a divided archive")
    if count > quota.limits.members or size > _LARGEST_DIRECTORY:
        detail = f"{count} members, {size} bytes of names"
        raise Refused(finding("ARCHIVE_TOO_MANY_MEMBERS", archive.name, detail=detail))
    if offset + size != end:
        raise archive.corrupt(f"{end - offset - size} bytes stand before it or inside it that are not its own")
    return count, size, offset


def _find64(archive: ZipBytes, end: int, short: list[int]) -> tuple[int, list[int]]:
    """The same from the ZIP64 records, which must stand where they say (CVE-2025-8291) and agree with the old ones."""
    _, locator_disk, at, disks = _END64_LOCATOR.unpack(archive.at(end - _END64_LOCATOR.size, _END64_LOCATOR.size))
    signature, size, _, _, *long = _END64.unpack(archive.at(at, _END64.size))
    if signature != b"PK\x06\x06" or locator_disk or disks > 1 or at + 12 + size != end - _END64_LOCATOR.size:
        raise archive.corrupt("its ZIP64 records contradict each other")
    if any(old not in (new, 0xFFFF, 0xFFFFFFFF) for old, new in zip(short, long, strict=True)):
        raise archive.corrupt("its ZIP64 records contradict its end record")
    return at, long


def _widened(archive: ZipBytes, raw: bytes, extra: bytes, values: list[int]) -> list[int]:
    """Size, packed size, offset and disk, with those that do not fit taken from the ZIP64 field (APPNOTE 4.5.3)."""
    at = 0
    for index, (limit, width) in enumerate(((0xFFFFFFFF, 8), (0xFFFFFFFF, 8), (0xFFFFFFFF, 8), (0xFFFF, 4))):
        if extra and values[index] == limit:
            if at + width > len(extra):
                raise archive.corrupt("its ZIP64 field is too short", raw.decode("utf-8", "backslashreplace"))
            values[index] = int.from_bytes(extra[at : at + width], "little")
            at += width
    return values


def _extras(extra: bytes) -> dict[int, bytes]:
    """The extra fields by their id, the first of each; a field that is cut off ends the list, as everywhere."""
    fields: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(extra):
        number, length = struct.unpack_from("<2H", extra, at)
        if at + 4 + length > len(extra):
            break
        fields.setdefault(number, extra[at + 4 : at + 4 + length])
        at += 4 + length
    return fields


def _unicode_name(raw: bytes, flags: int, extras: dict[int, bytes]) -> str | None:
    """The name that the archive itself calls Unicode: bit 11, or Info-ZIP's field 0x7075 if it is about this name."""
    field = extras.get(_UNICODE_PATH_EXTRA, b"")
    about_this = len(field) > 5 and field[0] == 1 and int.from_bytes(field[1:5], "little") == zlib.crc32(raw)
    claimed = raw if flags & _UTF8 else field[5:] if about_this else None
    try:
        return None if claimed is None else claimed.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _kind(raw: bytes, mode: int) -> tuple[Kind, str]:
    """File or folder by the name's last byte; by the Unix mode, where one is given, what is forbidden."""
    type_ = stat.S_IFMT(mode)
    if type_ not in (0, stat.S_IFREG, stat.S_IFDIR):
        return Kind.FORBIDDEN, "a symbolic link" if stat.S_ISLNK(mode) else "a device, pipe or socket"
    if raw.endswith(b"/"):
        return Kind.DIRECTORY, ""
    if type_ == stat.S_IFDIR:
        return Kind.FORBIDDEN, "a folder that is named as a file"
    return (Kind.FORBIDDEN, "a set-user-id program") if mode & _SETS_ID and type_ else (Kind.FILE, "")
