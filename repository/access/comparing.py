"""A library's own list held against its rights and against what is preserved: nothing of it is kept.

Each run of the list gets one verdict, and the years that it rests on; what of the rights the list does not name is
told as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select

from repository.access import entitled, our_rights
from repository.access.entitled import Agreements
from repository.access.held import HeldIssue
from repository.access.our_rights import Journal, Looked, Right
from repository.access.runs import Run, read
from repository.access.title_lists import NO_TITLES
from repository.catalogue import Catalogue
from repository.catalogue.parts import parts
from repository.coverage import Place, days_of
from repository.kbart_lines import BadList, Complaint, Reading
from repository.models import TitleIssn
from repository.texts import marked

MOST_RUNS = 50_000

TOO_LONG = marked("A list has at most %(most)s lines here: divide it.")


class Verdict(StrEnum):
    """What became of one run of the list."""

    MATCHED = "matched"
    """There is a right to all of it that is held, and all of it is preserved."""
    NOT_PRESERVED = "not_preserved"
    """There is a right, and some of it is not held, or not preserved yet."""
    NO_RIGHT = "no_right"
    """It is held, and there is no right to some of it."""
    NEITHER = "neither"
    """There is no right, and nothing is held."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One run of the list."""

    run: Run
    journal: Journal | None
    """As the archive knows it; None: it does not."""
    verdict: Verdict
    right: tuple[int, ...] = ()
    """Years of the run, up to this one, to which there is a right;"""
    preserved: tuple[int, ...] = ()
    """years of these that are preserved,"""
    in_progress: tuple[int, ...] = ()
    """that are held, and not read back everywhere,"""
    lacking: tuple[int, ...] = ()
    """and of which nothing is held."""
    without: tuple[int, ...] = ()
    """Years that are held, and to which there is no right."""


@dataclass(slots=True)
class Comparison:
    """The whole answer."""

    name: str
    lines: list[Compared] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)
    unlisted: list[Right] = field(default_factory=list)
    """Rights to journals that the list does not name."""

    def of(self, verdict: Verdict) -> list[Compared]:
        """The runs with this verdict, in the order of the list."""
        return [one for one in self.lines if one.verdict is verdict]


def compare(
    catalogue: Catalogue, institution_id: int, name: str, data: bytes, now: datetime, stores: Sequence[str]
) -> Comparison:
    """A KBART list of a library, compared. Raises BadList for one that cannot be read, DatabaseUnavailable."""
    reading = Reading(name)
    runs: list[Run] = []
    for run in read(reading, data):
        if len(runs) == MOST_RUNS:
            raise BadList(name, [Complaint(TOO_LONG, params={"most": MOST_RUNS})])
        runs.append(run)
    if not runs and not reading.wrong:
        raise BadList(name, [Complaint(NO_TITLES)])
    found = Comparison(name, complaints=sorted(reading.wrong, key=lambda one: one.line or 0))
    known = _known(catalogue, runs)
    found.lines = list(_compared(catalogue, institution_id, runs, known, now, stores))
    listed = set(known.values())
    for rights in our_rights.walk(catalogue, institution_id, now, stores):
        found.unlisted += [one for one in rights if (one.years or one.by_number) and one.journal.id not in listed]
    return found


def _known(catalogue: Catalogue, runs: Sequence[Run]) -> dict[str, int]:
    """By ISSN, the number of the journal to which it leads."""
    issns = sorted({issn for run in runs for issn in run.title.issns})
    found: dict[str, int] = {}
    with catalogue.reading() as session:
        for some in parts(issns):
            rows = session.execute(select(TitleIssn.issn, TitleIssn.title_id).where(TitleIssn.issn.in_(some)))
            found |= {row.issn: row.title_id for row in rows}
    return found


def _compared(
    catalogue: Catalogue,
    institution_id: int,
    runs: Sequence[Run],
    known: dict[str, int],
    now: datetime,
    stores: Sequence[str],
) -> Iterator[Compared]:
    with catalogue.reading() as session:
        agreements = entitled.agreements_of(session, institution_id)
    for begin in range(0, len(runs), our_rights.AT_ONCE):
        some = runs[begin : begin + our_rights.AT_ONCE]
        numbers = [next((known[issn] for issn in run.title.issns if issn in known), None) for run in some]
        yield from _some(catalogue, agreements, some, numbers, now, stores)


def _some(
    catalogue: Catalogue,
    agreements: Agreements,
    runs: Sequence[Run],
    numbers: Sequence[int | None],
    now: datetime,
    stores: Sequence[str],
) -> list[Compared]:
    wanted = sorted({number for number in numbers if number is not None})
    with catalogue.reading() as session:
        seen = our_rights.looked(session, agreements, wanted, stores, now.date())
        journals = our_rights.journals_of(session, wanted)
        return [
            _one(seen, run, journals[number]) if number in journals else Compared(run, None, Verdict.NEITHER)
            for run, number in zip(runs, numbers, strict=True)
        ]


def _one(seen: Looked, run: Run, journal: Journal) -> Compared:
    mine = [
        one
        for one in seen.issues.get(journal.id, ())
        if run.coverage.has(Place(f"{one.year:04d}", one.volume, one.issue))
    ]
    given = {one.id for one in seen.given(journal.id)}
    there = _years(mine)
    right = _right_years(seen, run, journal, mine, given)
    without = _years(one for one in mine if one.id not in given)
    progress = _years(one for one in mine if one.id in given and one.id in seen.not_yet)
    lacking = right - there
    if not right:
        verdict = Verdict.NO_RIGHT if there else Verdict.NEITHER
    elif without:
        verdict = Verdict.NO_RIGHT
    else:
        verdict = Verdict.NOT_PRESERVED if lacking or progress else Verdict.MATCHED
    return Compared(
        run,
        journal,
        verdict,
        right=tuple(sorted(right)),
        preserved=tuple(sorted((right & there) - progress)),
        in_progress=tuple(sorted(progress)),
        lacking=tuple(sorted(lacking)),
        without=tuple(sorted(without)),
    )


def _right_years(seen: Looked, run: Run, journal: Journal, mine: Sequence[HeldIssue], given: set[int]) -> set[int]:
    """The years of the run to which there is a right: as far as they are known, whatever is held; and those of issues
    that are held, where volumes tell.
    """
    found = _years(one for one in mine if one.id in given)
    first, last = days_of(run.coverage.first_date), days_of(run.coverage.last_date)
    if first is None and run.coverage.first_volume:
        return found
    low, high = (first.first.year if first else 1), min(last.first.year if last else seen.day.year, seen.day.year)
    for begin, end in seen.years(journal.id):
        begins = max(begin, low)
        if begins == 1:  # with the journal, and nobody says when that was
            begins = min(found, default=high + 1)
        found.update(range(begins, min(end or high, high) + 1))
    return found


def _years(issues: Iterator[HeldIssue] | Sequence[HeldIssue]) -> set[int]:
    return {one.year for one in issues if one.year is not None}
