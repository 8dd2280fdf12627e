"""No archive, however it lies, leaves its folder, fills the memory, is taken for whole when it is not, or raises."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ingest.findings import delivery_verdict
from ingest.unpack import Limits, Unpacked, unpack
from repository.vocabulary import Level

ROOT = Path(__file__).parents[2]
STRACE = shutil.which("strace")

# A zip by hand: zipfile will not write what zipfile should not read.


@dataclass(frozen=True)
class Zipped:
    """One entry; what is None is told truly."""

    name: bytes
    data: bytes = b"x"
    method: int = 0
    flags: int = 0
    mode: int = 0o100644
    extra: bytes = b""
    local_name: bytes | None = None
    local_method: int | None = None
    local_flags: int | None = None
    local_crc: int | None = None
    crc: int | None = None
    size: int | None = None
    packed_size: int | None = None
    packed: bytes | None = None
    descriptor: bytes = b""
    offset: int | None = None
    listed: bool = True
    stored: bool = True


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def zipped(
    *entries: Zipped,
    before: bytes = b"",
    after: bytes = b"",
    comment: bytes = b"",
    count: int | None = None,
    shift: int = 0,
    directory_size: int | None = None,
    disk: int = 0,
) -> bytes:
    body, directory, listed = bytearray(before), bytearray(), 0
    for entry in entries:
        packed = entry.packed
        if packed is None:
            packed = deflated(entry.data) if entry.method == 8 else entry.data
        crc = zlib.crc32(entry.data) if entry.crc is None else entry.crc
        size = len(entry.data) if entry.size is None else entry.size
        packed_size = len(packed) if entry.packed_size is None else entry.packed_size
        offset = len(body) if entry.offset is None else entry.offset
        later = bool(entry.flags & 8)
        if entry.stored:
            name = entry.name if entry.local_name is None else entry.local_name
            body += struct.pack(
                "<4s5H3L2H",
                b"PK\x03\x04",
                20,
                entry.flags if entry.local_flags is None else entry.local_flags,
                entry.method if entry.local_method is None else entry.local_method,
                0,
                0x21,
                0 if later else crc if entry.local_crc is None else entry.local_crc,
                0 if later else packed_size,
                0 if later else size,
                len(name),
                0,
            )
            body += name + packed + entry.descriptor
        if entry.listed:
            listed += 1
            directory += struct.pack(
                "<4s6H3L5H2L",
                b"PK\x01\x02",
                (3 << 8) | 20,
                20,
                entry.flags,
                entry.method,
                0,
                0x21,
                crc,
                packed_size,
                size,
                len(entry.name),
                len(entry.extra),
                0,
                0,
                0,
                entry.mode << 16,
                offset,
            )
            directory += entry.name + entry.extra
    listed = listed if count is None else count
    size = len(directory) if directory_size is None else directory_size
    end = struct.pack(
        "<4s4H2LH", b"PK\x05\x06", disk, disk, listed & 0xFFFF, listed & 0xFFFF, size, len(body) + shift, len(comment)
    )
    return bytes(body + directory + end + comment + after)


GOOD = Zipped(b"a.xml", b"<article/>")


def unicode_path(raw: bytes, name: bytes) -> bytes:
    return struct.pack("<HHBL", 0x7075, 5 + len(name), 1, zlib.crc32(raw)) + name


def with_zip64(archive: bytes, **lies: int) -> bytes:
    """The same zip with ZIP64 records before its end record."""
    end = archive.rindex(b"PK\x05\x06")
    _, _, _, _, count, size, offset, _ = struct.unpack("<4s4H2LH", archive[end : end + 22])
    told = {"count": count, "size": size, "offset": offset, "at": end} | lies
    record = struct.pack(
        "<4sQ2H2L4Q",
        b"PK\x06\x06",
        44,
        45,
        45,
        0,
        0,
        told["count"],
        told["count"],
        told["size"],
        told["offset"],
    )
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, told["at"], 1)
    closing = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return archive[:end] + record + locator + closing


def overlapping() -> bytes:
    """Many entries over the same packed bytes (CVE-2024-0450): 40 members of 2 MB from one of 2 kB."""
    data = bytes(2 << 20)
    first = Zipped(b"0", data, method=8)
    return zipped(first, *(replace(first, stored=False, offset=0) for _ in range(39)))


def many_members(count: int) -> bytes:
    """A zip of ``count`` empty members, told in a ZIP64 record."""
    body, directory = bytearray(), bytearray()
    for number in range(count):
        name = b"%06d" % number
        local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0x21, 0, 0, 0, len(name), 0) + name
        head = (b"PK\x01\x02", 20, 20, 0, 0, 0, 0x21, 0, 0, 0, len(name), 0, 0, 0, 0, 0, len(body))
        directory += struct.pack("<4s6H3L5H2L", *head) + name
        body += local
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0, 0, len(directory), len(body), 0)
    return with_zip64(bytes(body + directory + end), count=count)


def nested() -> bytes:
    """Zeros in zips in a zip, as 42.zip has them, none of which is a bomb by itself."""
    data = zipped(Zipped(b"0.bin", bytes(30 << 20), method=8))
    return zipped(*(Zipped(b"%d.zip" % number, data, method=8) for number in range(3)))


# A tar by hand: a header is 512 bytes, and its checksum is made right again after every lie.


def header(
    name: bytes = b"a.xml",
    size: int | bytes = 0,
    type_: bytes = b"0",
    mode: int = 0o644,
    link: bytes = b"",
    prefix: bytes = b"",
    magic: bytes = b"ustar\x0000",
) -> bytes:
    digits = size if isinstance(size, bytes) else b"%011o\x00" % size
    block = bytearray(512)
    block[0:100] = name[:100].ljust(100, b"\x00")
    block[100:108] = b"%07o\x00" % mode
    block[108:124] = b"0000000\x000000000\x00"
    block[124:136] = digits
    block[136:148] = b"00000000000\x00"
    block[148:156] = b" " * 8
    block[156:157] = type_
    block[157:257] = link[:100].ljust(100, b"\x00")
    block[257:265] = magic
    block[345:500] = prefix[:155].ljust(155, b"\x00")
    block[148:156] = b"%06o\x00 " % sum(block)
    return bytes(block)


def member(name: bytes = b"a.xml", data: bytes = b"<article/>", **fields: object) -> bytes:
    return header(name, len(data), **fields) + data + bytes(-len(data) % 512)  # type: ignore[arg-type]


def pax(type_: bytes = b"x", **records: bytes) -> bytes:
    text = b""
    for key, value in records.items():
        body = b" " + key.replace("_", ".").encode() + b"=" + value + b"\n"
        length = len(body) + 1
        while len(b"%d" % length) + len(body) != length:
            length += 1
        text += b"%d" % length + body
    return member(b"pax", text, type_=type_)


END = bytes(1024)


def tarred(*parts: bytes, end: bytes = END) -> bytes:
    return b"".join(parts) + end


def sparse() -> bytes:
    """A file of 1 TB that is a hole."""
    return header(b"hole", 0, b"S", magic=b"ustar  \x00")


def gzip_of(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def zeros_in_gzip(mebibytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    start = header(b"big.tif", mebibytes << 20)
    parts = [packer.compress(start)]
    parts += [packer.compress(bytes(1 << 20)) for _ in range(mebibytes)]
    return b"".join([*parts, packer.compress(END), packer.flush()])


GOOD_TAR = tarred(member(), member(b"a.pdf", b"%PDF-1.4"))
GOOD_ZIP = zipped(GOOD, Zipped(b"a.pdf", b"%PDF-1.4"))


def resized(archive: bytes, at: int, value: bytes) -> bytes:
    return archive[:at] + value + archive[at + len(value) :]


# Each archive with the reason for which it is refused.

HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    # zip: names
    "zip: parent folder": ("PATH_TRAVERSAL", lambda: zipped(GOOD, Zipped(b"../../tmp/evil"))),
    "zip: parent folder inside": ("PATH_TRAVERSAL", lambda: zipped(GOOD, Zipped(b"ok/../../up"))),
    "zip: parent folder at the end": ("PATH_TRAVERSAL", lambda: zipped(GOOD, Zipped(b"ok/.."))),
    "zip: absolute": ("PATH_TRAVERSAL", lambda: zipped(GOOD, Zipped(b"/tmp/evil"))),
    "zip: two slashes first": ("PATH_TRAVERSAL", lambda: zipped(GOOD, Zipped(b"//tmp/evil"))),
    "zip: backslashes": ("PATH_TRAVERSAL", lambda: zipped(GOOD, Zipped(b"..\\..\\evil"))),
    "zip: network share": ("PATH_TRAVERSAL", lambda: zipped(GOOD, Zipped(b"\\\\host\\share\\evil"))),
    "zip: drive": ("PATH_TRAVERSAL", lambda: zipped(GOOD, Zipped(b"C:/evil"))),
    "zip: relative to a drive": ("PATH_TRAVERSAL", lambda: zipped(GOOD, Zipped(b"C:evil"))),
    "zip: NUL in a name": ("PATH_TRAVERSAL", lambda: zipped(GOOD, Zipped(b"a.xml\x00.exe"))),
    "zip: no name": ("PATH_TRAVERSAL", lambda: zipped(GOOD, Zipped(b""))),
    "zip: only a dot": ("PATH_TRAVERSAL", lambda: zipped(GOOD, Zipped(b"."))),
    "zip: folder outside": ("PATH_TRAVERSAL", lambda: zipped(GOOD, Zipped(b"../d/", b""))),
    "zip: system junk outside": ("PATH_TRAVERSAL", lambda: zipped(GOOD, Zipped(b"__MACOSX/../../._x"))),
    "zip: parent folder in the Unicode name": (
        "PATH_TRAVERSAL",
        lambda: zipped(GOOD, Zipped(b"fine", extra=unicode_path(b"fine", b"../evil"))),
    ),
    "zip: parent folder in a code page": ("PATH_TRAVERSAL", lambda: zipped(GOOD, Zipped(b"..\x2f\x8d\x98"))),
    "zip: four names of one file": (
        "PATH_TRAVERSAL",
        lambda: zipped(Zipped(b"x/../../y"), Zipped(b"x/y"), Zipped(b"./x/y"), Zipped(b"//x//y")),
    ),
    "zip: a name longer than any path": ("NAME_NOT_PORTABLE", lambda: zipped(GOOD, Zipped(b"n" * 5000))),
    "zip: a name of 30,000 folders": ("NAME_NOT_PORTABLE", lambda: zipped(GOOD, Zipped(b"a/" * 30_000 + b"b"))),
    # zip: the same name twice
    "zip: the same name twice": ("DUPLICATE_MEMBER", lambda: zipped(GOOD, replace(GOOD, data=b"<other/>"))),
    "zip: the same name with a dot": ("DUPLICATE_MEMBER", lambda: zipped(GOOD, Zipped(b"./a.xml"))),
    "zip: the same name with two slashes": ("DUPLICATE_MEMBER", lambda: zipped(Zipped(b"a/b"), Zipped(b"a//b"))),
    "zip: a file and a folder": ("DUPLICATE_MEMBER", lambda: zipped(Zipped(b"a"), Zipped(b"a/b"))),
    "zip: a file and an empty folder": ("DUPLICATE_MEMBER", lambda: zipped(Zipped(b"a"), Zipped(b"a/", b""))),
    # zip: what is no file
    "zip: symbolic link": ("LINK_OR_DEVICE", lambda: zipped(GOOD, Zipped(b"l", b"/etc/passwd", mode=0o120777))),
    "zip: character device": ("LINK_OR_DEVICE", lambda: zipped(GOOD, Zipped(b"d", b"", mode=0o020666))),
    "zip: pipe": ("LINK_OR_DEVICE", lambda: zipped(GOOD, Zipped(b"p", b"", mode=0o010666))),
    "zip: set-user-id": ("LINK_OR_DEVICE", lambda: zipped(GOOD, Zipped(b"s", mode=0o104755))),
    "zip: a folder named as a file": ("LINK_OR_DEVICE", lambda: zipped(GOOD, Zipped(b"d", b"", mode=0o040755))),
    "zip: a folder with bytes": ("ARCHIVE_CORRUPT", lambda: zipped(GOOD, Zipped(b"d/", b"bytes"))),
    # zip: encryption and methods
    "zip: encrypted": ("ARCHIVE_ENCRYPTED", lambda: zipped(GOOD, Zipped(b"e", flags=1))),
    "zip: strongly encrypted": ("ARCHIVE_ENCRYPTED", lambda: zipped(GOOD, Zipped(b"e", flags=0x40))),
    "zip: masked headers": ("ARCHIVE_ENCRYPTED", lambda: zipped(GOOD, Zipped(b"e", flags=0x2000))),
    "zip: AES": ("ARCHIVE_ENCRYPTED", lambda: zipped(GOOD, Zipped(b"e", method=99))),
    "zip: encrypted in the local header only": (
        "ARCHIVE_CORRUPT",
        lambda: zipped(GOOD, Zipped(b"e", local_flags=1)),
    ),
    "zip: Deflate64": ("ARCHIVE_FORMAT_UNSUPPORTED", lambda: zipped(GOOD, Zipped(b"e", method=9))),
    "zip: LZMA": ("ARCHIVE_FORMAT_UNSUPPORTED", lambda: zipped(GOOD, Zipped(b"e", method=14))),
    "zip: unknown method": ("ARCHIVE_FORMAT_UNSUPPORTED", lambda: zipped(GOOD, Zipped(b"e", method=4711))),
    # zip: what stands where
    "zip: bytes before it": ("ARCHIVE_CORRUPT", lambda: b"PK\x03\x04" + b"MZ" * 50 + GOOD_ZIP),
    "zip: a program before it": ("ARCHIVE_CORRUPT", lambda: b"MZ" * 50 + GOOD_ZIP),
    "zip: bytes before it, offsets mended": ("ARCHIVE_CORRUPT", lambda: zipped(GOOD, before=b"PK\x03\x04hidden")),
    "zip: bytes after it": ("ARCHIVE_CORRUPT", lambda: GOOD_ZIP + b"more"),
    "zip: two zips glued": ("ARCHIVE_CORRUPT", lambda: zipped(Zipped(b"first")) + GOOD_ZIP),
    "zip: two ends": (
        "ARCHIVE_CORRUPT",
        lambda: zipped(GOOD, comment=zipped()),
    ),
    "zip: a member that is not listed": (
        "ARCHIVE_CORRUPT",
        lambda: zipped(GOOD, Zipped(b"hidden", listed=False), Zipped(b"b")),
    ),
    "zip: a last member that is not listed": (
        "ARCHIVE_CORRUPT",
        lambda: zipped(GOOD, Zipped(b"hidden", listed=False)),
    ),
    "zip: entries over the same bytes": (
        "ARCHIVE_CORRUPT",
        lambda: zipped(GOOD, Zipped(b"b", GOOD.data, stored=False, offset=0, local_name=b"b")),
    ),
    "zip: quoted overlap bomb": ("ARCHIVE_BOMB", overlapping),
    "zip: two names of one member": ("ARCHIVE_CORRUPT", lambda: zipped(GOOD, Zipped(b"b.xml", local_name=b"b.exe"))),
    "zip: two methods": ("ARCHIVE_CORRUPT", lambda: zipped(GOOD, Zipped(b"b", local_method=8))),
    "zip: two CRCs": ("ARCHIVE_CORRUPT", lambda: zipped(GOOD, Zipped(b"b", local_crc=1))),
    "zip: no member at the offset": ("ARCHIVE_CORRUPT", lambda: zipped(GOOD, Zipped(b"b", stored=False, offset=3))),
    "zip: an offset behind the end": (
        "ARCHIVE_CORRUPT",
        lambda: zipped(GOOD, Zipped(b"b", stored=False, offset=0x7FFFFFFF)),
    ),
    "zip: one entry too few": ("ARCHIVE_CORRUPT", lambda: zipped(GOOD, Zipped(b"b"), count=1)),
    "zip: one entry too many": ("ARCHIVE_CORRUPT", lambda: zipped(GOOD, Zipped(b"b"), count=3)),
    "zip: the directory elsewhere": ("ARCHIVE_CORRUPT", lambda: zipped(GOOD, shift=1)),
    "zip: the directory too long": ("ARCHIVE_CORRUPT", lambda: zipped(GOOD, directory_size=60_000)),
    "zip: one disk of many": ("ARCHIVE_CORRUPT", lambda: zipped(GOOD, disk=1)),
    "zip: a part of a divided archive": ("ARCHIVE_FORMAT_UNSUPPORTED", lambda: b"PK\x07\x08" + GOOD_ZIP),
    "zip: ZIP64 record elsewhere": ("ARCHIVE_CORRUPT", lambda: with_zip64(GOOD_ZIP, at=0)),
    "zip: ZIP64 count lies": ("ARCHIVE_CORRUPT", lambda: with_zip64(GOOD_ZIP, count=1)),
    "zip: ZIP64 offset lies": ("ARCHIVE_CORRUPT", lambda: with_zip64(GOOD_ZIP, offset=0)),
    "zip: ZIP64 offset beyond everything": ("ARCHIVE_CORRUPT", lambda: with_zip64(GOOD_ZIP, offset=2**63)),
    "zip: ZIP64 field too short": (
        "ARCHIVE_CORRUPT",
        lambda: zipped(GOOD, Zipped(b"b", size=0xFFFFFFFF, extra=struct.pack("<HHL", 1, 4, 1))),
    ),
    # zip: bytes that are not what they should be
    "zip: wrong CRC": ("ARCHIVE_CORRUPT", lambda: zipped(GOOD, Zipped(b"b", crc=1))),
    "zip: a stored size that lies": ("ARCHIVE_CORRUPT", lambda: zipped(GOOD, Zipped(b"b", b"xyz", size=2))),
    "zip: unpacks to less than it says": (
        "ARCHIVE_CORRUPT",
        lambda: zipped(GOOD, Zipped(b"b", b"abc" * 100, method=8, size=9000)),
    ),
    "zip: unpacks to more than it says": (
        "ARCHIVE_CORRUPT",
        lambda: zipped(GOOD, Zipped(b"b", bytes(50 << 20), method=8, size=10)),
    ),
    "zip: bytes behind the packed data": (
        "ARCHIVE_CORRUPT",
        lambda: zipped(GOOD, Zipped(b"b", b"abc", method=8, packed=deflated(b"abc") + b"hidden")),
    ),
    "zip: packed data break off": (
        "ARCHIVE_CORRUPT",
        lambda: zipped(GOOD, Zipped(b"b", b"abc" * 999, method=8, packed=deflated(b"abc" * 999)[:-4])),
    ),
    "zip: packed data are noise": (
        "ARCHIVE_CORRUPT",
        lambda: zipped(GOOD, Zipped(b"b", b"abc", method=8, packed=b"\xff" * 40)),
    ),
    "zip: a descriptor that lies": (
        "ARCHIVE_CORRUPT",
        lambda: zipped(GOOD, Zipped(b"b", flags=8, descriptor=struct.pack("<4s3L", b"PK\x07\x08", 1, 2, 3))),
    ),
    "zip: no descriptor where one is promised": ("ARCHIVE_CORRUPT", lambda: zipped(GOOD, Zipped(b"b", flags=8))),
    # zip: bombs
    "zip: one member of zeros": (
        "ARCHIVE_BOMB",
        lambda: zipped(GOOD, Zipped(b"big.tif", bytes(100 << 20), method=8)),
    ),
    "zip: many members of zeros": (
        "ARCHIVE_BOMB",
        lambda: zipped(GOOD, *(Zipped(b"%d.tif" % number, bytes(8 << 20), method=8) for number in range(20))),
    ),
    "zip: zeros beside real bytes": (
        "ARCHIVE_BOMB",
        lambda: zipped(
            Zipped(b"photo.jpg", random.Random(1).randbytes(2 << 20)), Zipped(b"b", bytes(80 << 20), method=8)
        ),
    ),
    "zip: 200,000 members": ("ARCHIVE_TOO_MANY_MEMBERS", lambda: many_members(200_000)),
    # zip: not one
    "zip: nothing in it": ("EMPTY_PACKAGE", zipped),
    "zip: only folders": ("EMPTY_PACKAGE", lambda: zipped(Zipped(b"d/", b""))),
    "zip: only junk": ("EMPTY_PACKAGE", lambda: zipped(Zipped(b"__MACOSX/._a"), Zipped(b".DS_Store"))),
    "zip: no bytes at all": ("ARCHIVE_CORRUPT", lambda: b""),
    "zip: an error page": ("ARCHIVE_CORRUPT", lambda: b"<html><body>404 Not Found</body></html>"),
    "zip: only the first four bytes": ("ARCHIVE_CORRUPT", lambda: b"PK\x03\x04"),
    # tar: names
    "tar: parent folder": ("PATH_TRAVERSAL", lambda: tarred(member(), member(b"../evil"))),
    "tar: absolute": ("PATH_TRAVERSAL", lambda: tarred(member(), member(b"/tmp/evil"))),
    "tar: parent folder in the prefix": ("PATH_TRAVERSAL", lambda: tarred(member(b"evil", prefix=b"../.."))),
    "tar: parent folder in a pax path": ("PATH_TRAVERSAL", lambda: tarred(pax(path=b"../evil"), member())),
    "tar: parent folder in a GNU name": (
        "PATH_TRAVERSAL",
        lambda: tarred(member(b"././@LongLink", b"../" * 50 + b"evil\x00", type_=b"L"), member()),
    ),
    "tar: NUL in a pax path": ("PATH_TRAVERSAL", lambda: tarred(pax(path=b"a\x00b"), member())),
    "tar: backslashes": ("PATH_TRAVERSAL", lambda: tarred(member(b"..\\evil"))),
    "tar: a path longer than any system's": (
        "NAME_NOT_PORTABLE",
        lambda: tarred(pax(path=b"d/" * 4000 + b"f"), member()),
    ),
    "tar: the same name twice": ("DUPLICATE_MEMBER", lambda: tarred(member(), member(data=b"<other/>"))),
    "tar: a file and a folder": ("DUPLICATE_MEMBER", lambda: tarred(member(b"a"), member(b"a/b"))),
    # tar: what is no file
    "tar: symbolic link": ("LINK_OR_DEVICE", lambda: tarred(member(), header(b"l", type_=b"2", link=b"/etc/passwd"))),
    "tar: hard link": ("LINK_OR_DEVICE", lambda: tarred(member(), header(b"l", type_=b"1", link=b"/etc/passwd"))),
    "tar: a link and a file through it": (
        "LINK_OR_DEVICE",
        lambda: tarred(header(b"d", type_=b"2", link=b"/tmp"), member(b"d/evil")),
    ),
    "tar: character device": ("LINK_OR_DEVICE", lambda: tarred(member(), header(b"d", type_=b"3"))),
    "tar: block device": ("LINK_OR_DEVICE", lambda: tarred(member(), header(b"d", type_=b"4"))),
    "tar: pipe": ("LINK_OR_DEVICE", lambda: tarred(member(), header(b"d", type_=b"6"))),
    "tar: sparse file": ("LINK_OR_DEVICE", lambda: tarred(member(), sparse())),
    "tar: sparse file in pax": (
        "LINK_OR_DEVICE",
        lambda: tarred(pax(GNU_sparse_major=b"1", GNU_sparse_realsize=b"1099511627776"), member()),
    ),
    "tar: set-user-id": ("LINK_OR_DEVICE", lambda: tarred(member(mode=0o4755))),
    "tar: a part of several volumes": ("LINK_OR_DEVICE", lambda: tarred(member(), header(b"v", type_=b"M"))),
    "tar: unknown type": ("LINK_OR_DEVICE", lambda: tarred(member(), header(b"v", type_=b"Z"))),
    # tar: where it ends
    "tar: cut between two members": ("ARCHIVE_CORRUPT", lambda: tarred(member(), member(b"b"), end=b"")),
    "tar: one block of zeros": ("ARCHIVE_CORRUPT", lambda: tarred(member(), end=bytes(512))),
    "tar: one block of zeros, then more": ("ARCHIVE_CORRUPT", lambda: tarred(member(), bytes(512), member(b"b"))),
    "tar: cut in a member": ("ARCHIVE_CORRUPT", lambda: tarred(member(data=b"x" * 5000))[:3000]),
    "tar: cut in the last block": ("ARCHIVE_CORRUPT", lambda: tarred(member(), end=bytes(1500))),
    "tar: bytes after its end": ("ARCHIVE_CORRUPT", lambda: GOOD_TAR + b"more" + bytes(508)),
    "tar: another tar after its end": ("ARCHIVE_CORRUPT", lambda: GOOD_TAR + tarred(member(b"b"))),
    # tar: headers
    "tar: a wrong checksum": ("ARCHIVE_CORRUPT", lambda: resized(GOOD_TAR, 1024, b"Z")),
    "tar: a wrong checksum first": ("ARCHIVE_CORRUPT", lambda: resized(GOOD_TAR, 0, b"Z")),
    "tar: a size that is no number": ("ARCHIVE_CORRUPT", lambda: tarred(header(size=b"12x45678901\x00"))),
    "tar: a negative size": ("ARCHIVE_CORRUPT", lambda: tarred(header(size=b"\xff" * 12))),
    "tar: a size beyond the file": ("ARCHIVE_CORRUPT", lambda: tarred(header(size=10**9))),
    "tar: a size of 2 to the 80th": ("ARCHIVE_TOO_LARGE", lambda: tarred(header(size=b"\x80" + b"\xff" * 11))),
    "tar: a pax header of 10 GB": (
        "ARCHIVE_TOO_LARGE",
        lambda: tarred(header(size=b"\x80" + (10**10).to_bytes(11), type_=b"x")),
    ),
    "tar: a pax header that is none": (
        "ARCHIVE_CORRUPT",
        lambda: tarred(member(b"p", b"not pax", type_=b"x"), member()),
    ),
    "tar: a pax record that is too long": (
        "ARCHIVE_CORRUPT",
        lambda: tarred(member(b"p", b"99 path=a\n", type_=b"x"), member()),
    ),
    "tar: a pax size that is no number": ("ARCHIVE_CORRUPT", lambda: tarred(pax(size=b"-1"), member())),
    "tar: a pax header for nobody": ("ARCHIVE_CORRUPT", lambda: tarred(member(), pax(path=b"b"))),
    "tar: one path for all members": ("ARCHIVE_CORRUPT", lambda: tarred(pax(b"g", path=b"b"), member())),
    "tar: a folder with bytes, in v7's way": ("ARCHIVE_CORRUPT", lambda: tarred(member(b"d/", b"bytes"))),
    "tar: nothing but zeros": ("EMPTY_PACKAGE", lambda: bytes(10240)),
    # gzip and others
    "tgz: a wrong CRC": ("ARCHIVE_CORRUPT", lambda: resized(gzip_of(GOOD_TAR), len(gzip_of(GOOD_TAR)) - 8, b"CRC!")),
    "tgz: a wrong length": ("ARCHIVE_CORRUPT", lambda: resized(gzip_of(GOOD_TAR), len(gzip_of(GOOD_TAR)) - 4, b"LEN!")),
    "tgz: no trailer": ("ARCHIVE_CORRUPT", lambda: gzip_of(GOOD_TAR)[:-8]),
    "tgz: bytes after it": ("ARCHIVE_CORRUPT", lambda: gzip_of(GOOD_TAR) + b"more"),
    "tgz: cut between two gzip members": ("ARCHIVE_CORRUPT", lambda: gzip_of(GOOD_TAR[:1024])),
    "tgz: a damaged second gzip member": (
        "ARCHIVE_CORRUPT",
        lambda: gzip_of(GOOD_TAR[:1024]) + gzip_of(GOOD_TAR[1024:])[:-1] + b"!",
    ),
    "tgz: links and devices": (
        "LINK_OR_DEVICE",
        lambda: gzip_of(tarred(member(), header(b"l", type_=b"2", link=b"x"), header(b"d", type_=b"3"))),
    ),
    "tgz: zeros": ("ARCHIVE_BOMB", lambda: zeros_in_gzip(100)),
    "gz: of one file": ("ARCHIVE_FORMAT_UNSUPPORTED", lambda: gzip_of(b"<article/>" * 100)),
    "gz: only its magic": ("ARCHIVE_CORRUPT", lambda: b"\x1f\x8b"),
    "bz2": ("ARCHIVE_FORMAT_UNSUPPORTED", lambda: bz2.compress(GOOD_TAR)),
    "xz": ("ARCHIVE_FORMAT_UNSUPPORTED", lambda: lzma.compress(GOOD_TAR)),
    "rar": ("ARCHIVE_FORMAT_UNSUPPORTED", lambda: b"Rar!\x1a\x07\x01\x00" + bytes(64)),
    "7z": ("ARCHIVE_FORMAT_UNSUPPORTED", lambda: b"7z\xbc\xaf\x27\x1c" + bytes(64)),
    "zstd": ("ARCHIVE_FORMAT_UNSUPPORTED", lambda: b"\x28\xb5\x2f\xfd" + bytes(64)),
    "cpio": ("ARCHIVE_FORMAT_UNSUPPORTED", lambda: b"070701" + bytes(64)),
    # archives in archives
    "zip: zeros in archives in an archive": ("ARCHIVE_BOMB", nested),
    "zip: traversal in an inner archive": (
        "PATH_TRAVERSAL",
        lambda: zipped(Zipped(b"inner.zip", zipped(GOOD, Zipped(b"../evil")))),
    ),
    "zip: links in an inner tar": (
        "LINK_OR_DEVICE",
        lambda: zipped(Zipped(b"inner.tar", tarred(member(), header(b"l", type_=b"2", link=b"/")))),
    ),
    "zip: a broken inner archive": ("ARCHIVE_CORRUPT", lambda: zipped(Zipped(b"inner.zip", GOOD_ZIP[:-9]))),
}


@dataclass(frozen=True)
class Opened:
    unpacked: Unpacked
    staged: list[Path]
    outside: list[Path]


def tree(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def opened(folder: Path, name: str, data: bytes, limits: Limits | None = None) -> Opened:
    """Unpack ``data``, with the trees of the staging folder and of everything around it."""
    source, staging = folder / name, folder / "around" / "staging"
    staging.mkdir(parents=True)
    source.write_bytes(data)
    before = tree(folder)
    unpacked = unpack([source], staging, limits)
    staged = tree(staging)
    outside = sorted(set(tree(folder)) - set(before) - set(staged))
    assert all(path.is_dir() or path.is_file() for path in staged)
    assert not any(path.is_symlink() for path in staged)
    return Opened(unpacked, [path for path in staged if path.is_file()], outside)


def name_for(case: str) -> str:
    return {"tar": "d.tar", "tgz": "d.tar.gz"}.get(case.partition(":")[0], "d.zip")


def test_there_are_enough_hostile_archives() -> None:
    assert len(HOSTILE) >= 100


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_refused_with_its_reason_and_leaves_nothing(case: str, tmp_path: Path) -> None:
    code, build = HOSTILE[case]
    result = opened(tmp_path, name_for(case), build())
    errors = {found.code for found in result.unpacked.findings if found.level is Level.ERROR}
    assert code in errors
    assert result.unpacked.refused
    assert delivery_verdict(result.unpacked.findings) is not None
    assert result.unpacked.members == ()
    assert result.staged == []
    assert result.outside == []


@pytest.mark.parametrize(
    "case", ["zip: parent folder", "tar: absolute", "tar: symbolic link", "zip: the same name twice"]
)
def test_a_bad_listing_is_refused_before_anything_is_written(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    original = Path.open

    def watched(self: Path, mode: str = "r", *rest: object, **named: object) -> object:
        if set(mode) & set("wxa+"):
            written.append(str(self))
        return original(self, mode, *rest, **named)  # type: ignore[call-overload]

    source, staging = tmp_path / name_for(case), tmp_path / "staging"
    staging.mkdir()
    source.write_bytes(HOSTILE[case][1]())
    monkeypatch.setattr(Path, "open", watched)
    assert unpack([source], staging).refused
    assert written == []


def test_every_bad_name_of_a_listing_is_told_at_once(tmp_path: Path) -> None:
    archive = zipped(GOOD, Zipped(b"../a"), Zipped(b"/b"), Zipped(b"l", mode=0o120777), Zipped(b"a.xml"))
    result = opened(tmp_path, "d.zip", archive)
    codes = sorted(found.code for found in result.unpacked.findings)
    assert codes == ["DUPLICATE_MEMBER", "LINK_OR_DEVICE", "PATH_TRAVERSAL", "PATH_TRAVERSAL"]


def test_thousands_of_bad_names_are_told_and_the_rest_of_them_counted(tmp_path: Path) -> None:
    archive = zipped(GOOD, *(Zipped(b"../%d" % number) for number in range(5000)))
    result = opened(tmp_path, "d.zip", archive)
    assert len(result.unpacked.findings) == 2501
    assert {found.path for found in result.unpacked.findings[:-1]} == {f"../{number}" for number in range(2500)}
    assert "2500 more" in result.unpacked.findings[-1].message


# What is odd and lawful comes through whole: members in = files out.

ODD_NAMES = [
    "-rf",
    "=cmd|' /C calc'!A0",
    "%0A%2e%2e.xml",
    "a\nb.xml",
    "a\rb.xml",
    "tab\there",
    "bell\x07",
    "line\u2028separator",
    "next\x85line",
    "no\u00a0break",
    "right\u202eto left.fdp",
    "trailing dot.",
    "trailing blank ",
    " leading blank",
    "CON",
    "nul.xml",
    "ab:stream",
    "what?.xml",
    "star*.xml",
    "<b>.xml",
    'quote".xml',
    "n" * 300,
    "ş" * 200,
    "e\u0301.xml",
    "\u00e9.xml",
    "Figure.tif",
    "figure.TIF",
    "Ünvan/İğne ve Ölçü.xml",
    "...",
    "~root",
    "$HOME",
    "日本語.pdf",
    "\U0001f4a9.xml",
]


def tar_of(names: Iterable[str], format_: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format_) as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(name.encode())
            archive.addfile(info, io.BytesIO(name.encode()))
    return out.getvalue()


def lawful() -> dict[str, bytes]:
    names = [Zipped(name.encode(), name.encode(), flags=0x800) for name in ODD_NAMES]
    descriptor = struct.pack("<3L", zlib.crc32(b"x"), 1, 1)
    wide = b"PK\x07\x08" + struct.pack("<L2Q", zlib.crc32(b"x"), 1, 1)
    blank = bytes(40 << 20)
    return {
        "zip: odd names": zipped(*names),
        "tar: odd names in pax": tar_of(ODD_NAMES, tarfile.PAX_FORMAT),
        "tar: odd names in GNU's way": tar_of(ODD_NAMES, tarfile.GNU_FORMAT),
        "tgz: odd names": gzip_of(tar_of(ODD_NAMES, tarfile.PAX_FORMAT)),
        "zip: descriptors": zipped(
            Zipped(b"a", flags=8, descriptor=b"PK\x07\x08" + descriptor),
            Zipped(b"b", flags=8, descriptor=descriptor),
            Zipped(b"c", flags=8, descriptor=wide),
        ),
        "zip: ZIP64": with_zip64(GOOD_ZIP),
        "zip: a comment": zipped(GOOD, comment=b"Cilt 12"),
        "zip: an empty packed member": zipped(GOOD, Zipped(b"e", b"", method=8)),
        "zip: a blank page, 1000:1": zipped(GOOD, Zipped(b"blank.tif", blank, method=8)),
        "zip: folders": zipped(Zipped(b"d/", b"", mode=0o040755), Zipped(b"d/a.xml"), Zipped(b"e/", b"")),
        "tar: folders": tarred(header(b"./", type_=b"5"), header(b"./d/", type_=b"5"), member(b"./d/a.xml")),
        "tar: a v7 file and a v7 folder": tarred(
            header(b"d/", type_=b"\x00", magic=bytes(8)), member(b"d/a", type_=b"\x00", magic=bytes(8))
        ),
        "tar: a comment for all, as git writes it": tarred(pax(b"g", comment=b"0123abcd"), member()),
        "tar: an empty member": tarred(member(data=b"")),
        "tar: a size in base 256": tarred(header(size=b"\x80" + (3).to_bytes(11)) + b"abc" + bytes(509)),
        "tar: a size in pax": tarred(pax(size=b"3"), header(size=0) + b"abc" + bytes(509)),
        "tar: a folder with an allowance": tarred(header(b"d", 4096, b"5"), member()),
        "tar: a shared folder": tarred(header(b"d", type_=b"5", mode=0o2775), member(b"d/a")),
        "tgz: several gzip members": gzip_of(GOOD_TAR[:700]) + gzip_of(GOOD_TAR[700:]) + gzip_of(b""),
        "tgz: zeros after it": gzip_of(GOOD_TAR) + bytes(4096),
    }


def expected_files(data: bytes) -> dict[str, bytes]:
    """What Python's own readers find: an independent witness."""
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for info in archive:
            stream = archive.extractfile(info) if info.isreg() else None
            if stream is not None:
                found[info.name.removeprefix("./")] = stream.read()
    return found


