"""What lies ready and what does not: a page of the feed put together from sheaves, the rest written out on the spot."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy.orm import Session

from oai_pmh import formats, wire
from oai_pmh.wire import Packed, Part
from repository.catalogue import harvest, sheaves
from repository.catalogue.sheaves import Lying, Place

A_SHEAF = 100
"""Records of one sheaf, at most,"""
LARGEST = 1 << 20
"""and octets of their text, unless one record alone is larger."""

_A_TWENTIETH = 20
_FEW = 8

HEADERS = "headers"
"""Lies ready for ListIdentifiers, as records do under their metadataPrefix."""

Write = Callable[[Session, Sequence[int]], Callable[[], list[bytes]]]
"""The records (or headers) with these change numbers, each as it stands in a list: looked up now, and written out when
what is returned is called. That takes longer, and in SQLite an open reader keeps writers from committing."""


@cache
def _wording() -> str:
    """A digest of the program that writes records: with another one, what lies ready is written anew."""
    here = Path(__file__).parent
    sources = sorted(
        (*Path(formats.__file__).parent.glob("*.py"), here / "xml.py", here / "sets.py", here / "items.py")
    )
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def form(prefix: str, base_url: str, repository_identifier: str) -> str:
    """The name under which records of this format lie ready, as this program and these settings write them."""
    said = f"{base_url}\n{repository_identifier}\n{_wording()}"
    return f"{prefix}:{hashlib.sha256(said.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Run:
    """Some records of a list, as they go out; ``more`` is whether any follow."""

    build: Callable[[], list[Part]]
    """They themselves, to be asked for when the transaction is over."""
    records: int
    mark: bytes
    """Which they are: their change numbers, eight octets each."""
    last: Place
    more: bool

    @property
    def numbers(self) -> Sequence[int]:
        """Their change numbers."""
        return sheaves.unpacked(self.mark)


def run(
    session: Session,
    part: harvest.Range,
    span: harvest.Span,
    *,
    after: Place | None,
    limit: int,
    lying_as: str | None,
    write: Write,
) -> Run | None:
    """Up to ``limit`` records of ``part`` inside ``span`` after the place ``after``; None when there is none.

    Those that lie ready under ``lying_as`` go out as they lie, the others as ``write`` gives them. Where as many
    follow, the run ends with a sheaf: the next one begins with a whole one then.
    """
    if lying_as and part == harvest.WHOLE_FEED and (ready := _ready(session, span, after, limit, lying_as)):
        return ready
    numbers = harvest.numbers(session, part, span, after=after, limit=limit + 1)
    if not numbers:
        return None
    more = len(numbers) > limit
    del numbers[limit:]
    found = _lying(session, lying_as, numbers, limit) if lying_as else []
    taken = _taken(numbers, found, more=more)
    given = sum(each.count for each in taken)
    bare = [number for each in taken if each.part is None for number in each.numbers]
    written = write(session, bare) if bare else list
    more = more or given < len(numbers)
    mark = sheaves.packed(numbers[:given])
    return Run(lambda: _built(taken, written()), given, mark, harvest.place_of(session, numbers[given - 1]), more)


def _ready(session: Session, span: harvest.Span, after: Place | None, limit: int, lying_as: str) -> Run | None:
    """A run of whole sheaves, where the next ones are whole and nothing stands between them: as nearly always."""
    begin = after or (span.since or sheaves.BEGINNING[0], 0)
    found: list[sheaves.Ready] = []
    room = limit
    for one in sheaves.following(session, lying_as, begin, max(1, limit // A_SHEAF)):
        room -= one.records
        if room < 0 or one.last[0] >= span.end:
            break
        found.append(one)
    # One that begins before this place holds more than is to be counted, and does not go out whole.
    if not found or not sheaves.whole(session, begin, found):
        return None
    newest = harvest.latest(session, span)
    last = found[-1].last
    return Run(
        build=lambda: [Packed(one.deflated, one.size, one.crc) for one in found],
        records=sum(one.records for one in found),
        mark=b"".join(one.numbers for one in found),
        last=last,
        more=newest is not None and newest > last,
    )


def _built(taken: Sequence[_Taken], written: Iterable[bytes]) -> list[Part]:
    rest = iter(written)
    parts: list[Part] = []
    for each in taken:
        parts += [each.part] if each.part is not None else [next(rest) for _ in each.numbers]
    return parts


@dataclass(frozen=True, slots=True)
class _Taken:
    """Records that follow each other: from a sheaf, or (``part`` None) still to be written out."""

    numbers: Sequence[int]
    part: Part | None

    @property
    def count(self) -> int:
        return len(self.numbers)


def _lying(session: Session, lying_as: str, numbers: Sequence[int], limit: int) -> list[Lying]:
    since, until = harvest.place_of(session, numbers[0]), harvest.place_of(session, numbers[-1])
    # A set of which there is one record in a hundred would have a hundred records unpacked for each.
    return sheaves.overlapping(session, lying_as, since, until, max(_FEW, limit // _A_TWENTIETH)) or []


def _taken(numbers: list[int], found: Sequence[Lying], *, more: bool) -> list[_Taken]:
    begins = {one.numbers[0]: one for one in found}
    cuts: dict[int, bytes] | None = None
    taken: list[_Taken] = []
    place = 0
    while place < len(numbers):
        one = begins.get(numbers[place])
        if one is not None:
            whole = list(one.numbers)
            here = numbers[place : place + len(whole)]
            if here == whole:
                taken.append(_Taken(here, Packed(one.deflated, one.size, one.crc)))
                place += len(whole)
                continue
            if more and taken and here == whole[: len(here)]:
                break
        if cuts is None:
            cuts = _cuts(found, set(numbers[place:]))
        number = numbers[place]
        taken.append(_Taken([number], cuts.get(number)))
        place += 1
    return taken


def _cuts(found: Sequence[Lying], wanted: set[int]) -> dict[int, bytes]:
    """By change number, the text of each of the ``wanted`` records that lies in these sheaves."""
    return {
        number: text
        for one in found
        if wanted.intersection(one.numbers)
        for number, text in texts(one)
        if number in wanted
    }


def texts(one: Lying) -> list[tuple[int, bytes]]:
    """Each record of a sheaf: its change number, and its text."""
    text = wire.unpacked(Packed(one.deflated, one.size, one.crc))
    begins = [0, *one.ends[:-1]]
    return [(number, text[begin:end]) for number, begin, end in zip(one.numbers, begins, one.ends, strict=True)]


def bound(records: Sequence[tuple[Place, bytes]]) -> Lying:
    """A sheaf of these records, which follow each other: the place of each, and its text."""
    ends, end = [], 0
    for _, text in records:
        end += len(text)
        ends.append(end)
    packed = wire.pack(b"".join(text for _, text in records))
    return Lying(
        first=records[0][0],
        last=records[-1][0],
        size=packed.size,
        crc=packed.crc,
        numbers=[place[1] for place, _ in records],
        ends=ends,
        deflated=packed.deflated,
    )
