"""Runs of journals as title lists and claims name them: read from KBART, compared, and entered many at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from repository.access import words
from repository.access.rights import coverage_of
from repository.catalogue import titles
from repository.catalogue.titles import AgreedTitle
from repository.coverage import Coverage, days_of, embargo_of
from repository.errors import BadValue
from repository.kbart_lines import NOT_ISSN, Reading, is_book, issn_of, rows, text_of
from repository.models import Entitlement, Licence
from repository.rights import ClaimState
from repository.texts import marked

KBART = (
    *("publication_title", "print_identifier", "online_identifier", "date_first_issue_online"),
    *("num_first_vol_online", "num_first_issue_online", "date_last_issue_online", "num_last_vol_online"),
    *("num_last_issue_online", "title_url", "first_author", "title_id", "embargo_info", "coverage_depth", "notes"),
    *("publisher_name", "publication_type", "date_monograph_published_print", "date_monograph_published_online"),
    *("monograph_volume", "monograph_edition", "first_editor", "parent_publication_title_id"),
    *("preceding_publication_title_id", "access_type"),
)
"""The columns of KBART Phase II, in their order (NISO RP-9-2014, 6.6)."""
COVERAGE = KBART[3:9]
_LONGEST = 60
_LONGEST_NAME = 500
_MISSPELT = "preceeding_publication_title_id"

NO_COLUMN = marked("There is no column publication_title. A KBART file begins with a line of the names of its columns.")
WITHOUT_ISSN = marked("No ISSN is given, and a journal is known by nothing else.")
BAD_EMBARGO = marked("%(given)s is no embargo: write it as P1Y, R180D or R10Y;P30D.")
BACKWARDS = marked("The run ends before it begins: %(first)s, %(last)s.")
ABSTRACTS = marked("Only abstracts are given: that is no right to read.")
TWICE = marked("The same run of this journal stands on line %(line)s.")


class Key(NamedTuple):
    """By what a run is known among those of one licence: of two that begin alike the longer one holds the other."""

    title_id: int
    first_date: str | None
    first_volume: str | None
    first_issue: str | None
    embargo: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """One line of a list that names a run of a journal."""

    line: int
    title: AgreedTitle
    coverage: Coverage
    embargo: str | None = None
    title_id: str | None = None
    """The journal's number in this list (KBART ``title_id``), and that of the one which it continues."""
    preceding: str | None = None
    listed: tuple[str | None, int | None] | None = None
    """The list and its line that first named it, where that is another."""

    def key(self, title_id: int) -> Key:
        """By what it is known, once its journal is."""
        first = self.coverage
        return Key(title_id, first.first_date, first.first_volume, first.first_issue, self.embargo)


def read(reading: Reading, data: bytes) -> Iterator[Run]:
    """The runs of a KBART list of either phase; books are passed over, what says nothing is told by its line.

    Of a line with a true and a wrong ISSN the true one counts, and the wrong one is told. Raises BadList for a file
    that cannot be read to its end.
    """
    for line, cells in rows(reading.text(data), reading, ("publication_title",), NO_COLUMN):
        if not is_book(cells) and (run := run_of(cells, line, reading)) is not None:
            yield run


def run_of(cells: Mapping[str, str], line: int, reading: Reading) -> Run | None:
    """The run that one line names; None where it names none, which is told."""
    given = [text_of(cells.get(f"{medium}_identifier"), 30) for medium in ("print", "online")]
    printed, electronic = found = [issn_of(each) for each in given]
    # 'n/a' and dashes stand for none.
    wrong = [
        each for each, one in zip(given, found, strict=True) if each and one is None and any(map(str.isdigit, each))
    ]
    for each in wrong:
        reading.complain(NOT_ISSN, line=line, given=each)
    if not (printed or electronic):
        if not wrong:
            reading.complain(WITHOUT_ISSN, line=line)
        return None
    if (text_of(cells.get("coverage_depth"), 30) or "").casefold() == "abstracts":
        reading.complain(ABSTRACTS, line=line)
        return None
    try:
        coverage, embargo = coverage_given(cells), embargo_given(cells.get("embargo_info"))
    except BadValue as error:
        reading.doubt(error.sentence, error.params, line)
        return None
    name = text_of(cells.get("publication_title"), _LONGEST_NAME) or electronic or printed or ""
    before = text_of(cells.get("preceding_publication_title_id") or cells.get(_MISSPELT), _LONGEST)
    identifier = text_of(cells.get("title_id"), _LONGEST)
    return Run(line, AgreedTitle(name, printed, electronic), coverage, embargo, identifier, before)


