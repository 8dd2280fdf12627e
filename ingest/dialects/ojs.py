"""OJS 3.0 to 3.4 native XML: an issue, several, or articles alone, whose versions are ``publication`` elements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from lxml import etree

from ingest.dialects.description import MOST_ARTICLES, Described
from ingest.dialects.embedded import names_within
from ingest.dialects.house_words import orcid_of
from ingest.dialects.ojs_words import (
    Files,
    by_locale,
    day_of,
    language_of,
    lines_of,
    pages_of,
    titles_of,
    with_notices,
    within_articles,
)
from ingest.dialects.text import plain, text_of
from ingest.dialects.xml import attribute, child, children, local
from repository.turkish import machine_lower, tr_fold
from repository.vocabulary import ArticleRecord, Author, bare_doi

_PUBLISHED = "3"
_NOT_AUTHORS = {"translator", "editor", "volume editor", "section editor", "cevirmen", "ceviren", "editor asistani"}
_SUBMISSION_FILES = ("submission_file", "supplementary_file", "artwork_file")
_OF_THE_SYSTEM = {"doi", "internal"}


def read(root: etree._Element, path: str) -> tuple[Described, ...]:
    """Every article of the file in its order. OJS writes neither journal title nor ISSN into it."""
    within = names_within(root)
    found = (
        _article(article, issue, Files(path, within))
        for article, issue in islice(within_articles(root), MOST_ARTICLES + 1)
    )
    return tuple(with_notices(found))


def _article(article: etree._Element, issue: etree._Element | None, files: Files) -> Described:
    current = _current(article)
    locale = attribute(current, "locale") or attribute(article, "locale")
    title, others, _ = titles_of(current, locale)
    volume, number, year = _issue(current, issue)
    first_page, last_page, elocation = pages_of(_said(current, "pages"))
    doi, other_ids = _identifiers(current, article)
    day = day_of(attribute(current, "date_published") or attribute(article, "date_published"))
    published = {"date_published": day, "collection": year}
    _take_files(article, current, files)
    pdf_names, file_names = files.names()
    abstracts = by_locale(current, "abstract", locale)
    record = ArticleRecord(
        title=title,
        translated_titles=others,
        language=language_of(locale),
        volume=volume,
        issue=number,
        first_page=first_page,
        last_page=last_page,
        elocation=elocation,
        doi=doi,
        authors=tuple(_authors(current, locale)),
        published={kind: date for kind, date in published.items() if date},
        article_type=_own(by_locale(current, "type", locale), locale),
        licence=_said(current, "licenseUrl"),
        abstracts={language_of(key) or "": text for key, text in abstracts.items()},
        keywords=_keywords(current),
        other_ids=other_ids,
    )
    lines = lines_of(current, title="title", pdf="article_galley")
    line = next((node.sourceline for node in children(current, "id") if attribute(node, "type") == "doi"), None)
    return Described(
        record=record,
        pdf_names=pdf_names,
        file_names=file_names,
        line=article.sourceline,
        lines={**lines, "doi": line} if line else lines,
        findings=tuple(files.findings),
    )


def _said(node: etree._Element | None, name: str) -> str | None:
    return next((text for each in children(node, name) if (text := plain(each))), None)


def _own(texts: dict[str, str], locale: str | None) -> str | None:
    return texts.get(locale or "") or next(iter(texts.values()), None)


def _current(article: etree._Element) -> etree._Element:
    """The version that the journal shows: the one that the article names, else the newest published, else the newest.

    Before OJS 3.2 there are no versions: the article's fields are its own.
    """
    every = list(children(article, "publication"))
    if not every:
        return article
    named = attribute(article, "current_publication_id")
    for each in every:
        ids = (plain(node) for node in children(each, "id") if attribute(node, "type") == "internal")
        if named and named in ids:
            return each
    published = [each for each in every if attribute(each, "status") == _PUBLISHED]
    return max(published or every, key=_version)


def _version(publication: etree._Element) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d{1,9}", attribute(publication, "version") or ""))


def _issue(current: etree._Element, issue: etree._Element | None) -> tuple[str | None, str | None, str | None]:
    """Volume, number and year: of the issue around the article, else of the one that an article alone names."""
    about = child(issue, "issue_identification")
    if about is None:
        about = child(current, "issue_identification")
    year = day_of(_said(about, "year"))
    return _said(about, "volume"), _said(about, "number"), year[:4] if year else None


def _identifiers(*places: etree._Element) -> tuple[str | None, dict[str, str]]:
    doi: str | None = None
    others: dict[str, str] = {}
    for node in (each for place in places for each in children(place, "id")):
        kind, text = machine_lower(attribute(node, "type") or ""), plain(node)
        if text and kind == "doi":
            doi = doi or bare_doi(text)
        elif text and kind and kind not in _OF_THE_SYSTEM:
            others.setdefault("publisher-id" if kind == "public" else kind, text)
    return doi, others


def _authors(current: etree._Element, locale: str | None) -> Iterator[Author]:
    """In the order of ``seq`` where every author has one; editors and translators of the work are no authors."""
    every = [node for group in children(current, "authors") for node in children(group, "author")]
    places = [attribute(node, "seq") or "" for node in every]
    if all(place.isascii() and place.isdigit() and len(place) < 10 for place in places):
        every = [node for _, node in sorted(zip(map(int, places), every, strict=True), key=lambda pair: pair[0])]
    for node in every:
        if tr_fold(attribute(node, "user_group_ref") or "") in _NOT_AUTHORS:
            continue
        given = _own(by_locale(node, "givenname", locale), locale) or _firstnames(node)
        family = _own(by_locale(node, "familyname", locale), locale) or text_of(child(node, "lastname"))
        if given or family:
            yield Author(family, given, _said(node, "suffix"), orcid=orcid_of(_said(node, "orcid")))


def _firstnames(node: etree._Element) -> str | None:
    names = (_said(node, name) for name in ("firstname", "middlename"))
    return " ".join(name for name in names if name) or None


def _keywords(current: etree._Element) -> tuple[str, ...]:
    words = (text_of(word) for group in children(current, "keywords") for word in children(group, "keyword"))
    return tuple(dict.fromkeys(word for word in words if word))


def _take_files(article: etree._Element, current: etree._Element, files: Files) -> None:
    """The galleys that are PDFs of the article's own genre are the article; every other file is told beside it.

    The genres are named in the journal's language, so that the first PDF galley says which is the article's.
    """
    submitted: dict[str, etree._Element] = {}
    for place in dict.fromkeys((article, current)):
        for node in children(place, *_SUBMISSION_FILES):
            submitted.setdefault(attribute(node, "id") or "", node)
    genre: str | None = None
    shown: set[etree._Element] = set()
    for galley in children(current, "article_galley"):
        for reference in children(galley, "submission_file_ref"):
            named = submitted.get(attribute(reference, "id") or "")
            if named is None or named in shown:
                continue
            shown.add(named)
            before = len(files.pdfs)
            of_article = local(named) == "submission_file" and genre in (None, attribute(named, "genre"))
            _take_file(named, attribute(reference, "revision"), files, main=of_article)
            if len(files.pdfs) > before and genre is None:
                genre = attribute(named, "genre")
    for node in submitted.values():
        if node not in shown:
            _take_file(node, None, files, main=False)


def _take_file(node: etree._Element, revision: str | None, files: Files, *, main: bool) -> None:
    """The file of a submission file: its revision (OJS 3.0, 3.1) or its ``file``, the newest of several."""
    held = list(children(node, "revision", "file"))
    if not held:
        return
    wanted = revision or attribute(node, "file_id")
    numbers = ("number", "id")
    chosen = next((each for each in held if wanted and wanted in (attribute(each, name) for name in numbers)), held[-1])
    called = attribute(chosen, "filename") or _said(node, "name") or _said(chosen, "name")
    files.take(chosen, main=main, called=called)
