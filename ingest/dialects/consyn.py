"""Elsevier's articles with properties around them: ConSyn documents (RDF), and the API's full-text response."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lxml import etree

from ingest.dialects.description import Described
from ingest.dialects.elsevier import ARTICLES, date_of, issn, read_article, words
from ingest.dialects.filling import filled
from ingest.dialects.text import fold
from ingest.dialects.xml import child, children, descendants
from ingest.findings import finding
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, Author, bare_doi

_DATES = {"coverDate": "cover", "coverDisplayDate": "display", "availableOnline": "online"}


def read(root: etree._Element, path: str) -> tuple[Described, ...]:
    """The article of the document, completed with the properties (PRISM, Dublin Core, open access) around it.

    METADATA_CONFLICT where the two name different DOIs. A response without the original text is read from its
    properties alone.
    """
    around = child(root, "RDF", "Description")
    if around is None:
        around = child(root, "coredata")
    properties = _properties(around)
    item = next((node for node in descendants(root, *ARTICLES) if child(node, "item-info") is not None), None)
    if item is None:
        return (Described(properties, line=root.sourceline),) if around is not None else ()
    described = read_article(item)
    # A licence that is named says more than whose the rights are.
    record = replace(described.record, licence=properties.licence or described.record.licence)
    findings = described.findings
    ours, theirs = record.doi, properties.doi
    if ours and theirs and machine_lower(ours) != machine_lower(theirs):
        line = described.lines.get("doi")
        findings += (finding("METADATA_CONFLICT", path, line, field="DOI", value=ours, other=theirs, source=path),)
    return (replace(described, record=filled(record, properties), findings=findings),)


def _properties(around: etree._Element | None) -> ArticleRecord:
    doi = _said(around, "doi")
    first, last = _said(around, "startingPage"), _said(around, "endingPage")
    published = {kind: date for name, kind in _DATES.items() if (date := date_of(_below(around, name)))}
    return ArticleRecord(
        title=_said(around, "title"),
        journal_title=_said(around, "publicationName"),
        publisher=_said(around, "publisher"),
        issn_unspecified=issn(_said(around, "issn")),
        volume=_said(around, "volume"),
        issue=_said(around, "number", "issueIdentifier"),
        first_page=first,
        last_page=last,
        elocation=_said(around, "articleNumber"),
        doi=bare_doi(doi) if doi else None,
        authors=tuple(_creators(around)),
        published=published,
        licence=_licence(around),
        keywords=_subjects(around),
        other_ids={name: text for name in ("pii", "eid") if (text := _said(around, name))},
    )


def _said(around: etree._Element | None, *names: str) -> str | None:
    for name in names:
        text = next((text for node in children(around, name) if (text := words(node))), None)
        if text:
            return text
    return None


def _below(around: etree._Element | None, name: str) -> str | None:
    return next((text for node in descendants(around, name) if (text := words(node))), None)


def _creators(around: etree._Element | None) -> Iterator[Author]:
    """Names as they are written: only a comma tells the family name from the given one."""
    for node in children(around, "creator"):
        family, comma, given = (words(node) or "").partition(",")
        if family:
            yield Author(family, (fold(given) if comma else None))


def _licence(around: etree._Element | None) -> str | None:
    """Open-access status and licence as addresses, else the line that says it in words."""
    names = ("openAccessStatus", "userLicense", "openaccessUserLicense")
    given = [text for name in names if (text := _below(around, name))]
    return " ; ".join(dict.fromkeys(given)) or _below(around, "licenseLine")


def _subjects(around: etree._Element | None) -> tuple[str, ...]:
    found: list[str | None] = []
    for subject in children(around, "subject"):
        listed = [words(node) for node in descendants(subject, "li")]
        found += listed or [words(subject)]
    return tuple(dict.fromkeys(word for word in found if word))