def coverage_given(cells: Mapping[str, str]) -> Coverage:
    """What the six columns say (KBART 6.6.3 to 6.6.8). Raises BadValue."""
    first, last = (words.partial(cells.get(f"date_{end}_issue_online")) for end in ("first", "last"))
    numbers = {}
    for end in ("first", "last"):
        for part in ("vol", "issue"):
            text = text_of(cells.get(f"num_{end}_{part}_online"), _LONGEST)
            numbers[end, part] = None if text and "present" in text.casefold() else text
    found = Coverage(
        *(first, numbers["first", "vol"], numbers["first", "issue"]),
        *(last, numbers["last", "vol"], numbers["last", "issue"]),
    )
    if _is_backwards(found):
        raise BadValue(BACKWARDS, first=_shown(found, "first"), last=_shown(found, "last"))
    return found


def embargo_given(text: str | None) -> str | None:
    """An embargo as it is kept; None for none. Raises BadValue."""
    given = "".join((text or "").split()).upper()
    if not given:
        return None
    if len(given) > 16 or embargo_of(given) is None:
        raise BadValue(BAD_EMBARGO, given=(text or "").strip()[:40])
    return given


def reaches(one: Coverage, other: Coverage) -> bool:
    """Whether a run ends where another that begins alike ends, or after it, as far as both say."""
    if one.last_date is None and one.last_volume is None:
        return True
    if other.last_date is None and other.last_volume is None:
        return False
    mine, theirs = days_of(one.last_date), days_of(other.last_date)
    if (mine is None) != (theirs is None) or (one.last_volume is None) != (other.last_volume is None):
        return False
    if mine is not None and theirs is not None and (mine.last or mine.first) < (theirs.last or theirs.first):
        return False
    here, there = _place(one, "last"), _place(other, "last")
    if min(here[0], there[0]) < 0:
        return one.last_volume == other.last_volume
    if here[0] != there[0] or here[1] < 0:  # a volume without an issue ends with its last
        return here[0] >= there[0]
    return 0 <= there[1] <= here[1]


@dataclass
class Settled:
    """What became of the runs of a list: numbers of entitlements, and how many."""

    new: int = 0
    unchanged: int = 0
    extended: int = 0
    shorter: list[int] = field(default_factory=list)
    """Runs that the list ends earlier than it did: they stand as they were."""
    seen: set[int] = field(default_factory=set)
    """Every entitlement that the list names as it stands."""
    places: list[int] = field(default_factory=list)
    """Run by run, the number of its journal."""


