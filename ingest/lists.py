"""Lists of what a publisher has published, as they are given: Crossref JSON, a CSV of DOIs, KBART."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from stdnum import issn as issn_numbers

from ingest.checks import is_issn
from repository.catalogue.completeness import Expected
from repository.errors import UsageError
from repository.texts import marked
from repository.vocabulary import bare_doi

LARGEST_LIST = 512 << 20
"""Bytes of a list that is loaded by command."""
MOST_LINES = 1_000_000
MOST_COMPLAINTS = 50
_MOST_VOLUMES = 2000
_LONGEST = {"doi": 500, "volume": 60, "issue": 60, "page": 60, "title": 1000, "journal": 500}
"""Characters; a longer volume, issue or page is cut, a longer DOI is none."""
_PRESENT = re.compile(r"([0-9]{1,6})\s*(?:\(present\))?", re.I)
_YEAR = re.compile(r"(1[5-9]|20|21)[0-9]{2}(?![0-9])")

NOT_TEXT = marked("The file is not UTF-8 text. Save it as UTF-8 (in a spreadsheet: CSV UTF-8) and load it again.")
TOO_LARGE = marked("The list is too large. Divide it.")
NO_HEAD = marked("There is neither a column doi (CSV) nor a column publication_title (KBART), and this is no JSON.")
NOT_JSON = marked("This is neither JSON nor JSON lines.")
TOO_DEEP = marked("This JSON is nested too deep.")
NOT_CSV = marked("This line cannot be read as CSV.")
NOT_CLOSED = marked(
    "A quotation mark opens a cell on this line and does not close it, so that what follows it is lost."
)
NO_ROWS = marked("The list is empty.")
NO_DOI = marked("No DOI is given.")
NOT_DOI = marked("{given} is not a DOI.")
NO_ISSN = marked("No ISSN is given. Add a column issn, or name the ISSN for the whole list.")
NOT_ISSN = marked("{given} is not an ISSN.")
NO_COVERAGE = marked("There are no volumes or years from a first to a last, nor a first that goes on.")


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with one line of a list, or with one item of a JSON array, both counted from 1; or with all."""

    message: str
    line: int | None = None
    item: int | None = None
    given: str = ""

    def __str__(self) -> str:
        said = self.message.format(given=repr(self.given))
        return f"line {self.line}: {said}" if self.line else f"item {self.item}: {said}" if self.item else said


class BadList(UsageError):
    """A list of which nothing can be loaded, with every complaint about it."""

    def __init__(self, name: str, complaints: Sequence[Complaint]) -> None:
        super().__init__("\n".join([*said_of(name, complaints), "nothing was loaded; mend these lines"]))
        self.complaints = complaints


def said_of(name: str, complaints: Sequence[Complaint]) -> list[str]:
    """The first complaints about a list, a line for each, and how many more there are."""
    shown = [f"{name}, {each}" for each in complaints[:MOST_COMPLAINTS]]
    if len(complaints) > MOST_COMPLAINTS:
        shown.append(f"and {len(complaints) - MOST_COMPLAINTS} more")
    return shown


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a list with the journal that it speaks of."""

    issns: tuple[str, ...]
    journal: str | None
    expected: Expected


@dataclass(frozen=True, slots=True)
class ReadList:
    """What a list says, and what is wrong with the lines of it that say nothing."""

    lines: list[Listed]
    complaints: list[Complaint]


@dataclass(slots=True)
class Reading:
    """A list while it is read, with what is wrong with its lines."""

    name: str
    issn: str | None = None
    wrong: list[Complaint] = field(default_factory=list)

    def text(self, data: bytes) -> str:
        """The list as text: UTF-8, or UTF-16 with its mark as spreadsheets save it. Raises BadList."""
        encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            self.refuse(NOT_TEXT, data.count(b"\n", 0, error.start) + 1)

    def complain(self, message: str, *, line: int | None = None, item: int | None = None, given: str = "") -> None:
        """One line says nothing; the others are read."""
        self.wrong.append(Complaint(message, line, item, given[:100]))

    def refuse(self, message: str, line: int | None = None) -> NoReturn:
        """The list cannot be read to its end, so that nobody knows what it says."""
        raise BadList(self.name, [*self.wrong, Complaint(message, line)])


def read_list(name: str, data: bytes, issn: str | None = None) -> ReadList:
    """The lines of a list, whatever of the three kinds it is; ``issn`` for a CSV that does not name its journal.

    Crossref: the answer of the REST API's ``/works`` (``message.items``), or its items as an array, or one item a
    line. CSV: a header with ``doi`` and, if known, ``issn, journal, year, volume, issue, page, title``. KBART (NISO
    RP-9): each whole volume between the first and the last that are online, or where these are not both given each
    year; without a last one, up to now. A line that names no journal or nothing of it is told and passed over.
    Raises BadList when no line is left, or when the list cannot be read to its end.
    """
    reading = Reading(name, issn)
    text = reading.text(data)
    found = list(_json(text, reading) if text.lstrip()[:1] in ("{", "[") else _table(text, reading))
    if not found:
        raise BadList(name, reading.wrong or [Complaint(NO_ROWS)])
    return ReadList(found, reading.wrong)


def content_of(file: Path) -> bytes:
    """A list in a file. Raises BadList for one that is too large, UsageError for one that cannot be read."""
    try:
        if file.stat().st_size > LARGEST_LIST:
            raise BadList(file.name, [Complaint(TOO_LARGE)])
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error


def text_of(value: object, most: int) -> str | None:
    """``value`` as one line that every database takes, at most so long; None for nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    clean = str(value).replace("\x00", "").encode("utf-8", "replace").decode()
    return " ".join(clean.split())[:most].strip() or None


