"""Elsevier's ``issue.xml`` (serial-issue DTD 5.x): which items an issue has, in the order of its pages."""

from __future__ import annotations

from itertools import islice

from lxml import etree

from ingest.dialects.description import MOST_ARTICLES, TableOfContents
from ingest.dialects.elsevier import date_of, issn, words
from ingest.dialects.elsevier_dataset import span
from ingest.dialects.xml import child, descendants
from repository.vocabulary import ArticleRecord, bare_doi


def contents(root: etree._Element, path: str) -> TableOfContents:  # noqa: ARG001
    """Every ``include-item``, with the volume, issue and year of the whole."""
    info = child(root, "issue-info")
    numbers = child(info, "volume-issue-number")
    cover = next(descendants(root, "start-date"), None)
    date = date_of(words(cover)) or _compact(words(cover))
    journal, volume, issue = issn(words(child(info, "issn"))), span(numbers, "vol"), span(numbers, "iss")
    records = []
    for item in islice(descendants(root, "include-item"), MOST_ARTICLES):
        doi = words(child(item, "doi"))
        pages = child(item, "pages")
        record = ArticleRecord(
            title=words(child(item, "title")),
            issn_unspecified=journal,
            volume=volume,
            issue=issue,
            first_page=words(child(pages, "first-page")),
            last_page=words(child(pages, "last-page")),
            elocation=words(child(item, "article-number")),
            doi=bare_doi(doi) if doi else None,
            published={"cover": date} if date else {},
        )
        records.append(record)
    return TableOfContents(tuple(records), whole=True)


def _compact(text: str | None) -> str | None:
    """``201501`` and ``20150115``, as Elsevier writes a date, by ISO 8601."""
    if not text or not text.isascii() or not text.isdigit() or len(text) not in (4, 6, 8):
        return None
    return "-".join(part for part in (text[:4], text[4:6], text[6:8]) if part)
