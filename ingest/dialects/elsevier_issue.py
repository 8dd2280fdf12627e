"""Elsevier's ``issue.xml`` (serial-issue DTD 5.x): which items an issue has, in the order of its pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from lxml import etree

from ingest.dialects.description import MOST_ARTICLES, Side, TableOfContents
from ingest.dialects.elsevier import date_of, issn, words
from ingest.dialects.elsevier_dataset import span
from ingest.dialects.xml import child, descendants
from repository.vocabulary import ArticleRecord, bare_doi

_NO_LETTER = re.compile(r"[^A-Za-z0-9]+")


def contents(root: etree._Element, path: str) -> TableOfContents:  # noqa: ARG001
    """Every ``include-item``, with the volume, issue and year of the whole."""
    return TableOfContents(tuple(record for _, record in _items(root)), whole=True)


def read(root: etree._Element, path: str) -> tuple[Side, ...]:  # noqa: ARG001
    """Of each item what its own ``main.xml`` does not say: its pages, and the number and cover date of its issue.

    The item lies in the folder of its PII beside this file. Whether it came too is for dataset.xml to say.
    """
    found: list[Side] = []
    for pii, record in _items(root):
        if folder := _NO_LETTER.sub("", pii or ""):
            told = ("volume", "issue", "first_page", "last_page", "elocation", "published")
            more = ArticleRecord(**{name: getattr(record, name) for name in told})
            found.append(Side(f"{folder}/main.xml", more, awaited=False))
    return tuple(found)


def _items(root: etree._Element) -> Iterator[tuple[str | None, ArticleRecord]]:
    """PII and record of every item, in the order of the issue."""
    info = child(root, "issue-info")
    numbers = child(info, "volume-issue-number")
    cover = next(descendants(root, "start-date"), None)
    date = _compact(words(cover)) or date_of(words(cover))
    journal, volume, issue = issn(words(child(info, "issn"))), span(numbers, "vol"), span(numbers, "iss")
    for item in islice(descendants(root, "include-item"), MOST_ARTICLES):
        doi = words(child(item, "doi"))
        pages = child(item, "pages")
        yield (
            words(child(item, "pii")),
            ArticleRecord(
                title=words(child(item, "title")),
                issn_unspecified=journal,
                volume=volume,
                issue=issue,
                first_page=words(child(pages, "first-page")),
                last_page=words(child(pages, "last-page")),
                elocation=words(child(item, "article-number")),
                doi=bare_doi(doi) if doi else None,
                published={"cover": date} if date else {},
            ),
        )


def _compact(text: str | None) -> str | None:
    """``201501`` and ``20150115``, as Elsevier writes a date, by ISO 8601."""
    if not text or not text.isascii() or not text.isdigit() or len(text) not in (4, 6, 8):
        return None
    return "-".join(part for part in (text[:4], text[4:6], text[6:8]) if part)