def issn_of(value: object) -> str | None:
    """An ISSN as it is written, ``1300-0632``; None for what is none."""
    text = (text_of(value, 30) or "").upper()
    return str(issn_numbers.format(issn_numbers.compact(text))) if is_issn(text) else None


def doi_of(value: object) -> str | None:
    """A DOI without its resolver; None for what is none."""
    doi = bare_doi(text_of(value, _LONGEST["doi"] + 50) or "")
    return doi if doi.startswith("10.") and "/" in doi and " " not in doi and len(doi) <= _LONGEST["doi"] else None


def year_of(value: object) -> int | None:
    """The year with which a date begins; None for what is none."""
    found = _YEAR.match(text_of(value, 30) or "")
    return int(found[0]) if found else None


def expected(values: Mapping[str, object], doi: str | None) -> Expected:
    """One article of a list: ``year, volume, issue, page, title`` as they are given."""
    volume, issue, page, title = (
        text_of(values.get(name), _LONGEST[name]) for name in ("volume", "issue", "page", "title")
    )
    return Expected(doi, year_of(values.get("year")), volume, issue, page, title)


def _json(text: str, reading: Reading) -> Iterator[Listed]:
    by_line = False
    try:
        data: Any = json.loads(text)
    except RecursionError:
        reading.refuse(TOO_DEEP)
    except json.JSONDecodeError as error:
        by_line = True
        try:
            data = [json.loads(line) if line.strip() else None for line in text.splitlines()]
        except json.JSONDecodeError:
            reading.refuse(NOT_JSON, error.lineno)
        except RecursionError:
            reading.refuse(TOO_DEEP)
    message = data.get("message", data) if isinstance(data, dict) else data
    items = message.get("items", [message]) if isinstance(message, dict) else message
    for number, item in enumerate(items if isinstance(items, list) else [], start=1):
        if by_line and item is None:
            continue
        line, position = (number, None) if by_line else (None, number)
        given = item if isinstance(item, dict) else {}
        doi = doi_of(given.get("DOI"))
        every = given.get("ISSN")
        issns = tuple(one for each in (every if isinstance(every, list) else [every]) if (one := issn_of(each)))
        if doi is None:
            told = text_of(given.get("DOI"), 100)
            reading.complain(NOT_DOI if told else NO_DOI, given=told or "", line=line, item=position)
        elif not issns:
            reading.complain(NO_ISSN, line=line, item=position)
        else:
            values = {
                "year": _crossref_year(given),
                "volume": given.get("volume"),
                "issue": given.get("issue"),
                "page": given.get("page") or given.get("article-number"),
                "title": _first(given.get("title")),
            }
            journal = text_of(_first(given.get("container-title")), _LONGEST["journal"])
            yield Listed(issns, journal, expected(values, doi))


def _crossref_year(item: dict[str, Any]) -> object:
    for key in ("published-print", "published", "published-online", "issued"):
        date = item.get(key)
        parts = date.get("date-parts") if isinstance(date, dict) else None
        if isinstance(parts, list) and parts and isinstance(parts[0], list) and parts[0]:
            return parts[0][0]
    return None


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else value


def _table(text: str, reading: Reading) -> Iterator[Listed]:
    for line, cells in rows(text, reading, ("publication_title", "doi"), NO_HEAD):
        yield from (_kbart if "publication_title" in cells else _dois)(cells, line, reading)


