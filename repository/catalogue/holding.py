"""What is preserved of some titles, by volume and issue, and whether one line of a list is among it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from repository.catalogue.parts import parts
from repository.catalogue.shelves import natural
from repository.models import Article, Issue
from repository.turkish import tr_fold

Place = tuple[str, str, str]
"""Volume, or year where there is no volume, and issue, each comparable: a cell of the grid of one title."""

_key = lru_cache(maxsize=10_000)(natural)
"""Of volumes and issues, of which there are few and each stands on many lines."""
_END_OF_FIRST_PAGE = re.compile(r"\s*[-\u2010-\u2015,;:]|\s")
_NUMBER = re.compile(r"[0-9]{1,9}")


def place_of(year: int | None, volume: str | None, issue: str | None) -> Place:
    """The cell of an issue. A volume counts through the years; without one, the year stands in its place."""
    return _key(volume), "" if volume else f"{year or 0:04d}", _key(issue)


def first_page(pages: str | None) -> str:
    """Of ``12-19``, ``12–19`` or ``e1007`` the first page or the article number, as it is shelved; empty for none."""
    return natural(_END_OF_FIRST_PAGE.split(pages.strip(), maxsplit=1)[0]) if pages else ""


def name_key(name: str | None) -> str:
    """An article's title as it is shelved (shelves.page_shelf)."""
    return tr_fold(name or "")[:80]


class Wanted(NamedTuple):
    """One line of a list as it is judged, with the article of its DOI where there is one: rows as plain values, for a
    title may have a hundred thousand of them."""

    id: int
    title_id: int
    source: str
    delivery_id: str | None
    doi: str | None
    year: int | None
    volume: str | None
    issue: str | None
    page: str | None
    name: str | None
    goes_on: bool
    article_id: str | None
    issue_id: int | None


@dataclass(slots=True)
class _Contents:
    """The articles of one issue: first pages and titles, of all and of those without DOI."""

    pages: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    pages_without_doi: set[str] = field(default_factory=set)
    names_without_doi: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Holding:
    """What is held of one title."""

    issues: dict[int, Issue] = field(default_factory=dict)
    by_place: dict[Place, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_volume: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_year: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    newest_volume: int = 0
    _contents: dict[int, _Contents] = field(default_factory=dict)
    _some_without_doi: bool = False

    def add(self, issue: Issue) -> None:
        """Enter one issue of which something is held."""
        self.issues[issue.id] = issue
        self.by_place[place_of(issue.year, issue.volume, issue.issue)].append(issue.id)
        if issue.volume:
            self.by_volume[_key(issue.volume)].append(issue.id)
            if _NUMBER.fullmatch(issue.volume):
                self.newest_volume = max(self.newest_volume, int(issue.volume))
        if issue.year is not None:
            self.by_year[issue.year].append(issue.id)

    def near(self, line: Wanted) -> list[int]:
        """The issues in which an article would stand that is named by its page or its title."""
        if not (line.page or line.name):
            return []
        if line.volume and line.issue and (exact := self.by_place.get(place_of(line.year, line.volume, line.issue))):
            return exact
        if line.volume:
            return self.by_volume.get(_key(line.volume), [])
        return self.by_year.get(line.year, []) if line.year else []

    def found_in(self, line: Wanted) -> int | None:
        """The issue that holds the article of this line, by its page or its title.

        One with another DOI than the line's is another article, so only those without are taken for it.
        """
        if line.doi and not self._some_without_doi:
            return None
        page = name = None
        for identifier in self.near(line):
            held = self._contents.get(identifier)
            if held is None:
                continue
            pages, names = (held.pages_without_doi, held.names_without_doi) if line.doi else (held.pages, held.names)
            if not pages:
                continue
            if page is None or name is None:
                page, name = first_page(line.page), name_key(line.name)
            if (page and page in pages) or (name and name in names):
                return identifier
        return None

    def any_of(self, year: int | None, volume: str | None, issue: str | None) -> int | None:
        """An issue that proves that something of this issue, volume or year is held."""
        if issue:
            found = self.by_place.get(place_of(year, volume, issue), [])
        elif volume:
            found = self.by_volume.get(_key(volume), [])
        else:
            found = self.by_year.get(year, []) if year else []
        return found[0] if found else None

    def look_into(self, session: Session, identifiers: Collection[int]) -> None:
        """Read the articles of these issues, those that were not read yet."""
        new = [each for each in identifiers if each not in self._contents]
        for part in parts(new):
            self._contents.update({each: _Contents() for each in part})
            rows = select(Article.issue_id, Article.shelf, Article.doi).where(Article.issue_id.in_(part))
            for issue_id, shelf, doi in session.execute(rows):
                page, _, name = shelf.partition("|")
                held = self._contents[issue_id]
                held.pages.add(page)
                held.names.add(name)
                if doi is None:
                    self._some_without_doi = True
                    held.pages_without_doi.add(page)
                    held.names_without_doi.add(name)


def of_titles(session: Session, titles: Iterable[int]) -> dict[int, Holding]:
    """What is held of these titles, by their ids."""
    found = {title: Holding() for title in titles}
    # Not by the number of articles shown: one that is withdrawn is held, and no publisher is asked for it again.
    any_article = exists().where(Article.issue_id == Issue.id)
    rows = select(Issue).where(Issue.title_id.in_(found), any_article).order_by(Issue.title_id, Issue.shelf)
    for issue in session.execute(rows).scalars():
        found[issue.title_id].add(issue)
    return found
