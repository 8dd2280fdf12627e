"""Records laid ready ahead of those who will ask: once for each change, in the order in which they are harvested.

What is not laid ready yet is written out when it is asked for, so nothing depends
on this but speed. Several processes may prepare at once: each step is entered only
where the one before it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from oai_pmh.sheaves import A_SHEAF, HEADERS, LARGEST, bound, texts
from oai_pmh.verbs import Window, write
from repository.catalogue import changes, harvest, sheaves
from repository.catalogue.sheaves import Lying, Place

_SETTLED = timedelta(seconds=5)
"""So old are the youngest records that are laid ready: what is younger may be announced again in a moment."""

_WISHED = timedelta(days=30)
"""So long a format for which somebody asked is kept ready."""

_AT_ONCE = 10
"""Sheaves entered in one transaction."""

_CHANGES = 1000
_DROPPED = 200


@dataclass(frozen=True, slots=True)
class Laid:
    """What one pass has done: records laid ready, and sheaves bound anew because records had gone on."""

    records: int = 0
    rebound: int = 0


def prepare(window: Window, prefixes: Sequence[str], stopping: Callable[[], bool]) -> Laid:
    """Lay ready all that is not, in the formats ``prefixes``, those for which somebody asked lately, and as headers.

    What another version of the program wrote, or other settings, is taken away. Raises DatabaseUnavailable.
    """
    wanted = _wanted(window, prefixes)
    laid, rebound = 0, 0
    for prefix in wanted:
        form = window.form(prefix)
        while not stopping() and (step := _lay(window, prefix, form)):
            laid += step
        while not stopping() and (mended := _follow(window, form)) is not None:
            rebound += mended
    _drop_others(window, {window.form(prefix) for prefix in wanted}, stopping)
    return Laid(laid, rebound)


def _wanted(window: Window, prefixes: Sequence[str]) -> list[str]:
    with window.catalogue.reading() as session:
        since = window.clock(session) - _WISHED
        known = {one.form: one.asked_at for one in sheaves.forms(session)}
        head = changes.last_number(session)
    asked = [
        prefix for prefix in window.preparable if (at := known.get(window.form(prefix))) is not None and at >= since
    ]
    wanted = list(dict.fromkeys((HEADERS, *(one for one in prefixes if one in window.preparable), *asked)))
    if new := [prefix for prefix in wanted if window.form(prefix) not in known]:
        with window.catalogue.writing() as session:
            for prefix in new:
                sheaves.begin(session, window.form(prefix), head)
    return wanted


def write_down_wishes(window: Window) -> None:
    """Formats that somebody has begun to harvest are laid ready from now on. Raises DatabaseUnavailable."""
    wishes = [prefix for prefix in tuple(window.wishes) if prefix in window.preparable]
    if not wishes:
        return
    with window.catalogue.writing() as session:
        now = window.clock(session)
        head = changes.last_number(session)
        for prefix in wishes:
            sheaves.begin(session, window.form(prefix), head)
            sheaves.asked(session, window.form(prefix), now)
    window.wishes.difference_update(wishes)


def _lay(window: Window, prefix: str, form: str) -> int:
    """The next records laid ready: how many; 0 when fewer are left than a sheaf holds, or another process was first."""
    with window.catalogue.reading() as session:
        stood = sheaves.standing(session, form)
        if stood is None:
            return 0
        begun: Place = (stood.datestamp, stood.number)
        span = harvest.Span(window.clock(session) - _SETTLED)
        numbers = harvest.numbers(session, harvest.WHOLE_FEED, span, after=begun, limit=A_SHEAF * _AT_ONCE)
        # What is fewer than a sheaf waits for more, unless more are there already: then a sheaf was full of octets.
        if len(numbers) < A_SHEAF:
            return 0
        entries = harvest.entries(session, numbers, records=False)
        writing_out = write(window, prefix)(session, numbers)
    written = writing_out()  # when nobody is kept from committing any more
    places = [(entry.datestamp, entry.change_number) for entry in entries]
    made = [
        bound(some)
        for some in _bundles(list(zip(places, written, strict=True)), whole=len(numbers) < A_SHEAF * _AT_ONCE)
    ]
    with window.catalogue.writing() as session:
        stood = sheaves.standing(session, form, locked=True)
        if stood is None or (stood.datestamp, stood.number) != begun or not made:
            return 0
        sheaves.enter(session, form, made)
        stood.datestamp, stood.number = made[-1].last
    return sum(len(one.numbers) for one in made)


def _bundles(records: list[tuple[Place, bytes]], *, whole: bool) -> Iterator[list[tuple[Place, bytes]]]:
    """The records in bundles of a sheaf each; with ``whole`` without the last one, if more would fit into it."""
    bundle: list[tuple[Place, bytes]] = []
    size = 0
    for record in records:
        if bundle and (len(bundle) == A_SHEAF or size + len(record[1]) > LARGEST):
            yield bundle
            bundle, size = [], 0
        bundle.append(record)
        size += len(record[1])
    if bundle and (len(bundle) == A_SHEAF or not whole):
        yield bundle


def _follow(window: Window, form: str) -> int | None:
    """Sheaves bound anew without what has gone on since; None when no change is left to follow."""
    with window.catalogue.reading() as session:
        stood = sheaves.standing(session, form)
        if stood is None:
            return None
        begun = stood.followed
        upto, places = sheaves.gone_on(session, begun, window.clock(session) - _SETTLED, _CHANGES)
        if upto == begun:
            return None
        gone, bundles = _rebound(session, form, sheaves.holding(session, form, places))
    made = [bound(bundle) for bundle in bundles]
    with window.catalogue.writing() as session:
        stood = sheaves.standing(session, form, locked=True)
        if stood is None or stood.followed != begun:
            return None
        sheaves.replace(session, form, gone, made)
        stood.followed = upto
    return len(gone)


def _rebound(session: Session, form: str, ids: Sequence[int]) -> tuple[list[Lying], list[list[tuple[Place, bytes]]]]:
    """Those of these sheaves of which records have gone on, and what is left of them, to be bound anew.

    What is less than half a sheaf is put together with the next one: else pages would become smaller and smaller.
    """
    gone: list[Lying] = []
    bundles: list[list[tuple[Place, bytes]]] = []
    for number in ids:
        if any(one.id == number for one in gone):
            continue
        one = sheaves.read(session, [number])[0]
        left = _left(session, one)
        if len(left) == len(one.numbers):
            continue
        gone.append(one)
        while len(left) < A_SHEAF // 2 and (following := sheaves.after(session, form, gone[-1].last)) is not None:
            more = _left(session, following)
            if len(left) + len(more) > A_SHEAF:
                break
            left += more
            gone.append(following)
        if left:
            bundles.append(left)
    return gone, bundles


def _left(session: Session, one: Lying) -> list[tuple[Place, bytes]]:
    """The records of a sheaf that stand in the feed still: the place of each, and its text."""
    still = harvest.standing(session, one.numbers)
    return [((still[number], number), text) for number, text in texts(one) if number in still]


def _drop_others(window: Window, forms: set[str], stopping: Callable[[], bool]) -> None:
    with window.catalogue.reading() as session:
        others = [one.form for one in sheaves.forms(session) if one.form not in forms]
    for form in others:
        over = False
        while not over and not stopping():
            with window.catalogue.writing() as session:
                over = sheaves.drop(session, form, _DROPPED)
