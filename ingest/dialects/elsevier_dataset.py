"""Elsevier's ``dataset.xml``, the list of a CAP delivery: journal, volume and files of each item, by its path."""

from __future__ import annotations

import re

from lxml import etree
from stdnum.issn import is_valid

from ingest.dialects.description import Side, TableOfContents
from ingest.dialects.elsevier import date_of, issn, words
from ingest.dialects.xml import child, children, local
from ingest.findings import finding
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, bare_doi

_PLACE = re.compile(r"(?:^|/)(?:(\d{7}[\dXx])/)?v([^is/]+)(?:i([^s/]+))?(?:s([^/]+))?/[^/]+/main\.xml$")
_PII = re.compile(r"S(\d{4})-?(\d{3}[\dX])\(?\d{2}\)?")
_MOST_NAMED = 20


def read(root: etree._Element, path: str) -> tuple[Side, ...]:
    """One Side for each ``journal-item``, with the ``journal-issue`` that stands before it.

    Paths are from the top of the delivery, without its top folder. A list that asks to delete is one Side that
    says so and completes nothing. Files that are listed for machines only (``raw-text``) are not named.
    """
    content = child(root, "dataset-content")
    items = list(children(content, "journal-item"))
    action = child(root, "dataset-properties", "dataset-action")
    if machine_lower(words(action) or "") == "delete":
        named = [words(child(item, "journal-item-unique-ids", "doi")) or _path(item) or "?" for item in items]
        more = [f"and {len(named) - _MOST_NAMED} more"] if len(named) > _MOST_NAMED else []
        detail = ", ".join([*named[:_MOST_NAMED], *more]) or None
        line = action.sourceline if action is not None else None
        return (Side(None, ArticleRecord(), findings=(finding("DELETION_REQUESTED", path, line, detail=detail),)),)
    issue: etree._Element | None = None
    found: list[Side] = []
    for node in children(content, "journal-issue", "journal-item"):
        if local(node) == "journal-issue":
            issue = child(node, "journal-issue-properties")
        elif (place := _path(node)) is not None:
            pdfs, others = _files(node)
            found.append(Side(place, _record(node, issue), pdfs, others))
    return tuple(found)


def contents(root: etree._Element, path: str) -> TableOfContents:
    """Every item of the list as a table of what should exist: not of whole issues, only of what was sent."""
    records = (side.record for side in read(root, path))
    return TableOfContents(tuple(record for record in records if record.doi), whole=False)


def record_of_place(path: str, record: ArticleRecord) -> ArticleRecord | None:
    """What the place of a ``main.xml`` tells, ``<ISSN>/v<volume>i<issue>s<supplement>/<PII>/``; else its own PII.

    The publisher item identifier of a serial begins with S and the ISSN of the journal. None where neither tells.
    """
    place = _PLACE.search(path)
    serial = _PII.match(record.other_ids.get("pii") or "")
    number, volume, part, supplement = place.groups() if place else (None, None, None, None)
    if number is None and serial is not None and is_valid(serial[1] + serial[2]):
        number = serial[1] + serial[2]
    if place is None and number is None:
        return None
    return ArticleRecord(issn_unspecified=issn(number), volume=volume, issue=part, other_ids=_supplement(supplement))


def _record(item: etree._Element, issue: etree._Element | None) -> ArticleRecord:
    ids = child(item, "journal-item-unique-ids")
    doi = words(child(ids, "doi"))
    numbers = child(issue, "volume-issue-number")
    online = words(child(item, "journal-item-properties", "online-publication-date"))
    date = date_of(online)
    named = {"pii": child(ids, "pii"), "jid": child(ids, "jid-aid", "jid"), "aid": child(ids, "jid-aid", "aid")}
    return ArticleRecord(
        journal_title=words(child(issue, "collection-title")),
        issn_unspecified=issn(words(child(ids, "jid-aid", "issn")) or words(child(issue, "issn"))),
        volume=span(numbers, "vol"),
        issue=span(numbers, "iss"),
        doi=bare_doi(doi) if doi else None,
        published={"online": date} if date else {},
        other_ids={
            **{name: text for name, node in named.items() if (text := words(node))},
            **_supplement(words(child(numbers, "suppl"))),
        },
    )


def span(numbers: etree._Element | None, what: str) -> str | None:
    """Volume (``vol``) or issue (``iss``): ``4``, or ``4-5`` for a double issue."""
    first, last = words(child(numbers, f"{what}-first")), words(child(numbers, f"{what}-last"))
    return f"{first}-{last}" if first and last and last != first else first


def _supplement(text: str | None) -> dict[str, str]:
    # C, the complete volume, stands where there is no supplement.
    return {"supplement": text} if text and text != "C" else {}


def _path(item: etree._Element) -> str | None:
    files = child(item, "files-info")
    listed = list(children(files, "ml"))
    main = [node for node in listed if words(child(node, "purpose")) == "MAIN"] or listed
    return words(child(main[0], "pathname")) if main else None


def _files(item: etree._Element) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The PDFs that are the article, and its other files."""
    pdfs: dict[str, None] = {}
    others: dict[str, None] = {}
    for node in children(child(item, "files-info"), "web-pdf", "ml", "asset"):
        name = words(child(node, "pathname"))
        if name and local(node) == "web-pdf" and words(child(node, "purpose")) in (None, "MAIN"):
            pdfs.setdefault(name)
        elif name and local(node) != "ml":
            others.setdefault(name)
        assets = (words(child(asset, "pathname")) for asset in children(node, "asset"))
        others.update((name, None) for name in assets if name)
    return tuple(pdfs), tuple(others)
