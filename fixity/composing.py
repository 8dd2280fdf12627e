"""A bag put together from copies of which none is whole: decay seldom strikes two copies at one place.

Where the copies agree there is nothing to choose. Where they differ each has a reading, and of all combinations
only one can bear the seal: a SHA-256 that matches is proof, whatever it was put together from. Nothing is voted on.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECTOR = 512
"""Disks lose sectors and tar counts in blocks of so many bytes: the smallest piece that is chosen as one."""

MOST_PLACES = 12
"""Places of difference that are looked at; with two copies so many give four thousand combinations."""

MOST_HASHED = 32 << 30
"""Bytes that are hashed for one bag at most: some half a minute."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where copies differ, from ``start`` to ``end``, and what they have there, each reading once."""

    start: int
    end: int
    readings: tuple[bytes, ...]


def composed(copies: Sequence[Path], seal: str, octets: int, target: Path) -> bool:
    """Whether the bag with this ``seal`` of so many ``octets`` could be put together; then it lies at ``target``.

    ``copies`` are files, also shorter or longer ones. False where they are fewer than two, differ in too many places,
    or no combination bears the seal. Raises OSError.
    """
    if len(copies) < 2:
        return False
    with ExitStack() as held:
        views = [view for path in copies if (view := held.enter_context(_mapped(path))) is not None]
        if len(views) < 2 or max(len(view) for view in views) < octets:
            return False
        for places in _ways_to_divide(views, octets):
            chosen = _chosen(views, places, seal, octets)
            if chosen is not None:
                _write(views, places, chosen, octets, target)
                return True
    return False


def _mapped(path: Path) -> Any:
    stack = ExitStack()
    file = stack.enter_context(path.open("rb"))
    if path.stat().st_size:
        stack.enter_context(view := mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        return _Held(stack, view)
    return _Held(stack, None)


class _Held:
    def __init__(self, stack: ExitStack, view: mmap.mmap | None) -> None:
        self._stack, self._view = stack, view

    def __enter__(self) -> mmap.mmap | None:
        return self._view

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _ways_to_divide(views: Sequence[mmap.mmap], octets: int) -> Iterator[list[_Place]]:
    """The places of difference: stretches in which the same copies differ, then sector by sector, then byte by byte."""
    sectors = _differing(views, octets)
    octet_by_octet = _bytes(views, sectors[:MOST_PLACES])
    tried: list[list[tuple[int, int]]] = []
    for spans in (_stretches(views, sectors), sectors, _stretches(views, octet_by_octet), octet_by_octet):
        if 0 < len(spans) <= MOST_PLACES and spans not in tried:
            tried.append(spans)
            yield [_Place(start, end, _readings(views, start, end)) for start, end in spans]


def _stretches(views: Sequence[mmap.mmap], spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbours in which the same copies are of one mind, as one."""
    joined: list[tuple[int, int]] = []
    before: tuple[int, ...] = ()
    for start, end in spans:
        pieces = [view[start:end] for view in views]
        minds = tuple(pieces.index(piece) for piece in pieces)
        if joined and joined[-1][1] == start and minds == before:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
        before = minds
    return joined


def _bytes(views: Sequence[mmap.mmap], sectors: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The single bytes in which these sectors differ."""
    return [
        (at, at + 1)
        for start, end in sectors
        for at in range(start, end)
        if len({view[at : at + 1] for view in views}) > 1
    ]


def _differing(views: Sequence[mmap.mmap], octets: int) -> list[tuple[int, int]]:
    """Every sector in which not all copies have the same, as (start, end)."""
    found = []
    step = SECTOR * 2048
    for begin in range(0, octets, step):
        until = min(begin + step, octets)
        first = views[0][begin:until]
        if all(view[begin:until] == first for view in views[1:]):
            continue
        for start in range(begin, until, SECTOR):
            end = min(start + SECTOR, octets)
            one = views[0][start:end]
            if any(view[start:end] != one for view in views[1:]):
                found.append((start, end))
    return found


def _readings(views: Sequence[mmap.mmap], start: int, end: int) -> tuple[bytes, ...]:
    """What the copies have there, the most frequent first: it is tried first, and proves nothing."""
    whole = [view[start:end] for view in views if len(view) >= end]
    return tuple(sorted(dict.fromkeys(whole), key=whole.count, reverse=True))


def _chosen(views: Sequence[mmap.mmap], places: Sequence[_Place], seal: str, octets: int) -> list[int] | None:
    """Which reading of each place makes a bag that bears the seal; None where none does, or it would take too long."""
    longest = max(views, key=len)
    left = MOST_HASHED

    def further(number: int, digest: Any, at: int) -> list[int] | None:
        nonlocal left
        until = places[number].start if number < len(places) else octets
        left -= until - at
        if left < 0:
            return None
        digest.update(memoryview(longest)[at:until])
        if number == len(places):
            return [] if digest.hexdigest() == seal else None
        for index, reading in enumerate(places[number].readings):
            branch = digest.copy()
            branch.update(reading)
            rest = further(number + 1, branch, places[number].end)
            if rest is not None:
                return [index, *rest]
        return None

    return further(0, hashlib.sha256(), 0)


def _write(
    views: Sequence[mmap.mmap], places: Sequence[_Place], chosen: Sequence[int], octets: int, target: Path
) -> None:
    longest = max(views, key=len)
    with target.open("wb") as file:
        at = 0
        for place, index in zip(places, chosen, strict=True):
            file.write(memoryview(longest)[at : place.start])
            file.write(place.readings[index])
            at = place.end
        file.write(memoryview(longest)[at:octets])
