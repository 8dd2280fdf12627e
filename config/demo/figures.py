"""The pictures and tables that belong to a demo article: a drawn curve as PNG, its readings as CSV."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from itertools import pairwise

_WIDTH, _HEIGHT = 480, 240
_LEFT, _BOTTOM, _TOP = 32, 212, 16
_WHITE, _LIGHT, _DARK = 255, 170, 40
_READINGS = 12


@dataclass(frozen=True, slots=True)
class Picture:
    """``rows`` of eight-bit grey, one byte a dot, all equally long."""

    rows: tuple[bytes, ...]

    @property
    def width(self) -> int:
        """Dots in a row."""
        return len(self.rows[0])

    @property
    def height(self) -> int:
        """Rows."""
        return len(self.rows)

    def png(self) -> bytes:
        """The picture as PNG (ISO/IEC 15948), not compressed: the same bytes whichever zlib is installed."""
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 0, 0, 0, 0)
        lines = b"".join(b"\0" + row for row in self.rows)
        return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", _stored(lines)) + _chunk(b"IEND", b"")


def readings(key: str) -> list[tuple[int, float, float]]:
    """Twelve readings ``(number, before, after)`` between 0 and 100, which ``key`` alone determines."""
    noise = hashlib.sha256(key.encode()).digest()
    return [
        (
            number + 1,
            round(78 - 2.6 * number + (noise[number] - 128) / 16, 1),
            round(52 - 2.1 * number + (noise[number + _READINGS] - 128) / 20, 1),
        )
        for number in range(_READINGS)
    ]


def curves(key: str) -> Picture:
    """The two series of :func:`readings` as curves between two axes."""
    canvas = [bytearray([_WHITE]) * _WIDTH for _ in range(_HEIGHT)]
    for level in range(_TOP, _BOTTOM, 28):
        _line(canvas, (_LEFT, level), (_WIDTH - 12, level), _LIGHT + 50)
    _line(canvas, (_LEFT, _TOP), (_LEFT, _BOTTOM), _DARK)
    _line(canvas, (_LEFT, _BOTTOM), (_WIDTH - 12, _BOTTOM), _DARK)
    for column, shade in ((1, _LIGHT - 40), (2, _DARK)):
        points = [
            (_LEFT + 14 + 36 * (row[0] - 1), round(_BOTTOM - row[column] / 100 * (_BOTTOM - _TOP)))
            for row in readings(key)
        ]
        for start, end in pairwise(points):
            _line(canvas, start, end, shade)
            _line(canvas, (start[0], start[1] + 1), (end[0], end[1] + 1), shade)
        for across, down in points:
            for offset in range(-3, 4):
                _line(canvas, (across - 3, down + offset), (across + 3, down + offset), shade)
    return Picture(tuple(bytes(row) for row in canvas))


def table(key: str) -> bytes:
    """The readings as CSV (RFC 4180, UTF-8)."""
    lines = ["reading,first,second", *(f"{number},{before},{after}" for number, before, after in readings(key))]
    return ("\r\n".join(lines) + "\r\n").encode()


def _line(canvas: list[bytearray], start: tuple[int, int], end: tuple[int, int], shade: int) -> None:
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    for step in range(steps + 1):
        across = start[0] + (end[0] - start[0]) * step // steps
        down = start[1] + (end[1] - start[1]) * step // steps
        canvas[down][across] = shade


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _stored(data: bytes) -> bytes:
    """A zlib stream (RFC 1950) of stored blocks (RFC 1951 section 3.2.4)."""
    blocks = [data[start : start + 0xFFFF] for start in range(0, len(data), 0xFFFF)] or [b""]
    body = b"".join(
        struct.pack("<BHH", number == len(blocks) - 1, len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks)
    )
    return b"\x78\x01" + body + struct.pack(">I", zlib.adler32(data))
