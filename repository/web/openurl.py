"""OpenURL: what a link resolver asks for, in either of its spellings (Z39.88-2004 KEV, and 0.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from repository.catalogue import browse, holdings
from repository.models import Article, Issue, Title
from repository.vocabulary import ArticleState

_ISSN = re.compile(r"(\d{4})-?(\d{3}[\dXx])")
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_LONGEST = 300


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


@dataclass(frozen=True, slots=True)
class Met:
    """The nearest that the archive holds: an article, else an issue of the title, else the title, else nothing."""

    article: Article | None = None
    issue: Issue | None = None
    title: Title | None = None


def read(arguments: Mapping[str, list[str]]) -> Wanted:
    """The question in the arguments of an address. Never fails: what cannot be read was not asked."""

    def first(*names: str) -> str:
        for name in names:
            for value in arguments.get(name, ()):
                clean = " ".join("".join(c if c.isprintable() else " " for c in value).split())
                if clean and len(clean) <= _LONGEST:
                    return clean
        return ""

    identifiers = [value for name in ("rft_id", "id", "rft.doi", "doi") for value in arguments.get(name, ())]
    dois = (_DOI.search(value) for value in identifiers if value.isprintable())
    found = [_ISSN.fullmatch(first(name)) for name in ("rft.issn", "issn", "rft.eissn", "eissn", "rft.issn1")]
    return Wanted(
        doi=next((doi.group() for doi in dois if doi), ""),
        issns=tuple(f"{issn.group(1)}-{issn.group(2)}".replace("x", "X") for issn in found if issn),
        journal=first("rft.jtitle", "rft.title", "title", "jtitle", "rft.stitle", "stitle"),
        article=first("rft.atitle", "atitle"),
        volume=first("rft.volume", "volume"),
        issue=first("rft.issue", "issue"),
        page=first("rft.spage", "spage", "rft.artnum", "artnum"),
        year=first("rft.date", "date")[:4],
    )


def meet(session: Session, wanted: Wanted) -> Met:
    """The nearest to ``wanted``: by DOI, then by journal, issue and page, then journal and issue, then the journal."""
    if wanted.doi and (article := holdings.find_article(session, wanted.doi)) is not None:
        return Met(article=article)
    title = next((t for issn in wanted.issns if (t := browse.title_of_issn(session, issn))), None)
    if title is None and wanted.journal:
        title = browse.title_named(session, wanted.journal)
    if title is None:
        return Met()
    issue = browse.issue_with(session, title.id, volume=wanted.volume, issue=wanted.issue, year=wanted.year)
    if issue is None:
        return Met(title=title)
    if wanted.page:
        # Two articles may begin on one page: then the issue is the honest answer.
        begin_here = browse.articles_in(session, issue.id, page=wanted.page, limit=2)
        if len(begin_here) == 1 and begin_here[0].state == ArticleState.ACTIVE:
            return Met(article=begin_here[0], issue=issue, title=title)
    return Met(issue=issue, title=title)
