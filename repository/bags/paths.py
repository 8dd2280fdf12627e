"""Which names may stand in a bag, how a manifest spells them, and how a hostile one is shown without harm."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

PAYLOAD = "data/"
_STRAY = re.compile("%(?!25|0[AaDd])")
MOST_SEGMENT_BYTES = 255
"""No file system in use can hold a longer name, so a bag with one could not be unpacked."""
MOST_PATH_BYTES = 4000
"""PATH_MAX is 4,096 on Linux, and the bag's own folder stands in front."""


def shown(name: str) -> str:
    """``name`` as text that any screen, log or JSON document can hold: controls, bidi marks and raw bytes escaped."""
    if len(name) > MOST_PATH_BYTES:
        name = name[:MOST_PATH_BYTES] + "[...]"
    if name.isascii() and name.isprintable():
        return name
    return "".join(c if c.isprintable() else _escaped(c) for c in name)


def _escaped(character: str) -> str:
    raw = ord(character) - 0xDC00  # a byte that was not UTF-8 (PEP 383)
    return f"\\x{raw:02x}" if 0x80 <= raw <= 0xFF else character.encode("unicode_escape").decode("ascii")


def outside(path: str) -> bool:
    """Whether ``path`` could lead out of the folder that it is relative to (RFC 8493 5.1), on POSIX."""
    return path.startswith("/") or path == ".." or (".." in path and ".." in path.split("/"))


def unsafe_path(path: str) -> str | None:
    """Why ``path`` (relative, ``/`` between its segments) may not be written into a bag; None when it may.

    Refused are only names that would leave the folder or that no file system can
    hold. Controls, trailing dots, quotes and the like are a publisher's own affair:
    they are kept exactly.
    """
    if not path:
        return "it is empty"
    if "\0" in path:
        return "it holds a NUL"
    if path.startswith("/"):
        return "it is absolute"
    try:
        octets = path.encode("utf-8")
    except UnicodeEncodeError:
        return "it is not Unicode text"
    if len(octets) > MOST_PATH_BYTES:
        return f"it is longer than {MOST_PATH_BYTES} bytes"
    for segment in path.split("/"):
        if segment in ("", ".", ".."):
            return f"it holds the segment {segment!r}"
        if len(segment.encode("utf-8")) > MOST_SEGMENT_BYTES:
            return f"one of its segments is longer than {MOST_SEGMENT_BYTES} bytes"
    return None


def payload_name_fault(name: str) -> str | None:
    """:func:`unsafe_path` of a publisher's file under ``data/``."""
    return unsafe_path(PAYLOAD + name) if name else "it is empty"


def percent_encoded(path: str) -> str:
    """``path`` as a manifest writes it: LF, CR and ``%`` percent-encoded, and only those (RFC 8493 2.1.3)."""
    if "%" not in path and "\n" not in path and "\r" not in path:
        return path
    return path.replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")


def percent_decoded(path: str) -> str:
    """The inverse of :func:`percent_encoded`; RFC 3986 lets the two digits be large or small."""
    if "%" not in path:
        return path
    first, *rest = path.split("%")
    parts = [first]
    for part in rest:
        character = {"0a": "\n", "0A": "\n", "0d": "\r", "0D": "\r", "25": "%"}.get(part[:2])
        parts.append("%" + part if character is None else character + part[2:])
    return "".join(parts)


def stray_percent(path: str) -> bool:
    """Whether a manifest's path holds a ``%`` that encodes none of the three characters."""
    return _STRAY.search(path) is not None


def alike(names: Iterable[str], fold_case: bool) -> Iterator[tuple[str, str]]:
    """Pairs of names that differ only in normalisation or, with ``fold_case``, only in case (RFC 8493 6.1.1)."""
    seen: dict[str, str] = {}
    for name in names:
        key = name if name.isascii() else unicodedata.normalize("NFC", name)
        first = seen.setdefault(unicodedata.normalize("NFC", key.casefold()) if fold_case else key, name)
        if first != name and (not fold_case or unicodedata.normalize("NFC", first) != key):
            yield first, name


def both_file_and_folder(names: Iterable[str]) -> Iterator[str]:
    """Names that stand for a file although another name needs them to be a folder."""
    files = set(names)
    reported: set[str] = set()
    for name in files:
        at = name.rfind("/")
        while at > 0:
            folder = name[:at]
            if folder in files and folder not in reported:
                reported.add(folder)
                yield folder
            at = name.rfind("/", 0, at)
