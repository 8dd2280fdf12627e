"""What should be here: lists that staff load, and the tables of contents that come with deliveries."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from ingest.claims import folders
from ingest.dialects import TableOfContents
from ingest.lists import Listed, ReadList, doi_of, expected, read_list
from ingest.sips import Sip
from repository.bags.paths import shown
from repository.catalogue import Catalogue, completeness, deliveries, shortfalls, titles
from repository.catalogue.completeness import Expected
from repository.kbart_lines import content_of
from repository.models import Title
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord


def read_file(file: Path, issn: str | None = None) -> ReadList:
    """The lines of a list in a file (:func:`ingest.lists.read_list`). Raises BadList, UsageError."""
    return read_list(str(file), content_of(file), issn)


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
        for identifier, lines_of in by_title.items():
            title = titles.by_id(session, identifier)
            done[title.name] = completeness.expect(session, title, source, lines_of)
    return done


def count_due(catalogue: Catalogue, clock: Callable[[], datetime], stopping: Callable[[], bool] = lambda: False) -> int:
    """What every title lacks whose turn it is to be counted, the longest uncounted first; how many there were.

    No transaction is open while one is counted that another could wait for. Raises DatabaseUnavailable.
    """
    done = 0
    while not stopping():
        now = clock()
        with catalogue.writing() as session:
            claimed = shortfalls.claim(session, now)
        if claimed is None:
            break
        identifier, until = claimed
        with catalogue.reading() as session:
            found = completeness.summaries(session, [titles.by_id(session, identifier)], now.date())[identifier]
        with catalogue.writing() as session:
            shortfalls.settle(session, identifier, until, found.expected, found.missing, now)
        done += 1
    return done


def take_note(
    session: Session, delivery_id: str, contents: Sequence[tuple[str, TableOfContents]], sips: Sequence[Sip]
) -> None:
    """Enter what the tables of contents of a delivery say should exist, each with the path of its file.

    A table belongs to the journal of the articles that it lists, else to that of its ISSN, else to the only one of
    its folder or of the delivery; one of a journal that is not known says nothing. It takes the place of what
    earlier deliveries' tables said of the same issues.
    """
    delivery = deliveries.known(session, delivery_id)
    completeness.forget_delivery(session, delivery_id)
    known = _Journals(session, sips)
    for path, table in contents:
        title = known.of(path, table)
        if title is None:
            continue
        lines = [_expected(record) for record in table.records]
        if table.whole:
            issues = {(line.volume, line.issue) for line in lines if line.volume or line.issue}
            completeness.supersede(session, title, delivery, issues)
        completeness.expect(session, title, shown(path)[:500], lines, delivery_id)


class _Journals:
    """The journals of a delivery's articles, found once each."""

    def __init__(self, session: Session, sips: Sequence[Sip]) -> None:
        self._session = session
        self._titles: dict[tuple[str, ...], int | None] = {}
        self._by_doi: dict[str, int] = {}
        self._by_folder: dict[str, set[int]] = defaultdict(set)
        for sip in sips:
            title = self._known(sip.record.issns) if sip.record else None
            if title is None or sip.record is None:
                continue
            for folder in folders(posixpath.dirname(sip.metadata.name)):
                self._by_folder[folder].add(title)
            if sip.record.doi:
                self._by_doi[machine_lower(sip.record.doi)] = title

    def of(self, path: str, table: TableOfContents) -> Title | None:
        """The one journal of which a table of contents speaks."""
        listed = {machine_lower(record.doi) for record in table.records if record.doi}
        named = {issns for record in table.records if (issns := record.issns)}
        for found in (
            {self._by_doi[doi] for doi in listed & self._by_doi.keys()},
            {title for issns in named if (title := self._known(issns))},
            self._by_folder.get(posixpath.dirname(path), set()),
            self._by_folder.get("", set()),
        ):
            if len(found) == 1:
                return titles.by_id(self._session, next(iter(found)))
        return None

    def _known(self, issns: tuple[str, ...]) -> int | None:
        if issns not in self._titles:
            title = titles.title_by_issn(self._session, issns)
            self._titles[issns] = title.id if title is not None else None
        return self._titles[issns]


def _expected(record: ArticleRecord) -> Expected:
    page = record.first_page or record.elocation
    values = {"year": record.year, "volume": record.volume, "issue": record.issue, "page": page, "title": record.title}
    return expected(values, doi_of(record.doi))
