"""Tables as publishers and libraries hand them in: KBART, CSV and what spreadsheets make of them, line by line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from stdnum import issn as issn_numbers

from repository.errors import UsageError
from repository.texts import marked

LARGEST_LIST = 512 << 20
"""Bytes of a list that is loaded by command."""
MOST_LINES = 1_000_000
MOST_COMPLAINTS = 50
ZEROS = "0000-0000"
"""What fills the place of an ISSN where there is none; its check digit is right."""

NOT_TEXT = marked("The file is not UTF-8 text. Save it as UTF-8 (in a spreadsheet: CSV UTF-8) and load it again.")
TOO_LARGE = marked("The list is too large. Divide it.")
NOT_CSV = marked("This line cannot be read as CSV.")
NOT_CLOSED = marked(
    "A quotation mark opens a cell on this line and does not close it, so that what follows it is lost."
)
NOT_ISSN = marked("{given} is not an ISSN.")


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with one line of a list, or with one item of a JSON array, both counted from 1; or with all."""

    message: str
    line: int | None = None
    item: int | None = None
    given: str = ""
    params: Mapping[str, object] = field(default_factory=dict, hash=False)
    """What fills the ``%(places)s`` of the message."""

    def __str__(self) -> str:
        said = self.message % self.params if self.params else self.message.format(given=repr(self.given))
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

    def doubt(self, message: str, params: Mapping[str, object], line: int) -> None:
        """The same with what fills the ``%(places)s`` of the message."""
        self.wrong.append(Complaint(message, line, params=params))

    def refuse(self, message: str, line: int | None = None) -> NoReturn:
        """The list cannot be read to its end, so that nobody knows what it says."""
        raise BadList(self.name, [*self.wrong, Complaint(message, line)])


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


def is_issn(text: str) -> bool:
    """Whether ``text`` is a possible ISSN (ISO 3297): the check digit is right, and it is not the filler of zeros."""
    return bool(issn_numbers.is_valid(text)) and text != ZEROS


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


def is_book(cells: Mapping[str, str]) -> bool:
    """Whether a line of KBART is of a book: lists of whole platforms have them among their journals."""
    return (cells.get("publication_type") or "").strip().casefold() == "monograph"
