"""What a delivery turned out to hold: its files as values, and what was read but is no file of an article."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from repository.turkish import machine_lower
from repository.vocabulary import Finding, Level

LARGEST_METADATA = 64 << 20
"""Bytes of one metadata file that are read into memory at once."""

_METADATA = (".xml", ".nxml", ".xml.meta", ".sgm", ".sgml")


def named_as_metadata(name: str) -> bool:
    """Whether this is the name of an XML (or SGML) file, as publishers give it to an article's metadata."""
    return machine_lower(name).endswith(_METADATA)


@dataclass(frozen=True, slots=True)
class Delivered:
    """One file as it was delivered: the publisher's name for it, and where its bytes are now.

    ``raw_name`` are the octets of the name where they are not its UTF-8 and ``name`` does not hold them itself.
    """

    name: str
    source: Path
    raw_name: bytes | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a delivery.

    ``name`` is the publisher's, '/' between its parts, ``inner.zip!/name`` for what was inside an inner archive;
    ``raw_name`` its bytes where they are not the UTF-8 of ``name``; ``archive`` the delivered file that held it,
    empty for a file that was delivered as it is; ``source`` where its bytes are now; ``sha512`` hexadecimal.
    """

    name: str
    raw_name: bytes | None
    archive: str
    source: Path
    bytes: int
    sha512: str

    @property
    def is_named_as_metadata(self) -> bool:
        """Whether :func:`named_as_metadata` is true of it."""
        return named_as_metadata(self.name)


class Aside(StrEnum):
    """Why a file of an archive is no member: system junk, or the same name and bytes in two archives of a set."""

    JUNK = "junk"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class SetAside:
    """A file that was read and is passed over, by name and archive."""

    name: str
    archive: str
    why: Aside


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A delivery, opened. ``members`` is empty when ``refused``: of such a delivery nothing may be used.

    For each archive: its files = its members + those set aside + the archives in it that were opened.
    ``opened`` names every archive that was opened; ``lists`` the members that are lists of digests.
    """

    members: tuple[Member, ...]
    findings: tuple[Finding, ...]
    set_aside: tuple[SetAside, ...] = ()
    opened: tuple[str, ...] = ()
    lists: frozenset[str] = frozenset()

    @property
    def refused(self) -> bool:
        """Whether an error stands against the delivery as such."""
        return any(found.level is Level.ERROR for found in self.findings)
