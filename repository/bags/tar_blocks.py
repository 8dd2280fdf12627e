"""What one header block of a tar and the extensions before it say of a member, whoever wrote them."""

from __future__ import annotations

from dataclasses import dataclass

from repository.bags.codes import finding
from repository.bags.headers import BLOCK, summed

REGULAR, FOLDER = "file", "folder"
_ASCII = bytes(range(128))
_KINDS = {b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device", b"6": "a named pipe"}


class TarDamage(Exception):
    """The tar cannot be read on from here; ``finding`` says why."""

    def __init__(self, code: str, path: str | None = None, **values: str) -> None:
        self.finding = finding(code, path, None, None, **values)
        super().__init__(self.finding.message)


@dataclass(frozen=True, slots=True)
class Entry:
    """One member: ``kind`` is REGULAR, FOLDER or words for what it is; ``header`` all its header blocks."""

    path: str
    kind: str
    size: int
    offset: int
    header: bytes


@dataclass(slots=True)
class Extensions:
    """What pax headers and GNU long names say of the next member."""

    path: bytes | None = None
    size: int | None = None
    sparse: bool = False


def unreadable(offset: int, reason: str, path: str | None = None) -> TarDamage:
    """The header at ``offset`` makes no sense, for ``reason``."""
    return TarDamage("BAG_TAR_HEADER", path, offset=str(offset), reason=reason)


def checked(block: bytes, offset: int) -> tuple[bytes, int]:
    """Type and size of a header block. Raises TarDamage when its checksum or size is wrong."""
    said = _number(block[148:156])
    blanked = block[:148] + b"        " + block[156:]
    unsigned = summed(blanked)
    signed = unsigned - 256 * len(blanked.translate(None, _ASCII))  # as some old tars count
    if said not in (unsigned, signed):
        raise unreadable(offset, "its checksum is wrong")
    size = _number(block[124:136])
    if size is None:
        raise unreadable(offset, "its size is not a number")
    return block[156:157], size


def _number(field_: bytes) -> int | None:
    """An octal number, or a binary one as GNU writes it; None when it is neither, or negative."""
    if field_[0] == 0x80:
        return int.from_bytes(field_[1:], "big")
    digits = field_.split(b"\0", 1)[0].strip(b" ")
    if not digits:
        return 0
    return int(digits, 8) if digits.isdigit() and not digits.strip(b"01234567") else None


def records(body: bytes, offset: int) -> list[tuple[bytes, bytes]]:
    """Keys and values of a pax extended header. Raises TarDamage when it is malformed."""
    found: list[tuple[bytes, bytes]] = []
    at = 0
    while at < len(body):
        blank = body.find(b" ", at, at + 20)
        digits = body[at:blank] if blank > 0 else b""
        length = int(digits) if digits.isdigit() else 0
        record = body[at : at + length]
        key, equals, value = record[len(digits) + 1 :].partition(b"=")
        if len(record) != length or not equals or not value.endswith(b"\n"):
            raise unreadable(offset, "a pax record is malformed")
        found.append((key, value[:-1]))
        at += length
    return found


def apply(records: list[tuple[bytes, bytes]], to: Extensions) -> None:
    """Note in ``to`` what the records of one pax header change."""
    for key, value in records:
        if key == b"path":
            to.path = value or None
        elif key == b"size":
            # More digits than any tar can mean, and Python's own limit on reading integers.
            to.size = int(value) if value.isdigit() and len(value) <= 20 else -1
        elif key.startswith(b"GNU.sparse.") or key == b"SCHILY.realsize":
            to.sparse = True


def member(block: bytes, kind: bytes, size: int, near: Extensions, offset: int, header: bytes) -> Entry:
    """The member that ``block`` and its extensions describe, whose data starts at ``offset``. Raises TarDamage."""
    octets = block[:100].split(b"\0", 1)[0]
    if block[257:263] == b"ustar\0" and block[345] and near.path is None:
        octets = block[345:500].split(b"\0", 1)[0] + b"/" + octets
    octets = near.path if near.path is not None else octets
    path = octets.decode("utf-8", "surrogateescape")
    if near.sparse or kind == b"S":
        raise TarDamage("BAG_TAR_SPARSE", path)
    size = size if near.size is None else near.size
    if size < 0 or (size and kind in (b"1", b"5")):
        # Readers disagree on whether data follows; what follows could be hidden from one and not from the other.
        raise unreadable(offset - BLOCK, "its size makes no sense", path)
    if kind in (b"0", b"\0", b"7"):
        kind_words = FOLDER if octets.endswith(b"/") and kind == b"\0" else REGULAR
    elif kind == b"5":
        kind_words = FOLDER
    elif kind in _KINDS:
        return Entry(path, _KINDS[kind], 0, offset, header)
    else:
        kind_words = f"a tar member of type {kind.decode('latin-1')!r}"
    if kind_words == FOLDER and size:
        raise unreadable(offset - BLOCK, "its size makes no sense", path)
    return Entry(path, kind_words, size, offset, header)