def settle(
    session: Session,
    by: str,
    licence: Licence,
    institution_id: int | None,
    runs: Sequence[Run],
    reading: Reading,
    *,
    at: datetime,
    state: Callable[[Run], ClaimState],
) -> Settled:
    """Every run is an entitlement under the licence, of all its parties or of one institution; none is taken away.

    One that is there stays, or is made longer where the list ends it later. New ones are in the state that ``state``
    says. A run that stands twice in the list is told.
    """
    done = Settled(places=titles.listed(session, licence.publisher_id, [run.title for run in runs]))
    wanted: dict[Key, Run] = {}
    for run, place in zip(runs, done.places, strict=True):
        other = wanted.setdefault(run.key(place), run)
        if other is not run:
            longer = reaches(run.coverage, other.coverage) and not reaches(other.coverage, run.coverage)
            wanted[run.key(place)], twice = (run, other) if longer else (other, run)
            reading.doubt(TWICE, {"line": (run if longer else other).line}, twice.line)
    there = standing(session, licence.id, institution_id)
    new, changed = [], []
    for key, run in wanted.items():
        name, number = run.listed or (reading.name[:500], run.line)
        row, source = there.get(key), {"name": run.title.name, "source": name, "row": number}
        if row is None:
            new.append({**key._asdict(), **_last(run.coverage), **source, "state": state(run)})
            continue
        ends = coverage_of(row)
        if not reaches(run.coverage, ends):
            done.shorter.append(row.id)
            continue
        done.seen.add(row.id)
        longer = _last(run.coverage) != _last(ends)
        done.extended += longer
        done.unchanged += not longer
        if longer or any(getattr(row, name) != value for name, value in source.items()):
            changed.append({"this": row.id, **_last(run.coverage), **source, "by": by, "at": at})
    done.new = len(new)
    if new:
        same = {"licence_id": licence.id, "institution_id": institution_id, "by": by, "at": at}
        done.seen.update(
            session.execute(insert(Entitlement).returning(Entitlement.id), [{**same, **row} for row in new]).scalars()
        )
    if changed:
        session.connection().execute(_CHANGE, changed)
    return done


def standing(session: Session, licence_id: int, institution_id: int | None) -> dict[Key, Any]:
    """The entitlements under a licence for all its parties, or for one institution of its own.

    Of two that are known alike, as two journals that became one may leave them, it is the one that gives more.
    """
    columns = [column for column in Entitlement.__table__.c if column.name not in ("by", "at")]
    mine = select(*columns).where(Entitlement.licence_id == licence_id)
    if institution_id is None:
        mine = mine.where(Entitlement.institution_id.is_(None))
    else:
        mine = mine.where(Entitlement.institution_id == institution_id)
    found: dict[Key, Any] = {}
    for row in session.execute(mine.order_by(Entitlement.id)):
        key = Key(*(getattr(row, name) for name in Key._fields))
        if key not in found or _gives_more(row, found[key]):
            found[key] = row
    return found


def _gives_more(one: Any, other: Any) -> bool:
    """Whether of two runs that begin alike the one is agreed and the other not, or else goes further."""
    agreed = ClaimState(one.state) is ClaimState.AGREED
    if agreed != (ClaimState(other.state) is ClaimState.AGREED):
        return agreed
    here, there = coverage_of(one), coverage_of(other)
    return reaches(here, there) and not reaches(there, here)


_TABLE = Entitlement.__table__
_CHANGE = update(_TABLE).where(_TABLE.c.id == bindparam("this"))  # type: ignore[arg-type]


def _last(coverage: Coverage) -> dict[str, str | None]:
    return {
        "last_date": coverage.last_date,
        "last_volume": coverage.last_volume,
        "last_issue": coverage.last_issue,
    }


def _is_backwards(run: Coverage) -> bool:
    first, last = days_of(run.first_date), days_of(run.last_date)
    if first is not None and last is not None and (last.last or last.first) < first.first:
        return True
    if run.first_volume is None or run.last_volume is None:
        return False
    one, other = _place(run, "first"), _place(run, "last")
    if one[0] < 0 or other[0] < 0:
        return False
    return other < one if min(one[1], other[1]) >= 0 else other[0] < one[0]


def _place(run: Coverage, end: str) -> tuple[int, int]:
    """Volume and issue at an end as numbers; -1 for what is none."""
    volume, issue = (getattr(run, f"{end}_{part}") for part in ("volume", "issue"))
    return _number(volume), _number(issue)


def _number(text: str | None) -> int:
    return int(text) if text and re.fullmatch(r"[0-9]{1,9}", text) else -1


def _shown(run: Coverage, end: str) -> str:
    values = (getattr(run, f"{end}_{part}") for part in ("date", "volume", "issue"))
    return " / ".join(value for value in values if value)