def rows(text: str, reading: Reading, columns: Sequence[str], no_head: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Each line of a table that is not empty, by its number and its columns: tabs, commas or semicolons divide it.

    Raises BadList with ``no_head`` where the first line has none of ``columns``, and for what is no table.
    """
    first = text.partition("\n")[0]
    if "\t" in first:
        found = _tabbed(text)
    else:
        found = _separated(text, ";" if first.count(";") > first.count(",") else ",", reading)
    _, names = next(found, (1, []))
    head = [name.strip().casefold() for name in names]
    if not any(column in head for column in columns):
        reading.refuse(no_head, 1)
    for line, row in found:
        if line > MOST_LINES:
            reading.refuse(TOO_LARGE)
        if any(cell.strip() for cell in row):
            yield line, dict(zip(head, row + [""] * (len(head) - len(row)), strict=False))


def _tabbed(text: str) -> Iterator[tuple[int, list[str]]]:
    """A line is a row, whatever quotation marks stand in it: KBART knows no quoting, and a title that begins with
    one would take the lines after it with it. Only what a spreadsheet has put around a cell is taken off.
    """
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        yield number, _cells(line.rstrip("\n"))


def _cells(line: str) -> list[str]:
    plain = line.split("\t")
    if '"' not in line:
        return plain
    try:
        quoted = next(csv.reader([line], delimiter="\t", strict=True))
    except csv.Error:
        quoted = []
    # A cell may have a tab at its edge, and two titles with a stray mark each are no such cell.
    return quoted if quoted and not any("\t" in cell.strip() for cell in quoted) else plain


def _separated(text: str, delimiter: str, reading: Reading) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV, each with the line on which it begins (RFC 4180)."""
    file = io.StringIO(text, newline="")
    lines = csv.reader(file, delimiter=delimiter)
    line, begins = 1, 0
    while True:
        try:
            row = next(lines)
        except StopIteration:
            return
        except csv.Error:
            reading.refuse(NOT_CSV, line)
        ends = file.tell()
        if lines.line_num > line and not _is_strict(text[begins:ends], delimiter):
            reading.refuse(NOT_CLOSED, line)
        yield line, row
        line, begins = lines.line_num + 1, ends


def _is_strict(row: str, delimiter: str) -> bool:
    """Whether quotation marks stand in ``row`` as RFC 4180 has them: a stray one on one line harms that line alone,
    but a row of several lines may be one that ran on."""
    try:
        return len(list(csv.reader(io.StringIO(row, newline=""), delimiter=delimiter, strict=True))) == 1
    except csv.Error:
        return False


def _dois(cells: dict[str, str], line: int, reading: Reading) -> Iterator[Listed]:
    doi = doi_of(cells.get("doi"))
    given = text_of(cells.get("issn"), 30) or reading.issn
    issn = issn_of(given)
    if doi is None:
        told = text_of(cells.get("doi"), 100)
        reading.complain(NOT_DOI if told else NO_DOI, line=line, given=told or "")
    elif issn is None:
        reading.complain(NOT_ISSN if given else NO_ISSN, line=line, given=given or "")
    else:
        yield Listed((issn,), text_of(cells.get("journal"), _LONGEST["journal"]), expected(cells, doi))


def is_book(cells: Mapping[str, str]) -> bool:
    """Whether a line of KBART is of a book: lists of whole platforms have them among their journals."""
    return (cells.get("publication_type") or "").strip().casefold() == "monograph"


def _kbart(cells: dict[str, str], line: int, reading: Reading) -> Iterator[Listed]:
    if is_book(cells):
        return
    given = [told for key in ("online_identifier", "print_identifier") if (told := text_of(cells.get(key), 30))]
    issns = tuple(dict.fromkeys(one for told in given if (one := issn_of(told))))
    if not issns:
        bad = next((told for told in given if any(character.isdigit() for character in told)), "")
        reading.complain(NOT_ISSN if bad else NO_ISSN, line=line, given=bad)
        return
    journal = text_of(cells.get("publication_title"), _LONGEST["journal"])
    found = [Listed(issns, journal, covered) for covered in _covered(cells)]
    if not found:
        reading.complain(NO_COVERAGE, line=line)
    yield from found


def _covered(cells: dict[str, str]) -> Iterator[Expected]:
    """What one line of KBART covers (6.6.3 to 6.6.8): volumes where both ends are given, else years."""
    first, last = (text_of(cells.get(f"num_{end}_vol_online"), 30) or "" for end in ("first", "last"))
    since, until = (year_of(cells.get(f"date_{end}_issue_online")) for end in ("first", "last"))
    closed = bool(text_of(cells.get("date_last_issue_online"), 30) or last)
    numbers = [_PRESENT.fullmatch(each) for each in (first, last)]
    if numbers[0] and numbers[1]:
        low, high = int(numbers[0][1]), int(numbers[1][1])
        if not 0 <= high - low < _MOST_VOLUMES:
            return
        yield from (Expected(volume=str(volume)) for volume in range(low, high + 1))
        if "present" in last.casefold() and since:
            yield Expected(year=since, goes_on=True)
    elif since and until and 0 <= until - since < _MOST_VOLUMES:
        yield from (Expected(year=year) for year in range(since, until + 1))
    elif since and not closed:
        yield Expected(year=since, goes_on=True)
    elif numbers[0] and not closed:
        yield Expected(volume=str(int(numbers[0][1])), goes_on=True)
