"""A table of records read row by row: what is good is entered, what is not is told by the number of its line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from repository import spreadsheet
from repository.access import changes
from repository.catalogue import Catalogue
from repository.catalogue.parts import parts
from repository.errors import NotNow, UsageError
from repository.kbart_lines import BadList, Complaint, Reading, rows
from repository.texts import Remark, marked

NEW, CHANGED, UNCHANGED = "new", "changed", "unchanged"
_BATCH = 200

NO_HEAD = marked("This is no table of these records: its first line has no column of the name that is needed.")
NO_ROWS = marked("The table is empty.")

Cells = dict[str, str]


@dataclass
class Imported:
    """What became of a table."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    complaints: list[Complaint] = field(default_factory=list)
    """Rows that were passed over."""
    remarks: list[Complaint] = field(default_factory=list)
    """What is worth knowing of rows that were entered."""

    def count(self, what: str) -> None:
        """One more row came out as this."""
        setattr(self, what, getattr(self, what) + 1)

    def as_json(self) -> dict[str, Any]:
        """The numbers and what is to be looked at."""
        return {
            "rows": self.rows,
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "complaints": [str(each) for each in self.complaints],
            "remarks": [str(each) for each in self.remarks],
        }


@dataclass(frozen=True, slots=True)
class Importing:
    """One row's transaction: in whose name, and what is told beside it."""

    session: Session
    by: str
    at: datetime
    remarks: list[Remark] = field(default_factory=list)


def read(reading: Reading, data: bytes, needed: str) -> Iterator[tuple[int, Cells]]:
    """The rows of a table with a column ``needed``, as they were before a spreadsheet was kept from running them.

    Raises BadList for a file that is no such table, or that cannot be read to its end.
    """
    for line, cells in rows(reading.text(data), reading, (needed,), NO_HEAD):
        yield line, {name: spreadsheet.given(cell) for name, cell in cells.items()}


def load(
    catalogue: Catalogue,
    by: str,
    name: str,
    data: bytes,
    needed: str,
    enter: Callable[[Importing, Cells], str],
    *,
    at: datetime,
) -> Imported:
    """Every row is entered by ``enter``, which says whether it was new; one that it refuses stops no other.

    Raises BadList, DatabaseUnavailable.
    """
    reading, done = Reading(name), Imported()
    every = list(read(reading, data, needed))
    if not every:
        raise BadList(name, [Complaint(NO_ROWS)])
    for some in parts(every, _BATCH):
        with catalogue.writing() as session:
            changes.take(session)
            for line, cells in some:
                _one(session, done, by, at, line, cells, enter)
    done.rows = len(every)
    return done


def _one(
    session: Session,
    done: Imported,
    by: str,
    at: datetime,
    line: int,
    cells: Cells,
    enter: Callable[[Importing, Cells], str],
) -> None:
    work = Importing(session, by, at)
    try:
        with session.begin_nested():
            outcome = enter(work, cells)
    except NotNow as no:
        done.complaints.append(Complaint(no.sentence, line, params=no.params))
    except UsageError as error:
        done.complaints.append(Complaint("%(said)s", line, params={"said": str(error)}))
    else:
        done.count(outcome)
        done.remarks += [Complaint(told.sentence, line, params=told.params) for told in work.remarks]


def outcome(*, new: bool, changed: bool) -> str:
    """What a row came out as."""
    return NEW if new else CHANGED if changed else UNCHANGED


def several(text: str) -> list[str]:
    """The parts of a cell that holds several things, divided by semicolons, commas or lines."""
    for divider in (",", "\n"):
        text = text.replace(divider, ";")
    return [part.strip() for part in text.split(";") if part.strip()]


def joined(values: Sequence[str]) -> str:
    """Several things as one cell."""
    return "; ".join(values)


def truth(value: bool | None) -> str:
    """Yes, no or nothing."""
    return "" if value is None else "yes" if value else "no"
