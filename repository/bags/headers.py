"""The tar headers of our own bags, byte for byte: the same name and size always give the same blocks."""

from __future__ import annotations

from zlib import adler32

BLOCK = 512
END = bytes(2 * BLOCK)
"""The end of a tar (POSIX.1-2017 pax, ustar Interchange Format): two blocks of zeros; in our bags nothing follows."""

MOST_OCTAL = 0o77777777777
"""The greatest size (8 GiB - 1) that the eleven octal digits of the size field can say."""


def padding(size: int) -> int:
    """How many zero bytes follow ``size`` bytes of data to fill the last block."""
    return -size % BLOCK


def summed(block: bytes) -> int:
    """The sum of the bytes of one block, as the checksum in a header counts them.

    The low half of an Adler-32 is just that sum and one more, as long as it stays below 65,521: with half a block it
    does. Adding up 512 numbers one by one would be a third of the work of judging a small bag.
    """
    return (adler32(block[:256]) & 0xFFFF) + (adler32(block[256:BLOCK]) & 0xFFFF) - 2


def member_header(path: str, size: int) -> bytes:
    """The header blocks of one regular file in our bags.

    Owner 0:0 without names, mode 0644, time 0: nothing comes from the machine or the
    clock. A pax extended header stands in front only where ustar cannot say it: a name
    that is not ASCII or longer than 100 bytes, or a size of 8 GiB or more. Written here
    and not by :mod:`tarfile`, whose bytes may change from one Python to the next while
    a seal may not.
    """
    octets = path.encode("utf-8")
    records = b""
    if len(octets) > 100 or not path.isascii():
        records += _record(b"path", octets)
    if size > MOST_OCTAL:
        records += _record(b"size", b"%d" % size)
    name = path.encode("ascii", "replace")[:100]
    blocks = _block(name, 0 if size > MOST_OCTAL else size, b"0")
    if not records:
        return blocks
    return _block(b"././@PaxHeader", len(records), b"x") + records + bytes(padding(len(records))) + blocks


def _record(key: bytes, value: bytes) -> bytes:
    """A pax record: its own length in decimal, a blank, ``key=value`` and a newline."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


def _block(name: bytes, size: int, kind: bytes) -> bytes:
    fields = (
        name.ljust(100, b"\0"),
        b"0000644\0",  # mode
        b"0000000\0",  # uid
        b"0000000\0",  # gid
        b"%011o\0" % size,
        b"00000000000\0",  # mtime
        b"        ",  # the checksum counts itself as blanks
        kind,
        bytes(100),  # linkname
        b"ustar\x0000",
        bytes(32),  # uname
        bytes(32),  # gname
        b"0000000\0",  # devmajor
        b"0000000\0",  # devminor
        bytes(155 + 12),  # prefix, rest of the block
    )
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % summed(block) + block[156:]
