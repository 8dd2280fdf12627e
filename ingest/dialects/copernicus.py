"""Copernicus's own ``article``: flat metadata whose texts are HTML written into XML as text."""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from lxml import etree

from ingest.dialects import house_words as words
from ingest.dialects.dates import date_in_words
from ingest.dialects.description import Described
from ingest.dialects.text import fold, plain
from ingest.dialects.xml import attribute, child, children
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, Author

_BLOCK = re.compile(r"</?(?:p|br|div|li|ul|ol|h[1-6])(?:\s[^<>]*)?/?>", re.IGNORECASE)
_NOTE = re.compile(r"<(sup|a)\b[^<>]*\b(?:class|href)\s*=\s*[\"'][^\"'<>]*(?:note|#fn)[^<>]*>.*?</\1>", re.IGNORECASE)
_TAG = re.compile(
    r"</?(?:b|i|u|em|strong|sup|sub|span|a|tt|small|big|font|math|m[a-z]{1,9})(?:\s[^<>]*)?/?>", re.IGNORECASE
)


def read(root: etree._Element, path: str) -> tuple[Described, ...]:
    """The one article of the file."""
    journal = child(root, "journal")
    language = attribute(root, "language") or attribute(root, "lang")
    title, others = _titles(root, language)
    dates = _dates(root, journal, path)
    record = ArticleRecord(
        title=title,
        translated_titles=others,
        language=language,
        journal_title=_text(child(journal, "journal_title")),
        publisher=_text(child(journal, "publisher")),
        issn_print=words.issn_of(plain(child(journal, "issn"))),
        issn_electronic=words.issn_of(plain(child(journal, "eissn"))),
        volume=plain(child(journal, "volume_number")),
        issue=plain(child(journal, "issue_number")),
        first_page=words.page_of(plain(child(root, "start_page"))),
        last_page=words.page_of(plain(child(root, "end_page"))),
        elocation=plain(child(root, "article_number")),
        doi=words.doi_of(plain(child(root, "doi"))),
        authors=tuple(_authors(child(root, "authors"))),
        published=dates.published,
        article_type=plain(child(root, "article_type")),
        licence=plain(child(root, "license_url")) or plain(child(root, "license")),
        abstracts=_by_language(root, "abstract", language),
        keywords=tuple(_keywords(root)),
    )
    described = Described(
        record=record,
        pdf_names=words.file_names(_last_part(plain(node)) for node in children(root, "fulltext_pdf")),
        file_names=words.file_names(_last_part(plain(node)) for node in children(root, "supplement", "supplement_zip")),
        line=root.sourceline,
        lines=words.lines_among(
            doi=child(root, "doi"),
            title=child(root, "article_title"),
            journal=journal,
            issn_print=child(journal, "issn"),
            issn_electronic=child(journal, "eissn"),
        ),
        findings=tuple(dates.findings),
    )
    return (described,)


def _text(node: etree._Element | None) -> str | None:
    """The text of an element that holds HTML as text: tags taken out, references resolved once.

    Tags that were escaped twice are text only after that, and go too; a mere less-than sign stays.
    """
    text = plain(node)
    if text is None:
        return None
    return fold(_without_tags(html.unescape(_without_tags(text))))


def _without_tags(text: str) -> str:
    return _TAG.sub("", _BLOCK.sub(" ", _NOTE.sub("", text)))


def _titles(root: etree._Element, language: str | None) -> tuple[str | None, dict[str, str]]:
    found = _by_language(root, "article_title", language) or _by_language(root, "title", language)
    own = language if language in found else next(iter(found), None)
    return (found.pop(own) if own is not None else None), found


def _by_language(root: etree._Element, name: str, language: str | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in children(root, name):
        if text := _text(node):
            found.setdefault(attribute(node, "language") or attribute(node, "lang") or language or "", text)
    return found


def _authors(group: etree._Element | None) -> Iterator[Author]:
    """Names as they are written: which part is the family name is not said."""
    for node in children(group, "author", "collaboration"):
        named = child(node, "name")
        collab = _text(child(node, "collaboration"))
        name = _text(named) if named is not None or len(node) else _text(node)
        if collab or (name and machine_lower(attribute(node, "type") or "") in {"group", "collaboration"}):
            yield Author(collab=collab or name)
        elif name:
            yield Author(name, orcid=words.orcid_of(plain(child(node, "orcid"))))


def _dates(root: etree._Element, journal: etree._Element | None, path: str) -> words.Dates:
    """The day of publication; the year of the volume where there is none."""
    dates = words.Dates(path)
    for node in children(root, "publication_date"):
        dates.note("publication_date", date_in_words(plain(node)), node)
    if not dates.published:
        for node in children(journal, "publication_year"):
            dates.note("publication_year", date_in_words(plain(node)), node)
    return dates


def _keywords(root: etree._Element) -> Iterator[str]:
    for node in children(child(root, "keywords"), "keyword"):
        if text := _text(node):
            yield text


def _last_part(address: str | None) -> str | None:
    """The name of the file at an address: the delivery has it under the same name."""
    return posixpath.basename(unquote(urlsplit(address).path)) or None if address else None