@pytest.mark.parametrize("case", lawful())
def test_an_odd_but_lawful_archive_comes_out_whole_under_exact_names(case: str, tmp_path: Path) -> None:
    data = lawful()[case]
    result = opened(tmp_path, name_for(case), data)
    expected = expected_files(data)
    assert expected
    assert not result.unpacked.refused, result.unpacked.findings
    assert {each.name: each.source.read_bytes() for each in result.unpacked.members} == expected
    assert len(result.staged) == len(expected)
    assert result.outside == []


# Cut anywhere: never taken for complete.


def samples() -> dict[str, tuple[bytes, list[int]]]:
    """Archives of ten members with the offsets at which one member ends and the next begins."""
    noise = random.Random(7)
    files = [(f"dir/{number}.bin", noise.randbytes(noise.randrange(1, 4000))) for number in range(10)]
    out, tar_bounds = io.BytesIO(), [0]
    for name, data in files:
        out.write(member(name.encode(), data))
        tar_bounds.append(out.tell())
    tar_bytes = out.getvalue() + END
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    zip_bytes = out.getvalue()
    with zipfile.ZipFile(io.BytesIO(zip_bytes)) as archive:
        zip_bounds = [info.header_offset for info in archive.infolist()] + [archive.start_dir]
    parts = [
        gzip_of(tar_bytes[start:end]) for start, end in zip(tar_bounds, [*tar_bounds[1:], len(tar_bytes)], strict=True)
    ]
    gzip_bounds = [sum(map(len, parts[:count])) for count in range(len(parts))]
    return {
        "d.zip": (zip_bytes, zip_bounds),
        "d.tar": (tar_bytes, [*tar_bounds, len(tar_bytes) - 512]),
        "d.tar.gz": (b"".join(parts), gzip_bounds),
    }


