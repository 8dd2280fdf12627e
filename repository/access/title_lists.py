"""The title list of a licence, as KBART gives it: what it names is a right of all parties, and stays one.

A newer list takes nothing away. What it makes longer is longer; what it leaves out, or ends earlier than before, stands
as it was and is told as no longer listed, until a person decides about it (:func:`repository.access.claims.end`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from repository.access import changes
from repository.access.runs import Run, read, settle
from repository.access.terms import RECORD
from repository.catalogue import titles
from repository.catalogue.parts import parts
from repository.kbart_lines import BadList, Complaint, Reading, issn_of
from repository.models import Entitlement, EntitlementAct, Licence, Title
from repository.rights import ClaimState, Side
from repository.texts import marked

NO_LONGER = "no longer listed: "
"""Begins the reason of an act that tells which list left a run out."""
_LONGEST_CHAIN = 100

NO_TITLES = marked("The list names no journal.")


@dataclass(frozen=True, slots=True)
class ReadRuns:
    """What a title list says, and what is wrong with the lines of it that say nothing, or not all of it."""

    name: str
    sha256: str
    runs: list[Run]
    reading: Reading


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a title list."""

    rows: int
    new: int
    unchanged: int
    extended: int
    no_longer: Sequence[str]
    """Journals of runs that an older list named and this one does not, or ends earlier; they stand as they were."""
    complaints: Sequence[Complaint]

    def as_json(self) -> dict[str, Any]:
        """The numbers and what is to be looked at."""
        return {
            "rows": self.rows,
            "new": self.new,
            "unchanged": self.unchanged,
            "extended": self.extended,
            "no_longer_listed": list(self.no_longer),
            "complaints": [str(each) for each in self.complaints],
        }


def read_list(name: str, data: bytes) -> ReadRuns:
    """The runs of a KBART list. Raises BadList when none is left, or when it cannot be read to its end."""
    reading = Reading(name)
    runs = list(read(reading, data))
    if not runs:
        raise BadList(name, reading.wrong or [Complaint(NO_TITLES)])
    return ReadRuns(name, hashlib.sha256(data).hexdigest(), runs, reading)


def load(
    session: Session,
    by: str,
    licence: Licence,
    listed: ReadRuns,
    *,
    at: datetime,
    state: ClaimState = ClaimState.AGREED,
) -> Loaded:
    """The list is the licence's title list from now on; the same list again changes nothing.

    Journals that the archive does not know are entered as the licence's publisher's.
    """
    changes.take(session)
    reading, runs = listed.reading, listed.runs
    done = settle(session, by, licence, None, runs, reading, at=at, state=lambda _run: state)
    gone = _left_out(session, by, licence, reading.name, done.seen, at)
    followed = _follow(session, runs, done.places)
    counts = {"new": done.new, "extended": done.extended, "no longer listed": len(gone), "preceding": followed}
    if any(counts.values()):
        told = {"list": reading.name, "sha256": listed.sha256, "rows": len(runs), **counts}
        changes.noted(session, by, RECORD, licence.code, "title list loaded", after=told, at=at)
    reading.wrong.sort(key=lambda one: one.line or 0)
    return Loaded(len(runs), done.new, done.unchanged, done.extended, gone, reading.wrong)


def _left_out(session: Session, by: str, licence: Licence, source: str, seen: set[int], at: datetime) -> list[str]:
    """Runs that lists named until now and this one does not: marked, each with an act that says so."""
    rows = session.execute(
        select(Entitlement.id, Entitlement.name, Entitlement.state)
        .where(Entitlement.licence_id == licence.id, Entitlement.institution_id.is_(None), Entitlement.row.is_not(None))
        .order_by(Entitlement.id)
    ).all()
    gone = [row for row in rows if row.id not in seen]
    for some in parts(gone):
        session.execute(
            update(Entitlement).where(Entitlement.id.in_([row.id for row in some])).values(row=None, by=by, at=at)
        )
        session.add_all(
            EntitlementAct(
                entitlement_id=row.id, state=row.state, side=Side.ARCHIVE, by=by, at=at, reason=NO_LONGER + source[:500]
            )
            for row in some
        )
    session.flush()
    return [row.name for row in gone]


def _follow(session: Session, runs: Sequence[Run], places: Sequence[int]) -> int:
    """Journals continue those that the list says they continue, where it names these; how many that was new of."""
    by_number = {run.title_id: place for run, place in zip(runs, places, strict=True) if run.title_id}
    by_issn = {issn: place for run, place in zip(runs, places, strict=True) for issn in run.title.issns}
    wanted: dict[int, int] = {}
    for run, place in zip(runs, places, strict=True):
        if run.preceding is None:
            continue
        before = by_number.get(run.preceding) or by_issn.get(issn_of(run.preceding) or "")
        if before is None and (issn := issn_of(run.preceding)) is not None:
            known = titles.title_by_issn(session, [issn])
            before = known.id if known is not None else None
        if before is not None and before != place:
            wanted.setdefault(place, before)
    if not wanted:
        return 0
    links = _links(session, wanted.items())
    number = 0
    for some in parts(sorted(wanted)):
        for title in session.execute(select(Title).where(Title.id.in_(some), Title.preceding_id.is_(None))).scalars():
            if not _leads_back(links, wanted[title.id], title.id):
                title.preceding_id = links[title.id] = wanted[title.id]
                number += 1
    session.flush()
    return number


def _links(session: Session, wanted: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Which journal continues which, as far as it can lead from one of these to another."""
    found: dict[int, int] = {}
    ask = {number for pair in wanted for number in pair}
    while ask:
        new: dict[int, int] = {}
        for some in parts(sorted(ask)):
            known = select(Title.id, Title.preceding_id).where(Title.id.in_(some), Title.preceding_id.is_not(None))
            new.update((row.id, row.preceding_id) for row in session.execute(known))
        found.update(new)
        ask = set(new.values()) - found.keys()
    return found


def _leads_back(links: Mapping[int, int], start: int, to: int) -> bool:
    place: int | None = start
    for _ in range(_LONGEST_CHAIN):
        if place is None:
            return False
        if place == to:
            return True
        place = links.get(place)
    return True
