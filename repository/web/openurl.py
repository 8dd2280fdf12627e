"""OpenURL: what a link resolver asks for, in either spelling (Z39.88-2004 KEV, and 0.1), as resolvers write it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from sqlalchemy.orm import Session

from repository.catalogue import browse, holdings, links, places
from repository.models import Article, Issue, Title
from repository.turkish import machine_lower, tr_fold
from repository.vocabulary import ArticleRecord, ArticleState, Related

_ISSN = re.compile(r"(?<![\dXx-])(\d{4})[-\u2010-\u2015 ]?(\d{3}[\dXx])(?![\dXx])")
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_PMID = re.compile(r"(?:info:pmid/|pmid:)\s*(\d{1,9})", re.IGNORECASE)
_YEAR = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?=\D|(?:0[1-9]|1[0-2])|$)")
_NAMED = re.compile(
    r"(?:(?:vol(?:ume)?|v|cilt|no|nr|num(?:ber)?|iss(?:ue)?|say[ıi]|bd|band|heft|tome)[\s:.]*|[csit][:.]\s*)(?=\d)",
    re.IGNORECASE,
)
_PAGED = re.compile(r"(?:pages?|pp?|ss)\.?[\s:]*(?=\d)", re.IGNORECASE)
_BOTH = re.compile(r"(\d+)\s*\(([^()]+)\)")
_LONGEST = 300
_MOST_ISSUES = 200

_IDENTIFIERS = ("rft_id", "id", "rft.doi", "doi", "rft.id", "pmid", "rft.pmid", "svc_id")
_ISSNS = ("rft.issn", "issn", "rft.eissn", "eissn", "rft.issn1", "rft.eissn1", "rft.issn_l", "issnl")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; every part may be empty."""

    doi: str = ""
    issns: tuple[str, ...] = ()
    journal: str = ""
    article: str = ""
    volume: str = ""
    issue: str = ""
    page: str = ""
    year: str = ""
    pmid: str = ""

    @property
    def of_article(self) -> bool:
        """Whether one article is asked for, and not a journal or an issue of it."""
        return bool(self.doi or self.article or self.page or self.pmid)

    @property
    def of_part(self) -> bool:
        """Whether more is asked for than a journal as a whole."""
        return self.of_article or bool(self.volume or self.issue or self.year)


@dataclass(frozen=True, slots=True)
class Met:
    """The nearest that the archive holds: an article, else an issue of the title, else the title, else nothing."""

    article: Article | None = None
    issue: Issue | None = None
    title: Title | None = None
    several: bool = False
    """Whether several issues of the title fit, so that the title is meant as a whole."""


def read(arguments: Mapping[str, list[str]]) -> Wanted:
    """The question in the arguments of an address. Never fails: what cannot be read was not asked.

    Names are taken in any case, values with what resolvers put around them: ``Vol. 12``, ``2015-03-01``, ``pp. 10-19``,
    a DOI that was escaped twice.
    """
    said: dict[str, list[str]] = {}
    for name, values in arguments.items():
        said.setdefault(machine_lower(name), []).extend(filter(None, map(_clean, values)))

    def first(*names: str) -> str:
        return next((value for name in names for value in said.get(name, ())), "")

    identifiers = [text for name in _IDENTIFIERS for value in said.get(name, ()) for text in _unescaped(value)]
    volume, issue = _number(first("rft.volume", "volume")), _number(first("rft.issue", "issue", "rft.number", "number"))
    if not issue and (both := _BOTH.fullmatch(volume)):
        volume, issue = both[1], _number(both[2])
    return Wanted(
        doi=next((found.group() for text in identifiers if (found := _DOI.search(text))), ""),
        issns=tuple(
            dict.fromkeys(_issns([*(v for name in _ISSNS for v in said.get(name, ())), *_of_issn(identifiers)]))
        ),
        journal=first("rft.jtitle", "rft.title", "title", "jtitle", "rft.stitle", "stitle"),
        article=first("rft.atitle", "atitle"),
        volume=volume,
        issue=issue,
        page=_page(first("rft.spage", "spage", "rft.artnum", "artnum", "rft.pages", "pages")),
        year=found[1] if (found := _YEAR.search(first("rft.date", "date", "rft.year", "year"))) else "",
        pmid=next((found[1] for text in identifiers if (found := _PMID.match(text))), first("rft.pmid", "pmid")),
    )


def issn_in(text: str) -> str | None:
    """The one ISSN that a text holds, with its hyphen."""
    return next(_issns([_clean(text)]), None)


