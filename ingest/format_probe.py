"""The program that asks Siegfried what files are, in a process of its own.

Siegfried holds the interpreter while it looks, brings a runtime with threads that outlives no fork, and reads what
strangers have sent. Run as a script: it reads a line ``{"scratch": folder, "files": [[path, ending], …]}`` and answers
one JSON object a line, either Siegfried's or ``{"error": why}``; :mod:`ingest.identification` is its only caller.
It imports nothing of ours.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from collections.abc import Iterator, Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

_SHORT = 48 * 1024
"""Shorter files are shown as they are."""
_EDGE = 16 * 1024
_LONG = 64 << 20
"""Of longer files only the ends are shown: every page of a file that is gone through counts as memory."""
_LONG_EDGE = 8 << 20
_PNG = b"\x89PNG\r\n\x1a\n"
_PICTURES = (b"\xff\xd8\xff", b"GIF8")
_PDF = b"%PDF-"
_ZIP = b"PK\x03\x04"
_SHOWN = 64
"""So much of the beginning and of the end of each stream of a PDF, or chunk of a PNG, is shown."""
_MOST_CHUNKS = 10_000


def main() -> None:
    """Answer until the input ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        asked = json.loads(line)
        sys.stdout.write(json.dumps(answer(asked["files"], asked["scratch"])) + "\n")
        sys.stdout.flush()


def answer(asked: Sequence[tuple[str, str]], scratch: str | None) -> dict[str, Any]:
    """What Siegfried says of the files, in their order; what it is shown of them lies in ``scratch`` meanwhile."""
    try:
        import pygfried  # noqa: PLC0415 (starts the Go runtime)

        with tempfile.TemporaryDirectory(prefix="names-", dir=scratch) as folder:
            shown = [_shown(Path(folder, f"{at}{ending}"), path) for at, (path, ending) in enumerate(asked)]
            return dict(pygfried.identify_many(shown))
    except (ImportError, OSError, ValueError) as error:
        return {"error": str(error)}


def _shown(place: Path, source: str) -> str:
    """``place`` is the file ``source``, or what of it decides on its format."""
    parts = _decisive(source)
    if parts is None:
        place.symlink_to(source)
    else:
        place.write_bytes(b"".join(parts))
    return str(place)


def _decisive(source: str) -> list[bytes] | None:
    """The bytes of a long file that signatures look at; None: all of them.

    Siegfried goes through compressed data byte by byte in search of patterns that can only be there by chance.
    A JPEG or GIF has its marks at its edges, a PNG between its chunks, a PDF everywhere but inside its streams.
    """
    try:
        with open(source, "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:  # noqa: PTH123
            if len(data) <= _SHORT:
                return None
            head = data[:8]
            if len(data) > _LONG and not head.startswith(_ZIP):
                return [data[:_LONG_EDGE], data[-_LONG_EDGE:]]
            if head == _PNG:
                return list(_without_long_chunks(data))
            if head.startswith(_PICTURES):
                return _edges(data, 0)
            return list(_without_streams(data)) if head.startswith(_PDF) else None
    except (OSError, ValueError):  # it is not there, or empty: Siegfried says so
        return None


def _edges(data: mmap, start: int) -> list[bytes]:
    """What follows ``start``, less its middle."""
    return [data[start : start + _EDGE], data[max(start + _EDGE, len(data) - _EDGE) :]]


def _without_long_chunks(data: mmap) -> Iterator[bytes]:
    """A PNG less the middle of its long chunks (ISO 15948, 5.3): versions are told by which chunks there are."""
    yield data[: len(_PNG)]
    at = len(_PNG)
    for _ in range(_MOST_CHUNKS):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            break
        if end - at > 3 * _SHOWN:
            yield data[at : at + _SHOWN]
            yield data[end - _SHOWN : end]
        else:
            yield data[at:end]
        at = end
    yield from _edges(data, at)


def _without_streams(data: mmap) -> Iterator[bytes]:
    """A PDF less the middle of its streams (ISO 32000-1, 7.3.8), but for XMP packets, which name PDF/A."""
    shown = 0
    while (begin := data.find(b"stream", shown)) >= 0:
        end = data.find(b"endstream", begin)
        if end < 0:
            break
        if end - begin > 3 * _SHOWN and data.find(b"<x:xmpmeta", begin, end) < 0:
            yield data[shown : begin + _SHOWN]
            yield data[end - _SHOWN : end + 9]
        else:
            yield data[shown : end + 9]
        shown = end + 9
    yield data[shown:]


if __name__ == "__main__":
    main()
