"""What a source offers and how it is asked, whatever protocol it speaks; a name from it is data and never a way."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from repository.errors import Doubt

LONGEST_NAME = 800
"""Octets: two names must fit into one line of an index."""
_LONGEST_SEGMENT = 240
_UNFINISHED = (".filepart", ".part", ".tmp")
_PATIENCE = 300.0
_SLOWEST = 4096
"""Octets a second, over all of a file after so many seconds: slower sources let the others wait for nothing."""


class FeedFailed(Doubt):
    """A feed did not answer, refused us, or is not the one that the settings name."""

    def __init__(self, feed: str, reason: str) -> None:
        super().__init__(f"feed {feed!r}: {reason}")
        self.feed = feed
        self.reason = reason


class NotAsListed(Exception):
    """The file is another one than was listed, or gone: it is still being written, or was replaced."""


class NotAsPromised(Exception):
    """One delivery cannot be had as it was announced; it is tried again, and the others of its source go on."""


class NotKept(NotAsPromised):
    """It came as it was announced and cannot be kept as it is: only another version of it is tried."""


@dataclass(frozen=True, slots=True)
class Offered:
    """One file at a source. ``version`` differs when its bytes may differ; absent is what the source did not say."""

    name: str
    bytes: int | None
    modified: datetime | None
    version: str
    withdrawn: bool = False
    """The source says that it is no longer to be had there. What the archive keeps of it stays."""


class Source(Protocol):
    """A connected source. Every method raises FeedFailed when the source does not answer."""

    own_clock: bool
    """Whether ``modified`` is by this machine's clock; another machine's may be wrong by hours."""
    whole: bool = True
    """Whether a listing names all that is there, so that what it no longer names is gone."""

    def listing(self) -> Iterator[Offered]:
        """Every file there, in any order, as the listing comes."""
        ...

    def remembered(self) -> None:
        """The whole listing is in the catalogue: what it said need not be asked for again."""
        return

    def fetch(self, offered: Offered, target: Path) -> None:
        """Write the file to ``target``, going on where an earlier try left it. Raises NotAsListed, NotAsPromised."""
        ...

    def remove(self, offered: Offered) -> None:
        """Take the file away at the source, if it is still the one that was fetched."""
        ...

    def set_aside(self, offered: Offered) -> None:
        """Move the file into the folder ``.taken`` of the source, if it is still the one that was fetched."""
        ...


def name_problem(name: str) -> str | None:
    """Why a name is not accepted; None when it is one. Nothing in it may lead anywhere."""
    try:
        octets = name.encode("utf-8")
    except UnicodeEncodeError:
        return "is not UTF-8"
    segments = name.split("/")
    if any(segment in {"", ".", ".."} for segment in segments) or "\\" in name:
        return "leads out of the feed's place"
    if not all(character.isprintable() for character in name):
        return "has characters that cannot be shown"
    if len(octets) > LONGEST_NAME or len(segments[-1].encode()) > _LONGEST_SEGMENT:
        return "is too long"
    return None


def hidden(name: str) -> bool:
    """Whether a segment begins with a dot or the name ends as transfer programs end it while they write: unfinished
    uploads, and what was set aside."""
    return any(segment.startswith(".") for segment in name.split("/")) or name.endswith(_UNFINISHED)


def part_name(offered: Offered) -> str:
    """The name of the file that an unfinished fetch leaves: another version never goes on with it."""
    return hashlib.sha256(f"{offered.name}\x00{offered.version}".encode()).hexdigest()[:40]


def append(read: Callable[[int], bytes], target: Path, offset: int, most: int | None) -> int:
    """Write what ``read`` gives to ``target`` from ``offset`` on; its length then.

    Raises NotAsListed for more than ``most`` octets, NotAsPromised for a source that drips: what came stays, to be
    gone on with. No time-out of a socket sees that, since each single read returns.
    """
    began, had = time.monotonic(), offset
    with target.open("r+b" if target.exists() else "xb") as file:
        file.truncate(offset)
        file.seek(offset)
        while block := read(1 << 18):
            offset += len(block)
            if most is not None and offset > most:
                raise NotAsListed("there are more bytes than were listed")
            file.write(block)
            seconds = time.monotonic() - began
            if seconds > _PATIENCE + (offset - had) / _SLOWEST:
                raise NotAsPromised(f"only {offset - had} bytes came in {seconds:.0f} s; it is gone on with later")
    return offset
