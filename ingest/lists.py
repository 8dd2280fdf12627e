"""Lists of what a publisher has published, as they are given: Crossref JSON, a CSV of DOIs, KBART."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from repository.catalogue.completeness import Expected
from repository.kbart_lines import NOT_ISSN, BadList, Complaint, Reading, is_book, issn_of, rows, text_of
from repository.texts import marked
from repository.vocabulary import bare_doi

_MOST_VOLUMES = 2000
_LONGEST = {"doi": 500, "volume": 60, "issue": 60, "page": 60, "title": 1000, "journal": 500}
"""Characters; a longer volume, issue or page is cut, a longer DOI is none."""
_PRESENT = re.compile(r"([0-9]{1,6})\s*(?:\(present\))?", re.I)
_YEAR = re.compile(r"(1[5-9]|20|21)[0-9]{2}(?![0-9])")

NO_HEAD = marked("There is neither a column doi (CSV) nor a column publication_title (KBART), and this is no JSON.")
NOT_JSON = marked("This is neither JSON nor JSON lines.")
TOO_DEEP = marked("This JSON is nested too deep.")
NO_ROWS = marked("The list is empty.")
NO_DOI = marked("No DOI is given.")
NOT_DOI = marked("{given} is not a DOI.")
NO_ISSN = marked("No ISSN is given. Add a column issn, or name the ISSN for the whole list.")
NO_COVERAGE = marked("There are no volumes or years from a first to a last, nor a first that goes on.")


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
