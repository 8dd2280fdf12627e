"""What kind of archive a file is by its own bytes, and the limits that every archive is read under."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ingest.findings import finding
from repository.turkish import machine_lower
from repository.vocabulary import Finding

BUFFER = 1 << 20
"""Bytes held at a time of whatever a publisher sends, packed or unpacked."""

GIB = 1 << 30

HEAD = 512
"""Bytes at the front of a file that tell what it is; also a tar's block."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one delivery may become when it is opened; all counts are of bytes really read, not of bytes announced.

    A ratio alone proves nothing (real deliveries of TIFF and EPS figures unpack 38:1, a blank page
    1000:1), so a bomb is what exceeds ``bomb_ratio`` *and* ``bomb_bytes``. ``nesting`` is how many levels
    of archives inside archives are opened.
    """

    total_bytes: int = 32 * GIB
    member_bytes: int = 8 * GIB
    members: int = 100_000
    bomb_ratio: int = 200
    bomb_bytes: int = 64 << 20
    nesting: int = 1
    names: int = 16 << 20
    """Octets of all names together: 160 for each of as many members as there may be."""

    def is_bomb(self, unpacked: int, packed: int) -> bool:
        """Whether ``unpacked`` bytes out of ``packed`` are more than any publication needs."""
        return unpacked > self.bomb_bytes and unpacked > self.bomb_ratio * max(packed, 1)


INNER = "!/"
"""Between the name of an archive that was opened inside another one and the names of its members."""


class Refused(Exception):
    """Reading cannot go on; ``finding`` says why. Never leaves :mod:`ingest.unpack`."""

    def __init__(self, reason: Finding) -> None:
        super().__init__(reason.message)
        self.finding = reason


def corrupt(path: str, detail: str) -> Refused:
    """ARCHIVE_CORRUPT about ``path``, to be raised."""
    return Refused(finding("ARCHIVE_CORRUPT", path, detail=detail))


class Kind(StrEnum):
    """What a member of an archive is. Only files are written; what is neither file nor folder is refused."""

    FILE = "file"
    DIRECTORY = "directory"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an archive's listing.

    ``raw`` is its name as stored; ``text`` the name where the archive says that it is Unicode, else None;
    ``bytes`` its unpacked size; ``forbidden`` says what it is when it is neither file nor folder.
    """

    raw: bytes
    text: str | None
    kind: Kind
    bytes: int
    forbidden: str = ""


class Archive(Protocol):
    """An archive that is read strictly: whatever two readers could understand differently is refused."""

    def survey(self) -> Sequence[Entry]:
        """The whole listing, with nothing written. Raises Refused."""
        ...

    def contents(self) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Each file once, as its place in the survey and its bytes in blocks of at most BUFFER.

        Blocks that the caller leaves are read and checked all the same. Raises Refused.
        """
        ...


@dataclass(slots=True)
class Quota:
    """What a delivery of ``delivered`` bytes has used of its limits so far, over all its archives."""

    limits: Limits
    delivered: int
    bytes: int = 0
    entries: int = 0
    names: int = 0

    def count_entry(self, archive: str, name: int = 0) -> None:
        """One entry more, whose name has so many octets. Raises Refused."""
        self.entries += 1
        self.names += name
        if self.names > self.limits.names:
            detail = f"more than {self.limits.names} bytes of names"
            raise Refused(finding("ARCHIVE_TOO_MANY_MEMBERS", archive, detail=detail))
        if self.entries > self.limits.members:
            detail = f"more than {self.limits.members} members"
            raise Refused(finding("ARCHIVE_TOO_MANY_MEMBERS", archive, detail=detail))

    def check_size(self, name: str, size: int) -> None:
        """Whether a member of ``size`` bytes, announced or read, may stand beside what there is. Raises Refused."""
        if size > self.limits.member_bytes:
            detail = f"one member of more than {self.limits.member_bytes} bytes"
            raise Refused(finding("ARCHIVE_TOO_LARGE", name, detail=detail))
        if self.bytes + size > self.limits.total_bytes:
            detail = f"more than {self.limits.total_bytes} bytes in all"
            raise Refused(finding("ARCHIVE_TOO_LARGE", name, detail=detail))

    def add(self, name: str, size: int) -> None:
        """A member of ``size`` bytes more, and whether all of them together are a publication's. Raises Refused."""
        self.bytes += size
        self.check_bomb(name, self.bytes, self.delivered)

    def check_stream(self, name: str, size: int) -> None:
        """Whether a packed stream may unpack to ``size`` bytes, headers and padding and all. Raises Refused."""
        most = self.limits.total_bytes + self.limits.members * 4 * HEAD + BUFFER
        if size > most:
            raise Refused(finding("ARCHIVE_TOO_LARGE", name, detail=f"more than {most} bytes in all"))

    def check_bomb(self, name: str, unpacked: int, packed: int) -> None:
        """Whether ``unpacked`` out of ``packed`` bytes is a publication's ratio. Raises Refused."""
        if self.limits.is_bomb(unpacked, packed):
            detail = f"{unpacked} bytes or more out of {packed}"
            raise Refused(finding("ARCHIVE_BOMB", name, detail=detail))


class Form(StrEnum):
    """The archives that are opened."""

    ZIP = "zip"
    TAR = "tar"
    GZIP = "gzip"


_OTHER_FORMS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"Rar!\x1a\x07", "RAR"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\x00", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "Zstandard"),
    (0, b"\x04\x22\x4d\x18", "LZ4"),
    (0, b"LZIP", "lzip"),
    (0, b"\x1f\x9d", "compress (.Z)"),
    (0, b"MSCF", "Microsoft Cabinet"),
    (0, b"xar!", "xar"),
    (0, b"070701", "cpio"),
    (0, b"!<arch>\n", "ar"),
    (2, b"-lh", "LHA"),
    (0, b"PK\x07\x08", "split zip"),
)
_NAMED_ARCHIVE = (".zip", ".tar", ".tgz", ".gz")


def form_of(head: bytes) -> Form | None:
    """Which archive begins with these (up to 512) bytes; a name is never asked. None for any other file."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Form.ZIP
    if head.startswith(b"\x1f\x8b"):
        return Form.GZIP
    if head[257:262] == b"ustar" or is_tar_header(head):
        return Form.TAR
    return None


def unsupported_form(head: bytes) -> str | None:
    """The name of the kind of archive that begins like this and is not opened here."""
    return next((name for at, magic, name in _OTHER_FORMS if head.startswith(magic, at)), None)


def is_tar_header(block: bytes) -> bool:
    """Whether the checksum of a tar header is right (POSIX.1 ustar; signed sums of old tools are allowed)."""
    if len(block) < HEAD or not any(block):
        return False
    octal = block[148:156].split(b"\x00", 1)[0].strip(b" ")
    if not octal or octal.strip(b"01234567"):
        return False
    stated, rest = int(octal, 8), block[:148] + b" " * 8 + block[156:512]
    return stated in (sum(rest), sum(byte - 256 if byte > 127 else byte for byte in rest))


def named_as_archive(name: str) -> bool:
    """Whether the name promises zip, tar or gzip. A promise only: see :func:`form_of`."""
    return machine_lower(name).endswith(_NAMED_ARCHIVE)


def head_of(source: Path) -> bytes:
    """The first 512 bytes of a file, or fewer."""
    with source.open("rb") as stream:
        return stream.read(HEAD)
