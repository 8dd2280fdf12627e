"""BioMed Central's ``art`` before 2016: front matter as a bibliographic entry."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from ingest.dialects import house_words as words
from ingest.dialects.dates import date_in_words, iso_date
from ingest.dialects.description import Described
from ingest.dialects.text import plain
from ingest.dialects.xml import attribute, child, children, descendants, local
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, Author, Related

_NOTES = {"abbrgrp", "abbr", "fnr", "fnm"}
_CORRECTIONS = ("correction", "erratum", "corrigendum", "retraction", "concern")


def read(root: etree._Element, path: str) -> tuple[Described, ...]:
    """The one article of an ``art``."""
    front = child(root, "fm")
    entry = child(front, "bibl")
    language = attribute(root, "lang")
    identifiers = _identifiers(root, entry)
    title, others = _titles(entry, language)
    kind = plain(child(front, "dochead"), _left_out)
    dates = _dates(front, entry, path)
    record = ArticleRecord(
        title=title,
        translated_titles=others,
        language=language,
        journal_title=plain(child(entry, "source"), _left_out),
        publisher=plain(child(entry, "publisher"), _left_out),
        issn_electronic=words.issn_of(plain(child(entry, "issn"))),
        volume=plain(child(entry, "volume")),
        issue=plain(child(entry, "issue")),
        first_page=words.page_of(plain(child(entry, "fpage"))),
        last_page=words.page_of(plain(child(entry, "lpage"))),
        doi=words.doi_of(identifiers.pop("doi", None)),
        authors=tuple(_authors(child(entry, "aug"))),
        published=dates.published,
        article_type=kind,
        related=tuple(_related(front, kind)),
        licence=_licence(front),
        abstracts=_abstracts(front, language),
        keywords=tuple(dict.fromkeys(word for node in descendants(front, "kwd") if (word := plain(node, _left_out)))),
        other_ids=identifiers,
    )
    named = [attribute(node, "name") or attribute(node, "file") for node in descendants(root, "file", "graphic")]
    described = Described(
        record=record,
        file_names=words.file_names(named),
        line=root.sourceline,
        lines=words.lines_among(
            doi=next((node for node in _pubids(entry) if attribute(node, "idtype") == "doi"), None),
            title=child(entry, "title"),
            journal=child(entry, "source"),
            issn_electronic=child(entry, "issn"),
        ),
        full_text=any(text.strip() for body in children(root, "bdy") for text in body.itertext()),
        findings=tuple(dates.findings),
    )
    return (described,)


def _left_out(node: etree._Element) -> bool:
    return local(node) in _NOTES


def _titles(entry: etree._Element | None, language: str | None) -> tuple[str | None, dict[str, str]]:
    found: dict[str, str] = {}
    for node in children(entry, "title", "trtitle"):
        if text := plain(node, _left_out):
            found.setdefault(attribute(node, "lang") or (language or "" if local(node) == "title" else ""), text)
    own = language if language in found else next(iter(found), None)
    title = found.pop(own) if own is not None else None
    return words.with_subtitle(title, plain(child(entry, "subtitle"), _left_out)), found


def _pubids(entry: etree._Element | None) -> list[etree._Element]:
    return list(descendants(child(entry, "xrefbib"), "pubid"))


def _identifiers(root: etree._Element, entry: etree._Element | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in _pubids(entry):
        if text := plain(node):
            found.setdefault(attribute(node, "idtype") or "other", text)
    own = plain(child(root, "ui"))
    return found | {"publisher-id": own} if own else found


def _authors(group: etree._Element | None) -> Iterator[Author]:
    """Persons and collaborations; the middle initial ``mi`` is not part of the given name ``fnm``."""
    for node in children(group, "au", "cnm", "collab"):
        collab = plain(node if local(node) != "au" else child(node, "cnm"), _left_out)
        if collab:
            yield Author(collab=collab)
            continue
        family, given = plain(child(node, "snm"), _left_out), plain(child(node, "fnm"), _left_out)
        if family or given:
            yield Author(family, given, plain(child(node, "suf")))


def _dates(front: etree._Element | None, entry: etree._Element | None, path: str) -> words.Dates:
    """``pubdate``, the year of the issue, and ``pub``, the day of publication."""
    dates = words.Dates(path)
    for node in children(entry, "pubdate"):
        dates.note("pubdate", date_in_words(plain(node)), node)
    for node in children(child(front, "history"), "pub"):
        date = child(node, "date")
        dates.note("pub", iso_date(date) if date is not None else date_in_words(plain(node)), node)
    return dates


def _related(front: etree._Element | None, kind: str | None) -> Iterator[Related]:
    """What an erratum or a retraction is about: the DOI that its front matter names beside its own."""
    notice = machine_lower(kind or "")
    for node in descendants(front, "related", "relatedarticle"):
        target = attribute(node, "href") or attribute(node, "doi") or plain(node)
        if target:
            said = attribute(node, "type") or kind
            yield words.related_to(said, target, of_a_notice=any(part in notice for part in _CORRECTIONS))


def _licence(front: etree._Element | None) -> str | None:
    """The address of the article's licence, the first that its words name (a later one is of its data); else the words.

    The sentence stands in ``cpyrt/note``.
    """
    note = child(front, "cpyrt", "note")
    for node in descendants(note, "url"):
        address = plain(node) or ""
        if "creativecommons.org" in address:
            return address
    return plain(note, _left_out)


def _abstracts(front: etree._Element | None, language: str | None) -> dict[str, str]:
    def heading(node: etree._Element) -> bool:
        return _left_out(node) or (local(node) == "st" and machine_lower(plain(node) or "") == "abstract")

    found: dict[str, str] = {}
    for node in children(front, "abs"):
        if text := plain(node, heading):
            found.setdefault(attribute(node, "lang") or language or "", text)
    return found