def meet(session: Session, wanted: Wanted) -> Met:
    """The nearest to ``wanted``: by DOI or PMID, then by journal, issue and page or title, then issue, then journal.

    Where the journal went on under another name, what was published under the other is looked for there too.
    """
    if (article := _named(session, wanted)) is not None:
        return Met(article=article)
    title = _title(session, wanted)
    if title is None:
        return Met()
    for each in (title, *places.former_and_later(session, title)):
        issues = _issues(session, each, wanted)
        if (article := _within(session, issues, wanted)) is not None:
            return Met(article=article, title=each)
        if len(issues) == 1 or (issues and wanted.volume):
            return Met(issue=issues[0], title=each)
        if issues:
            return Met(title=each, several=True)
    return Met(title=title)


def _issues(session: Session, title: Title, wanted: Wanted) -> list[Issue]:
    """Those that fit; by volume and number alone where no issue is of that year: online and print differ in it."""

    def of(year: str) -> list[Issue]:
        return places.issues_with(
            session, title.id, volume=wanted.volume, issue=wanted.issue, year=year, limit=_MOST_ISSUES
        )

    return of(wanted.year) or (of("") if wanted.volume and wanted.year else [])


def _named(session: Session, wanted: Wanted) -> Article | None:
    for doi in dict.fromkeys((wanted.doi, wanted.doi.rstrip(".,;:>)]}\"'"))):
        if doi and (article := holdings.find_article(session, doi)) is not None:
            return article
    if wanted.pmid:
        pointer = Related("", wanted.pmid, "pmid")
        if (identifier := links.held(session, [pointer]).get(pointer)) is not None:
            return session.get(Article, identifier)
    return None


def _title(session: Session, wanted: Wanted) -> Title | None:
    found = next((title for issn in wanted.issns if (title := browse.title_of_issn(session, issn))), None)
    if found is None and wanted.journal:
        found = browse.title_named(session, wanted.journal)
    if found is None and (words := tr_fold(wanted.journal).split()):
        # "Journal of Things (Online)", "The Journal of Things": the one whose name has all these words, or none.
        lines = browse.titles_with(session, [word for word in words if word not in ("the", "online", "print")], limit=2)
        found = session.get(Title, lines[0].id) if len(lines) == 1 else None
    return found


def _within(session: Session, issues: list[Issue], wanted: Wanted) -> Article | None:
    """The one article of these issues that begins on the page, or bears the title; two are as good as none."""
    numbers = [issue.id for issue in issues]
    found: list[Article] = []
    if wanted.page and numbers:
        found = places.beginning_on(session, numbers, wanted.page, limit=10)
    if len(found) != 1 and wanted.article and numbers:
        asked = tr_fold(wanted.article)
        among = found or places.articles_of_issues(session, numbers, limit=_MOST_ISSUES * 5)
        found = [one for one in among if _is_titled(one, asked)]
    return found[0] if len(found) == 1 and found[0].state == ArticleState.ACTIVE else None


def _is_titled(article: Article, asked: str) -> bool:
    record = ArticleRecord.from_json(article.record)
    titles = (record.title or "", *record.translated_titles.values())
    return any(tr_fold(title) == asked for title in titles if title)


def _clean(text: str) -> str:
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return clean if len(clean) <= _LONGEST else ""


def _unescaped(text: str) -> Iterator[str]:
    """A value, and what it is where it was escaped once or twice too often."""
    for _ in range(3):
        yield text
        if "%" not in text or (again := _clean(unquote(text))) == text:
            return
        text = again


def _issns(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        if not _DOI.search(text):
            yield from (f"{found[1]}-{found[2]}".replace("x", "X") for found in _ISSN.finditer(text))


def _of_issn(identifiers: Iterable[str]) -> list[str]:
    """Those that say that they are ISSNs: ``urn:ISSN:1300-0632``."""
    return [text for text in identifiers if "issn" in machine_lower(text)]


def _number(text: str) -> str:
    """``12`` of ``Vol. 12``, ``Cilt: 12`` and ``v12``."""
    found = _NAMED.match(text)
    return text[found.end() :].strip() if found else text


def _page(text: str) -> str:
    """The first page of ``pp. 10-19``."""
    bare = _PAGED.sub("", text, count=1) if _PAGED.match(text) else text
    return re.split(r"\s*[-\u2010-\u2015,;]\s*", bare, maxsplit=1)[0].strip()
