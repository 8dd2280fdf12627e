"""What one reading of a bag brought to light: every file's length, place and digests, and the text tag files whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from repository.bags.algorithms import EVERY, Digester, known
from repository.bags.codes import Findings
from repository.bags.paths import PAYLOAD

MOST_FILES = 1_000_000
MOST_NAME_BYTES = 256 << 20
MOST_TEXT = 256 << 20
"""The standard's own tag files are held whole, up to this many bytes together (1.5 million lines of SHA-512)."""
MOST_METADATA = 64 << 20
"""Files under ``metadata/``, and the payload that is asked for, are handed to the caller whole, up to this many bytes
together."""

Wanted = Callable[[str, int], bool]
"""Whether a payload file, by its path inside ``data/`` and its size, is to be handed to the caller whole."""

MANIFEST = re.compile(r"(tag)?manifest-([^/]+)\.txt", re.DOTALL)
_ANNOUNCED = re.compile(rb"[ \t*/]manifest-([A-Za-z0-9_-]+)\.txt[\r\n]")


class Member(NamedTuple):
    """One regular file: ``offset`` of its first byte in the tar (0 in a folder), one digest an algorithm."""

    offset: int
    size: int
    algorithms: tuple[str, ...]
    digests: tuple[bytes, ...]

    def digest(self, algorithm: str) -> bytes | None:
        """The digest by ``algorithm``; None when it was not computed."""
        return self.digests[self.algorithms.index(algorithm)] if algorithm in self.algorithms else None


def is_text(path: str) -> bool:
    """Whether ``path``, from the bag's base directory, is a tag file that the standard itself describes."""
    return path in ("bagit.txt", "bag-info.txt", "package-info.txt", "fetch.txt") or bool(MANIFEST.fullmatch(path))


@dataclass(slots=True)
class Contents:
    """A bag as it was read; paths are relative to its base directory."""

    findings: Findings = field(default_factory=Findings)
    name: str | None = None
    members: dict[str, Member] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    metadata: dict[str, bytes] = field(default_factory=dict)
    held: dict[str, bytes] = field(default_factory=dict)
    """Payload files that were asked for whole."""
    refused: set[str] = field(default_factory=set)
    """Names that stand for a link, a device and the like: there, and not read."""
    has_payload_folder: bool = False
    cut_short: bool = False
    """Whether reading stopped before the end, so that what was not read is not called missing."""

    def payload(self) -> Iterator[tuple[str, Member]]:
        """The payload files, in the order in which they were read."""
        return ((path, member) for path, member in self.members.items() if path.startswith(PAYLOAD))

    def manifests(self, tag: bool) -> dict[str, str]:
        """Path and algorithm, as its name spells it, of every payload manifest, or of every tag manifest."""
        found = ((path, MANIFEST.fullmatch(path)) for path in self.members if path.endswith(".txt"))
        return {path: match.group(2) for path, match in found if match and bool(match.group(1)) == tag}


class Collector:
    """Takes in one file after another under the limits, and decides which digests each of them needs."""

    def __init__(self, algorithms: tuple[str, ...] | None, wanted: Wanted | None = None) -> None:
        """``algorithms`` is all that will be asked for, if that is known beforehand; None when the bag has to tell."""
        self._wanted = wanted
        self.contents = Contents()
        self._fixed = algorithms
        self._announced: set[str] | None = None
        self._held = 0
        self._metadata = 0
        self._count = 0
        self._names = 0

    def room_for(self, path: str) -> bool:
        """Whether one more file may be taken; if not, a finding says so, once."""
        self._count += 1
        self._names += len(path)
        if self._count <= MOST_FILES and self._names <= MOST_NAME_BYTES:
            return True
        if not self.contents.cut_short:
            reason = f"more than {MOST_FILES} names or {MOST_NAME_BYTES} bytes of names"
            self.contents.findings.add("BAG_LIMIT", reason=reason)
            self.contents.cut_short = True
        return False

    def take(self, key: str, path: str, offset: int, size: int, pieces: Iterator[memoryview]) -> int:
        """Read one file of ``size`` bytes to its end and keep what is needed of it under ``key``; how many bytes came.

        ``path`` is where it stands in the bag, as far as is known now; it decides only
        which digests are made and whether the bytes are held.
        """
        algorithms = self._needed(path)
        digester = Digester(algorithms)
        held: list[bytes] | None = [] if self._hold(path, size) else None
        octets = digester.take(pieces if held is None else _copied(pieces, held))
        self.contents.members[key] = Member(offset, octets, algorithms, digester.digests())
        if held is not None:
            raw = b"".join(held)
            if path.startswith("metadata/"):
                self.contents.metadata[key] = raw
            elif path.startswith(PAYLOAD):
                self.contents.held[key] = raw
            else:
                self.contents.texts[key] = raw
                self._listen(path, raw)
        return octets

    def forget(self, key: str) -> None:
        """Let go of a file whose end never came: it is missing, not different."""
        for table in (self.contents.members, self.contents.texts, self.contents.metadata, self.contents.held):
            table.pop(key, None)

    def _hold(self, path: str, size: int) -> bool:
        if path.startswith("metadata/") or self._is_wanted(path, size):
            self._metadata += size
            return self._metadata <= MOST_METADATA
        if not is_text(path):
            return False
        self._held += size
        if self._held > MOST_TEXT:
            self.contents.findings.add("BAG_LIMIT", path, reason=f"more than {MOST_TEXT} bytes of manifests and tags")
            return False
        return True

    def _is_wanted(self, path: str, size: int) -> bool:
        return self._wanted is not None and path.startswith(PAYLOAD) and self._wanted(path[len(PAYLOAD) :], size)

    def _needed(self, path: str) -> tuple[str, ...]:
        """SHA-512 always, so that every report can name the payload's bytes in one way.

        Payload needs what the payload manifests ask for. A tag manifest must list them all
        (RFC 8493 2.2.1), so one that stands in front announces them; without it nobody can know
        what will be asked, and every digest is made. Tag files are small, and always get all.
        """
        if self._fixed is not None:
            return self._fixed
        if not path.startswith(PAYLOAD) or self._announced is None:
            return EVERY
        return tuple(sorted(self._announced | {"sha512"}))

    def _listen(self, path: str, raw: bytes) -> None:
        match = MANIFEST.fullmatch(path)
        if match and match.group(1):
            names = {name.decode("ascii") for name in _ANNOUNCED.findall(raw)}
            if names:
                said = {algorithm for name in names if (algorithm := known(name))}
                self._announced = (self._announced or set()) | said


def _copied(pieces: Iterator[memoryview], into: list[bytes]) -> Iterator[memoryview]:
    for piece in pieces:
        into.append(bytes(piece))
        yield piece


def sizes(members: Mapping[str, Member]) -> tuple[int, int]:
    """Bytes and number of the payload files among ``members``."""
    lengths = [member.size for path, member in members.items() if path.startswith(PAYLOAD)]
    return sum(lengths), len(lengths)
