"""Tables of contents in the words of JATS: Atypon's issue-xml, ACS's toc-xml, Taylor & Francis' issue manifest, MDPI's.

None of them has a published schema that all keep to, so that they are read by what they share: the journal and the
issue stand first, and each article follows with its DOI, or with its page and title.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from lxml import etree

from ingest.dialects.description import MOST_ARTICLES, TableOfContents
from ingest.dialects.text import plain
from ingest.dialects.xml import attribute, child, descendants, local
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, bare_doi

_ENTRIES = frozenset(("issue-article-meta", "article-meta", "article-file", "article", "item", "entry", "issue-item"))
_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:)?(10\.[0-9]{4,9}/\S+)", re.I)


def contents(root: etree._Element, path: str) -> TableOfContents:  # noqa: ARG001
    """Every article that the table names."""
    about = {name: _first(root, name) for name in ("volume", "issue", "year", "journal-title")}
    issns = [text for node in _outside(root, "issn") if (text := plain(node))]
    date = about["year"]
    records = []
    for entry in islice(_entries(root), MOST_ARTICLES):
        doi = _doi(entry)
        title = _of(entry, "article-title", "title")
        page = _of(entry, "fpage", "first-page", "page")
        elocation = _of(entry, "elocation-id", "article-number")
        if not (doi or title or page or elocation):
            continue
        record = ArticleRecord(
            title=title,
            journal_title=about["journal-title"],
            issn_electronic=issns[0] if issns else None,
            issn_print=issns[1] if len(issns) > 1 else None,
            volume=_of(entry, "volume") or about["volume"],
            issue=_of(entry, "issue") or about["issue"],
            first_page=page,
            elocation=elocation,
            doi=doi,
            published={"collection": date[:4]} if date and date[:4].isdigit() else {},
        )
        records.append(record)
    return TableOfContents(tuple(records), whole=True)


def _entries(root: etree._Element) -> Iterator[etree._Element]:
    """The innermost elements that stand for an article each; an entry with several DOIs is one for each."""
    for node in descendants(root, *_ENTRIES):
        if next(descendants(node, *_ENTRIES), None) is not None:
            continue
        identifiers = [each for each in descendants(node, "article-id") if _is_doi(each)]
        if len(identifiers) > 1:
            yield from identifiers
        else:
            yield node


def _doi(entry: etree._Element) -> str | None:
    candidates = [entry, *descendants(entry, "article-id", "doi")]
    for node in candidates:
        if (node is entry and local(node) != "article-id") or not _is_doi(node):
            continue
        found = _DOI.fullmatch(plain(node) or "")
        if found:
            return bare_doi(found[1])
    return None


def _is_doi(node: etree._Element) -> bool:
    kind = attribute(node, "pub-id-type")
    return local(node) == "doi" or machine_lower(kind or "doi") == "doi"


def _of(entry: etree._Element, *names: str) -> str | None:
    return next((text for name in names if (text := plain(child(entry, name)))), None)


def _outside(root: etree._Element, name: str) -> Iterator[etree._Element]:
    """Elements of this name that belong to the issue and to none of its articles."""
    for node in descendants(root, name):
        if not any(local(each) in _ENTRIES for each in node.iterancestors()):
            yield node


def _first(root: etree._Element, name: str) -> str | None:
    return next((text for node in _outside(root, name) if (text := plain(node))), None)
