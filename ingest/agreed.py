"""The titles that a publisher has agreed to deliver, out of the lists in which such agreements are written down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from repository.catalogue.titles import AgreedTitle
from repository.kbart_lines import NOT_ISSN, BadList, Complaint, Reading, is_book, issn_of, rows, text_of
from repository.texts import marked

NO_TITLES = marked("The list names no title.")
NO_COLUMN = marked("There is no column publication_title. A KBART file begins with a line of the names of its columns.")
WITHOUT_ISSN = marked("No ISSN is given, and an article is known to be of a title by nothing else.")
_LONGEST_NAME = 500


@dataclass(frozen=True, slots=True)
class ReadTitles:
    """What a title list says, and what is wrong with the lines of it that say nothing, or not all of it."""

    titles: list[AgreedTitle]
    complaints: list[Complaint]


def read_titles(name: str, data: bytes) -> ReadTitles:
    """The journals of a KBART list (NISO RP-9) of either phase, or of any table with its first three columns.

    Books are passed over. A line without a true ISSN is told and passed over; of one with a true and a wrong ISSN the
    true one counts. Raises BadList when no line is left, or when the list cannot be read to its end.
    """
    reading = Reading(name)
    found = list(_journals(reading, data))
    if not found:
        raise BadList(name, reading.wrong or [Complaint(NO_TITLES)])
    return ReadTitles(found, reading.wrong)


def _journals(reading: Reading, data: bytes) -> Iterator[AgreedTitle]:
    for line, cells in rows(reading.text(data), reading, ("publication_title",), NO_COLUMN):
        if is_book(cells):
            continue
        given = [text_of(cells.get(f"{medium}_identifier"), 30) for medium in ("print", "online")]
        # 'n/a' and dashes stand for none.
        wrong = [each for each in given if each and any(map(str.isdigit, each)) and issn_of(each) is None]
        for each in wrong:
            reading.complain(NOT_ISSN, line=line, given=each)
        printed, electronic = map(issn_of, given)
        if printed or electronic:
            title = text_of(cells["publication_title"], _LONGEST_NAME)
            yield AgreedTitle(title or electronic or printed or "", printed, electronic)
        elif not wrong:
            reading.complain(WITHOUT_ISSN, line=line)
