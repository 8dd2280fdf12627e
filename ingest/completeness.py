"""Lists of what a publisher has published, as they are given: Crossref JSON, a CSV of DOIs, KBART."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.checks import is_issn
from repository.catalogue import Catalogue, completeness, titles
from repository.catalogue.completeness import Expected
from repository.errors import UsageError
from repository.vocabulary import ArticleRecord, bare_doi

_LARGEST_LIST = 512 << 20
_MOST_VOLUMES = 2000
_MOST_WRONG = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a list with the journal that it speaks of."""

    issns: tuple[str, ...]
    journal: str | None
    expected: Expected


def read_list(file: Path, issn: str | None = None) -> list[Listed]:
    """The lines of a list, whatever of the three kinds it is; ``issn`` for a CSV that does not name its journal.

    Crossref: the answer of the REST API's ``/works`` (``message.items``), or its items as an array, or one item a
    line. CSV: a header with ``doi`` and, if known, ``issn, journal, year, volume, issue, page, title``. KBART: each
    whole volume between the first and the last that are online. Raises UsageError that names every bad line.
    """
    try:
        if file.stat().st_size > _LARGEST_LIST:
            raise UsageError(f"{file} is larger than {_LARGEST_LIST} bytes: divide it")
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read as UTF-8 text: {error}") from error
    wrong: list[str] = []
    if text.lstrip()[:1] in ("{", "["):
        found = list(_crossref(file, text, wrong))
    else:
        first = text.partition("\n")[0]
        delimiter = "\t" if "\t" in first else ";" if first.count(";") > first.count(",") else ","
        rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        columns = {(name or "").strip().casefold() for name in rows.fieldnames or ()}
        if "publication_title" in columns:
            found = list(_kbart(file, rows, wrong))
        elif "doi" in columns:
            found = list(_dois(file, rows, issn, wrong))
        else:
            raise UsageError(f"{file}, line 1: neither a column doi (CSV) nor publication_title (KBART), and no JSON")
    if wrong:
        more = [f"and {len(wrong) - _MOST_WRONG} more"] if len(wrong) > _MOST_WRONG else []
        raise UsageError("\n".join([*wrong[:_MOST_WRONG], *more, "nothing was loaded; mend these lines"]))
    return found


def load(catalogue: Catalogue, publisher: str, source: str, lines: Iterable[Listed]) -> dict[str, int]:
    """Enter the lines, title by title, in the place of what the same list said before; ``{journal: lines}``."""
    by_issns: dict[tuple[str, ...], list[Listed]] = defaultdict(list)
    for line in lines:
        by_issns[line.issns].append(line)
    done: dict[str, int] = {}
    with catalogue.writing() as session:
        sender = titles.publisher_named(session, publisher)
        by_title: dict[int, list[Expected]] = defaultdict(list)
        for issns, listed in by_issns.items():
            named = next((line.journal for line in listed if line.journal), None)
            record = ArticleRecord(journal_title=named, issn_unspecified=issns[0])
            title = titles.title_by_issn(session, issns) or titles.title_of(session, sender, record)
            by_title[title.id] += [line.expected for line in listed]
        for identifier, expected in by_title.items():
            title = titles.by_id(session, identifier)
            done[title.name] = completeness.expect(session, title, source, expected)
    return done


def _crossref(file: Path, text: str, wrong: list[str]) -> Iterator[Listed]:
    try:
        data: Any = json.loads(text)
    except json.JSONDecodeError:
        try:
            data = [json.loads(line) for line in text.splitlines() if line.strip()]
        except (json.JSONDecodeError, RecursionError) as error:
            raise UsageError(f"{file} is neither JSON nor JSON lines: {error}") from error
    except RecursionError as error:
        raise UsageError(f"{file}: this JSON is nested too deep") from error
    message = data.get("message", data) if isinstance(data, dict) else data
    items = message.get("items", [message]) if isinstance(message, dict) else message
    for number, item in enumerate(items if isinstance(items, list) else [], start=1):
        if not isinstance(item, dict) or not isinstance(item.get("DOI"), str):
            wrong.append(f"{file}, item {number}: no DOI")
            continue
        issns = tuple(one for one in item.get("ISSN") or () if isinstance(one, str) and is_issn(one))
        if not issns:
            wrong.append(f"{file}, item {number}: no ISSN")
            continue
        yield Listed(
            issns,
            _first(item.get("container-title")),
            Expected(
                bare_doi(item["DOI"]),
                _year_of(item),
                _text(item.get("volume")),
                _text(item.get("issue")),
                _text(item.get("page")) or _text(item.get("article-number")),
                _first(item.get("title")),
            ),
        )


def _year_of(item: dict[str, Any]) -> int | None:
    for key in ("published-print", "published", "published-online", "issued"):
        date = item.get(key)
        parts = date.get("date-parts") if isinstance(date, dict) else None
        if isinstance(parts, list) and parts and isinstance(parts[0], list) and parts[0]:
            return parts[0][0] if isinstance(parts[0][0], int) else None
    return None


def _dois(file: Path, rows: csv.DictReader[str], issn: str | None, wrong: list[str]) -> Iterator[Listed]:
    for number, row in enumerate(rows, start=2):
        cells = {(name or "").strip().casefold(): _text(value) for name, value in row.items()}
        doi = bare_doi(cells.get("doi") or "")
        given = cells.get("issn") or issn or ""
        if not doi.startswith("10.") or "/" not in doi:
            wrong.append(f"{file}, line {number}: {doi!r} is not a DOI")
        elif not is_issn(given):
            wrong.append(
                f"{file}, line {number}: {given!r} is not an ISSN (a column issn, or --issn for the whole list)"
            )
        else:
            year = cells.get("year") or ""
            place = (cells.get("volume"), cells.get("issue"), cells.get("page"), cells.get("title"))
            yield Listed((given,), cells.get("journal"), Expected(doi, int(year) if year.isdecimal() else None, *place))


def _kbart(file: Path, rows: csv.DictReader[str], wrong: list[str]) -> Iterator[Listed]:
    for number, row in enumerate(rows, start=2):
        cells = {(name or "").strip().casefold(): _text(value) for name, value in row.items()}
        issns = tuple(one for key in ("online_identifier", "print_identifier") if (one := cells.get(key)))
        if bad := [one for one in issns if not is_issn(one)]:
            wrong.append(f"{file}, line {number}: {bad[0]!r} is not an ISSN")
            continue
        if not issns:
            wrong.append(f"{file}, line {number}: no ISSN")
            continue
        first, last = cells.get("num_first_vol_online") or "", cells.get("num_last_vol_online") or ""
        last = last or first  # a title that goes on: only what is named is expected
        if first.isdecimal() and last.isdecimal() and 0 <= int(last) - int(first) < _MOST_VOLUMES:
            for volume in range(int(first), int(last) + 1):
                yield Listed(issns, cells.get("publication_title"), Expected(volume=str(volume)))


def _text(value: object) -> str | None:
    return " ".join(str(value).split())[:1000] or None if isinstance(value, str | int) else None


def _first(value: object) -> str | None:
    return _text(value[0]) if isinstance(value, list) and value else _text(value)