@pytest.mark.parametrize("name", samples())
def test_an_archive_cut_off_anywhere_is_never_taken_for_complete(name: str, tmp_path: Path) -> None:
    data, bounds = samples()[name]
    offsets = sorted({*bounds, *random.Random(11).sample(range(len(data)), 200), len(data) - 1})
    staging, source = tmp_path / "staging", tmp_path / name
    staging.mkdir()
    source.write_bytes(data)
    assert len(unpack([source], staging).members) == 10
    taken = []
    for offset in offsets:
        source.write_bytes(data[:offset])
        if not unpack([source], staging).refused:
            taken.append(offset)
    assert len(offsets) >= 200
    assert taken == []


def test_a_tar_cut_in_the_padding_after_its_end_has_lost_nothing(tmp_path: Path) -> None:
    data, _ = samples()["d.tar"]
    result = opened(tmp_path, "d.tar", data + bytes(10240))
    assert len(result.unpacked.members) == 10


@pytest.mark.parametrize("name", samples())
def test_flipped_bytes_never_raise_and_in_a_zip_or_gzip_never_change_what_comes_out(name: str, tmp_path: Path) -> None:
    data, _ = samples()[name]
    source, staging = tmp_path / name, tmp_path / "staging"
    staging.mkdir()
    source.write_bytes(data)
    whole = {each.name: each.sha512 for each in unpack([source], staging).members}
    noise, refused = random.Random(13), 0
    for _ in range(400):
        flipped = bytearray(data)
        for _ in range(noise.randrange(1, 4)):
            flipped[noise.randrange(len(flipped))] ^= noise.randrange(1, 256)
        source.write_bytes(flipped)
        unpacked = unpack([source], staging)
        refused += unpacked.refused
        if not unpacked.refused and name != "d.tar":
            assert {each.name: each.sha512 for each in unpacked.members} == whole
    assert refused > 0


def test_noise_behind_a_magic_number_never_raises(tmp_path: Path) -> None:
    noise, staging, source = random.Random(17), tmp_path / "staging", tmp_path / "d.zip"
    staging.mkdir()
    heads = [b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", header()[:400], GOOD_ZIP[:60], GOOD_ZIP[-60:]]
    for _ in range(300):
        source.write_bytes(noise.choice(heads) + noise.randbytes(noise.randrange(3000)) + noise.choice(heads))
        assert unpack([source], staging).refused


# From outside: what the kernel saw, and how much memory it took.

PROBE = """
import json, re, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from ingest.unpack import unpack
found = {}
for name in sys.argv[3:]:
    unpacked = unpack([Path(name)], Path(sys.argv[2]))
    found[name] = sorted({each.code for each in unpacked.findings})
# Not getrusage: its peak counts the parent's memory from before exec.
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps({"codes": found, "kilobytes": int(peak[1])}))
"""


def write_cases(folder: Path, cases: Iterable[str]) -> Iterator[tuple[str, Path]]:
    for number, case in enumerate(cases):
        path = folder / f"{number}-{name_for(case)}"
        path.write_bytes(HOSTILE[case][1]())
        yield case, path


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
def test_the_kernel_sees_no_file_made_outside_the_staging_folder(tmp_path: Path) -> None:
    folder, staging, log = tmp_path / "in", tmp_path / "staging", tmp_path / "trace"
    folder.mkdir()
    staging.mkdir()
    cases = dict(write_cases(folder, (case for case in HOSTILE if HOSTILE[case][0] not in {"ARCHIVE_BOMB"})))
    good = folder / "good.zip"
    good.write_bytes(GOOD_ZIP)
    run = subprocess.run(
        [
            *(str(STRACE), "-f", "-e", "trace=%file", "-o", str(log)),
            *(sys.executable, "-B", "-c", PROBE, str(ROOT), str(staging), str(good), *map(str, cases.values())),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    trace = log.read_text(errors="replace") if log.is_file() else ""
    if "PTRACE" in run.stderr and not trace:
        pytest.skip("this system does not allow tracing")
    assert run.returncode == 0, run.stderr
    changing = (
        "O_CREAT",
        "O_WRONLY",
        "O_RDWR",
        "rename",
        "symlink",
        "link(",
        "linkat(",
        "mkdir",
        "mknod",
        "chmod",
        "chown",
    )
    changed = [line for line in trace.splitlines() if any(word in line for word in changing) and "readlink" not in line]
    made = [line for line in changed if "unlink" not in line and "/dev/null" not in line and "ENOENT" not in line]
    assert any(str(staging) in line and "O_CREAT" in line for line in made), "the trace shows no write at all"
    assert [line for line in made if str(staging) not in line] == []
    assert all(str(staging) in line for line in trace.splitlines() if "unlink" in line)


def test_neither_bombs_nor_large_members_are_ever_held_in_memory(tmp_path: Path) -> None:
    folder, staging = tmp_path / "in", tmp_path / "staging"
    folder.mkdir()
    staging.mkdir()
    wanted = [
        case
        for case, (code, _) in HOSTILE.items()
        if code in {"ARCHIVE_BOMB", "ARCHIVE_TOO_MANY_MEMBERS", "ARCHIVE_TOO_LARGE"}
    ]
    cases = dict(write_cases(folder, [*wanted, "zip: unpacks to more than it says"]))
    large = folder / "large.zip"
    with zipfile.ZipFile(large, "w", zipfile.ZIP_STORED) as archive, archive.open("large.bin", "w") as out:
        noise = random.Random(3).randbytes(1 << 20)
        for _ in range(160):
            out.write(noise)
    run = subprocess.run(
        [sys.executable, "-c", PROBE, str(ROOT), str(staging), str(large), *map(str, cases.values())],
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(run.stdout)
    for case, path in cases.items():
        assert HOSTILE[case][0] in told["codes"][str(path)]
    assert told["codes"][str(large)] == []
    # Less than the one large member alone: nothing is ever held whole.
    assert told["kilobytes"] < 100 * 1024, told["kilobytes"]
